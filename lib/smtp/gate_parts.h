/* gate_parts: what the two halves of the gate share; gate.c has the theory of operation. */
#ifndef POSTERN_LIB_SMTP_GATE_PARTS_H
#define POSTERN_LIB_SMTP_GATE_PARTS_H

#include "lib/smtp/gate.h"

/* gate.phase, gate.line, and what a reply decides: gate.kind, gate.pending, gate.reply_kind. */
enum phase { PHASE_PLAIN, PHASE_NO_EHLO, PHASE_TLS };

enum line { LINE_VERB, LINE_AHEAD, LINE_PASS, LINE_HELD, LINE_SKIP, LINE_ANSWER };

enum kind {
    KIND_UNASKED,
    KIND_BANNER,
    KIND_SECOND_BANNER, /* the client has already had a banner: this one is not for it */
    KIND_EHLO,
    KIND_HELO,
    KIND_OTHER,
    KIND_COMMAND,
};

/* What happens to a client's line, by its verb. */
enum action {
    REFUSE_COMMAND, /* the safe one is the default for a verb that a table does not name */
    PASS,
    WAIT,
    SHUT,
    AUTH, /* SHUT or REFUSE_AUTH, by the rules */
    STARTTLS,
    REFUSE_ARGUMENT,
    REFUSE_STARTTLS,
    REFUSE_BDAT,
    REFUSE_AUTH,
    REFUSE_PLAIN,
    REFUSE_PLAIN_AUTH,
    REFUSE_PLAIN_BDAT,
    REFUSE_TLS_ACTIVE,
    ACTION_NUM,
};

/* A 421 line is cut to this; with 220 and 454 it determines the room that is always kept. */
#define CLOSE_LINE_MAX ((size_t)512)
#define ROOM_KEPT      (CLOSE_LINE_MAX + 128)

#define GATE_ENCRYPT_FIRST                                                                         \
    "538 5.7.11 Encryption required for requested authentication mechanism\r\n"

/* No reply is outstanding, and none has been passed on in part. */
bool gate_is_quiet(const struct gate *g);

/* Whether AUTH is neither offered nor allowed now. */
bool gate_hides_auth(const struct gate *g);

/* Whether relay may begin now if the door is shut. */
bool gate_may_relay(const struct gate *g);

/* One more reply is outstanding. */
void gate_push_pending(struct gate *g, uint8_t kind);

/* The door is shut: from now on the client's bytes are passed on unseen. */
void gate_begin_relay(struct gate *g);

/* Gives the waiting answer, if it is its turn. */
void gate_give_answer(struct gate *g, struct buffer *to_client);

/* A reply has shut the door. */
void gate_shut(struct gate *g, struct buffer *to_client);

/* Writes the session's last reply, on a separate line, because held lines are never written. */
void gate_close(struct gate *g, struct buffer *to_client, const char *reply);

/* The backend did something forbidden, which `note` names: 421. */
void gate_fail(struct gate *g, struct buffer *to_client, unsigned note);

#endif
