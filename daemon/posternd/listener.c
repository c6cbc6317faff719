#include "daemon/posternd/listener.h"

#include "daemon/common/log.h"
#include "daemon/common/sockaddr.h"
#include "daemon/posternd/descriptors.h"
#include "daemon/posternd/session.h"

#include <errno.h>
#include <string.h>

/* Clients accepted before other events get their turn. */
enum { ACCEPT_BATCH = 64 };

/* What the worker's snapshot has for it now. */
static const struct conf_listener *conf_of(const struct listener *l)
{
    return &l->thread->snapshot->conf->listeners[l->index];
}

/* NULL without TLS. */
static struct tls_listener *tls_of(const struct listener *l)
{
    const struct thread *t = l->thread;

    return t->snapshot->workers[t->index].tls[l->index];
}

/* Out of descriptors or memory: trying again at once would spin, so accepting rests a second. */
static void pause_accepting(struct listener *l, int error)
{
    if (pace_note(&l->pauses, 1, thread_now()) > 0) {
        log_line(LOG_WARNING, "accept on listener=%s: %s: new clients wait", conf_of(l)->name,
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

            session_start(l->thread, &(struct session_request){.listener = conf_of(l),
                                                               .tls_listener = tls_of(l),
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
    *l = (struct listener){.thread = thread, .index = index, .bound = sockaddr_local(fd)};
    l->any_address = addr_is_unspecified(&l->bound);
    if (event_assign(&l->pause, thread->base, -1, 0, on_pause_over, l) != 0 ||
        event_assign(&l->event, thread->base, fd, EV_READ | EV_PERSIST, on_clients, l) != 0 ||
        event_add(&l->event, NULL) != 0) {
        return -1;
    }
    l->open = true;
    return 0;
}

void listener_close(struct listener *l)
{
    if (l->open) {
        event_del(&l->event);
        event_del(&l->pause);
    }
    l->open = false;
}
