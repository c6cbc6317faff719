/*
 * message: what one SMTP line contains: a command's verb, a reply's code, an EHLO keyword.
 *
 * Commands are parsed as Postfix parses them, so that gate and backend never see different ones:
 * words are separated by SP, TAB, VT, FF and CR, and NUL ends the line.
 */
#ifndef POSTERN_LIB_SMTP_MESSAGE_H
#define POSTERN_LIB_SMTP_MESSAGE_H

#include "lib/base/buffer.h"

enum verb {
    VERB_OTHER, /* none of those below, or none at all */
    VERB_AUTH,
    VERB_BDAT,
    VERB_DATA,
    VERB_EHLO,
    VERB_ETRN,
    VERB_EXPN,
    VERB_HELO,
    VERB_HELP,
    VERB_MAIL,
    VERB_NOOP,
    VERB_QUIT,
    VERB_RCPT,
    VERB_RSET,
    VERB_STARTTLS,
    VERB_VRFY,
    VERB_NUM,
};

/* The verb of the line that begins at `line`, compared without case. False: its end has not been
 * seen, more bytes are needed. Anything after the line's LF is ignored. */
MUST_USE bool message_verb(struct bytes line, enum verb *out);

/* The verb's name; "UNKNOWN" for VERB_OTHER. */
const char *message_verb_name(enum verb verb);

/* The word after the verb of the line that begins at `line`, empty if there is none. False: its end
 * has not been seen, and `*out` is the part that has arrived. */
MUST_USE bool message_argument(struct bytes line, struct bytes *out);

/* Whether something follows the verb in `line`. */
bool message_has_argument(struct bytes line);

/* One line of a reply (RFC 5321 section 4.2). */
struct reply_line {
    unsigned code;
    bool last;         /* anything but '-' after the code ends the reply */
    struct bytes text; /* after the separator, if there is one; including the line end */
};

/* Reads a whole line, including its end. False: it does not begin with three digits. */
MUST_USE bool message_reply_line(struct bytes line, struct reply_line *out);

/* Whether the EHLO keyword in a reply line's text is `keyword`, compared without case. A blank, a
 * `=` (the old `AUTH=LOGIN`) or the line end follows a keyword. */
bool message_is_keyword(struct bytes text, const char *keyword);

/* What is done to an EHLO reply besides hiding STARTTLS, XCLIENT and XFORWARD. */
struct message_edit {
    bool add_starttls; /* as the line after the first */
    bool hide_auth;
};

/* How much longer an edited line can be than the original: a separator and `250 STARTTLS`. */
#define MESSAGE_EDIT_GROWTH ((size_t)16)

/*
 * Appends to `out` what the client is shown of one line of an EHLO reply: `line` is the whole line,
 * `r` what message_reply_line() found in it. The first line, which names the host, is always kept.
 * Until the reply ends its newest line is held back, because it becomes the last one (`250-` to
 * `250 `) when all lines after it are hidden. The caller has seen that line.len +
 * MESSAGE_EDIT_GROWTH bytes fit.
 */
void message_put_ehlo_line(struct buffer *out, struct bytes line, const struct reply_line *r,
                           bool first, struct message_edit edit);

#endif
