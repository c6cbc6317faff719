/*
 * bytes: bounds-checked reading of network bytes.
 *
 * A `struct bytes` is a view: it never owns what it points to, and every function that reads from
 * it moves its start forward. A function that finds too few bytes returns false and leaves both the
 * view and its output unchanged.
 */
#ifndef POSTERN_LIB_BASE_BYTES_H
#define POSTERN_LIB_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Set on every fallible function: an unread result is a compiler warning. */
#define MUST_USE __attribute__((warn_unused_result))

struct bytes {
    const uint8_t *data; /* borrowed */
    size_t len;
};

/* A view of `len` bytes at `data`. */
struct bytes bytes_of(const void *data, size_t len);

/* Big-endian integers of 1, 2 and 3 bytes. */
MUST_USE bool bytes_u8(struct bytes *in, uint8_t *out);
MUST_USE bool bytes_u16(struct bytes *in, uint16_t *out);
MUST_USE bool bytes_u24(struct bytes *in, uint32_t *out);

/* The next `len` bytes, as a separate view. */
MUST_USE bool bytes_take(struct bytes *in, size_t len, struct bytes *out);

/* A vector with a length of 1 or 2 bytes in front (RFC 8446 section 3.4). */
MUST_USE bool bytes_vec8(struct bytes *in, struct bytes *out);
MUST_USE bool bytes_vec16(struct bytes *in, struct bytes *out);

#endif
