/*
 * notify: what systemd, or another supervisor with its protocol, is told (sd_notify(3)).
 *
 * One datagram for each call, to the socket that $NOTIFY_SOCKET names; without it nothing happens
 * at all. Nothing is ever answered. A supervisor that does not read holds nobody up: the first call
 * without room waits for at most NOTIFY_WAIT_MS, later ones do not wait until one has got through
 * again. What could not be said is logged, at most once a minute.
 *
 * Only main's thread calls these.
 */
#ifndef POSTERN_DAEMON_POSTERND_NOTIFY_H
#define POSTERN_DAEMON_POSTERND_NOTIFY_H

#include "lib/base/bytes.h"

/* The longest wait of one call, in milliseconds. */
#define NOTIFY_WAIT_MS 1000

/* The longest name of a stored descriptor, NUL included. */
#define NOTIFY_NAME_SIZE 64

/* Takes $NOTIFY_SOCKET, $WATCHDOG_USEC and $WATCHDOG_PID from the environment. Before that, and
 * without it, all others do nothing. An address that is none is ignored with a warning. */
void notify_open(void);

/* Whether there is a supervisor to tell, which then keeps what notify_store() gives it. */
bool notify_is_open(void);

/* The start is complete, or a reload is over, whether it has succeeded or not. */
void notify_ready(void);

/* A reload begins; notify_ready() has to follow. */
void notify_reloading(void);

/* The end has begun. */
void notify_stopping(void);

/* Starting, reloading or stopping takes up to so many seconds from now on, longer than the unit's
 * time limit may say. */
void notify_extend(unsigned seconds);

/* All is well. */
void notify_watchdog(void);

/* What the supervisor waits for the next notify_watchdog(), in milliseconds, before it ends the
 * process. 0: it does not wait. */
unsigned notify_watchdog_limit(void);

/* A text of one line for people, for `systemctl status`. */
void notify_status(const char *text);

/*
 * The supervisor keeps a copy of `fd` (borrowed) under the name `name`, and passes it to the next
 * process of the service. A name has at most NOTIFY_NAME_SIZE - 1 letters, digits and hyphens. The
 * same descriptor twice counts once.
 */
void notify_store(int fd, const char *name);

/* The supervisor closes its copies of this name; "" is none. A listening socket that is closed here
 * only goes on taking connections, which nobody serves. */
void notify_remove(const char *name);

#endif
