/*
 * postfix_config: what Postfix needs for a configuration, as text for master.cf.
 *
 * Promise: everything printed is a line of master.cf or a comment, so that all of it can be put
 * there. May include: lib/admin/conf, postconf.
 */
#ifndef POSTERN_DAEMON_POSTERNCTL_POSTFIX_CONFIG_H
#define POSTERN_DAEMON_POSTERNCTL_POSTFIX_CONFIG_H

#include "daemon/posternctl/postconf.h"
#include "lib/admin/conf.h"

#include <stdio.h>

/* Prints the services for all backends, and what this machine's Postfix settings mean behind
 * posternd. 0, or -1 with `*error`: an address that Postfix cannot have. */
MUST_USE int postfix_config(const struct conf *conf, FILE *out, struct conf_error *error);

/* The second part: a comment for each setting of `postfix` with no or another effect. */
void postfix_notes(const struct conf *conf, const struct postconf *postfix, FILE *out);

#endif
