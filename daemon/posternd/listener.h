/*
 * listener: listening sockets, and the sessions that begin on them.
 *
 * Every worker has a socket of its own for each address (SO_REUSEPORT), so the kernel spreads the
 * clients.
 */
#ifndef POSTERN_DAEMON_POSTERND_LISTENER_H
#define POSTERN_DAEMON_POSTERND_LISTENER_H

#include "daemon/posternd/worker.h"
#include "lib/base/pace.h"

#include <event2/event_struct.h>

struct listener {
    struct worker *worker;            /* borrowed */
    const struct conf_listener *conf; /* borrowed from the worker's snapshot */
    struct tls_listener *tls;         /* borrowed from the worker's snapshot */
    int fd;                           /* owned; -1 when closed */
    struct addr bound;                /* what it is bound to */
    bool any_address;                 /* bound to 0.0.0.0 or [::] */
    struct event event;               /* registered while fd is there */
    struct event pause;               /* pending while accepting pauses */
    struct pace pauses;               /* of lines about pauses */
};

/* Listening sockets that one worker needs. */
size_t listener_count(const struct conf *conf);

/*
 * Binds listener_count() sockets for each of `num_workers` workers: worker w's begin at
 * fds[w * listener_count()]. On failure nothing stays open and -1 is returned with `*error` (the
 * address's line and the system's reason).
 */
MUST_USE int listener_bind_all(const struct conf *conf, unsigned num_workers, int *fds,
                               struct conf_error *error);

/* Logs "listening on ..." for each address, as one worker's sockets `fds` are bound. */
void listener_log_all(const struct conf *conf, const int *fds);

/* Starts accepting on `fd` (owned from now on, also on failure) for listener `index` of the
 * worker's conf. 0 or -1. */
MUST_USE int listener_open(struct listener *l, struct worker *worker, size_t index, int fd);

void listener_close(struct listener *l);

#endif
