/* Hex without offsets: words in any spacing, arrays, escapes. */
#include "lib/base/hexdump_parts.h"

#include <string.h>

static bool is_word(uint8_t c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
}

/* "12: ", "12. ", "12) ", "12| " or "12 ": the length of the label if it is number `expected`. */
static size_t label_len(struct bytes line, unsigned expected)
{
    unsigned number = 0;
    size_t at = 0;

    while (at < line.len && at < 6 && line.data[at] >= '0' && line.data[at] <= '9') {
        number = number * 10 + (unsigned)(line.data[at++] - '0');
    }
    if (at == 0 || number != expected || at == line.len) {
        return 0;
    }
    if (memchr(":.)|", line.data[at], 4) != NULL) {
        at++;
    }
    return at < line.len && hexdump_is_blank(line.data[at]) ? at : 0;
}

/* Whether every line begins with its number. */
static bool is_numbered(struct bytes rest)
{
    struct bytes line;
    unsigned number = 0;

    while (hexdump_next_line(&rest, &line)) {
        if (line.len > 0 && label_len(line, ++number) == 0) {
            return false;
        }
    }
    return number > 1;
}

/* One word of hex: digits in pairs, or a single one after "0x". */
static bool read_word(struct hexdump_reader *r, struct bytes word, bool is_escape)
{
    size_t skip = 0;

    if (is_escape && (word.data[0] | 0x20) == 'x') {
        skip = 1;
    } else if (word.len > 2 && word.data[0] == '0' && (word.data[1] | 0x20) == 'x') {
        skip = 2;
    }
    word = bytes_of(word.data + skip, word.len - skip);
    for (size_t i = 0; i < word.len; i++) {
        if (hex_value(word.data[i]) < 0) {
            text_addf(r->why, "line %u: \"", r->line);
            text_escaped(r->why, word.data, word.len, 24);
            text_add(r->why, "\" is not hex");
            return false;
        }
    }
    if (r->size - r->len < (word.len + 1) / 2) {
        text_addf(r->why, "line %u: more than %zu bytes", r->line, r->size);
        return false;
    }
    if (word.len == 1 && skip == 2) {
        r->out[r->len++] = (uint8_t)hex_value(word.data[0]);
        return true;
    }
    if (word.len == 0 || word.len % 2 != 0) {
        text_addf(r->why, "line %u: an odd number of hex digits", r->line);
        return false;
    }
    for (size_t i = 0; i < word.len; i += 2) {
        r->out[r->len++] = (uint8_t)(hex_value(word.data[i]) << 4 | hex_value(word.data[i + 1]));
    }
    return true;
}

static bool starts_with(struct bytes line, size_t at, const char *text)
{
    size_t len = strlen(text);

    return line.len - at >= len && memcmp(line.data + at, text, len) == 0;
}

/* Everything that is neither comment nor word: braces, quotes, separators. False for a character
 * that separates nothing.
 */
static bool read_mark(struct hexdump_reader *r, uint8_t c)
{
    static const char separators[] = ",:;-.'\"\\/()[]{}|%+=>&";

    if (c == '{') {
        r->depth++;
    } else if (c == '}' && r->depth > 0) {
        r->depth--;
    } else if (c < 0x80 && !hexdump_is_blank(c) && (!r->braces || r->depth > 0) &&
               memchr(separators, c, sizeof separators - 1) == NULL) {
        text_addf(r->why, "line %u: \"", r->line);
        text_escaped(r->why, &c, 1, 1);
        text_add(r->why, "\" is not hex");
        return false;
    }
    return true;
}

static bool read_plain_line(struct hexdump_reader *r, struct bytes line)
{
    size_t at = 0;

    while (at < line.len) {
        size_t start = at;
        bool is_prefix;

        if (r->comment || starts_with(line, at, "/*")) {
            bool ends = r->comment && starts_with(line, at, "*/");

            at += ends || !r->comment ? 2 : 1;
            r->comment = !ends;
            continue;
        }
        if (starts_with(line, at, "//") || line.data[at] == '#') {
            return true;
        }
        if (!is_word(line.data[at])) {
            if (!read_mark(r, line.data[at++])) {
                return false;
            }
            continue;
        }
        while (at < line.len && is_word(line.data[at])) {
            at++;
        }
        /* Python's b"..." */
        is_prefix = at == start + 1 && at < line.len && line.data[start] == 'b' &&
                    (line.data[at] == '"' || line.data[at] == '\'');
        if (is_prefix || (r->braces && r->depth == 0)) {
            continue;
        }
        if (!read_word(r, bytes_of(line.data + start, at - start),
                       start > 0 && line.data[start - 1] == '\\')) {
            return false;
        }
    }
    return true;
}

bool hexdump_read_plain(struct hexdump_reader *r)
{
    struct bytes line;
    unsigned number = 0;

    r->braces = memchr(r->rest.data, '{', r->rest.len) != NULL;
    r->numbered = is_numbered(r->rest);
    for (r->line = 1; hexdump_next_line(&r->rest, &line); r->line++) {
        size_t label = 0;

        if (r->numbered && line.len > 0) {
            label = label_len(line, ++number);
        }
        if (starts_with(line, 0, ">>> ") || starts_with(line, 0, "<<< ")) {
            continue;
        }
        if (!read_plain_line(r, bytes_of(line.data + label, line.len - label))) {
            return false;
        }
    }
    return true;
}
