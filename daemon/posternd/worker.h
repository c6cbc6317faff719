/*
 * worker: one thread with its own event loop, listeners, OSSL_LIB_CTX and sessions.
 *
 * Workers share only the immutable snapshot, the log, directory, admission, the store of failed
 * hellos and a few atomic counters; no lock but the store's is held longer than it takes to change
 * a few numbers.
 */
#ifndef POSTERN_DAEMON_POSTERND_WORKER_H
#define POSTERN_DAEMON_POSTERND_WORKER_H

#include "daemon/tls/snapshot.h"

/* A running worker's handle. */
struct worker;

/*
 * Starts worker `index` of `snapshot` on the listening sockets `fds`, one for each address of
 * each listener in the order of the conf (sockets_of(); borrowed, open until worker_stop()).
 * NULL on failure, with errno.
 */
MUST_USE struct worker *worker_start(struct snapshot *snapshot, unsigned index, const int *fds);

/* Tells it to end the listening and every session. All are told before the first is waited for: a
 * socket whose worker has ended still takes connections. */
void worker_stop(struct worker *worker);

/* Waits for the thread of a worker that was told to stop, and frees it. */
void worker_join(struct worker *worker);

#endif
