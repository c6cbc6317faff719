#include "daemon/common/sockaddr.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

static socklen_t unix_from(const char *path, struct sockaddr_storage *out)
{
    struct sockaddr_un sun = {.sun_family = AF_UNIX};

    snprintf(sun.sun_path, sizeof sun.sun_path, "%s", path);
    memcpy(out, &sun, sizeof sun);
    return sizeof sun;
}

socklen_t sockaddr_from(const struct endpoint *e, struct sockaddr_storage *out)
{
    struct sockaddr_in6 sin6 = {.sin6_family = AF_INET6, .sin6_port = htons(e->ip.port)};
    struct sockaddr_in sin = {.sin_family = AF_INET, .sin_port = htons(e->ip.port)};

    switch (e->ip.family) {
    case ADDR_IPV4:
        memcpy(&sin.sin_addr, e->ip.ip, sizeof sin.sin_addr);
        memcpy(out, &sin, sizeof sin);
        return sizeof sin;
    case ADDR_IPV6:
        memcpy(&sin6.sin6_addr, e->ip.ip, sizeof sin6.sin6_addr);
        memcpy(out, &sin6, sizeof sin6);
        return sizeof sin6;
    case ADDR_NONE:
        break;
    }
    return unix_from(e->path, out);
}

struct addr sockaddr_to(const struct sockaddr_storage *sa)
{
    struct addr a = {0};
    struct sockaddr_in6 sin6;
    struct sockaddr_in sin;

    if (sa->ss_family == AF_INET) {
        memcpy(&sin, sa, sizeof sin);
        a.family = ADDR_IPV4;
        a.port = ntohs(sin.sin_port);
        memcpy(a.ip, &sin.sin_addr, sizeof sin.sin_addr);
    } else if (sa->ss_family == AF_INET6) {
        memcpy(&sin6, sa, sizeof sin6);
        a.family = ADDR_IPV6;
        a.port = ntohs(sin6.sin6_port);
        memcpy(a.ip, &sin6.sin6_addr, sizeof sin6.sin6_addr);
    }
    return a;
}

struct addr sockaddr_local(int fd)
{
    struct sockaddr_storage sa = {0};
    socklen_t len = sizeof sa;

    if (getsockname(fd, (struct sockaddr *)&sa, &len) != 0) {
        return (struct addr){0};
    }
    return sockaddr_to(&sa);
}

/* A datagram socket that `join`, connect() or bind(), has given the address and `port`: returns its
 * own address; family ADDR_NONE if that was refused, `a` itself if there is no socket. */
static struct addr joined(int (*join)(int, const struct sockaddr *, socklen_t),
                          const struct addr *a, uint16_t port)
{
    struct endpoint at = {.ip = *a};
    struct sockaddr_storage sa = {0};
    struct addr own = {0};
    socklen_t len;
    int fd;

    at.ip.port = port;
    len = sockaddr_from(&at, &sa);
    fd = socket(sa.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return *a;
    }
    if (join(fd, (struct sockaddr *)&sa, len) == 0) {
        own = sockaddr_local(fd);
    }
    close(fd);
    return own;
}

static bool can_be_bound(const struct addr *a)
{
    struct addr own = joined(bind, a, 0);

    return addr_same_ip(&own, a);
}

bool sockaddr_is_host(const struct addr *a)
{
    /* One of the addresses reserved for future use (RFC 1112 section 4): it belongs to nobody. */
    static const struct addr nobody = {.family = ADDR_IPV4, .ip = {240, 0, 0, 1}};
    struct addr source = joined(connect, a, 9); /* discard: no datagram is ever sent */

    if (addr_same_ip(&source, a)) {
        return true;
    }
    /* Of several IPv4 addresses in one network the first is the source, also to the others. */
    return a->family == ADDR_IPV4 && can_be_bound(a) && !can_be_bound(&nobody);
}
