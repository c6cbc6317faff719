/*
 * gate: the SMTP state machine between a client and the backend: bytes in, bytes and reasons out.
 *
 * Promise: a client finds STARTTLS although the backend offers none, nothing that it sent before
 * the handshake has any effect after it, and no reply is lost, repeated, overtaken or moved from
 * one side of the handshake to the other. Until the door to STARTTLS is shut, commands are looked
 * at (a white list, docs/design.md "Life of a session"); from then on the client's bytes are passed
 * on blindly, while the backend's replies are watched to the end. No I/O, no clock, no allocation.
 *
 * Use: gate_init(); then gate_client() and gate_backend() with what each side sent, as often as
 * bytes or room for output come; after each call look at gate_state() and at the notes. What a
 * call did not consume must be given again, together with what came later.
 */
#ifndef POSTERN_LIB_SMTP_GATE_H
#define POSTERN_LIB_SMTP_GATE_H

#include "lib/base/buffer.h"
#include "lib/smtp/owed.h"

/* The longest line from the backend, including its end (docs/design.md); a client's verb is looked
 * for in the first GATE_VERB_MAX bytes of a line (Postfix's line_length_limit), and a longer one
 * that is passed on shuts the door. */
#define GATE_REPLY_LINE_MAX ((size_t)4096)
#define GATE_REPLY_MAX      ((size_t)65536)
#define GATE_VERB_MAX       ((size_t)2048)

/* Forwarded commands whose replies are outstanding; after this many the client has to wait. */
#define GATE_PENDING_MAX 64

/* How many refusals of our own end a session (Postfix's smtpd_hard_error_limit). */
#define GATE_REFUSALS_MAX 20

/* The longest name of a SASL mechanism (RFC 4422 section 3.1). */
#define GATE_MECHANISM_MAX ((size_t)20)

/* What plaintext may be used for. */
enum gate_level {
    GATE_MAY,     /* STARTTLS is offered */
    GATE_ENCRYPT, /* nothing but STARTTLS: 530; plaintext is never relayed, AUTH never offered */
    GATE_NONE,    /* as GATE_MAY, but STARTTLS is neither offered nor accepted: 502. Also for a
                   * client that a listener with GATE_MAY exempts */
    NUM_GATE_LEVELS,
};

/* What a listener asks of a client. It outlives the gates that use it, and is unchanged from the
 * first call of gate_client() or gate_backend() on. */
struct gate_rules {
    const char *hostname; /* borrowed; used in 421 replies */
    enum gate_level level;
    bool auth_before_tls; /* AUTH is offered and allowed in plaintext, unless GATE_ENCRYPT */
};

/* What the session has to do next. */
enum gate_state {
    GATE_PASS,          /* bytes pass in both directions */
    GATE_STARTTLS_HELD, /* STARTTLS waits for earlier replies: do not read from the client */
    GATE_STARTTLS,  /* all earlier replies are in to_client: gate_starttls_accept() or _refuse() */
    GATE_HANDSHAKE, /* the 220 is in to_client: write it, discard the client's plaintext, do the
                       handshake, then gate_tls_started() */
    GATE_RELAY,     /* pass the client's bytes on unseen; replies still go through the gate */
    GATE_CLOSE,     /* the last reply is in to_client: write it, then close both sides */
};

/* Things worth a line in the log, collected as bits until the session clears `notes`. */
enum gate_note {
    GATE_NOTE_AUTH_REFUSED = 1 << 0,    /* 538 or 530 given: AUTH before TLS; gate_mechanism() */
    GATE_NOTE_EHLO_MISSING = 1 << 1,    /* 503 given: command after TLS without EHLO */
    GATE_NOTE_TOO_MANY_ERRORS = 1 << 2, /* 421 given after GATE_REFUSALS_MAX refusals */
    GATE_NOTE_BACKEND_220 =
        1 << 3, /* the backend sent a second 220: it accepted STARTTLS/XCLIENT */
    GATE_NOTE_BACKEND_AUTH = 1 << 4,    /* the backend accepted AUTH before TLS (334 or 235) */
    GATE_NOTE_BACKEND_LINE = 1 << 5,    /* a reply line over GATE_REPLY_LINE_MAX */
    GATE_NOTE_BACKEND_REPLY = 1 << 6,   /* a reply over GATE_REPLY_MAX in the gate phases */
    GATE_NOTE_BACKEND_UNASKED = 1 << 7, /* a reply, not a 421, that no command asked for: door shut,
                                           or 421 given where relay must not begin */
    GATE_NOTE_BACKEND_SHUT = 1 << 8,    /* a reply, no 5xx, that shuts the door, before TLS, in
                                           GATE_ENCRYPT: 421 given */
    GATE_NOTE_BACKEND_BANNER = 1 << 9,  /* the banner after gate_tls_started_anew() is not a 220 */
    GATE_NOTE_CLIENT_LINE = 1 << 10,    /* 421 given: a client's line over GATE_VERB_MAX where relay
                                         * must not begin */
    GATE_NOTE_STARTTLS_REFUSED = 1 << 11, /* 502 given */
};

