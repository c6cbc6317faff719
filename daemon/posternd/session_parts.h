/*
 * session_parts: the session's own struct and what its rooms call of each other: session.c (its
 * life), session_proxy.c, session_backend.c, session_talk.c, session_tls.c, session_time.c,
 * session_limits.c and sessionlog.c. For nobody else.
 */
#ifndef POSTERN_DAEMON_POSTERND_SESSION_PARTS_H
#define POSTERN_DAEMON_POSTERND_SESSION_PARTS_H

#include "daemon/posternd/admission.h"
#include "daemon/posternd/directory.h"
#include "daemon/posternd/relay.h"
#include "daemon/posternd/session.h"
#include "lib/smtp/gate.h"

enum phase {
    PHASE_PROXY,     /* an upstream is to say who the client is */
    PHASE_CONNECT,   /* the backend connection is being made */
    PHASE_LEAVE,     /* the first backend connection ends, as a second one is to follow */
    PHASE_TALK,      /* bytes go through the gate, or past it in relay */
    PHASE_HANDSHAKE, /* TLS with the client */
    PHASE_END,       /* the last bytes go to the client; what it still sends is thrown away */
    PHASE_OVER,      /* nothing is left to do: session_free() */
};

struct session {
    struct worker *worker;                /* borrowed */
    struct snapshot *snapshot;            /* a reference */
    const struct conf_listener *listener; /* borrowed from the snapshot */
    struct tls_listener *tls_listener;    /* borrowed from the snapshot */
    struct session *next;                 /* the worker's list */
    struct session **link;                /* what points at this session there */
    enum phase phase;
    struct gate_rules rules;
    struct gate gate;
    struct side client;
    struct side backend;
    struct tls_session *next_tls; /* owned: made before the 220, used when it is written */
    struct buffer from_client;    /* read, not yet through the gate */
    struct buffer to_backend;
    struct buffer from_backend; /* read, not yet through the gate */
    struct buffer to_client;
    struct event timer; /* pending at `timer_at` at the latest */
    int64_t timer_at;   /* 0: not pending */
    int64_t since;      /* when the present wait began: the last byte moved, or the phase */
    int64_t tried_at;   /* when connecting to the backend was tried last */
    int64_t held_since; /* when STARTTLS began to wait; 0: it does not */
    int64_t turn_since; /* since when, at the latest, it is the client's turn when it is */
    int64_t began;
    const struct conf_endpoint *addresses; /* borrowed: the backend's, tried in order */
    size_t num_addresses;
    size_t address;     /* index of the one that is tried or used */
    uint64_t received;  /* SMTP bytes from the client */
    uint64_t sent;      /* SMTP bytes to the client */
    bool answered;      /* the backend has sent something, */
    bool asked;         /* ... has got something: no other address is tried */
    bool backend_spoke; /* ... during the handshake, where it must not */
    bool handshake;     /* one has begun */
    bool tls;           /* one has been completed */
    bool settled;       /* relay has begun: no stress any more */
    bool excepted;      /* the client is in starttls_except */
    bool connect_logged;
    const char *certificate; /* borrowed from the snapshot; NULL without TLS */
    struct addr client_addr; /* the upstream's, until it has said for whom it speaks */
    struct addr destination;
    struct addr upstream; /* who has said what client and destination are; no family: nobody */
    struct directory_entry entry;
    struct admission admission;
    char id[SESSION_ID_SIZE];
};

/* session.c: what is in to_client is the last that the client gets. */
void session_begin_end(struct session *s);

/* session.c: the same after "421 CODE NAME text", as far as there is memory for it. A client that
 * expects TLS, from the first byte or behind its 220, gets nothing before it is there. */
void session_give_up(struct session *s, const char *code, const char *text);

/* session.c: the same for a client who gets no session at all: nothing is waited for. */
void session_turn_away(struct session *s, const char *code, const char *text);

/* session.c: whether the client has reset the connection; if so, the session is over. For phases
 * that do not read from the client and would not notice. */
MUST_USE bool session_is_lost(struct session *s);

/* session_limits.c: whether this client may have a session now; if not, it has been turned away. */
MUST_USE bool session_is_welcome(struct session *s);

/* session_limits.c: whether it may begin a handshake now; if not, the session has begun to end. */
MUST_USE bool session_may_shake(struct session *s);

/* session_limits.c: relay is about to begin. False if the session has lost its place, and has
 * begun to end. */
MUST_USE bool session_settle(struct session *s);

/* session_limits.c: another session has got the place of this one, which begins to end. */
void session_make_room(struct session *s);

/* session.c: it is known who the client is: the session begins, or is turned away. */
void session_admit(struct session *s);

/* session.c: for the side that is the backend. */
void session_on_backend(evutil_socket_t fd, short what, void *arg);

/* session_backend.c: connects to the first of the backend's addresses that lets itself be connected
 * to; to tls_address, where there is one, if the session is under TLS. Without any: 421. */
void session_connect(struct session *s);

/* session_backend.c: goes on with the present address, whose backlog was full; or leaves it, for
 * which `why` is the reason, for the next one. */
void session_try_addresses(struct session *s);
void session_next_address(struct session *s, const char *why);

/* session_backend.c: says QUIT to the backend, which a second one will follow; and: it has closed,
 * or had its time. */
void session_leave(struct session *s);
void session_left(struct session *s);

/* session_talk.c: lends memory to a buffer, or breaks the session: without memory there is no
 * reply either. */
MUST_USE bool session_lend(struct session *s, struct buffer *b);

/* session_proxy.c: whether the client must begin with a PROXY header; one move of PHASE_PROXY,
 * which ends in session_admit() or with a refusal; and: its time is over. */
MUST_USE bool session_is_upstream(const struct session *s);
bool session_proxy(struct session *s);
void session_proxy_timed_out(struct session *s);

/* One move of a phase. Returns whether another could follow at once. */
bool session_connecting(struct session *s);
bool session_leaving(struct session *s);
bool session_talk(struct session *s);
bool session_handshake(struct session *s);

/* session_tls.c: TLS from the first byte; or all replies before STARTTLS are in to_client; and: the
 * 220 is written. */
void session_begin_tls(struct session *s);
void session_prepare_tls(struct session *s);
void session_begin_handshake(struct session *s);
void session_end_handshake(struct session *s, enum handshake_failure reason, const char *detail);

/* session_time.c: sets the timer to the end of the present wait, false without memory, which only a
 * timer that is not set yet needs; and: that end has perhaps come. */
MUST_USE bool session_set_timer(struct session *s);
void session_on_timer(struct session *s);

#endif
