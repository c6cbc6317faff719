/*
 * Theory of operation: text with a line that begins with an offset is a dump, anything else is
 * plain hex.
 *
 * In a dump, the next line's offset tells how many bytes stand on a line, so that what follows
 * them, the column of characters, is never taken for hex. Only the last line, and the last one
 * before the offsets begin anew, have no such neighbour: they hold no more bytes than the others,
 * and end at a gap. Offsets are hexadecimal, decimal or octal, whichever makes the first two lines
 * agree. A line of "*" stands for lines like the one before, up to the next offset. Other lines
 * without an offset belong to the program that made the dump.
 *
 * In plain hex every word must be hex. Only what surely is none is skipped: comments, what stands
 * outside the braces of an array, the headings of openssl s_client -msg, line numbers.
 */
#include "lib/base/hexdump.h"

#include <string.h>

enum { OFFSET_DIGITS_MIN = 4, OFFSET_DIGITS_MAX = 10, WIDTH_USUAL = 16, WIDTH_MAX = 64, GAP = 3 };

struct reader {
    struct bytes rest; /* the lines to come */
    unsigned line;     /* number of the current one */
    uint8_t *out;
    size_t size;
    size_t len;
    struct text *why;
    /* Of a dump. */
    unsigned base;
    size_t width; /* bytes on a full line */
    /* Of plain hex. */
    bool numbered;
    bool braces; /* hex stands in braces only */
    unsigned depth;
    bool comment;
};

