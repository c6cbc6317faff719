/*
 * spread: which worker serves which of an address's listening sockets.
 *
 * Promise: each worker has at least one, and each socket at least one worker. With as many sockets
 * as workers or more, worker w has the sockets w, w + workers, ...; with fewer, it shares socket
 * w mod sockets with others.
 */
#ifndef POSTERN_LIB_NET_SPREAD_H
#define POSTERN_LIB_NET_SPREAD_H

#include "lib/base/bytes.h"

/* How many of `num` sockets (at least 1) a worker serves. */
size_t spread_count(size_t num, unsigned num_workers, unsigned worker);

/* The index of the i-th of them, below `num`. */
size_t spread_at(size_t num, unsigned num_workers, unsigned worker, size_t i);

#endif
