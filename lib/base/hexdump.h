/*
 * hexdump: bytes as people paste them.
 *
 * Reads hex digits in any spacing (blanks, colons, commas, 0x, \x, one long stream), C and Go
 * arrays with their comments, numbered lines, and the hex dumps of Wireshark, tcpdump, xxd, hexdump
 * -C, od and openssl s_client with their offsets and columns of characters.
 */
#ifndef POSTERN_LIB_BASE_HEXDUMP_H
#define POSTERN_LIB_BASE_HEXDUMP_H

#include "lib/base/bytes.h"
#include "lib/base/text.h"

/*
 * Decodes the bytes written in `in` into `out`, which has room for `size` of them; `*len` is their
 * number. Only a dump that says that lines repeat themselves makes more than in.len / 2 of them.
 * False, with the reason and its line appended to `why`, for anything that is not hex, for a dump
 * that omits bytes, and for more bytes than `out` has room for.
 */
MUST_USE bool hexdump_read(struct bytes in, uint8_t *out, size_t size, size_t *len,
                           struct text *why);

#endif
