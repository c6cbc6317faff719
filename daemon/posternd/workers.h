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

/* Starts those of `snapshot` on `sockets`, which outlive them; `news_fd` as in worker.h. 0; or -1
 * after an error was logged, and then there are none. */
MUST_USE int workers_start(struct workers *workers, struct snapshot *snapshot,
                           const struct sockets *sockets, int news_fd);

/* worker_drain(), worker_stop() and worker_ask() of all. */
void workers_drain(const struct workers *workers);
void workers_stop(const struct workers *workers);
void workers_ask(const struct workers *workers);

/* Whether all have answered. */
MUST_USE bool workers_have_answered(const struct workers *workers);

/* Whether no worker has anything left to do. */
MUST_USE bool workers_have_ended(const struct workers *workers);

/* Waits for workers that were told to stop, and frees them. None is allowed. */
void workers_join(struct workers *workers);

#endif
