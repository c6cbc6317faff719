/*
 * worker: one thread with its own event loop, listeners, OSSL_LIB_CTX and sessions.
 *
 * Workers share only the immutable snapshot, the log, directory, admission, the store of failed
 * hellos and a few atomic counters; no lock but the store's is held longer than it takes to change
 * a few numbers.
 */
#ifndef POSTERN_DAEMON_POSTERND_WORKER_H
#define POSTERN_DAEMON_POSTERND_WORKER_H

#include "daemon/posternd/sockets.h"
#include "daemon/tls/snapshot.h"

/* A running worker's handle. Only main's thread uses it. */
struct worker;

/*
 * Starts worker `index` of `snapshot` on its listening sockets among `sockets`, which are open for
 * the conf of the snapshot, and remain so until it has ended.
 * `news_fd`, an eventfd, is written whenever an answer of the functions below has changed.
 * NULL on failure, with errno.
 */
MUST_USE struct worker *worker_start(struct snapshot *snapshot, unsigned index,
                                     const struct sockets *sockets, int news_fd);

/* --- orders: each returns at once, and the worker carries it out in its own thread --- */

/* No session begins any more, and those that there are end as soon as that harms nobody
 * (sessions_drain()). */
void worker_drain(struct worker *worker);

/* Ends the listening and every session at once. All workers are told before the first is waited
 * for: a socket whose worker has ended still takes connections. */
void worker_stop(struct worker *worker);

/* Asks whether its event loop still runs: worker_has_answered() says so. */
void worker_ask(struct worker *worker);

/* --- answers --- */

/* Whether its loop has come round since worker_ask(), or has ended. */
MUST_USE bool worker_has_answered(const struct worker *worker);

/* Whether it has nothing left to do: worker_join() returns at once. */
MUST_USE bool worker_has_ended(const struct worker *worker);

/* Waits for the thread of a worker that was told to stop, and frees it. */
void worker_join(struct worker *worker);

#endif