static int digit_of(uint8_t c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool is_blank(uint8_t c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static size_t skip_blanks(struct bytes line, size_t at)
{
    while (at < line.len && is_blank(line.data[at])) {
        at++;
    }
    return at;
}

/* The next line without the blanks around it; false at the end. */
static bool next_line(struct bytes *rest, struct bytes *line)
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
    while (line->len > 0 && is_blank(line->data[line->len - 1])) {
        line->len--;
    }
    len = skip_blanks(*line, 0);
    *line = bytes_of(line->data + len, line->len - len);
    return true;
}

/* --- dumps ---------------------------------------------------------------------------------- */

/* The offset in front of a line of a dump. */
struct offset {
    const uint8_t *digits;
    size_t num;
    size_t end; /* where the bytes begin */
};

/* "0000  ", "00000000: ", "0x0000:  ", "0000 - ". */
static bool read_offset(struct bytes line, struct offset *out)
{
    size_t at = line.len > 2 && line.data[0] == '0' && (line.data[1] | 0x20) == 'x' ? 2 : 0;

    out->digits = line.data + at;
    for (out->num = 0; at < line.len && digit_of(line.data[at]) >= 0; at++) {
        out->num++;
    }
    if (out->num < OFFSET_DIGITS_MIN || out->num > OFFSET_DIGITS_MAX) {
        return false;
    }
    if (at < line.len && line.data[at] == ':') {
        at++;
    } else if (at + 2 < line.len && memcmp(line.data + at, " - ", 3) == 0) {
        at += 2;
    } else if (at < line.len && !is_blank(line.data[at])) {
        return false;
    }
    out->end = skip_blanks(line, at);
    return true;
}

/* Its value; UINT64_MAX if it has a digit that the base has not. */
static uint64_t offset_value(const struct offset *offset, unsigned base)
{
    uint64_t value = 0;

    for (size_t i = 0; i < offset->num; i++) {
        unsigned digit = (unsigned)digit_of(offset->digits[i]);

        if (digit >= base) {
            return UINT64_MAX;
        }
        value = value * base + digit;
    }
    return value;
}

static bool is_star(struct bytes line)
{
    return line.len == 1 && line.data[0] == '*';
}

/* The offset of the line that follows; blank lines do not count, and `*starred` tells whether a
 * "*" stands before it. */
static bool next_offset(struct bytes rest, struct offset *out, bool *starred)
{
    struct bytes line;

    *starred = false;
    while (next_line(&rest, &line)) {
        if (is_star(line)) {
            *starred = true;
        } else if (line.len > 0) {
            return read_offset(line, out);
        }
    }
    return false;
}

/*
 * Reads bytes from a line of a dump into `out` (NULL: only counts them), at most `max`, and returns
 * how many there are. With `stop_at_gap`, the column of characters begins behind three blanks, or
 * behind two that are not in the middle.
 */
static size_t read_bytes(struct bytes line, size_t at, size_t max, bool stop_at_gap, size_t width,
                         uint8_t *out)
{
    size_t num = 0;

    while (num < max) {
        size_t gap = 0;

        while (at < line.len && (is_blank(line.data[at]) || line.data[at] == '-')) {
            gap += line.data[at] == '\t' ? GAP : 1;
            at++;
        }
        if (stop_at_gap && num > 0 && gap > 1 && (gap >= GAP || num != width / 2)) {
            break;
        }
        if (at + 1 >= line.len || digit_of(line.data[at]) < 0 || digit_of(line.data[at + 1]) < 0) {
            break;
        }
        if (out != NULL) {
            out[num] = (uint8_t)(digit_of(line.data[at]) << 4 | digit_of(line.data[at + 1]));
        }
        num++;
        at += 2;
    }
    return num;
}

/* Bytes between the offsets of two lines; 0 if the second does not follow the first. */
static uint64_t distance(const struct offset *a, const struct offset *b, unsigned base)
{
    uint64_t from = offset_value(a, base);
    uint64_t to = offset_value(b, base);

    return a->num != b->num || from == UINT64_MAX || to == UINT64_MAX || to <= from ? 0 : to - from;
}

/* The base in which the offsets of two lines are as far apart as the bytes on the first, or 0. */
static unsigned base_of(struct bytes line, const struct offset *a, const struct offset *b)
{
    static const unsigned bases[] = {16, 10, 8};

    for (size_t i = 0; i < sizeof bases / sizeof bases[0]; i++) {
        uint64_t bytes = distance(a, b, bases[i]);

        if (bytes >= 4 && bytes <= WIDTH_MAX &&
            read_bytes(line, a->end, WIDTH_MAX, false, 0, NULL) >= bytes) {
            return bases[i];
        }
    }
    return 0;
}

static bool is_only_hex(struct bytes line)
{
    for (size_t i = 0; i < line.len; i++) {
        if (digit_of(line.data[i]) < 0 && !is_blank(line.data[i])) {
            return false;
        }
    }
    return line.len > 0;
}

/* Whether the text is a dump, and then how its lines are to be read. */
static bool is_dump(struct reader *r)
{
    struct bytes rest = r->rest;
    struct bytes line;

    while (next_line(&rest, &line)) {
        struct offset here;
        struct offset next;
        bool starred;

        if (read_offset(line, &here) && read_bytes(line, here.end, 1, false, 0, NULL) == 1) {
            unsigned base = next_offset(rest, &next, &starred) ? base_of(line, &here, &next) : 0;

            if (base != 0 || offset_value(&here, 16) == 0) {
                r->base = base != 0 ? base : 16;
                r->width = base != 0 ? (size_t)distance(&here, &next, base) : WIDTH_USUAL;
                return true;
            }
        }
        if (is_only_hex(line)) {
            return false;
        }
    }
    return false;
}

static bool leaves_out(const struct reader *r)
{
    text_addf(r->why, "line %u: the dump leaves bytes out behind this line", r->line);
    return false;
}

/* Appends `num` bytes of a line, and repeats them until there are `total`. */
static bool add_line(struct reader *r, struct bytes line, const struct offset *offset, size_t num,
                     uint64_t total)
{
    uint8_t *out = r->out + r->len;

    if (total > r->size - r->len) {
        text_addf(r->why, "line %u: more than %zu bytes", r->line, r->size);
        return false;
    }
    if (read_bytes(line, offset->end, num, false, 0, NULL) < num) {
        return leaves_out(r);
    }
    r->len += read_bytes(line, offset->end, num, false, 0, out);
    for (size_t i = num; i < total; i++) {
        out[i] = out[i - num];
        r->len++;
    }
    return true;
}

/* One line of a dump; `*expected` is the offset that follows from the lines before it. */
static bool read_dump_line(struct reader *r, struct bytes line, const struct offset *here,
                           uint64_t *expected)
{
    struct offset next;
    bool starred;
    uint64_t value = offset_value(here, r->base);
    uint64_t bytes = next_offset(r->rest, &next, &starred) ? distance(here, &next, r->base) : 0;

    if (*expected != 0 && value > *expected) {
        r->line--;
        return leaves_out(r);
    }
    if (bytes > 0) {
        *expected = value + bytes;
        if (starred) {
            return add_line(r, line, here, r->width, bytes);
        }
        return bytes <= WIDTH_MAX ? add_line(r, line, here, (size_t)bytes, bytes) : leaves_out(r);
    }
    bytes = read_bytes(line, here->end, r->width, true, r->width, NULL);
    *expected = value + bytes;
    return add_line(r, line, here, (size_t)bytes, bytes);
}

static bool read_dump(struct reader *r)
{
    uint64_t expected = 0;
    struct bytes line;

    for (r->line = 1; next_line(&r->rest, &line); r->line++) {
        struct offset here;

        if (read_offset(line, &here) && !read_dump_line(r, line, &here, &expected)) {
            return false;
        }
    }
    return true;
}

/* --- plain hex ------------------------------------------------------------------------------ */

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
    return at < line.len && is_blank(line.data[at]) ? at : 0;
}

