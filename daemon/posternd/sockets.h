/*
 * sockets: the listening sockets.
 *
 * Every worker has its own for each address (SO_REUSEPORT), so the kernel distributes the clients.
 * They belong to main's thread, which binds them while it may, and closes them when no worker uses
 * them any more: they outlive a worker, and the configuration that named them.
 */
#ifndef POSTERN_DAEMON_POSTERND_SOCKETS_H
#define POSTERN_DAEMON_POSTERND_SOCKETS_H

#include "lib/admin/conf.h"

/* Zeroed at first. */
struct sockets {
    int *fds;             /* owned array of owned: those of worker 0, of worker 1, ... */
    size_t num_addresses; /* each worker's: of the first listener, of the second, ... */
    unsigned num_workers;
};

/* Listening sockets that one worker needs. */
size_t sockets_count(const struct conf *conf);

/* Binds the sockets of this number of workers, and listens. 0; or -1 with `*error` (the address's
 * line and the system's reason), and nothing stays open. */
MUST_USE int sockets_open(struct sockets *out, const struct conf *conf, unsigned num_workers,
                          struct conf_error *error);

/* A worker's sockets, one for each address of each listener in the order of the conf; borrowed. */
const int *sockets_of(const struct sockets *s, unsigned worker);

/* Logs "listening on ..." for each address. */
void sockets_log(const struct sockets *s, const struct conf *conf);

/* Closes all; a zeroed one is allowed. */
void sockets_close(struct sockets *s);

#endif
