/*
 * lifetime: how long a session waits, for what, and why it ends.
 *
 * Facts in, a time or a reason out. The session only carries out what is decided here: deadlines
 * and their order, which of two sides is late, whether anything remains to be said when a side has
 * closed, and what is then said, to the client and in the log. No clock: all times are passed in,
 * in milliseconds of a clock that never goes back.
 */
#ifndef POSTERN_LIB_SMTP_LIFETIME_H
#define POSTERN_LIB_SMTP_LIFETIME_H

#include "lib/smtp/owed.h"

/* --- time ---------------------------------------------------------------------------------- */

/* What a session waits for. */
enum lifetime_wait {
    LIFETIME_PROXY,     /* the PROXY header of an upstream: 5 s, as in Postfix */
    LIFETIME_CONNECT,   /* the present address of the backend: connect_timeout */
    LIFETIME_QUIT,      /* a backend that has been sent QUIT, to close: 5 s */
    LIFETIME_TALK,      /* the side whose turn it is: idle_timeout or backend_timeout */
    LIFETIME_HANDSHAKE, /* TLS with the client: handshake_timeout */
    LIFETIME_LINGER,    /* the client, to close after our last byte: 5 s */
};

/* What a deadline depends on. A session keeps one, and keeps it up to date. */
struct lifetime {
    enum lifetime_wait wait;
    bool connecting;    /* CONNECT: a connection is being established; false: the backlog of the
                         * address was full, and it is tried again */
    bool backend_turn;  /* TALK: the backend owes a reply (gate_backend_turn()) */
    bool relay;         /* has begun: stress does not concern the session any more */
    bool stressed;      /* the backend is under stress */
    int64_t began;      /* the session */
    int64_t since;      /* the wait: the last byte moved, or what is waited for began */
    int64_t tried_at;   /* CONNECT: when connecting was tried last */
    int64_t turn_since; /* TALK: if it is the client's turn: since when, at the latest */
    int64_t held_since; /* since when a STARTTLS waits for earlier replies; 0: none does */
    int64_t client_blocked_since;  /* since when the client accepts none of our bytes; 0: it does */
    int64_t backend_blocked_since; /* ... the backend */
    int64_t ending_since;          /* LINGER: since when */
    int64_t stopping_since;        /* since when the daemon stops; 0: it does not */
    enum owed owed;                /* TALK: what the backend owes (gate_owes()) */
    bool said_bye;                 /* ... the client has had its last reply (gate_said_bye()) */
    unsigned connect_timeout;      /* seconds, as configured */
    unsigned backend_timeout;      /* ... */
    unsigned idle_timeout;         /* ... */
    unsigned handshake_timeout;    /* ... */
    unsigned shutdown_timeout;     /* ... */
};

/*
 * The millisecond at which the wait is over. A side that accepts none of our bytes has 300 s, a
 * STARTTLS that waits 30 s, regardless of whose turn it is. Under stress a session before relay has
 * 10 s for a handshake, and for its turn, which does not restart with every byte.
 *
 * When the daemon stops, nobody new is served until the last session has ended. So everything else
 * is over when it has stopped for shutdown_timeout, whatever the client still sends, except the
 * wait for the reply to a mail by a client that reads: 270 s. A handshake has 2 s: a client whose
 * handshake fails may send its mail again in plaintext. A client that has been sent its last reply
 * has 0.5 s to close, one that does not take it 5 s or as long as the others.
 */
int64_t lifetime_deadline(const struct lifetime *l);

/* CONNECT, whose deadline has come: whether the present address is tried again, because its backlog
 * was full and it still has time; otherwise its time is over. */
MUST_USE bool lifetime_retries(const struct lifetime *l, int64_t now);

/* --- stopping ------------------------------------------------------------------------------ */

/*
 * Whether the session ends now, because the daemon stops and nothing is outstanding that is worth
 * waiting for: a reply to a command, the rest of a mail, or a handshake. A client that waits for a
 * banner or a backend loses nothing.
 */
MUST_USE bool lifetime_stops_now(const struct lifetime *l);