struct gate {
    const struct gate_rules *rules; /* borrowed */
    unsigned notes;                 /* enum gate_note bits; cleared by the session */
    /* The rest belongs to gate.c. */
    uint8_t state;     /* enum gate_state */
    uint8_t phase;     /* before TLS, after TLS without an EHLO, after TLS */
    uint8_t line;      /* what happens to the rest of the client's line */
    uint8_t kind;      /* what the line's reply will decide */
    bool wait;         /* nothing after the line is looked at before its reply */
    uint32_t line_len; /* bytes of the line that were passed on */
    uint8_t own;       /* the answer of ours that the line gets */
    uint8_t verb;      /* enum verb of the newest line; VERB_NUM: there was none */
    bool shut;         /* the door is shut; relay begins behind that answer */
    bool backend_turn; /* relay: client bytes went out, no complete reply since */
    uint8_t refusals;
    uint8_t pending_start; /* ring of outstanding replies: what each decides */
    uint8_t pending_num;
    uint8_t pending[GATE_PENDING_MAX];
    /* The reply that is being read. */
    bool in_reply;      /* at least one line of it has been read, but not the last */
    bool bye;           /* the last complete reply was 221 or 421 */
    bool refused;       /* ... was a 5xx */
    bool editing;       /* it loses and gains lines */
    uint8_t reply_kind; /* what it decides */
    uint32_t reply_len; /* bytes of it so far */
    char mechanism[GATE_MECHANISM_MAX + 1]; /* the newest that was refused */
    struct owed_count owed;                 /* of what is relayed */
};

/* The start of a session: plaintext, the banner outstanding. */
void gate_init(struct gate *g, const struct gate_rules *rules);

/* The start of a session that is under TLS from the first byte: the white list, the banner
 * outstanding. The backend has seen no plaintext, so RFC 3207 demands nothing. */
void gate_init_tls(struct gate *g, const struct gate_rules *rules);

/*
 * Processes `in`, what the client sent and was not consumed yet. Bytes for the backend are appended
 * to `to_backend`, replies of our own to `to_client`. Returns how many bytes were consumed: fewer
 * than in.len while a verb is incomplete, a reply has to come first or an output is full. Both
 * buffers need memory. In GATE_RELAY everything that fits is copied.
 *
 * The caller keeps at least GATE_VERB_MAX unconsumed bytes before it stops reading, and calls
 * again, even with nothing in `in`, when to_client has got room: an answer of ours may wait for it.
 */
size_t gate_client(struct gate *g, struct bytes in, struct buffer *to_backend,
                   struct buffer *to_client);

/*
 * Processes `in`, what the backend sent and was not consumed yet, line by line; edited replies, and
 * replies of our own that are due, are appended to `to_client`. Returns how many bytes were
 * consumed: only whole lines, and nothing in GATE_STARTTLS, GATE_HANDSHAKE and GATE_CLOSE. A full
 * GATE_REPLY_LINE_MAX bytes without a line end are a fault (GATE_CLOSE), so the caller keeps that
 * many. What was consumed may have released input of the client: call gate_client() again.
 */
size_t gate_backend(struct gate *g, struct bytes in, struct buffer *to_client);

enum gate_state gate_state(const struct gate *g);

/*
 * GATE_STARTTLS: writes 220 and goes to GATE_HANDSHAKE; or writes 454 and goes back to GATE_PASS.
 * The STARTTLS line itself has been consumed: what the client sent after it is the plaintext to
 * discard. The 454 counts as a refusal, so it may end in GATE_CLOSE.
 */
void gate_starttls_accept(struct gate *g, struct buffer *to_client);
void gate_starttls_refuse(struct gate *g, struct buffer *to_client);

/* GATE_HANDSHAKE: the handshake is done (RFC 3207 section 4.2: both sides start again). */
void gate_tls_started(struct gate *g);

/* GATE_HANDSHAKE: the same where a second backend connection, which has seen no plaintext, replaces
 * the first: the white list. Its 220 is not passed on and the client's bytes wait for it; any other
 * banner ends the session with 421. */
void gate_tls_started_anew(struct gate *g);

/* GATE_RELAY: the session has forwarded these bytes from the client without gate_client(). */
void gate_forwarded(struct gate *g, struct bytes bytes);

/* Whose turn it is: true while the backend owes a reply (docs/design.md "Time"). */
bool gate_backend_turn(const struct gate *g);

/* What the backend still owes the client, more exactly than by turns, but for nothing else than
 * how long a session lasts that is to end (lib/smtp/owed). */
enum owed gate_owes(const struct gate *g);

/* True while the client's next command would be read by the gate, not relayed. */
bool gate_is_open(const struct gate *g);

/* True once the session has had its last reply: a 221 or 421, the backend's or our own. Whatever
 * the client does after it is not a lost connection. */
bool gate_said_bye(const struct gate *g);

/* True while the backend's newest reply is a complete 5xx. If the backend closes then, that was its
 * last reply (Postfix does so for a lack of synchronization, or a BDAT that it cannot read), and
 * nothing may be added to it. */
bool gate_said_no(const struct gate *g);

/* The verb of the client's newest line as in Postfix's log: "AUTH", "UNKNOWN" for one that is not
 * known, "CONNECT" before the first. In GATE_RELAY it is the one that began relay. */
const char *gate_last_verb(const struct gate *g);

/* The SASL mechanism that the newest refused AUTH named, cut to GATE_MECHANISM_MAX bytes, as the
 * client sent it; "" if it named none. */
const char *gate_mechanism(const struct gate *g);

/*
 * Appends "421 CODE NAME text" (`code`: "4.3.2") and goes to GATE_CLOSE: the backend is gone, a
 * slot is missing or the time is up. Held bytes of an unfinished reply are discarded first. The
 * gate keeps room for this line in `to_client`; if no memory is lent, the line is omitted. In
 * GATE_CLOSE nothing happens.
 */
void gate_give_up(struct gate *g, struct buffer *to_client, const char *code, const char *text);

#endif
