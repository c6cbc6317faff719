#include "daemon/common/unixsocket.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

static struct sockaddr_un address_of(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    memcpy(address.sun_path, path, strnlen(path, sizeof address.sun_path - 1));
    return address;
}

/* Whether somebody answers at the address. */
static bool answers(const struct sockaddr_un *address)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    bool refused = fd >= 0 && connect(fd, (const struct sockaddr *)address, sizeof *address) != 0 &&
                   errno == ECONNREFUSED;

    if (fd >= 0) {
        close(fd);
    }
    return !refused;
}

const char *unixsocket_remove_stale(const char *path)
{
    struct sockaddr_un address = address_of(path);
    struct stat st;

    if (lstat(path, &st) != 0) {
        return errno == ENOENT ? NULL : strerror(errno);
    }
    if (!S_ISSOCK(st.st_mode)) {
        return "a file with this name exists and is not a socket";
    }
    if (answers(&address)) {
        errno = EADDRINUSE;
        return "another program is listening there";
    }
    return unlink(path) == 0 ? NULL : strerror(errno);
}

const char *unixsocket_listen(const char *path, int backlog, int flags, int *fd)
{
    struct sockaddr_un address = address_of(path);
    const char *wrong = unixsocket_remove_stale(path);
    mode_t mask;
    int bound;

    *fd = -1;
    if (wrong != NULL) {
        return wrong;
    }
    *fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
    if (*fd < 0) {
        return strerror(errno);
    }
    mask = umask(0117);
    bound = bind(*fd, (const struct sockaddr *)&address, sizeof address);
    umask(mask);
    if (bound == 0 && listen(*fd, backlog) == 0) {
        return NULL;
    }
    wrong = errno == ENOENT ? "its directory does not exist" : strerror(errno);
    close(*fd);
    *fd = -1;
    return wrong;
}

int unixsocket_connect(const char *path, long wait_ms)
{
    /* Not 0, which would mean for ever. */
    struct timeval wait = {.tv_sec = wait_ms / 1000, .tv_usec = wait_ms % 1000 * 1000 + 1};
    struct sockaddr_un address = address_of(path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd >= 0 && (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof wait) != 0 ||
                    connect(fd, (const struct sockaddr *)&address, sizeof address) != 0 ||
                    fcntl(fd, F_SETFL, O_NONBLOCK) != 0)) {
        int reason = errno;

        close(fd);
        errno = reason;
        return -1;
    }
    return fd;
}
