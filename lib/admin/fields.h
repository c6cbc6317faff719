/*
 * fields: the values of a struct, each with its key in the output.
 *
 * A table of fields says what a struct holds, so that whatever tells it (JSON, text, a header) or
 * keeps it walks the table and names no value of its own.
 */
#ifndef POSTERN_LIB_ADMIN_FIELDS_H
#define POSTERN_LIB_ADMIN_FIELDS_H

#include "lib/base/bytes.h"
#include "lib/base/text.h"

#include <stddef.h>

enum field_type {
    FIELD_TEXT,    /* char[]; ends in NUL */
    FIELD_NUMBER,  /* int, not below 0 */
    FIELD_COUNT,   /* int64_t or uint64_t, from 0 to INT64_MAX */
    FIELD_FLAG,    /* bool */
    FIELD_WORD,    /* an enum: what has a word each */
    FIELD_ADDRESS, /* struct addr */
};

struct field {
    const char *key;
    enum field_type type;
    size_t offset;                       /* of the value in its struct, in bytes */
    size_t size;                         /* of the value */
    const char *(*word)(unsigned value); /* FIELD_WORD: of the values below num_words */
    unsigned num_words;
    bool nothing_is_null; /* FIELD_TEXT: "" is null in JSON */
};

/* The place of a field, for its row. */
#define FIELD_OF(type, member)                                                                     \
    .offset = offsetof(struct type, member), .size = sizeof(((struct type *)NULL)->member)

/* The value of a field in `from`, the struct that it is of. */
const void *field_value(const struct field *field, const void *from);

/* Appends the value as it is shown: "192.0.2.7:49211", "[2001:db8::1]:25", "yes"; a text as it
 * is. */
void field_text(const struct field *field, const void *from, struct text *out);

/*
 * Copies the value to `out` in as few bytes as it has, at most field->size, and returns their
 * number; and back from there. For one program's memory only.
 */
size_t field_pack(const struct field *field, const void *from, uint8_t *out);
size_t field_unpack(const struct field *field, const uint8_t *packed, void *to);

#endif
