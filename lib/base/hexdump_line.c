/* Lines, which dumps and plain hex have in common. */
#include "lib/base/hexdump_parts.h"

#include <string.h>

bool hexdump_is_blank(uint8_t c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

size_t hexdump_skip_blanks(struct bytes line, size_t at)
{
    while (at < line.len && hexdump_is_blank(line.data[at])) {
        at++;
    }
    return at;
}

/* What may precede a line: blanks, and "> " where a mail quotes it. */
static size_t skip_margin(struct bytes line)
{
    size_t at = hexdump_skip_blanks(line, 0);

    while (at + 1 < line.len && line.data[at] == '>' && hexdump_is_blank(line.data[at + 1])) {
        at = hexdump_skip_blanks(line, at + 1);
    }
    return at;
}

bool hexdump_next_line(struct bytes *rest, struct bytes *line)
{
    const uint8_t *end;
    size_t len;

    if (rest->len == 0) {
        return false;
    }
    end = memchr(rest->data, '\n', rest->len);
    len = end != NULL ? (size_t)(end - rest->data) + 1 : rest->len;
    if (!bytes_take(rest, len, line)) {
        return false;
    }
    while (line->len > 0 && hexdump_is_blank(line->data[line->len - 1])) {
        line->len--;
    }
    len = skip_margin(*line);
    *line = bytes_of(line->data + len, line->len - len);
    return true;
}
