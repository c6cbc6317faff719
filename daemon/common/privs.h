/*
 * privs: from root to the configured user, for good; and, in a tool, for a moment.
 */
#ifndef POSTERN_DAEMON_COMMON_PRIVS_H
#define POSTERN_DAEMON_COMMON_PRIVS_H

#include "lib/admin/conf.h"

#include <sys/types.h>

/* The most supplementary groups of an account that can be kept. */
#define PRIVS_GROUPS_MAX 256

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

/* What privs_return() gives back. */
struct privs_kept {
    bool changed;
    gid_t gid;
    gid_t groups[PRIVS_GROUPS_MAX];
    int num_groups;
};

/*
 * Started as root: from now on the system looks at this process as at one of `user`, with all its
 * groups, until privs_return(). Not started as root: nothing changes. False: there is no such user,
 * or it cannot be; nothing has changed.
 */
MUST_USE bool privs_borrow(const char *user, struct privs_kept *kept);

/* Root again, with the groups that it had. Where that fails the program ends. */
void privs_return(const struct privs_kept *kept);

/* The uid of `user`. 0, or -1 with `*error`: "FILE:LINE: ..." for a user that does not exist. */
MUST_USE int privs_find_user(const struct conf *conf, const struct conf_text *user, uid_t *out,
                             struct conf_error *error);

#endif
