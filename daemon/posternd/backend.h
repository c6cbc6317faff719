/*
 * backend: the connection to the mail server behind us, which learns who the client is.
 */
#ifndef POSTERN_DAEMON_POSTERND_BACKEND_H
#define POSTERN_DAEMON_POSTERND_BACKEND_H

#include "lib/admin/conf.h"

/* Starts a non-blocking connection; returns its socket, or -1 with errno. The connection is
 * established when the socket can be written and backend_connected() returns 0. */
MUST_USE int backend_connect(const struct endpoint *to);

/* 0 if the connection is established, otherwise the errno of the failure. */
int backend_connected(int fd);

/*
 * Sends the PROXY header of version `how` in one separate write, because Postfix reads it in one
 * piece or not at all. 0, or -1 with errno (EMSGSIZE if only a part went out).
 */
MUST_USE int backend_announce(int fd, enum conf_client_address how, const struct addr *client,
                              const struct addr *destination);

#endif
