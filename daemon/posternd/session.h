/*
 * session: one client from accept to close.
 */
#ifndef POSTERN_DAEMON_POSTERND_SESSION_H
#define POSTERN_DAEMON_POSTERND_SESSION_H

#include "daemon/posternd/thread.h"
#include "daemon/tls/snapshot.h"

/* A client that has been accepted. */
struct session_request {
    struct snapshot *snapshot;            /* borrowed: the session takes a reference */
    const struct conf_listener *listener; /* of the snapshot */
    struct tls_listener *tls_listener;    /* ... */
    int fd;                               /* non-blocking; the session's from now on */
    struct addr client;
    struct addr destination;
};

/* Begins a session, or turns the client away with 421 when there are limits.max_sessions already.
 * The session belongs to `thread` and ends by itself. */
void session_start(struct thread *thread, const struct session_request *request);

/* Another session has taken this one's place at the backend: it ends with 421. */
void session_evict(struct session *s);

/* Stress has begun: the thread's sessions may have less time than they had. */
void sessions_reset_timers(struct thread *thread);

/* --- the daemon stops --- */

/* Turns a client away that would have begun a session. */
void session_refuse(struct thread *thread, const struct session_request *request);

/* The thread's sessions end as soon as that harms nobody, at the latest when their time is over
 * (lib/smtp/lifetime; `timeout`: shutdown_timeout). When none is left, the thread's event loop
 * ends. */
void sessions_drain(struct thread *thread, unsigned timeout);

/* What the thread's sessions that are left wait for. */
struct sessions_left {
    struct thread_stop stop;
    unsigned waiting; /* for replies */
    unsigned inside;  /* for the rest of the client's mail */
    int64_t oldest;   /* milliseconds that the one has waited that waits longest for its reply */
};

void sessions_count(const struct thread *thread, struct sessions_left *out);

/* Ends the session at once: with 421, unless the reply to a mail is outstanding. */
void session_shutdown(struct session *s);

#endif
