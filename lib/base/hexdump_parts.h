/*
 * hexdump_parts: what the files of hexdump share; hexdump.c has the theory of operation.
 *
 * hexdump_line.c cuts lines, hexdump_dump.c and hexdump_plain.c read them, and hexdump.c chooses
 * between the two.
 */
#ifndef POSTERN_LIB_BASE_HEXDUMP_PARTS_H
#define POSTERN_LIB_BASE_HEXDUMP_PARTS_H

#include "lib/base/hex.h"
#include "lib/base/hexdump.h"

struct hexdump_reader {
    struct bytes rest; /* the lines to come */
    unsigned line;     /* number of the current one */
    uint8_t *out;
    size_t size;
    size_t len;
    struct text *why;
    /* Of a dump. */
    unsigned base;
    size_t width;   /* bytes on a full line */
    bool two_sides; /* a conversation: the lines of one side are indented */
    /* Of plain hex. */
    bool numbered;
    bool braces; /* only what is in braces is hex */
    unsigned depth;
    bool comment;
};

bool hexdump_is_blank(uint8_t c);

/* The first place at or after `at` that is not a blank, or the line's end. */
size_t hexdump_skip_blanks(struct bytes line, size_t at);

/* The next line without the blanks around it and the marks of a quoted mail; false at the end. */
bool hexdump_next_line(struct bytes *rest, struct bytes *line);

/* Whether the text is a dump, and if so how to read its lines. */
bool hexdump_is_dump(struct hexdump_reader *r);

/* Read all lines. False with the reason in `why`. */
bool hexdump_read_dump(struct hexdump_reader *r);
bool hexdump_read_plain(struct hexdump_reader *r);

#endif
