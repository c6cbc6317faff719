/*
 * privs: from root to the configured user, permanently; and, in a tool, for a moment.
 */
#ifndef POSTERN_DAEMON_COMMON_PRIVS_H
#define POSTERN_DAEMON_COMMON_PRIVS_H

#include "lib/admin/conf.h"

#include <sys/types.h>

/* The most supplementary groups of an account that can be kept. */
#define PRIVS_GROUPS_MAX 256

/*
 * If started as root: creates the directory `path` (its parent must exist) for conf->user, unless
 * something with that name exists. Errors show when the directory is used.
 */
void privs_make_directory(const struct conf *conf, const char *path, mode_t mode);

/*
 * If started as root: creates the directory of a socket for Postfix, unless something with that
 * name exists. It belongs to the milter's user, and what is created in it to Postfix's group, if
 * there is a user "postfix". Errors show when the socket is created.
 */
void privs_make_socket_directory(const struct conf *conf, const char *socket);

/*
 * If started as root: switches irrevocably to the user, primary and supplementary groups of `user`,
 * and disables core dumps and ptrace (PR_SET_DUMPABLE 0). Not started as root: only the latter. 0,
 * or -1 with `*error` ("FILE:LINE: ..." for a user that does not exist or is root).
 */
MUST_USE int privs_drop(const struct conf *conf, const struct conf_text *user,
                        struct conf_error *error);

/* What privs_return() restores. */
struct privs_kept {
    bool changed;
    gid_t gid;
    gid_t groups[PRIVS_GROUPS_MAX];
    int num_groups;
};

/*
 * If started as root: from now on the system treats this process as one of `user`, with all its
 * groups, until privs_return(). Not started as root: nothing changes. False: there is no such user,
 * or the change is impossible; nothing has changed.
 */
MUST_USE bool privs_borrow(const char *user, struct privs_kept *kept);

/* Root again, with its earlier groups. If that fails, the program ends. */
void privs_return(const struct privs_kept *kept);

/* The uid of `user`. 0, or -1 with `*error`: "FILE:LINE: ..." for a user that does not exist. */
MUST_USE int privs_find_user(const struct conf *conf, const struct conf_text *user, uid_t *out,
                             struct conf_error *error);

#endif
