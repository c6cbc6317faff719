/*
 * service: Postfix's policy service, the same rules for setups without milters.
 */
#ifndef POSTERN_DAEMON_POSTERN_MILTER_SERVICE_H
#define POSTERN_DAEMON_POSTERN_MILTER_SERVICE_H

#include "lib/admin/conf.h"

/* Connections at one time; each smtpd(8) has one. */
#define SERVICE_CONNECTIONS_MAX 1000

/* Listens at conf->milter.policy_socket, if there is one. `conf` must outlive it. 0, or -1 with
 * `*error`. */
MUST_USE int service_open(const struct conf *conf, struct conf_error *error);

/* Starts to serve, in separate threads. 0, or -1 with errno. */
MUST_USE int service_start(void);

/* Removes the socket. Threads continue until the process ends. */
void service_close(void);

#endif
