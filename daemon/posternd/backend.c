#include "daemon/posternd/backend.h"

#include "daemon/common/sockaddr.h"
#include "daemon/posternd/descriptors.h"
#include "lib/net/proxyproto.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>

int backend_connect(const struct endpoint *to)
{
    struct sockaddr_storage sa = {0};
    socklen_t len = sockaddr_from(to, &sa);
    int fd = descriptors_own(socket(sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    int error;

    if (fd < 0) {
        return -1;
    }
    if (sa.ss_family != AF_UNIX) {
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    }
    if (connect(fd, (struct sockaddr *)&sa, len) == 0 || errno == EINPROGRESS) {
        return fd;
    }
    error = errno;
    close(fd);
    errno = error;
    return -1;
}

int backend_connected(int fd)
{
    int error = 0;
    socklen_t len = sizeof error;

    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0) {
        return errno;
    }
    return error;
}

int backend_announce(int fd, enum conf_client_address how, const struct addr *client,
                     const struct addr *destination)
{
    uint8_t header[PROXYPROTO_MAX];
    size_t len = how == CONF_PROXY_V1 ? proxyproto_v1(header, client, destination)
                                      : proxyproto_v2(header, client, destination);
    ssize_t put = send(fd, header, len, MSG_NOSIGNAL);

    if (put < 0) {
        return -1;
    }
    if ((size_t)put != len) {
        errno = EMSGSIZE;
        return -1;
    }
    return 0;
}
