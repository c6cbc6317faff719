/*
 * inherited: descriptors that a supervisor passes at start (LISTEN_FDS, sd_listen_fds(3)).
 *
 * They come from a store in which an earlier process of the service put them (notify_store()), from
 * a socket unit, or from any program with this protocol; where from makes no difference. What they
 * are is read from them, not from their names: listening TCP sockets are known by their addresses,
 * the memory with the keys of tickets also by its name. Everything else is foreign.
 *
 * Names serve only to have a descriptor removed from the store, so each must have one of its own,
 * also over restarts: "l-" and a number. A listening socket that comes under another name gets a
 * new one.
 *
 * Only main's thread calls these.
 */
#ifndef POSTERN_DAEMON_POSTERND_INHERITED_H
#define POSTERN_DAEMON_POSTERND_INHERITED_H

#include "daemon/posternd/notify.h"
#include "lib/net/addr.h"

#include <limits.h>

/* The most descriptors that are taken; with a larger number all are ignored. */
#define INHERITED_MAX 4096

/* The network interface, which does not exist, to which a listening socket is bound when its
 * address is left (sockets_leave()). Only root can undo that: no process can use such a socket any
 * more. */
#define INHERITED_LEFT INT_MAX

/* The name of the memory with the keys of tickets. */
#define INHERITED_TICKETS "tickets"

/* Takes over what was passed to this process, and removes LISTEN_FDS, LISTEN_PID and
 * LISTEN_FDNAMES from the environment. Before anything else is opened. Numbers that are none, or
 * are not open descriptors, are ignored with a warning. */
void inherited_open(void);

/* The next listening socket that is bound to `at`, with its name: the caller's from now on. -1:
 * there is none any more. */
MUST_USE int inherited_listener(const struct addr *at, char name[NOTIFY_NAME_SIZE]);

/* Whether a listening socket of this port is held, also one of no use. */
bool inherited_has_port(uint16_t port);

/* The memory with the keys of tickets: the caller's from now on. -1: none. */
MUST_USE int inherited_tickets(void);

/* Closes what nobody has taken, and has it removed from the store; each is logged. */
void inherited_close(void);

/* A name for a listening socket that none has, or had. */
void inherited_new_name(char name[NOTIFY_NAME_SIZE]);

#endif
