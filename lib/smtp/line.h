/*
 * line: cutting what a peer sent into lines.
 *
 * LF alone ends a line, as in Postfix; CRs before it belong to the line end. Lines are views into
 * the caller's bytes, line end included.
 */
#ifndef POSTERN_LIB_SMTP_LINE_H
#define POSTERN_LIB_SMTP_LINE_H

#include "lib/base/bytes.h"

enum line_result {
    LINE_DONE,
    LINE_MORE, /* the line has not fully arrived yet */
    LINE_BAD,  /* the line is longer than allowed */
};

/* Takes the next line, at most `max` bytes with its end, from `in`. MORE and BAD leave `in` and
 * `out` unchanged. */
MUST_USE enum line_result line_take(struct bytes *in, size_t max, struct bytes *out);

/* How many bytes at the start of `in` belong to the line that begins there; `*ended` says whether
 * its end is among them. */
size_t line_span(struct bytes in, bool *ended);

/* The line without its end: one LF and all CRs before it. */
struct bytes line_content(struct bytes line);

#endif
