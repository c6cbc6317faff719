/*
 * session: one client from accept to close.
 */
#ifndef POSTERN_DAEMON_POSTERND_SESSION_H
#define POSTERN_DAEMON_POSTERND_SESSION_H

#include "daemon/posternd/listener.h"

/*
 * Begins a session with the client on the non-blocking socket `fd` (owned from now on), or turns
 * it away with 421 when there are limits.max_sessions already. The session belongs to the
 * worker of `listener` and ends by itself.
 */
void session_start(struct listener *listener, int fd, const struct addr *client,
                   const struct addr *destination);

/* Another session has got the place of this one at the backend: it ends with 421. */
void session_evict(struct session *s);

/* Stress has begun: the worker's sessions may have less time than they had. */
void sessions_hurry(struct worker *w);

/* The daemon stops: says 421 if no reply is outstanding and the client would read it as one, and
 * ends the session at once. */
void session_shutdown(struct session *s);

#endif
