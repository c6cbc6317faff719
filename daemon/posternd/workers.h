/*
 * workers: all workers as one, for main's thread.
 */
#ifndef POSTERN_DAEMON_POSTERND_WORKERS_H
#define POSTERN_DAEMON_POSTERND_WORKERS_H

#include "daemon/posternd/sockets.h"
#include "daemon/posternd/worker.h"

/* Zeroed at first. */
struct workers {
    struct worker **items; /* owned array of owned */
    unsigned num;
};

/* Plans for all workers, made before any of them is told. */
struct workers_plan {
    struct worker_plan **items; /* owned array of owned */
    unsigned num;
};

/* For the workers of `snapshot`, on `sockets`, which outlive the workers; `number` as in worker.h.
 * 0; or -1 without memory, and then there are none. */
MUST_USE int workers_plan(struct workers_plan *plan, struct snapshot *snapshot, unsigned number,
                          const struct sockets *sockets);
void workers_plan_free(struct workers_plan *plan);

/* Starts one for each of the plans, which are stolen, also on failure; `news_fd` as in worker.h. 0;
 * or -1 after an error was logged, and then there are none. */
MUST_USE int workers_start(struct workers *workers, struct workers_plan *plan, int news_fd);

/* worker_serve() of all; the plans are stolen. */
void workers_serve(const struct workers *workers, struct workers_plan *plan);

/* Whether all serve, or are settled with, the plan of this number or a later one. */
MUST_USE bool workers_all_serve(const struct workers *workers, unsigned number);
MUST_USE bool workers_are_settled(const struct workers *workers, unsigned number);

/* worker_drain(), worker_stop() and worker_ask() of all. */
void workers_drain(const struct workers *workers, unsigned timeout, bool refuse);
void workers_stop(const struct workers *workers);
void workers_ask(const struct workers *workers);

/* Whether all have answered. */
MUST_USE bool workers_have_answered(const struct workers *workers);

/* worker_drains() of all. */
MUST_USE bool workers_drain_now(const struct workers *workers);

/* worker_count() of all together. */
void workers_count(const struct workers *workers, struct sessions_left *out);

/* Whether no worker has anything left to do. */
MUST_USE bool workers_have_ended(const struct workers *workers);

/* Waits for workers that were told to stop, and frees them. None is allowed. */
void workers_join(struct workers *workers);

#endif
