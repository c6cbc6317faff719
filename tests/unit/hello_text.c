#include "tests/unit/hello_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROOM = 8192, DEPTH_MAX = 8 };

const struct libssl newest_libssl = {
    .reads_point_formats = true,
    .checks_all_shares = true,
    .prefers_own_groups = true,
    .knows_client_certificate_type = true,
    .knows_server_certificate_type = true,
    .knows_compress_certificate = true,
    .reads_compress_certificate = true,
    .knows_brainpool_schemes = true,
};

struct maker {
    const char *text;
    uint8_t bytes[ROOM];
    size_t len;
    struct {
        char closing;
        unsigned width;
        size_t start;
    } open[DEPTH_MAX];
    size_t depth;
};

static void fail(const struct maker *m, const char *what)
{
    fprintf(stderr, "hello_text: %s: %s\n", what, m->text);
    exit(EXIT_FAILURE);
}

static void put(struct maker *m, uint8_t byte)
{
    if (m->len == ROOM) {
        fail(m, "too long");
    }
    m->bytes[m->len++] = byte;
}

static unsigned hex(const struct maker *m, const char *p)
{
    unsigned value;

    if (sscanf(p, "%2x", &value) != 1 || strspn(p, "0123456789abcdef") < 2) {
        fail(m, "not hex");
    }
    return value;
}

static void open_vector(struct maker *m, char closing, unsigned width)
{
    if (m->depth == DEPTH_MAX) {
        fail(m, "too deep");
    }
    m->open[m->depth].closing = closing;
    m->open[m->depth].width = width;
    for (unsigned i = 0; i < width; i++) {
        put(m, 0);
    }
    m->open[m->depth++].start = m->len;
}

static void close_vector(struct maker *m, char closing)
{
    size_t start;
    size_t len;

    if (m->depth == 0 || m->open[m->depth - 1].closing != closing) {
        fail(m, "closed but not open");
    }
    m->depth--;
    start = m->open[m->depth].start;
    len = m->len - start;
    for (unsigned i = 1; i <= m->open[m->depth].width; i++) {
        m->bytes[start - i] = (uint8_t)(len >> 8 * (i - 1));
    }
}

static void put_key(struct maker *m, unsigned len)
{
    for (unsigned i = 0; i < len; i++) {
        put(m, i == 0 ? 4 : 0x5a);
    }
}

uint8_t *hello_text(const char *text, size_t *len)
{
    struct maker m = {.text = text};
    uint8_t *out;

    for (const char *p = text; *p != '\0'; p++) {
        switch (*p) {
        case ' ':
            break;
        case '<':
            open_vector(&m, '>', 1);
            break;
        case '[':
            open_vector(&m, ']', 2);
            break;
        case '{':
            open_vector(&m, '}', 3);
            break;
        case '>':
        case ']':
        case '}':
            close_vector(&m, *p);
            break;
        case 'K':
            put_key(&m, hex(&m, p + 1));
            p += 2;
            break;
        default:
            put(&m, (uint8_t)hex(&m, p));
            p++;
        }
    }
    if (m.depth != 0) {
        fail(&m, "open but not closed");
    }
    out = malloc(m.len > 0 ? m.len : 1);
    if (out == NULL) {
        fail(&m, "no memory");
    }
    memcpy(out, m.bytes, m.len);
    *len = m.len;
    return out;
}

uint8_t *hello_decode_text(const char *text, struct hello *hello)
{
    const char *why = NULL;
    size_t len;
    uint8_t *bytes = hello_text(text, &len);
    enum hello_result result = strchr(text, '{') == NULL
                                   ? hello_decode_sslv2(hello, bytes_of(bytes, len), &why)
                                   : hello_decode(hello, bytes_of(bytes, len), &why);

    if (result != HELLO_DONE) {
        fprintf(stderr, "hello_text: %s: %s\n", why, text);
        exit(EXIT_FAILURE);
    }
    return bytes;
}
