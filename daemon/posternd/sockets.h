/*
 * sockets: the listening sockets, known by their addresses.
 *
 * Every worker has its own for each address (SO_REUSEPORT), so the kernel distributes the clients.
 * They belong to main's thread, which takes those that the supervisor passes (inherited), binds
 * what is missing, and closes them when no worker uses them any more: they outlive a worker, the
 * configuration that named them and, in the supervisor's store, the process.
 *
 * None is ever closed for the number of workers: clients wait in it. Where more sockets come than
 * there are workers, worker w serves the sockets w, w + workers, ...; where there are fewer, and no
 * further one can be bound (the kernel lets only sockets of one user share an address, and a socket
 * unit's are root's), worker w shares socket w mod n with others.
 */
#ifndef POSTERN_DAEMON_POSTERND_SOCKETS_H
#define POSTERN_DAEMON_POSTERND_SOCKETS_H

#include "lib/admin/conf.h"

/* The sockets of one address. */
struct sockets_address;

/* Zeroed at first. Only main's thread changes it, and never while a worker reads it. */
struct sockets {
    struct sockets_address **addresses; /* owned array of owned */
    size_t num_addresses;
    unsigned num_workers;
};

/* Addresses at which a configuration listens. */
size_t sockets_count(const struct conf *conf);

/*
 * Opens what `conf` names and is not open yet: all or nothing. `num_workers` is the same at each
 * call. 0; or -1 with `*error` (the address's line and the system's reason) and errno, and `s` is
 * what it was.
 */
MUST_USE int sockets_open(struct sockets *s, const struct conf *conf, unsigned num_workers,
                          struct conf_error *error);

/* The sockets that a worker polls for address `address` of listener `listener` of an open conf:
 * `*num` of them, at least 1; borrowed, and unchanged until sockets_retain() closes them. */
const int *sockets_of(const struct sockets *s, const struct conf *conf, size_t listener,
                      size_t address, unsigned worker, size_t *num);

/* What an address of a listener is bound to, with the port that it got: borrowed. NULL if it is not
 * open: posternd stops, and nobody keeps its sockets. */
const struct addr *sockets_bound(const struct sockets *s, const struct conf *conf, size_t listener,
                                 size_t address);

/*
 * `conf`, which is open, is what new sessions are for. Sockets that it does not name take part in
 * no new connection any more: new clients find another socket that listens there, or are refused.
 * Those who are connected already, and wait, can still be accepted. If the address comes back, it
 * gets new sockets.
 */
void sockets_leave(struct sockets *s, const struct conf *conf);

/* `conf`, which is open, is what is served now. Closes what it does not name, here and in the
 * supervisor's store, where no worker polls it any more, and stores the rest. */
void sockets_retain(struct sockets *s, const struct conf *conf);

/* Logs "listening on ..." for each address of an open conf that `previous` (NULL: none) has not. */
void sockets_log(const struct sockets *s, const struct conf *conf, const struct conf *previous);

/* Closes all; what is stored remains in the store. A zeroed one is allowed. */
void sockets_close(struct sockets *s);

#endif
