/*
 * worker: one thread with its own event loop, listening sockets, OSSL_LIB_CTX and sessions.
 *
 * Workers share nothing but the immutable snapshot, the log, directory, admission and a few atomic
 * counters; no lock is held longer than it takes to change a few numbers.
 */
#ifndef POSTERN_DAEMON_POSTERND_WORKER_H
#define POSTERN_DAEMON_POSTERND_WORKER_H

#include "daemon/tls/setup.h"
#include "lib/base/buffer.h"

#include <event2/event.h>

/* Spare buffers that a worker keeps for the next session that needs one. */
#define WORKER_SPARE_BUFFERS 64

struct session;

struct worker {
    unsigned index;                       /* into snapshot->workers */
    struct event_base *base;              /* owned */
    struct snapshot *snapshot;            /* a reference: what new sessions use */
    struct session *sessions;             /* owned, by their own list */
    uint8_t *spare[WORKER_SPARE_BUFFERS]; /* owned */
    unsigned num_spare;
};

/* A running worker's handle. */
struct worker_thread;

/*
 * Starts worker `index` of `snapshot` on the listening sockets `fds`, one for each address of
 * each listener in the order of the conf (owned by the worker from now on, also on failure).
 * NULL on failure, with errno.
 */
MUST_USE struct worker_thread *worker_start(struct snapshot *snapshot, unsigned index, int *fds);

/* Ends the listening and every session, waits for the thread, frees. */
void worker_stop(struct worker_thread *thread);

/* Milliseconds of a clock that never goes back; good to a few milliseconds. */
int64_t worker_now(void);

/* Lends memory to `b` if it has none. 0, or -1 without memory. */
MUST_USE int worker_lend(struct worker *w, struct buffer *b);

/* Takes the memory of `b` back if it is empty. */
void worker_take_back(struct worker *w, struct buffer *b);

#endif
