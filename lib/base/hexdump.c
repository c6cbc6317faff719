/*
 * Theory of operation: text with a line that begins with an offset is a dump, anything else is
 * plain hex.
 *
 * In a dump, the next line's offset says how many bytes are on a line, so that the column of
 * characters after them is never taken for hex. Only the last line, and the last one before the
 * offsets restart, have no such neighbour: they have no more bytes than the others, and end at a
 * gap. Offsets are hexadecimal, decimal or octal, whichever makes the first two lines agree. A line
 * of "*" means lines like the previous one, up to the next offset. Other lines without an offset
 * belong to the program that made the dump. Where lines with and without indentation both begin at
 * 0, they are the two sides of a conversation (Wireshark's "Follow"), and each side counts its own
 * offsets.
 *
 * In plain hex every word must be hex. Only what certainly is not hex is skipped: comments,
 * everything outside the braces of an array, the headings of openssl s_client -msg, line numbers.
 */
#include "lib/base/hexdump_parts.h"

#include <string.h>

bool hexdump_read(struct bytes in, uint8_t *out, size_t size, size_t *len, struct text *why)
{
    static const uint8_t byte_order_mark[] = {0xef, 0xbb, 0xbf};
    struct hexdump_reader r = {.rest = in, .out = out, .size = size, .why = why};
    bool done;

    if (in.len >= 3 && memcmp(in.data, byte_order_mark, 3) == 0) {
        r.rest = bytes_of(in.data + 3, in.len - 3);
    }
    if (r.rest.len == 0) {
        *len = 0;
        return true;
    }
    done = hexdump_is_dump(&r) ? hexdump_read_dump(&r) : hexdump_read_plain(&r);
    *len = r.len;
    return done;
}
