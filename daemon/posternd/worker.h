/*
 * worker: one thread with its own event loop, listeners, OSSL_LIB_CTX and sessions.
 *
 * Workers share only the immutable snapshots, the log, directory, admission, the store of failed
 * hellos and a few atomic counters; no lock but the store's is held longer than it takes to change
 * a few numbers.
 */
#ifndef POSTERN_DAEMON_POSTERND_WORKER_H
#define POSTERN_DAEMON_POSTERND_WORKER_H

#include "daemon/posternd/session.h"
#include "daemon/posternd/sockets.h"
#include "daemon/tls/snapshot.h"

/* A running worker's handle. Only main's thread uses it. */
struct worker;

/* What a worker is to serve: a listener for each of its sockets, ready to be taken over. */
struct worker_plan;

struct worker_plan_request {
    struct snapshot *snapshot; /* borrowed: the plan takes references */
    unsigned number;           /* of the snapshot: higher than all before */
    const struct sockets
        *sockets;    /* borrowed; those of the snapshot are open until it is settled */
    unsigned worker; /* its index */
};

/* NULL without memory. */
MUST_USE struct worker_plan *worker_plan_new(const struct worker_plan_request *request);
void worker_plan_free(struct worker_plan *plan);

/*
 * Starts worker `index` with a plan (stolen, also on failure). `news_fd`, an eventfd, is written
 * whenever an answer of the functions below has changed. NULL on failure, with errno.
 */
MUST_USE struct worker *worker_start(unsigned index, struct worker_plan *plan, int news_fd);

/* --- orders: each returns at once, and the worker carries it out in its own thread --- */

/* New sessions are those of the plan (stolen), at its sockets. Sockets that it does not have are
 * left: clients that wait there are still accepted. Running sessions are not touched. */
void worker_serve(struct worker *worker, struct worker_plan *plan);

/* No session begins any more, and those that there are end as soon as that harms nobody
 * (sessions_drain(), `timeout` as there); then the worker has ended. `refuse`: the clients that
 * wait at its sockets are turned away; otherwise they wait for the next process. Nothing but
 * worker_stop() may follow. */
void worker_drain(struct worker *worker, unsigned timeout, bool refuse);

/* Ends the listening and every session at once. All workers are told before the first is waited
 * for: a socket whose worker has ended still takes connections. */
void worker_stop(struct worker *worker);

/* Asks whether its event loop still runs: worker_has_answered() says so. */
void worker_ask(struct worker *worker);

/* --- answers --- */

/* The number of the latest plan of which it serves all sockets. */
MUST_USE unsigned worker_serves(const struct worker *worker);

/* The number of the latest plan since which it has used no socket of an earlier one. */
MUST_USE unsigned worker_settled(const struct worker *worker);

/* Whether it has begun to drain: it takes no more clients from its listening sockets, and every
 * session that need not wait has begun to end. */
MUST_USE bool worker_drains(const struct worker *worker);

/* What its sessions wait for, as it was within the last second of draining, or at its end. */
void worker_count(const struct worker *worker, struct sessions_left *out);
/* Whether its loop has come round since worker_ask(), or has ended. */
MUST_USE bool worker_has_answered(const struct worker *worker);

/* Whether it has nothing left to do: worker_join() returns at once. */
MUST_USE bool worker_has_ended(const struct worker *worker);

/* Waits for the thread of a worker that was told to stop, and frees it. */
void worker_join(struct worker *worker);

#endif
