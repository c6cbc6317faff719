/* The lines of a dump, with their offsets and columns of characters. */
#include "lib/base/hexdump_parts.h"

#include <string.h>

enum { OFFSET_DIGITS_MIN = 4, OFFSET_DIGITS_MAX = 10, WIDTH_USUAL = 16, WIDTH_MAX = 64, GAP = 3 };

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
    for (out->num = 0; at < line.len && hex_value(line.data[at]) >= 0; at++) {
        out->num++;
    }
    if (out->num < OFFSET_DIGITS_MIN || out->num > OFFSET_DIGITS_MAX) {
        return false;
    }
    if (at < line.len && line.data[at] == ':') {
        at++;
    } else if (at + 2 < line.len && memcmp(line.data + at, " - ", 3) == 0) {
        at += 2;
    } else if (at < line.len && !hexdump_is_blank(line.data[at])) {
        return false;
    }
    out->end = hexdump_skip_blanks(line, at);
    return true;
}

/* Its value; UINT64_MAX if it has a digit that the base does not have. */
static uint64_t offset_value(const struct offset *offset, unsigned base)
{
    uint64_t value = 0;

    for (size_t i = 0; i < offset->num; i++) {
        unsigned digit = (unsigned)hex_value(offset->digits[i]);

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

/* One line of a dump. */
struct dump_line {
    struct bytes text;
    bool indented;
};

static bool next_line(struct bytes *rest, struct dump_line *out)
{
    const uint8_t *start = rest->data;
    bool found = hexdump_next_line(rest, &out->text);

    out->indented = found && out->text.data != start;
    return found;
}

/* The offset of the line of the same side that follows; blank lines do not count, and `*starred`
 * says whether a "*" precedes it. */
static bool next_offset(const struct hexdump_reader *r, struct bytes rest, bool indented,
                        struct offset *out, bool *starred)
{
    struct dump_line line;

    *starred = false;
    while (next_line(&rest, &line)) {
        if (r->two_sides && line.indented != indented) {
            continue;
        }
        if (is_star(line.text)) {
            *starred = true;
        } else if (line.text.len > 0) {
            return read_offset(line.text, out);
        }
    }
    return false;
}

/*
 * Reads bytes from a line of a dump into `out` (NULL: only counts them), at most `max`, and returns
 * how many there are. With `stop_at_gap`, the column of characters begins after three blanks, or
 * after two that are not in the middle.
 */
static size_t read_bytes(struct bytes line, size_t at, size_t max, bool stop_at_gap, size_t width,
                         uint8_t *out)
{
    size_t num = 0;

    while (num < max) {
        size_t gap = 0;

        while (at < line.len && (hexdump_is_blank(line.data[at]) || line.data[at] == '-')) {
            gap += line.data[at] == '\t' ? GAP : 1;
            at++;
        }
        if (stop_at_gap && num > 0 && gap > 1 && (gap >= GAP || num != width / 2)) {
            break;
        }
        if (at + 1 >= line.len || hex_value(line.data[at]) < 0 ||
            hex_value(line.data[at + 1]) < 0) {
            break;
        }
        if (out != NULL) {
            out[num] = (uint8_t)(hex_value(line.data[at]) << 4 | hex_value(line.data[at + 1]));
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
        if (hex_value(line.data[i]) < 0 && !hexdump_is_blank(line.data[i])) {
            return false;
        }
    }
    return line.len > 0;
}

static bool has_bytes(struct bytes line, const struct offset *offset)
{
    return read_bytes(line, offset->end, 1, false, 0, NULL) == 1;
}

static bool has_two_sides(struct bytes rest)
{
    bool begins[2] = {false, false};
    struct dump_line line;
    struct offset offset;

    while (next_line(&rest, &line)) {
        if (read_offset(line.text, &offset) && has_bytes(line.text, &offset) &&
            offset_value(&offset, 16) == 0) {
            begins[line.indented] = true;
        }
    }
    return begins[false] && begins[true];
}

bool hexdump_is_dump(struct hexdump_reader *r)
{
    struct bytes rest = r->rest;
    struct dump_line line;

    r->two_sides = has_two_sides(rest);
    while (next_line(&rest, &line)) {
        struct offset here;
        struct offset next;
        bool starred;

        if (read_offset(line.text, &here) && has_bytes(line.text, &here)) {
            unsigned base = next_offset(r, rest, line.indented, &next, &starred)
                                ? base_of(line.text, &here, &next)
                                : 0;

            if (base != 0 || offset_value(&here, 16) == 0) {
                r->base = base != 0 ? base : 16;
                /* A side's first part may be shorter than a line. */
                r->width =
                    base != 0 && !r->two_sides ? (size_t)distance(&here, &next, base) : WIDTH_USUAL;
                return true;
            }
        }
        if (is_only_hex(line.text)) {
            return false;
        }
    }
    return false;
}

static bool leaves_out(const struct hexdump_reader *r)
{
    text_addf(r->why, "line %u: the dump omits bytes after this line", r->line);
    return false;
}

/* Appends `num` bytes of a line, and repeats them until there are `total`. */
static bool add_line(struct hexdump_reader *r, struct bytes line, const struct offset *offset,
                     size_t num, uint64_t total)
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

/* One line of a dump; `*expected` is the offset that the previous lines imply. */
static bool read_dump_line(struct hexdump_reader *r, const struct dump_line *line,
                           const struct offset *here, uint64_t *expected)
{
    struct offset next;
    bool starred;
    uint64_t value = offset_value(here, r->base);
    uint64_t bytes = next_offset(r, r->rest, line->indented, &next, &starred)
                         ? distance(here, &next, r->base)
                         : 0;

    if (*expected != 0 && value > *expected) {
        r->line--;
        return leaves_out(r);
    }
    if (bytes > 0) {
        *expected = value + bytes;
        if (starred) {
            return add_line(r, line->text, here, r->width, bytes);
        }
        return bytes <= WIDTH_MAX ? add_line(r, line->text, here, (size_t)bytes, bytes)
                                  : leaves_out(r);
    }
    bytes = read_bytes(line->text, here->end, r->width, true, r->width, NULL);
    *expected = value + bytes;
    return add_line(r, line->text, here, (size_t)bytes, bytes);
}

bool hexdump_read_dump(struct hexdump_reader *r)
{
    uint64_t expected[2] = {0, 0};
    struct dump_line line;

    for (r->line = 1; next_line(&r->rest, &line); r->line++) {
        struct offset here;

        if (read_offset(line.text, &here) &&
            !read_dump_line(r, &line, &here, &expected[r->two_sides && line.indented])) {
            return false;
        }
    }
    return true;
}
