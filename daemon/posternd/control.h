/*
 * control: the control socket, where programs of this host ask the daemon.
 *
 * It speaks the protocol of daemon/common/ctlprotocol.h. Every caller gets in: what each user can
 * have at one time is bounded (lib/net/shares), with a share of their own for root, for the
 * daemon's own user and for postern-milter's, and a flood ends its own callers. It belongs to
 * main's thread and takes no worker's time.
 */
#ifndef POSTERN_DAEMON_POSTERND_CONTROL_H
#define POSTERN_DAEMON_POSTERND_CONTROL_H

#include "lib/admin/conf.h"
#include "lib/net/shares.h"

#include <event2/event.h>

/* Clients at one time. */
#define CONTROL_CLIENTS_MAX SHARES_MAX

/* Lines in the log in a minute about requests that were refused. */
#define CONTROL_REFUSALS_MAX 60

struct control;

/*
 * Listens on conf->control, mode 0660, owned by who we are now: after the change of user, and while
 * there is no other thread yet. A socket that is left over is replaced, one that answers is not.
 * `*out` is NULL where conf->control is "". 0, or -1 with `*error`.
 */
MUST_USE int control_open(struct control **out, const struct conf *conf, struct event_base *base,
                          struct conf_error *error);

/* Closes all and removes the socket, if it is still ours. NULL is allowed. */
void control_close(struct control *control);

#endif
