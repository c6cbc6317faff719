#include "lib/tls/ja4.h"

#include "lib/tls/names.h"

enum { EXT_SERVER_NAME = 0, EXT_ALPN = 16, COUNT_MAX = 99 };

/* Numbers to be sorted: a hello has no room for more. */
struct numbers {
    uint16_t ids[HELLO_SIZE_MAX / 2];
    size_t num;
};

static void add_number(struct numbers *numbers, uint16_t id)
{
    if (!id_is_grease(id) && numbers->num < sizeof numbers->ids / sizeof numbers->ids[0]) {
        numbers->ids[numbers->num++] = id;
    }
}

/* Shellsort: in place, and fast enough for anything that a client may send. */
static void sort(struct numbers *numbers)
{
    size_t gap = 1;

    while (gap < numbers->num / 3) {
        gap = gap * 3 + 1;
    }
    for (; gap > 0; gap /= 3) {
        for (size_t i = gap; i < numbers->num; i++) {
            uint16_t id = numbers->ids[i];
            size_t at = i;

            for (; at >= gap && numbers->ids[at - gap] > id; at -= gap) {
                numbers->ids[at] = numbers->ids[at - gap];
            }
            numbers->ids[at] = id;
        }
    }
}

static void collect_suites(const struct hello *hello, struct numbers *out)
{
    out->num = 0;
    for (size_t i = 0; i < hello->suites.num; i++) {
        /* A cipher spec of three bytes whose first is not zero exists only in SSLv2. */
        if (hello->suites.stride == 2 || hello->suites.data[i * hello->suites.stride] == 0) {
            add_number(out, id_at(&hello->suites, i));
        }
    }
}

static void collect_extensions(const struct hello *hello, struct numbers *out)
{
    struct bytes rest = hello->extensions;
    struct bytes body;
    uint16_t type;

    out->num = 0;
    while (bytes_u16(&rest, &type) && bytes_vec16(&rest, &body)) {
        add_number(out, type);
    }
}

static bool has_number(const struct numbers *numbers, uint16_t id)
{
    for (size_t i = 0; i < numbers->num; i++) {
        if (numbers->ids[i] == id) {
            return true;
        }
    }
    return false;
}

static uint16_t version_of(const struct hello *hello)
{
    uint16_t best = 0;

    if (!hello->versions.present) {
        return hello->legacy_version;
    }
    for (size_t i = 0; i < hello->versions.num; i++) {
        uint16_t version = id_at(&hello->versions, i);

        if (version > best && !id_is_grease(version)) {
            best = version;
        }
    }
    return best;
}

static const char *version_text(uint16_t version)
{
    switch (version) {
    case TLS13:
        return "13";
    case TLS12:
        return "12";
    case TLS11:
        return "11";
    case TLS10:
        return "10";
    case SSL3:
        return "s3";
    case 0x0002:
        return "s2";
    default:
        return "00";
    }
}

static bool is_alphanumeric(uint8_t byte)
{
    return (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') ||
           (byte >= 'a' && byte <= 'z');
}

/* The first and the last character of the first protocol name; if one of them is no letter or
 * digit, of its hex digits. */
static void add_alpn(struct text *t, struct bytes alpn)
{
    struct bytes name;
    uint8_t first;
    uint8_t last;

    if (!bytes_vec8(&alpn, &name) || name.len == 0) {
        text_add(t, "00");
        return;
    }
    first = name.data[0];
    last = name.data[name.len - 1];
    if (is_alphanumeric(first) && is_alphanumeric(last)) {
        text_addf(t, "%c%c", first, last);
    } else {
        text_addf(t, "%x%x", first >> 4, last & 15);
    }
}

void ja4_head(const struct hello *hello, char out[JA4_HEAD_SIZE])
{
    struct text t = text_in(out, JA4_HEAD_SIZE);
    struct numbers suites;
    struct numbers extensions;

    collect_suites(hello, &suites);
    collect_extensions(hello, &extensions);
    text_addf(&t, "t%s%c%02u%02u", version_text(version_of(hello)),
              has_number(&extensions, EXT_SERVER_NAME) ? 'd' : 'i',
              suites.num < COUNT_MAX ? (unsigned)suites.num : COUNT_MAX,
              extensions.num < COUNT_MAX ? (unsigned)extensions.num : COUNT_MAX);
    add_alpn(&t, hello->alpn);
}

static void add_numbers(struct text *t, const struct numbers *numbers)
{
    for (size_t i = 0; i < numbers->num; i++) {
        text_addf(t, "%s%04x", i > 0 ? "," : "", numbers->ids[i]);
    }
}

void ja4_suites(const struct hello *hello, struct text *out)
{
    struct numbers suites;

    collect_suites(hello, &suites);
    sort(&suites);
    add_numbers(out, &suites);
}

void ja4_extensions(const struct hello *hello, struct text *out)
{
    struct numbers numbers;
    size_t num = 0;

    collect_extensions(hello, &numbers);
    for (size_t i = 0; i < numbers.num; i++) {
        if (numbers.ids[i] != EXT_SERVER_NAME && numbers.ids[i] != EXT_ALPN) {
            numbers.ids[num++] = numbers.ids[i];
        }
    }
    numbers.num = num;
    if (num == 0) {
        return;
    }
    sort(&numbers);
    add_numbers(out, &numbers);
    numbers.num = 0;
    for (size_t i = 0; i < hello->schemes.num; i++) {
        add_number(&numbers, id_at(&hello->schemes, i));
    }
    if (numbers.num > 0) {
        text_add(out, "_");
        add_numbers(out, &numbers);
    }
}
