#include "daemon/common/privs.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
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

static int become(const struct conf *conf, struct conf_error *error)
{
    const char *name = conf->user.text;
    const struct passwd *user;

    errno = 0;
    user = getpwnam(name);
    if (user == NULL) {
        return conf_fail(error, conf, conf->user.line, "user \"%s\": %s", name, why_unknown(errno));
    }
    if (user->pw_uid == 0) {
        return conf_fail(error, conf, conf->user.line, "user \"%s\": must not be root", name);
    }
    if (initgroups(name, user->pw_gid) != 0 ||
        setresgid(user->pw_gid, user->pw_gid, user->pw_gid) != 0 ||
        setresuid(user->pw_uid, user->pw_uid, user->pw_uid) != 0) {
        return conf_fail(error, conf, conf->user.line, "cannot become user \"%s\": %s", name,
                         strerror(errno));
    }
    if (!dropped_for_good(user)) {
        return conf_fail(error, conf, conf->user.line,
                         "cannot become user \"%s\": root can be taken back", name);
    }
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
    user = getpwnam(conf->user.text);
    if (user != NULL && mkdir(path, 0750) == 0) {
        /* The mode last: a change of owner takes the set-group-ID bit away. */
        (void)!chown(path, user->pw_uid, group == (gid_t)-1 ? user->pw_gid : group);
        (void)!chmod(path, 02750);
    }
}

int privs_drop(const struct conf *conf, struct conf_error *error)
{
    if (geteuid() == 0 && become(conf, error) != 0) {
        return -1;
    }
    /* After the change of user: that sets the flag anew. */
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) {
        return conf_fail(error, conf, conf->user.line, "cannot forbid core dumps: %s",
                         strerror(errno));
    }
    return 0;
}
