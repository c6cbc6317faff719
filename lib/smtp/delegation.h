/*
 * delegation: Postfix's policy delegation protocol (SMTPD_POLICY_README), server side.
 *
 * A request is lines NAME=VALUE and an empty line; an answer is "action=ACTION" and an empty line.
 * Everything is a view of the caller's bytes.
 */
#ifndef POSTERN_LIB_SMTP_DELEGATION_H
#define POSTERN_LIB_SMTP_DELEGATION_H

#include "lib/base/bytes.h"
#include "lib/base/text.h"

/* The longest request, with its last line end. */
#define DELEGATION_SIZE_MAX ((size_t)32768)

/* Room for an answer, NUL included. */
#define DELEGATION_ANSWER_SIZE 1280

/* The attributes that matter here; one that is not sent is empty. */
struct delegation {
    struct bytes protocol_state; /* "CONNECT", "RCPT", "DATA", "END-OF-MESSAGE", ... */
    struct bytes instance;       /* the same in all requests for one mail */
    struct bytes sender;
    struct bytes recipient;
    struct bytes recipient_count;
    struct bytes client_address;
    struct bytes client_port;
    struct bytes server_address;
    struct bytes server_port;
};

enum delegation_result {
    DELEGATION_DONE,
    DELEGATION_MORE, /* not yet complete */
    DELEGATION_BAD,  /* not a request for access to the SMTP server: nothing more can be read */
};

/*
 * Reads the first request of `in`. DELEGATION_DONE: `*out` is filled and `in` starts after the
 * request. DELEGATION_BAD: `*why` is a static text. `in` is unchanged in both other cases.
 */
MUST_USE enum delegation_result delegation_read(struct bytes *in, struct delegation *out,
                                                const char **why);

/* Appends a whole answer: an action as in access(5), and what follows it (may be NULL). */
void delegation_answer(struct text *t, const char *action, const char *argument);

/* Copies a value as a string; false if there is no room for it, or a NUL in it. */
MUST_USE bool delegation_value(struct bytes value, char *out, size_t size);

/* The value as a number from 0 to 65535, without sign, blanks or needless zeros. */
MUST_USE bool delegation_number(struct bytes value, uint16_t *out);

/* Whether a value is this word. */
bool delegation_is(struct bytes value, const char *word);

#endif
