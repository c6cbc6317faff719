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

/* The daemon is about to stop: the thread's sessions end as soon as that harms nobody. */
void sessions_drain(struct thread *thread);

/* The daemon stops: sends 421 if no reply is outstanding and the client would read it as one, and
 * ends the session at once. */
void session_shutdown(struct session *s);

#endif
