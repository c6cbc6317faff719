/*
 * session_parts: the session's own struct, and what its files call in each other. Calls run one
 * way: each file calls those before it, session.c all of them and none of them session.c. A move of
 * a phase is `bool session_X()`: it does what can be done now, may set another phase, and returns
 * whether another move could follow at once. For nobody else.
 */
#ifndef POSTERN_DAEMON_POSTERND_SESSION_PARTS_H
#define POSTERN_DAEMON_POSTERND_SESSION_PARTS_H

#include "daemon/posternd/admission.h"
#include "daemon/posternd/directory.h"
#include "daemon/posternd/session.h"
#include "daemon/posternd/side.h"
#include "daemon/posternd/thread.h"
#include "lib/smtp/gate.h"
#include "lib/smtp/lifetime.h"

enum phase {
    PHASE_PROXY,     /* an upstream has to say who the client is */
    PHASE_CONNECT,   /* the backend connection is being established */
    PHASE_QUIT,      /* the first backend connection ends, as a second one is to follow */
    PHASE_TALK,      /* bytes go through the gate, or past it in relay */
    PHASE_HANDSHAKE, /* TLS with the client */
    PHASE_END,       /* the last bytes go to the client; what it still sends is discarded */
    PHASE_OVER,      /* nothing is left to do: session_free(); the last one */
};

struct session {
    struct thread *thread;                /* borrowed */
    struct snapshot *snapshot;            /* a reference */
    const struct conf_listener *listener; /* borrowed from the snapshot */
    struct tls_listener *tls_listener;    /* borrowed from the snapshot */
    struct session *next;                 /* the thread's list */
    struct session **link;                /* the references to this session there */
    enum phase phase;
    struct gate_rules rules;
    struct gate gate;
    struct side client;
    struct side backend;
    struct tls_session *next_tls; /* owned: created before the 220, used when it is written */
    struct buffer from_client;    /* read, not yet through the gate */
    struct buffer to_backend;
    struct buffer from_backend; /* read, not yet through the gate */
    struct buffer to_client;
    struct event timer;   /* pending at `timer_at` at the latest */
    int64_t timer_at;     /* 0: not pending */
    struct lifetime life; /* times, and whether relay has begun; session_lifetime() sets the rest */
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
    bool excepted;      /* the client is in starttls_except */
    bool connect_logged;
    const char *certificate; /* borrowed from the snapshot; NULL without TLS */
    struct addr client_addr; /* the upstream's, until it has said whom it speaks for */
    struct addr destination;
    struct addr upstream; /* the upstream that named client and destination; no family: none */
    struct directory_entry entry;
    struct admission admission;
    char id[RECORD_ID_SIZE];
};

/* --- session_end.c: why a session ends, and its last phase --- */

/* to_client has the last bytes that the client gets. */
void session_begin_end(struct session *s);

/* The same after "421 CODE NAME text", if there is memory for it. A client that expects TLS, from
 * the first byte or after its 220, gets nothing before the handshake. */
void session_give_up(struct session *s, const char *code, const char *text);

/* The same with lifetime_ending()'s texts for `reason`, in the log and for the client. */
void session_end(struct session *s, enum lifetime_reason reason);

/* The session, which has begun to end, is over at once, without waiting. For a client that gets no
 * session at all. */
void session_end_now(struct session *s);

/* Whether the client has reset the connection; if so, the session is over. For phases that do not
 * read from the client and would not notice. */
MUST_USE bool session_is_lost(struct session *s);

/* Lends memory to a buffer, or breaks the session: without memory there is no reply either. */
MUST_USE bool session_lend(struct session *s, struct buffer *b);

/* PHASE_END. */
bool session_ending(struct session *s);
void session_linger_timed_out(struct session *s);

/* --- session_time.c: the one timer --- */

/* The present facts that determine the end of the wait; part of the session. */
const struct lifetime *session_lifetime(struct session *s, enum lifetime_wait wait);

/* Sets the timer to the end of the wait; false without memory, which only a timer that is not yet
 * set needs. */
MUST_USE bool session_set_timer(struct session *s, enum lifetime_wait wait);

/* --- session_backend.c: which backend connection it has --- */

/* Begins PHASE_CONNECT with the first of the backend's addresses to which a connection can be
 * started; or with tls_address, if there is one and the session is under TLS. Without any: 421. */
void session_connect(struct session *s);

/* Gives up the present address, with the reason `why`, for the next one. */
void session_next_address(struct session *s, const char *why);

bool session_connecting(struct session *s);
void session_connect_timed_out(struct session *s);

/* Begins PHASE_QUIT: sends QUIT to the backend, before a second one follows. */
void session_quit(struct session *s);

bool session_quitting(struct session *s);

/* It has closed, or its time is over. */
void session_quit_done(struct session *s);

/* --- session_tls.c: TLS with the client --- */

/* TLS from the first byte. */
void session_begin_tls(struct session *s);

/* All replies before STARTTLS are in to_client; and: the 220 is written. */
void session_prepare_tls(struct session *s);
void session_begin_handshake(struct session *s);

bool session_handshake(struct session *s);

/* Before the session is ended for a reason that the client has not given: nothing may be written to
 * it any more. */
void session_stop_handshake(struct session *s);
void session_handshake_timed_out(struct session *s);

/* --- session_talk.c: what moves between the two sides --- */

bool session_talk(struct session *s);
void session_talk_timed_out(struct session *s);

/* --- session_client.c: who the client is, and whether it comes in --- */

/* The client has been accepted: it has to say whom it speaks for, or gets a session, or is turned
 * away. */
void session_begin(struct session *s);

bool session_proxy(struct session *s);
void session_proxy_timed_out(struct session *s);

#endif
