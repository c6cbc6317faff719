/*
 * control: the control socket, where programs on this host query the daemon.
 *
 * It speaks the protocol of daemon/common/ctlprotocol.h. Every caller is accepted, but the callers
 * of each user are bounded (lib/net/shares), with reserved shares for root, for the daemon's own
 * user and for postern-milter's, and a flood ends its own callers. It belongs to main's thread and
 * costs no worker any time.
 */
#ifndef POSTERN_DAEMON_POSTERND_CONTROL_H
#define POSTERN_DAEMON_POSTERND_CONTROL_H

#include "lib/admin/conf.h"
#include "lib/net/shares.h"

#include <event2/event.h>

/* Clients at one time. */
#define CONTROL_CLIENTS_MAX SHARES_MAX

/* Log lines a minute about requests that were refused. */
#define CONTROL_REFUSALS_MAX 60

struct control;

/*
 * Listens on conf->control, mode 0660, owned by the present user: after the change of user, and
 * while there is no other thread yet. A leftover socket is replaced, one that answers is not.
 * `*out` is NULL if conf->control is "". 0, or -1 with `*error`; errno is EADDRINUSE if one
 * answers.
 */
MUST_USE int control_open(struct control **out, const struct conf *conf, struct event_base *base,
                          struct conf_error *error);

/* Closes all and removes the socket, if it is still ours. NULL is allowed. */
void control_close(struct control *control);

#endif
