/*
 * descriptors: how many files posternd may have open, and what is kept of them for the control
 * socket.
 *
 * A session needs two. Where the limit is too low for max_sessions, the soft limit stays a little
 * below the hard one, so that sessions cannot use up what lies between: postern-milter, without
 * whom there is no mail, and root can still be heard.
 */
#ifndef POSTERN_DAEMON_POSTERND_DESCRIPTORS_H
#define POSTERN_DAEMON_POSTERND_DESCRIPTORS_H

#include "lib/admin/conf.h"

/* Raises the limit to what `conf` needs with so many workers, each with `num_listening` sockets,
 * and `num_control` clients of the control socket; a warning if that cannot be. Before workers
 * start. */
void descriptors_limit(const struct conf *conf, unsigned num_workers, size_t num_listening,
                       unsigned num_control);

/* accept4() of a non-blocking socket on `fd`, where accept4() itself has just failed for want of a
 * descriptor, out of what is kept. -1 with errno if there is nothing left of it either. */
MUST_USE int descriptors_accept(int fd);

/* For each descriptor of a session when it is opened: `fd`, or, if it is one of those that are
 * kept, for a moment of descriptors_accept() has let it through, -1 with EMFILE, and it is closed.
 * -1 is returned as it is, with its errno. From any thread. */
MUST_USE int descriptors_own(int fd);

#endif
