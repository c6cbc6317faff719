/*
 * failures_parts: what the files of failures call in each other. For no other file.
 */
#ifndef POSTERN_LIB_ADMIN_FAILURES_PARTS_H
#define POSTERN_LIB_ADMIN_FAILURES_PARTS_H

#include "lib/admin/failures.h"

/* --- failures_shape.c --- */

struct shape {
    uint8_t
        data[HELLO_SIZE_MAX + 16]; /* a shape is no longer than its hello, except for its marks */
    size_t len;
};

/* The shape of a whole hello, and its server name (borrowed from `raw`; len 0 for none). False if
 * it is no complete hello that can be read. */
MUST_USE bool shape_of(struct shape *out, struct bytes *sni, struct bytes raw, bool sslv2);

uint64_t shape_hash(const struct shape *shape);

#endif
