/*
 * hex: bytes as hexadecimal digits, and back.
 *
 * Strictly two digits a byte, with nothing between them; what people paste is hexdump's.
 */
#ifndef POSTERN_LIB_BASE_HEX_H
#define POSTERN_LIB_BASE_HEX_H

#include "lib/base/bytes.h"
#include "lib/base/text.h"

/* The value of a digit in either case, or -1. */
int hex_value(uint8_t digit);

/* Appends the bytes in lower case: "0a1b". */
void hex_add(struct text *out, struct bytes data);

/* Appends them as fingerprints are written: "0A:1B". */
void hex_add_fingerprint(struct text *out, struct bytes data);

/* Reads two digits for each byte into `out`. False, and `*len` is 0, if `text` has anything else or
 * more than `size` bytes. */
MUST_USE bool hex_read(struct bytes text, uint8_t *out, size_t size, size_t *len);

#endif
