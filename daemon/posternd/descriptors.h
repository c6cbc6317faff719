/*
 * descriptors: how many files posternd may have open, and how many are reserved for the control
 * socket.
 *
 * A session needs two. If the limit is too low for max_sessions, the soft limit stays slightly
 * below the hard one, so that sessions cannot use up what is between: postern-milter, without which
 * there is no mail, and root can still connect.
 */
#ifndef POSTERN_DAEMON_POSTERND_DESCRIPTORS_H
#define POSTERN_DAEMON_POSTERND_DESCRIPTORS_H

#include "lib/admin/conf.h"

/* Raises the limit to what `conf` needs with so many workers, each with `num_listening` sockets,
 * and `num_control` clients of the control socket; a warning if that is impossible (once for a
 * max_sessions). It never becomes lower. In main's thread. */
void descriptors_limit(const struct conf *conf, unsigned num_workers, size_t num_listening,
                       unsigned num_control);

/* accept4() of a non-blocking socket on `fd` with a reserved descriptor, after accept4() itself has
 * just failed for lack of one. -1 with errno if no reserved one is left either. */
MUST_USE int descriptors_accept(int fd);

/* Call it for each descriptor of a session when it is opened: returns `fd`; or, if it is a reserved
 * one, which descriptors_accept() can let through for a moment, closes it and returns -1 with
 * EMFILE. -1 is returned unchanged, with its errno. From any thread. */
MUST_USE int descriptors_own(int fd);

#endif
