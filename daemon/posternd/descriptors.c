#include "daemon/posternd/descriptors.h"

#include "daemon/common/log.h"

#include <errno.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    OF_WORKER = 5,  /* what a worker has open besides its sockets: eventfds, and its event loop's */
    OF_REST = 128,  /* libraries, files that are read, ... */
    KEPT = 16,      /* for the control socket, where sessions could use up everything */
    KEPT_FROM = 32, /* the lowest limit from which so many can be reserved */
};

/* The first of those that are reserved. */
static _Atomic rlim_t first_kept = RLIM_INFINITY;

/* Of which max_sessions it was said that the limit is too low; 0: of none. */
static unsigned warned_of;

void descriptors_limit(const struct conf *conf, unsigned num_workers, size_t num_listening,
                       unsigned num_control)
{
    rlim_t of_workers = (rlim_t)num_workers * (num_listening + OF_WORKER);
    rlim_t need = (rlim_t)conf->limits.max_sessions * 2 + of_workers + num_control + OF_REST;
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= need) {
        return;
    }
    limit.rlim_cur = need < limit.rlim_max ? need : limit.rlim_max;
    if (limit.rlim_cur < need && conf->limits.max_sessions != warned_of) {
        warned_of = conf->limits.max_sessions;
        log_line(LOG_WARNING, "max_sessions=%u needs %llu file descriptors, the limit is %llu",
                 conf->limits.max_sessions, (unsigned long long)need,
                 (unsigned long long)limit.rlim_cur);
    }
    if (limit.rlim_cur < need) {
        limit.rlim_cur -= limit.rlim_cur > KEPT_FROM ? KEPT : 0;
        first_kept = limit.rlim_cur;
    }
    (void)setrlimit(RLIMIT_NOFILE, &limit);
}

int descriptors_accept(int fd)
{
    struct rlimit limit;
    struct rlimit all;
    int client;
    int error;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
        return -1;
    }
    all = (struct rlimit){limit.rlim_max, limit.rlim_max};
    if (setrlimit(RLIMIT_NOFILE, &all) != 0) {
        return -1;
    }
    client = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    error = errno;
    /* Workers may have opened something in between: descriptors_own(). */
    (void)setrlimit(RLIMIT_NOFILE, &limit);
    errno = error;
    return client;
}

int descriptors_own(int fd)
{
    if (fd < 0 || (rlim_t)fd < first_kept) {
        return fd;
    }
    close(fd);
    errno = EMFILE;
    return -1;
}
