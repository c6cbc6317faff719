#include "lib/base/text.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

struct text text_in(char *buf, size_t size)
{
    buf[0] = '\0';
    return (struct text){.buf = buf, .size = size};
}

void text_copy(char *out, size_t size, const char *s)
{
    struct text t = text_in(out, size);

    text_add(&t, s);
}

void text_add(struct text *t, const char *s)
{
    size_t len = strlen(s);
    size_t room = t->size - t->len - 1;

    if (len > room) {
        len = room;
        t->cut = true;
    }
    memcpy(t->buf + t->len, s, len);
    t->len += len;
    t->buf[t->len] = '\0';
}

void text_addf(struct text *t, const char *format, ...)
{
    size_t room = t->size - t->len;
    va_list args;
    int need;

    va_start(args, format);
    need = vsnprintf(t->buf + t->len, room, format, args);
    va_end(args);
    if (need < 0) {
        t->cut = true;
    } else if ((size_t)need >= room) {
        t->len = t->size - 1;
        t->cut = true;
    } else {
        t->len += (size_t)need;
    }
}

/* Bytes that need no escape in a log field. */
static bool is_plain(uint8_t byte)
{
    return byte > ' ' && byte < 0x7f && strchr("\"\\=,[]", byte) == NULL;
}

void text_escaped(struct text *t, const void *data, size_t len, size_t max)
{
    const uint8_t *bytes = data;

    for (size_t i = 0; i < len && i < max; i++) {
        if (is_plain(bytes[i])) {
            text_add(t, (char[]){(char)bytes[i], '\0'});
        } else {
            text_addf(t, "\\x%02x", bytes[i]);
        }
    }
    if (len > max) {
        text_add(t, "...");
    }
}
