#include "daemon/common/privs.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

/* getpwnam()'s ways to say that there is no such user, or an error. */
static const char *why_unknown(int error)
{
    return error == 0 || error == ENOENT || error == ESRCH ? "no such user" : strerror(error);
}

/* True if no way leads back to root. */
static bool dropped_for_good(const struct passwd *user)
{
    uid_t real, effective, saved;
    gid_t real_group, effective_group, saved_group;

    if (getresuid(&real, &effective, &saved) != 0 ||
        getresgid(&real_group, &effective_group, &saved_group) != 0) {
        return false;
    }
    return real == user->pw_uid && effective == user->pw_uid && saved == user->pw_uid &&
           real_group == user->pw_gid && effective_group == user->pw_gid &&
           saved_group == user->pw_gid && setuid(0) != 0 && seteuid(0) != 0;
}

/* The account of `user`, or NULL with `*error`. */
static const struct passwd *account(const struct conf *conf, const struct conf_text *user,
                                    struct conf_error *error)
{
    const struct passwd *found;

    errno = 0;
    found = getpwnam(user->text);
    if (found == NULL) {
        (void)conf_fail(error, conf, user->line, "user \"%s\": %s", user->text, why_unknown(errno));
    }
    return found;
}

static int become(const struct conf *conf, const struct conf_text *as, struct conf_error *error)
{
    const struct passwd *user = account(conf, as, error);

    if (user == NULL) {
        return -1;
    }
    if (user->pw_uid == 0) {
        return conf_fail(error, conf, as->line, "user \"%s\": must not be root", as->text);
    }
    if (initgroups(as->text, user->pw_gid) != 0 ||
        setresgid(user->pw_gid, user->pw_gid, user->pw_gid) != 0 ||
        setresuid(user->pw_uid, user->pw_uid, user->pw_uid) != 0) {
        return conf_fail(error, conf, as->line, "cannot switch to user \"%s\": %s", as->text,
                         strerror(errno));
    }
    if (!dropped_for_good(user)) {
        return conf_fail(error, conf, as->line,
                         "cannot switch to user \"%s\": root can be regained", as->text);
    }
    return 0;
}

void privs_return(const struct privs_kept *kept)
{
    if (kept->changed && (seteuid(0) != 0 || setegid(kept->gid) != 0 ||
                          setgroups((size_t)kept->num_groups, kept->groups) != 0)) {
        perror("cannot switch back to root");
        abort();
    }
}

bool privs_borrow(const char *user, struct privs_kept *kept)
{
    const struct passwd *found;

    *kept = (struct privs_kept){.gid = getegid()};
    if (geteuid() != 0) {
        return true;
    }
    found = getpwnam(user);
    kept->num_groups = getgroups(PRIVS_GROUPS_MAX, kept->groups);
    if (found == NULL || kept->num_groups < 0) {
        return false;
    }
    kept->changed = true;
    if (initgroups(user, found->pw_gid) != 0 || setegid(found->pw_gid) != 0 ||
        seteuid(found->pw_uid) != 0) {
        privs_return(kept);
        return false;
    }
    return true;
}

int privs_find_user(const struct conf *conf, const struct conf_text *user, uid_t *out,
                    struct conf_error *error)
{
    const struct passwd *found = account(conf, user, error);

    if (found == NULL) {
        return -1;
    }
    *out = found->pw_uid;
    return 0;
}

void privs_make_directory(const struct conf *conf, const char *path, mode_t mode)
{
    const struct passwd *user = geteuid() == 0 ? getpwnam(conf->user.text) : NULL;

    if (user != NULL && mkdir(path, mode) == 0) {
        (void)!chown(path, user->pw_uid, user->pw_gid);
    }
}

void privs_make_socket_directory(const struct conf *conf, const char *socket)
{
    const struct passwd *user = geteuid() == 0 ? getpwnam("postfix") : NULL;
    const char *slash = strrchr(socket, '/');
    gid_t group = user == NULL ? (gid_t)-1 : user->pw_gid;
    char path[ADDR_PATH_SIZE];

    if (geteuid() != 0 || slash == NULL || slash == socket) {
        return;
    }
    snprintf(path, sizeof path, "%.*s", (int)(slash - socket), socket);
    user = getpwnam(conf_milter_user(conf)->text);
    if (user != NULL && mkdir(path, 0750) == 0) {
        /* The mode last: a change of owner removes the set-group-ID bit. */
        (void)!chown(path, user->pw_uid, group == (gid_t)-1 ? user->pw_gid : group);
        (void)!chmod(path, 02750);
    }
}

int privs_drop(const struct conf *conf, const struct conf_text *user, struct conf_error *error)
{
    if (geteuid() == 0 && become(conf, user, error) != 0) {
        return -1;
    }
    /* After the change of user, which sets the flag again. */
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) {
        return conf_fail(error, conf, user->line, "cannot disable core dumps: %s", strerror(errno));
    }
    return 0;
}
