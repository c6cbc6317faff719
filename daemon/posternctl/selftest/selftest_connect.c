/*
 * Theory of operation: posternd is not root, so what root may connect to proves nothing for it.
 * Started as root, selftest therefore connects to a backend with the effective user and groups of
 * posternd's account, as the system would give them at its next start, and is root again before it
 * sends anything. Whatever else root can read (keys, the control socket) is read as root.
 */
#include "daemon/common/privs.h"
#include "daemon/posternctl/selftest/selftest.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- as whom -------------------------------------------------------------------------------- */

bool selftest_connects_as(const char *user)
{
    const struct passwd *found = getpwnam(user);

    return found != NULL && (geteuid() == 0 || geteuid() == found->pw_uid);
}

bool selftest_open(const struct selftest *t, struct smtpclient *c, const struct endpoint *address)
{
    struct privs_kept kept;
    bool borrowed = privs_borrow(t->conf->user.text, &kept);
    bool open = smtpclient_open(c, address, SELFTEST_CONNECT);

    if (borrowed) {
        privs_return(&kept);
    }
    return open;
}

/* --- what is closed ------------------------------------------------------------------------- */

/* The first directory of a path, or the socket itself, that `user` may not pass; false: none. */
static bool find_closed(const char *user, const char *path, char out[ADDR_PATH_SIZE])
{
    struct privs_kept kept;
    bool closed = false;

    if (!privs_borrow(user, &kept)) {
        return false;
    }
    for (size_t len = 1; !closed && len <= strlen(path); len++) {
        bool whole = path[len] == '\0';

        if (whole || path[len] == '/') {
            snprintf(out, ADDR_PATH_SIZE, "%.*s", (int)len, path);
            closed =
                faccessat(AT_FDCWD, out, whole ? W_OK : X_OK, AT_EACCESS) != 0 && errno == EACCES;
        }
    }
    privs_return(&kept);
    return closed;
}

static const char *name_of_user(uid_t uid, char out[32])
{
    const struct passwd *found = getpwuid(uid);

    if (found == NULL) {
        snprintf(out, 32, "%u", (unsigned)uid);
    } else {
        snprintf(out, 32, "%s", found->pw_name);
    }
    return out;
}

void selftest_closed(const char *user, const char *path, const char *restart,
                     char text[SELFTEST_TEXT_SIZE], char cure[SELFTEST_CURE_SIZE])
{
    char at[ADDR_PATH_SIZE];
    char owner[32];
    struct stat info;
    const struct group *group;

    cure[0] = '\0';
    if (!find_closed(user, path, at) || stat(at, &info) != 0) {
        snprintf(text, SELFTEST_TEXT_SIZE, "user %s may not connect to it", user);
        return;
    }
    group = getgrgid(info.st_gid);
    snprintf(text, SELFTEST_TEXT_SIZE,
             "user %s may not connect to it: %s is closed to it (owner %s, group %s, mode %04o)",
             user, at, name_of_user(info.st_uid, owner), group == NULL ? "unknown" : group->gr_name,
             (unsigned)info.st_mode & 07777);
    if (group != NULL && info.st_gid != 0 &&
        (info.st_mode & (S_ISDIR(info.st_mode) ? S_IXGRP : S_IWGRP)) != 0) {
        snprintf(cure, SELFTEST_CURE_SIZE, "usermod -aG %s %s && %s", group->gr_name, user,
                 restart);
    }
}

/* --- no connection -------------------------------------------------------------------------- */

/* What is at a path where no program listens, if Postfix did not create it. */
static void look_at_socket(const struct selftest *t, const char *path, char *out, size_t size)
{
    const struct passwd *found;
    struct stat info;
    char owner[32];

    out[0] = '\0';
    if (path[0] == '\0' || lstat(path, &info) != 0) {
        return;
    }
    found = getpwnam(selftest_mail_owner(t));
    if (!S_ISSOCK(info.st_mode)) {
        snprintf(out, size, "; the file there is not a socket");
    } else if (info.st_uid != 0 && (found == NULL || found->pw_uid != info.st_uid)) {
        snprintf(out, size, "; the socket there belongs to user %s, not to Postfix",
                 name_of_user(info.st_uid, owner));
    }
}

static void tell_denied(const struct selftest_asked *a, const char *why)
{
    const char *user = a->t->conf->user.text;
    char text[SELFTEST_TEXT_SIZE];
    char cure[SELFTEST_CURE_SIZE];

    if (!selftest_connects_as(user)) {
        selftest_not_checked(a->t, "connect", a->name,
                             "this account may not connect (%s): run it as root or posternd's user",
                             why);
        return;
    }
    selftest_closed(user, a->address->path, "systemctl restart postern", text, cure);
    selftest_fault(a->t, "connect", a->name, cure, "%s", text);
}

void selftest_tell_no_connection(const struct selftest_asked *a, const struct smtpclient *c)
{
    const struct selftest *t = a->t;
    char cure[SELFTEST_CURE_SIZE];
    char socket[128];
    struct postconf_service service;
    const char *state = "";

    if (c->trouble == SMTPCLIENT_DENIED) {
        tell_denied(a, c->why);
        return;
    }
    if (selftest_master(t) == SELFTEST_MASTER_STOPPED) {
        state = "; Postfix is not running";
    } else if (postconf_known(&t->postfix) && postconf_at(&t->postfix, a->address, &service)) {
        state = "; master.cf has the service";
    }
    look_at_socket(t, a->address->path, socket, sizeof socket);
    selftest_cure_nobody(t, a->address, cure);
    selftest_fault(a->t, "connect", a->name, cure, "cannot be reached: %s%s%s", c->why, state,
                   socket);
}
