/*
 * text: a bounded builder of one line of text, and the escaping of bytes from the network.
 *
 * A text never overruns its buffer: excess is cut, `cut` is set, and the result still ends in NUL.
 * Bytes that came from the network reach a log only through text_escaped().
 */
#ifndef POSTERN_LIB_BASE_TEXT_H
#define POSTERN_LIB_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>

struct text {
    char *buf;   /* borrowed; always NUL-terminated */
    size_t size; /* bytes of buf, at least 1 */
    size_t len;  /* bytes written, without the NUL */
    bool cut;    /* something did not fit */
};

/* An empty text in `buf`, which has room for `size` bytes (at least 1), the final NUL included. */
struct text text_in(char *buf, size_t size);

/* Copies a string into `out`, which has room for `size` bytes, cut where there is no more. */
void text_copy(char *out, size_t size, const char *s);

/* Append a string of our own. */
void text_add(struct text *t, const char *s);

/* Append in printf's way. The arguments must be our own or numbers. */
void text_addf(struct text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));

/*
 * Append `len` bytes of any origin, at most `max` of them: printable ASCII unchanged, except for
 * blank, `"`, `\`, `=`, `,`, `[` and `]`, which like every other byte become \xHH. So a value can
 * neither end its field nor start another one. `...` follows if bytes were omitted.
 */
void text_escaped(struct text *t, const void *data, size_t len, size_t max);

#endif
