/*
 * privs: from root to the configured user, for good.
 */
#ifndef POSTERN_DAEMON_COMMON_PRIVS_H
#define POSTERN_DAEMON_COMMON_PRIVS_H

#include "lib/admin/conf.h"

#include <sys/types.h>

/*
 * Started as root: makes the directory `path` (its parent must be there) for conf->user, unless
 * something of that name is there already. What goes wrong shows when the directory is used.
 */
void privs_make_directory(const struct conf *conf, const char *path, mode_t mode);

/*
 * Started as root: makes the directory of a socket that Postfix is to reach, unless something of
 * that name is there already: it belongs to the milter's user, and what is made in it to Postfix's
 * group, if there is a user "postfix". What goes wrong shows when the socket is made.
 */
void privs_make_socket_directory(const struct conf *conf, const char *socket);

/*
 * Started as root: takes the user, primary and supplementary groups of `user`, irrevocably,
 * and forbids core dumps and ptrace (PR_SET_DUMPABLE 0). Not started as root: only the latter.
 * 0, or -1 with `*error` ("FILE:LINE: ..." for a user that does not exist or is root).
 */
MUST_USE int privs_drop(const struct conf *conf, const struct conf_text *user,
                        struct conf_error *error);

/* The uid of `user`. 0, or -1 with `*error`: "FILE:LINE: ..." for a user that does not exist. */
MUST_USE int privs_find_user(const struct conf *conf, const struct conf_text *user, uid_t *out,
                             struct conf_error *error);

#endif
