#include "lib/net/prefix.h"

#include <stdio.h>
#include <string.h>

enum { IPV4_BITS = 32, IPV6_BITS = 128, MAPPED_BITS = 96 };

static unsigned family_bits(const struct addr *a)
{
    return a->family == ADDR_IPV4 ? IPV4_BITS : IPV6_BITS;
}

/* Decimal, without sign, blanks or needless zeros. */
static bool parse_bits(const char *text, unsigned max, unsigned *out)
{
    size_t len = strlen(text);
    unsigned bits = 0;

    if (len == 0 || len > 3 || (len > 1 && text[0] == '0')) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        if (text[i] < '0' || text[i] > '9') {
            return false;
        }
        bits = bits * 10 + (unsigned)(text[i] - '0');
    }
    *out = bits;
    return bits <= max;
}

/* The address before '/', in brackets or not. */
static bool parse_base(struct addr *out, const char *text, size_t len)
{
    char host[ADDR_TEXT_SIZE];
    bool brackets = len > 2 && text[0] == '[' && text[len - 1] == ']';

    if (brackets) {
        text++;
        len -= 2;
    }
    if (len >= sizeof host) {
        return false;
    }
    memcpy(host, text, len);
    host[len] = '\0';
    return addr_parse(out, host) && (!brackets || out->family == ADDR_IPV6);
}

/* Whether the first `bits` bits are equal. */
static bool same_bits(const uint8_t *a, const uint8_t *b, unsigned bits)
{
    unsigned whole = bits / 8;
    uint8_t mask = (uint8_t)(0xff00U >> (bits % 8));

    return memcmp(a, b, whole) == 0 && (bits % 8 == 0 || ((a[whole] ^ b[whole]) & mask) == 0);
}

/* The address with only its first `bits` bits. */
static struct addr masked(const struct addr *a, unsigned bits)
{
    struct addr out = {.family = a->family};

    memcpy(out.ip, a->ip, bits / 8);
    if (bits % 8 != 0) {
        out.ip[bits / 8] = (uint8_t)(a->ip[bits / 8] & (0xff00U >> (bits % 8)));
    }
    return out;
}

int prefix_parse(struct prefix *out, const char *text, const char **why)
{
    const char *slash = strchr(text, '/');
    struct addr cut;

    *why = "not ADDRESS/BITS or ADDRESS (numeric addresses only)";
    if (!parse_base(&out->base, text, slash == NULL ? strlen(text) : (size_t)(slash - text))) {
        return -1;
    }
    out->bits = family_bits(&out->base);
    if (slash != NULL && !parse_bits(slash + 1, out->bits, &out->bits)) {
        return -1;
    }
    cut = masked(&out->base, out->bits);
    if (!addr_equal(&cut, &out->base)) {
        *why = "bits are set after the network's prefix";
        return -1;
    }
    addr_unmap(&cut);
    if (cut.family != out->base.family && out->bits >= MAPPED_BITS) {
        out->base = cut;
        out->bits -= MAPPED_BITS;
    }
    return 0;
}

bool prefix_contains(const struct prefix *prefix, const struct addr *a)
{
    struct addr plain = *a;

    addr_unmap(&plain);
    return plain.family == prefix->base.family &&
           same_bits(plain.ip, prefix->base.ip, prefix->bits);
}

bool prefix_any_contains(const struct prefix *prefixes, size_t num, const struct addr *a)
{
    for (size_t i = 0; i < num; i++) {
        if (prefix_contains(&prefixes[i], a)) {
            return true;
        }
    }
    return false;
}

struct addr prefix_first(const struct prefix *prefix)
{
    struct addr first = prefix->base;
    unsigned bits = family_bits(&first);

    if (prefix->bits + 1 < bits) {
        first.ip[bits / 8 - 1]++; /* the last bit of a network's own address is 0 */
    }
    return first;
}

const char *prefix_text(const struct prefix *prefix, char out[PREFIX_TEXT_SIZE])
{
    char host[ADDR_TEXT_SIZE];

    snprintf(out, PREFIX_TEXT_SIZE, "%s/%u", addr_text(&prefix->base, host), prefix->bits);
    return out;
}
