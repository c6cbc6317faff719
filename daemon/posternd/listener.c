#include "daemon/posternd/listener.h"

#include "daemon/common/log.h"
#include "daemon/common/sockaddr.h"
#include "daemon/posternd/descriptors.h"
#include "daemon/posternd/session.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum {
    ACCEPT_BATCH = 64,  /* clients accepted before other events get their turn */
    LEAVE_MS = 2000,    /* for handshakes of TCP that have begun, and one lost packet */
    LEAVE_AGAIN = 1000, /* milliseconds after which one without descriptors tries again */
};

/* How accepting went. */
enum accepted {
    ACCEPTED_ALL,  /* nobody waits */
    ACCEPTED_SOME, /* others have their turn */
    ACCEPTED_NONE, /* it is impossible now: errno */
};

static const struct conf_listener *conf_of(const struct listener *l)
{
    return &l->snapshot->conf->listeners[l->index];
}

/* NULL without TLS. */
static struct tls_listener *tls_of(const struct listener *l)
{
    return l->snapshot->workers[l->thread->index].tls[l->index];
}

/* --- accepting --- */

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

/* What happens to a client. */
typedef void begin_function(struct thread *thread, const struct session_request *request);

static enum accepted accept_some(struct listener *l, begin_function *begin)
{
    for (int i = 0; i < ACCEPT_BATCH; i++) {
        struct sockaddr_storage sa = {0};
        socklen_t len = sizeof sa;
        int client = descriptors_own(
            accept4(l->fd, (struct sockaddr *)&sa, &len, SOCK_NONBLOCK | SOCK_CLOEXEC));

        if (client >= 0) {
            struct addr from = sockaddr_to(&sa);
            struct addr to = l->any_address ? sockaddr_local(client) : l->bound;

            begin(l->thread, &(struct session_request){.snapshot = l->snapshot,
                                                       .listener = conf_of(l),
                                                       .tls_listener = tls_of(l),
                                                       .fd = client,
                                                       .client = from,
                                                       .destination = to});
        } else if (!client_is_gone(errno)) {
            return errno == EAGAIN || errno == EWOULDBLOCK ? ACCEPTED_ALL : ACCEPTED_NONE;
        }
    }
    return ACCEPTED_SOME;
}

static void on_clients(evutil_socket_t fd, short what, void *arg)
{
    struct listener *l = arg;

    (void)fd;
    (void)what;
    if (accept_some(l, session_start) == ACCEPTED_NONE) {
        pause_accepting(l, errno);
    }
}

/* --- leaving --- */

static void leave_in(struct listener *l, int ms)
{
    const struct timeval in = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};

    if (ms == 0 || event_add(&l->over, &in) != 0) {
        event_active(&l->over, EV_TIMEOUT, 0);
    }
}

static void on_leave_over(evutil_socket_t fd, short what, void *arg)
{
    struct listener *l = arg;

    (void)fd;
    (void)what;
    switch (accept_some(l, session_start)) {
    case ACCEPTED_ALL:
        listener_close(l);
        l->left(l);
        break;
    case ACCEPTED_SOME:
        leave_in(l, 0);
        break;
    case ACCEPTED_NONE:
        leave_in(l, LEAVE_AGAIN);
        break;
    }
}

void listener_leave(struct listener *l, void (*left)(struct listener *l))
{
    if (l->state == LISTENER_OPEN) {
        l->state = LISTENER_LEAVING;
        l->left = left;
        leave_in(l, LEAVE_MS);
    }
}

/* --- coming and going --- */

struct listener *listener_new(struct snapshot *snapshot, size_t index, int fd)
{
    struct listener *l = calloc(1, sizeof *l);

    if (l != NULL) {
        l->snapshot = snapshot_ref(snapshot);
        l->index = index;
        l->fd = fd;
        l->bound = sockaddr_local(fd);
        l->any_address = addr_is_unspecified(&l->bound);
    }
    return l;
}

int listener_open(struct listener *l, struct thread *thread)
{
    l->thread = thread;
    if (event_assign(&l->pause, thread->base, -1, 0, on_pause_over, l) != 0 ||
        event_assign(&l->over, thread->base, -1, 0, on_leave_over, l) != 0 ||
        event_assign(&l->event, thread->base, l->fd, EV_READ | EV_PERSIST, on_clients, l) != 0 ||
        event_add(&l->event, NULL) != 0) {
        return -1;
    }
    l->state = LISTENER_OPEN;
    return 0;
}

void listener_renew(struct listener *l, struct listener *fresh)
{
    struct snapshot *old = l->snapshot;

    l->snapshot = fresh->snapshot;
    l->index = fresh->index;
    fresh->snapshot = old;
}

void listener_refuse(struct listener *l)
{
    if (l->state == LISTENER_CLOSED) {
        return;
    }
    /* No more than can have been waiting: others may come all the time. */
    for (int i = 0; i <= SOMAXCONN / ACCEPT_BATCH; i++) {
        if (accept_some(l, session_refuse) != ACCEPTED_SOME) {
            break;
        }
    }
    listener_close(l);
}

void listener_close(struct listener *l)
{
    if (l->state != LISTENER_CLOSED) {
        event_del(&l->event);
        event_del(&l->pause);
        event_del(&l->over);
    }
    l->state = LISTENER_CLOSED;
}

void listener_free(struct listener *l)
{
    listener_close(l);
    snapshot_unref(l->snapshot);
    free(l);
}
