#include "daemon/posternd/sockets.h"

#include "daemon/common/log.h"
#include "daemon/common/sockaddr.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

size_t sockets_count(const struct conf *conf)
{
    size_t num = 0;

    for (size_t i = 0; i < conf->num_listeners; i++) {
        num += conf_bound(&conf->listeners[i]).num;
    }
    return num;
}

static void set_on(int fd, int level, int option)
{
    (void)setsockopt(fd, level, option, &(int){1}, sizeof(int));
}

/* A socket bound to `at`, or -1 with errno. */
static int bind_one(const struct endpoint *at, bool shared)
{
    struct sockaddr_storage sa = {0};
    socklen_t len = sockaddr_from(at, &sa);
    int fd = socket(sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0) {
        return -1;
    }
    set_on(fd, SOL_SOCKET, SO_REUSEADDR);
    if (shared) {
        set_on(fd, SOL_SOCKET, SO_REUSEPORT);
    }
    if (sa.ss_family == AF_INET6) {
        set_on(fd, IPPROTO_IPV6, IPV6_V6ONLY);
    }
    /* Accepted sockets inherit it: replies in two writes must not wait for each other. */
    set_on(fd, IPPROTO_TCP, TCP_NODELAY);
    if (bind(fd, (struct sockaddr *)&sa, len) != 0) {
        int error = errno;

        close(fd);
        errno = error;
        return -1;
    }
    return fd;
}

/* SO_REUSEPORT would hide a port that is in use, so the address is bound once without it. */
static int probe(const struct endpoint *at)
{
    int fd;

    if (at->ip.port == 0) {
        return 0;
    }
    fd = bind_one(at, false);
    if (fd < 0) {
        return -1;
    }
    close(fd);
    return 0;
}

/* Every worker's socket for the address `index`. Port 0 becomes the port that the first one got. */
static int bind_address(struct sockets *s, size_t index, const struct conf_endpoint *address)
{
    struct endpoint at = address->endpoint;

    if (probe(&at) != 0) {
        return -1;
    }
    for (unsigned w = 0; w < s->num_workers; w++) {
        int fd = bind_one(&at, true);

        if (fd < 0) {
            return -1;
        }
        s->fds[w * s->num_addresses + index] = fd;
        if (listen(fd, SOMAXCONN) != 0) {
            return -1;
        }
        at.ip = sockaddr_local(fd);
    }
    return 0;
}

int sockets_open(struct sockets *out, const struct conf *conf, unsigned num_workers,
                 struct conf_error *error)
{
    size_t num = sockets_count(conf);
    size_t at = 0;

    *out = (struct sockets){.num_addresses = num, .num_workers = num_workers};
    out->fds = malloc(num * num_workers * sizeof *out->fds);
    if (out->fds == NULL) {
        return conf_fail(error, conf, 0, "out of memory");
    }
    memset(out->fds, -1, num * num_workers * sizeof *out->fds);
    for (size_t l = 0; l < conf->num_listeners; l++) {
        struct conf_bound bound = conf_bound(&conf->listeners[l]);

        for (size_t a = 0; a < bound.num; a++, at++) {
            const struct conf_endpoint *address = &bound.addresses[a];

            if (bind_address(out, at, address) != 0) {
                char text[ADDR_PATH_SIZE + 8];
                int reason = errno;

                sockets_close(out);
                endpoint_text(&address->endpoint, text, sizeof text);
                return conf_fail(error, conf, address->line, "cannot listen on %s: %s", text,
                                 strerror(reason));
            }
        }
    }
    return 0;
}

const int *sockets_of(const struct sockets *s, unsigned worker)
{
    return &s->fds[worker * s->num_addresses];
}

void sockets_log(const struct sockets *s, const struct conf *conf)
{
    const int *fds = sockets_of(s, 0);
    char text[ADDR_TEXT_SIZE];

    for (size_t l = 0; l < conf->num_listeners; l++) {
        size_t num = conf_bound(&conf->listeners[l]).num;

        for (size_t a = 0; a < num; a++, fds++) {
            struct addr bound = sockaddr_local(*fds);

            log_line(LOG_INFO, "listening on [%s]:%u listener=%s", addr_text(&bound, text),
                     bound.port, conf->listeners[l].name);
        }
    }
}

void sockets_close(struct sockets *s)
{
    for (size_t i = 0; s->fds != NULL && i < s->num_addresses * s->num_workers; i++) {
        if (s->fds[i] >= 0) {
            close(s->fds[i]);
        }
    }
    free(s->fds);
    *s = (struct sockets){0};
}