/* Whether every line has its number in front. */
static bool is_numbered(struct bytes rest)
{
    struct bytes line;
    unsigned number = 0;

    while (next_line(&rest, &line)) {
        if (line.len > 0 && label_len(line, ++number) == 0) {
            return false;
        }
    }
    return number > 1;
}

/* One word of hex: digits in pairs, behind "0x" perhaps a single one. */
static bool read_word(struct reader *r, struct bytes word, bool is_escape)
{
    size_t skip = 0;

    if (is_escape && (word.data[0] | 0x20) == 'x') {
        skip = 1;
    } else if (word.len > 2 && word.data[0] == '0' && (word.data[1] | 0x20) == 'x') {
        skip = 2;
    }
    word = bytes_of(word.data + skip, word.len - skip);
    for (size_t i = 0; i < word.len; i++) {
        if (digit_of(word.data[i]) < 0) {
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
        r->out[r->len++] = (uint8_t)digit_of(word.data[0]);
        return true;
    }
    if (word.len == 0 || word.len % 2 != 0) {
        text_addf(r->why, "line %u: an odd number of hex digits", r->line);
        return false;
    }
    for (size_t i = 0; i < word.len; i += 2) {
        r->out[r->len++] = (uint8_t)(digit_of(word.data[i]) << 4 | digit_of(word.data[i + 1]));
    }
    return true;
}

static bool starts_with(struct bytes line, size_t at, const char *text)
{
    size_t len = strlen(text);

    return line.len - at >= len && memcmp(line.data + at, text, len) == 0;
}

/* What is neither comment nor word: braces, quotes, separators. False for what separates nothing.
 */
static bool read_mark(struct reader *r, uint8_t c)
{
    static const char separators[] = ",:;-.'\"\\/()[]{}|%+=>&";

    if (c == '{') {
        r->depth++;
    } else if (c == '}' && r->depth > 0) {
        r->depth--;
    } else if (c < 0x80 && !is_blank(c) && (!r->braces || r->depth > 0) &&
               memchr(separators, c, sizeof separators - 1) == NULL) {
        text_addf(r->why, "line %u: \"", r->line);
        text_escaped(r->why, &c, 1, 1);
        text_add(r->why, "\" is not hex");
        return false;
    }
    return true;
}

static bool read_plain_line(struct reader *r, struct bytes line)
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

static bool read_plain(struct reader *r)
{
    struct bytes line;
    unsigned number = 0;

    r->braces = memchr(r->rest.data, '{', r->rest.len) != NULL;
    r->numbered = is_numbered(r->rest);
    for (r->line = 1; next_line(&r->rest, &line); r->line++) {
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

bool hexdump_read(struct bytes in, uint8_t *out, size_t size, size_t *len, struct text *why)
{
    static const uint8_t byte_order_mark[] = {0xef, 0xbb, 0xbf};
    struct reader r = {.rest = in, .out = out, .size = size, .why = why};
    bool done;

    if (in.len >= 3 && memcmp(in.data, byte_order_mark, 3) == 0) {
        r.rest = bytes_of(in.data + 3, in.len - 3);
    }
    if (r.rest.len == 0) {
        *len = 0;
        return true;
    }
    done = is_dump(&r) ? read_dump(&r) : read_plain(&r);
    *len = r.len;
    return done;
}