/* Whether the client's bytes are read: when the daemon stops, only inside a mail. What else it has
 * sent is answered by 421. */
MUST_USE bool lifetime_hears_client(const struct lifetime *l);

/* --- ends ---------------------------------------------------------------------------------- */

enum lifetime_reason {
    LIFETIME_DONE,                /* the last reply has been given: 221, 421 or a 5xx */
    LIFETIME_LOST,                /* the client has gone before it */
    LIFETIME_LOST_ASKING,         /* ... for writing only, with a command that was not answered */
    LIFETIME_UNAVAILABLE,         /* no backend for it; the log has already said why */
    LIFETIME_NO_GREETING,         /* the backend closed and had not said anything */
    LIFETIME_BACKEND_CLOSED,      /* ... in the middle of the session */
    LIFETIME_CLIENT_BLOCKED,      /* timeout: the client accepts none of our bytes */
    LIFETIME_BACKEND_BLOCKED,     /* ... the backend */
    LIFETIME_STARTTLS_HELD,       /* ... STARTTLS waited for replies */
    LIFETIME_BACKEND_SILENT,      /* ... in the backend's turn */
    LIFETIME_CLIENT_SILENT,       /* ... in the client's turn */
    LIFETIME_BUSY,                /* all of the backend's slots are taken */
    LIFETIME_EVICTED,             /* another client has taken its slot */
    LIFETIME_TOO_MANY_HANDSHAKES, /* limits.max_handshakes */
    LIFETIME_SHUTDOWN,            /* the daemon stops */
    LIFETIME_SHUTDOWN_INSIDE,     /* ... and the end of the client's mail did not come in time */
    LIFETIME_SHUTDOWN_UNANSWERED, /* ... and the reply to its mail did not */
    NUM_LIFETIME_REASONS,
};

/* What is said about a reason. */
struct lifetime_ending {
    bool lost;           /* the log has a line about a lost connection */
    const char *warning; /* text of the log's line; NULL: none */
    const char *note;    /* the same, if it is not about a problem */
    const char *code;    /* of the client's 421; NULL: there is none */
    const char *text;    /* ... its text */
    bool abort;          /* nothing of ours reaches the client any more: there is no wait */
};

const struct lifetime_ending *lifetime_ending(enum lifetime_reason reason);

/* Why a session ends that ends because the daemon stops. */
enum lifetime_reason lifetime_stop_reason(const struct lifetime *l);

/* TALK, whose deadline has come: why the session ends. `client_closed`: the client will send
 * nothing more than what it has; only looked at while a STARTTLS is held. */
enum lifetime_reason lifetime_talk_timeout(const struct lifetime *l, bool client_closed,
                                           int64_t now);

/* The two sides at a moment when nothing moves. */
struct lifetime_sides {
    bool client_failed;     /* it has reset the connection, or accepts no more bytes */
    bool client_eof;        /* it has ended its direction, and everything has been read */
    bool backend_closed;    /* the backend has ended its direction, or has reset the connection */
    bool backend_told;      /* it has been told about the client's end */
    bool to_client_waits;   /* bytes for the client are not written yet */
    bool to_backend_waits;  /* ... for the backend */
    bool from_client_waits; /* the client's bytes are not through the gate yet, */
    bool backend_turn;      /* ... and the backend owes a reply */
    bool asked;             /* the backend has received something from the client */
    bool answered;          /* it has sent something */
    bool another_address;   /* there is one after the present */
    bool said_bye;          /* gate_said_bye() */
    bool said_no;           /* gate_said_no() */
};

enum lifetime_move {
    LIFETIME_GO_ON,        /* nothing is to be done */
    LIFETIME_TELL_BACKEND, /* pass on the client's end: end our direction to the backend */
    LIFETIME_NEXT_ADDRESS, /* it has closed without a greeting, and nothing is lost: try the next */
    LIFETIME_END,          /* end, for `reason` */
};

struct lifetime_verdict {
    enum lifetime_move move;
    enum lifetime_reason reason; /* LIFETIME_END only */
};

/* What a side's end, if there is one, means for the session. */
struct lifetime_verdict lifetime_judge(const struct lifetime_sides *sides);

#endif
