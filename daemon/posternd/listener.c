#include "daemon/posternd/listener.h"

#include "daemon/common/log.h"
#include "daemon/common/sockaddr.h"
#include "daemon/posternd/descriptors.h"
#include "daemon/posternd/session.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <unistd.h>

/* Clients accepted before other events get their turn. */
enum { ACCEPT_BATCH = 64 };

size_t listener_count(const struct conf *conf)
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

/* Every worker's socket for one address. Port 0 becomes the port that the first one got. */
static int bind_address(const struct conf_endpoint *address, unsigned num_workers, size_t stride,
                        int *fds)
{
    struct endpoint at = address->endpoint;

    if (probe(&at) != 0) {
        return -1;
    }
    for (unsigned w = 0; w < num_workers; w++) {
        int fd = bind_one(&at, true);

        if (fd < 0) {
            return -1;
        }
        fds[w * stride] = fd;
        if (listen(fd, SOMAXCONN) != 0) {
            return -1;
        }
        at.ip = sockaddr_local(fd);
    }
    return 0;
}

static void close_all(int *fds, size_t num)
{
    for (size_t i = 0; i < num; i++) {
        if (fds[i] >= 0) {
            close(fds[i]);
            fds[i] = -1;
        }
    }
}

int listener_bind_all(const struct conf *conf, unsigned num_workers, int *fds,
                      struct conf_error *error)
{
    size_t stride = listener_count(conf);
    size_t at = 0;

    memset(fds, -1, stride * num_workers * sizeof *fds);
    for (size_t l = 0; l < conf->num_listeners; l++) {
        struct conf_bound bound = conf_bound(&conf->listeners[l]);

        for (size_t a = 0; a < bound.num; a++, at++) {
            const struct conf_endpoint *address = &bound.addresses[a];

            if (bind_address(address, num_workers, stride, &fds[at]) != 0) {
                char text[ADDR_PATH_SIZE + 8];
                int reason = errno;

                close_all(fds, stride * num_workers);
                endpoint_text(&address->endpoint, text, sizeof text);
                return conf_fail(error, conf, address->line, "cannot listen on %s: %s", text,
                                 strerror(reason));
            }
        }
    }
    return 0;
}

void listener_log_all(const struct conf *conf, const int *fds)
{
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

/* Out of descriptors or memory: trying again at once would spin, so accepting rests a second. */
static void pause_accepting(struct listener *l, int error)
{
    if (pace_note(&l->pauses, 1, thread_now()) > 0) {
        log_line(LOG_WARNING, "accept on listener=%s: %s: new clients wait", l->conf->name,
                 strerror(error));
    }
    /* Without memory for the pause it spins rather than never accept again. */
    if (event_add(&l->pause, &(struct timeval){.tv_sec = 1}) == 0) {
        event_del(&l->event);
    }
}

static void on_pause_over(evutil_socket_t fd, short what, void *arg)
{
    struct listener *l = arg;

    (void)fd;
    (void)what;
    if (event_add(&l->event, NULL) != 0) {
        pause_accepting(l, ENOMEM);
    }
}

/* Errors of accept() that concern one client which has gone already (accept(2)). */
static bool client_is_gone(int error)
{
    return error == ECONNABORTED || error == EINTR || error == EPROTO || error == EPERM ||
           error == ENETDOWN || error == ENETUNREACH || error == EHOSTDOWN ||
           error == EHOSTUNREACH || error == ENONET || error == ENOPROTOOPT || error == EOPNOTSUPP;
}

static void on_clients(evutil_socket_t fd, short what, void *arg)
{
    struct listener *l = arg;

    (void)what;
    for (int i = 0; i < ACCEPT_BATCH; i++) {
        struct sockaddr_storage sa = {0};
        socklen_t len = sizeof sa;
        int client = descriptors_own(
            accept4(fd, (struct sockaddr *)&sa, &len, SOCK_NONBLOCK | SOCK_CLOEXEC));

        if (client >= 0) {
            struct addr from = sockaddr_to(&sa);
            struct addr to = l->any_address ? sockaddr_local(client) : l->bound;

            session_start(l->thread, &(struct session_request){.listener = l->conf,
                                                               .tls_listener = l->tls,
                                                               .fd = client,
                                                               .client = from,
                                                               .destination = to});
        } else if (!client_is_gone(errno)) {
            if (errno != EAGAIN && errno != EWOULDBLOCK) {
                pause_accepting(l, errno);
            }
            return;
        }
    }
}

int listener_open(struct listener *l, struct thread *thread, size_t index, int fd)
{
    *l = (struct listener){.thread = thread, .fd = fd, .bound = sockaddr_local(fd)};
    l->conf = &thread->snapshot->conf->listeners[index];
    l->tls = thread->snapshot->workers[thread->index].tls[index];
    l->any_address = addr_is_unspecified(&l->bound);
    if (thread->base == NULL ||
        event_assign(&l->pause, thread->base, -1, 0, on_pause_over, l) != 0 ||
        event_assign(&l->event, thread->base, fd, EV_READ | EV_PERSIST, on_clients, l) != 0 ||
        event_add(&l->event, NULL) != 0) {
        close(fd);
        l->fd = -1;
        return -1;
    }
    return 0;
}

void listener_close(struct listener *l)
{
    if (l->fd < 0) {
        return;
    }
    event_del(&l->event);
    event_del(&l->pause);
    close(l->fd);
    l->fd = -1;
}
