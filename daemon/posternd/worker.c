#include "daemon/posternd/worker.h"

#include "daemon/posternd/admission.h"
#include "daemon/posternd/listener.h"
#include "daemon/posternd/session.h"
#include "daemon/posternd/sockets.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* Events served before the loop asks the kernel and the clock again. */
enum { DISPATCH_MAX = 16 };

/* What main tells a worker; each is a bit. */
enum order { ORDER_DRAIN = 1, ORDER_STOP = 2, ORDER_ANSWER = 16 };

struct worker {
    struct thread thread;
    struct listener **listeners; /* owned array of owned, one for each listening socket */
    size_t num_listeners;
    int orders_fd;              /* owned: an eventfd; written after `orders` has changed */
    _Atomic unsigned orders;    /* given, and not taken yet */
    int news_fd;                /* borrowed: main's eventfd */
    _Atomic bool asked;         /* whether it is alive, and has not answered yet */
    _Atomic bool ended;         /* the thread has nothing left to do */
    struct event *orders_event; /* owned */
    struct event *wake_event;   /* owned; on admission's eventfd */
    pthread_t pthread;
};

/* Makes the reader of an eventfd look. It takes 8 bytes unless its counter is full, and then it can
 * also be read. */
static void ring(int fd)
{
    uint64_t one = 1;

    (void)!write(fd, &one, sizeof one);
}

static void on_orders(evutil_socket_t fd, short what, void *arg)
{
    struct worker *t = arg;
    uint64_t count;
    unsigned orders;

    (void)what;
    (void)!read(fd, &count, sizeof count);
    orders = atomic_exchange(&t->orders, 0);
    if ((orders & ORDER_ANSWER) != 0) {
        atomic_store(&t->asked, false);
        ring(t->news_fd);
    }
    if ((orders & ORDER_DRAIN) != 0) {
        sessions_drain(&t->thread);
    }
    if ((orders & ORDER_STOP) != 0) {
        event_base_loopbreak(t->thread.base);
    }
}

/* Sessions of this worker were evicted, or stress has begun. */
static void on_wake(evutil_socket_t fd, short what, void *arg)
{
    struct thread *thread = arg;
    struct session *s;
    uint64_t count;

    (void)what;
    (void)!read(fd, &count, sizeof count);
    while ((s = admission_next_evicted(thread->index)) != NULL) {
        session_evict(s);
    }
    if (admission_stress_began(thread->index)) {
        sessions_reset_timers(thread);
    }
}

static void *run(void *arg)
{
    struct worker *t = arg;

    event_base_dispatch(t->thread.base);
    for (size_t i = 0; i < t->num_listeners; i++) {
        listener_close(t->listeners[i]);
    }
    while (t->thread.sessions != NULL) {
        session_shutdown(t->thread.sessions);
    }
    atomic_store(&t->ended, true);
    ring(t->news_fd);
    return NULL;
}

static void destroy(struct worker *t)
{
    for (size_t i = 0; i < t->num_listeners; i++) {
        listener_close(t->listeners[i]);
        free(t->listeners[i]);
    }
    free(t->listeners);
    if (t->orders_event != NULL) {
        event_free(t->orders_event);
    }
    if (t->wake_event != NULL) {
        event_free(t->wake_event);
    }
    if (t->orders_fd >= 0) {
        close(t->orders_fd);
    }
    if (t->thread.base != NULL) {
        event_base_free(t->thread.base);
    }
    thread_free_buffers(&t->thread);
    snapshot_unref(t->thread.snapshot);
    free(t);
}

/* Opens a listener for each socket that this worker polls at the address. */
static int open_at(struct worker *t, const struct sockets *sockets, size_t listener, size_t address)
{
    size_t num;
    const int *fds =
        sockets_of(sockets, t->thread.snapshot->conf, listener, address, t->thread.index, &num);
    struct listener **more =
        reallocarray(t->listeners, t->num_listeners + num, sizeof(struct listener *));

    if (more == NULL) {
        return -1;
    }
    t->listeners = more;
    for (size_t i = 0; i < num; i++) {
        struct listener *l = calloc(1, sizeof *l);

        if (l == NULL) {
            return -1;
        }
        t->listeners[t->num_listeners++] = l;
        if (listener_open(l, &t->thread, listener, fds[i]) != 0) {
            return -1;
        }
    }
    return 0;
}

static int open_listeners(struct worker *t, const struct sockets *sockets)
{
    const struct conf *conf = t->thread.snapshot->conf;

    for (size_t l = 0; l < conf->num_listeners; l++) {
        size_t num = conf_bound(&conf->listeners[l]).num;

        for (size_t a = 0; a < num; a++) {
            if (open_at(t, sockets, l, a) != 0) {
                return -1;
            }
        }
    }
    return 0;
}

/* An event loop without libevent's own locks: only its thread touches it. */
static struct event_base *new_base(void)
{
    struct event_config *config = event_config_new();
    struct event_base *base = NULL;

    if (config != NULL) {
        event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK | EVENT_BASE_FLAG_IGNORE_ENV);
        event_config_require_features(config, EV_FEATURE_ET);
        /* A session that continues by itself must not keep the loop from asking for new events. */
        event_config_set_max_dispatch_interval(config, NULL, DISPATCH_MAX, 0);
        base = event_base_new_with_config(config);
        event_config_free(config);
    }
    return base;
}

static int prepare(struct worker *t, const struct sockets *sockets)
{
    t->thread.base = new_base();
    if (t->thread.base == NULL || open_listeners(t, sockets) != 0) {
        return -1;
    }
    t->orders_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (t->orders_fd < 0) {
        return -1;
    }
    t->orders_event = event_new(t->thread.base, t->orders_fd, EV_READ | EV_PERSIST, on_orders, t);
    if (t->orders_event == NULL || event_add(t->orders_event, NULL) != 0) {
        return -1;
    }
    t->wake_event = event_new(t->thread.base, admission_wake_fd(t->thread.index),
                              EV_READ | EV_PERSIST, on_wake, &t->thread);
    if (t->wake_event == NULL || event_add(t->wake_event, NULL) != 0) {
        return -1;
    }
    errno = pthread_create(&t->pthread, NULL, run, t);
    return errno == 0 ? 0 : -1;
}

struct worker *worker_start(struct snapshot *snapshot, unsigned index,
                            const struct sockets *sockets, int news_fd)
{
    struct worker *t = calloc(1, sizeof *t);

    if (t == NULL) {
        return NULL;
    }
    t->orders_fd = -1;
    t->news_fd = news_fd;
    t->thread.index = index;
    t->thread.snapshot = snapshot_ref(snapshot);
    if (prepare(t, sockets) != 0) {
        int error = errno;

        destroy(t);
        errno = error;
        return NULL;
    }
    return t;
}

static void give(struct worker *worker, enum order order)
{
    atomic_fetch_or(&worker->orders, order);
    ring(worker->orders_fd);
}

void worker_drain(struct worker *worker)
{
    give(worker, ORDER_DRAIN);
}

void worker_stop(struct worker *worker)
{
    give(worker, ORDER_STOP);
}

void worker_ask(struct worker *worker)
{
    atomic_store(&worker->asked, true);
    give(worker, ORDER_ANSWER);
}

bool worker_has_answered(const struct worker *worker)
{
    return !atomic_load(&worker->asked) || worker_has_ended(worker);
}

bool worker_has_ended(const struct worker *worker)
{
    return atomic_load(&worker->ended);
}

void worker_join(struct worker *worker)
{
    pthread_join(worker->pthread, NULL);
    destroy(worker);
}
