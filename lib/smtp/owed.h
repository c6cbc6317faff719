/*
 * owed: what the backend still owes a client whose bytes are relayed unseen, as far as a glance
 * tells.
 *
 * No byte is treated differently because of it: it only says how long a session may last when the
 * daemon stops (lifetime). So it counts, of what is forwarded, the ends of lines, the bytes of BDAT
 * chunks, and the one line that ends a mail; inside a mail it looks only at the start and at the
 * last OWED_WINDOW bytes of each write, so that bulk costs nothing. A client that sends what it
 * must not (a mail before the 354, lines that are too long, a BDAT that is none) is not followed
 * any more: the end of its mail is never recognised, so it cannot pretend one. No I/O, no clock.
 */
#ifndef POSTERN_LIB_SMTP_OWED_H
#define POSTERN_LIB_SMTP_OWED_H

#include "lib/base/bytes.h"

/* Where the end of a mail is looked for: so many bytes before the end of a write. What a client
 * sends after it in one go (QUIT, or the commands of its next mail, RFC 2920 section 3.1) is
 * usually shorter. */
#define OWED_WINDOW ((size_t)512)

/* The longest line that is certainly one command for the backend (Postfix's line_length_limit). */
#define OWED_LINE_MAX 2048

enum owed {
    OWED_NOTHING, /* every reply has come, and the client is not inside a mail */
    OWED_BANNER,  /* the first reply of all; only the gate knows about it */
    OWED_REPLY,   /* the reply to a command that decides about no mail */
    OWED_DATA,    /* the client is inside a mail, whose end is not out yet */
    OWED_MAIL,    /* the reply to the end of a mail: it may have been accepted already */
};

/* What is known about a session; zeroed at first, when relay begins. All of it is owed.c's. */
struct owed_count {
    uint8_t reading;     /* what the next forwarded byte belongs to */
    bool last;           /* in a chunk: it ends its mail */
    bool doubtful;       /* bytes after the end of a mail may not have been seen */
    bool in_mail;        /* not followed any more: the newest reply was a 354 */
    uint8_t head_len;    /* of what follows: */
    uint8_t head[32];    /* the start of the present line; inside a mail its last bytes */
    uint16_t line_len;   /* bytes of the present line */
    unsigned replies;    /* outstanding */
    unsigned until_mail; /* after how many of them the newest mail has its reply; 0: it has */
    uint64_t chunk;      /* bytes that are missing in the present chunk */
};

/* The client is not followed any more. */
void owed_give_up(struct owed_count *o);

/* These bytes of the client's go to the backend, behind all earlier ones. */
void owed_forwarded(struct owed_count *o, struct bytes bytes);

/* A complete reply of the backend's, of this code. */
void owed_replied(struct owed_count *o, unsigned code);

/* What is owed now; never OWED_BANNER. */
enum owed owed_now(const struct owed_count *o);

#endif
