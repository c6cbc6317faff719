#include "daemon/posternd/worker.h"

#include "daemon/posternd/admission.h"
#include "daemon/posternd/listener.h"
#include "daemon/posternd/session.h"
#include "daemon/posternd/sockets.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* Events served before the loop asks the kernel and the clock again. */
enum { DISPATCH_MAX = 16 };

struct worker {
    struct thread thread;
    struct listener *listeners; /* owned array, one for each listening socket */
    size_t num_listeners;
    int stop_fd;              /* an eventfd; written by worker_stop() */
    struct event *stop_event; /* owned */
    struct event *wake_event; /* owned; on admission's eventfd */
    pthread_t pthread;
};

static void on_stop(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    event_base_loopbreak(arg);
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
        listener_close(&t->listeners[i]);
    }
    while (t->thread.sessions != NULL) {
        session_shutdown(t->thread.sessions);
    }
    return NULL;
}

static void destroy(struct worker *t)
{
    for (size_t i = 0; i < t->num_listeners; i++) {
        listener_close(&t->listeners[i]);
    }
    free(t->listeners);
    if (t->stop_event != NULL) {
        event_free(t->stop_event);
    }
    if (t->wake_event != NULL) {
        event_free(t->wake_event);
    }
    if (t->stop_fd >= 0) {
        close(t->stop_fd);
    }
    if (t->thread.base != NULL) {
        event_base_free(t->thread.base);
    }
    thread_free_buffers(&t->thread);
    snapshot_unref(t->thread.snapshot);
    free(t);
}

/* Gives each listening socket its listener. */
static int open_listeners(struct worker *t, const int *fds)
{
    const struct conf *conf = t->thread.snapshot->conf;

    t->listeners = calloc(sockets_count(conf), sizeof *t->listeners);
    if (t->listeners == NULL) {
        return -1;
    }
    for (size_t l = 0; l < conf->num_listeners; l++) {
        size_t num_bound = conf_bound(&conf->listeners[l]).num;

        for (size_t a = 0; a < num_bound; a++, t->num_listeners++) {
            size_t at = t->num_listeners;

            if (listener_open(&t->listeners[at], &t->thread, l, fds[at]) != 0) {
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

static int prepare(struct worker *t, const int *fds)
{
    t->thread.base = new_base();
    if (t->thread.base == NULL || open_listeners(t, fds) != 0) {
        return -1;
    }
    t->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (t->stop_fd < 0) {
        return -1;
    }
    t->stop_event = event_new(t->thread.base, t->stop_fd, EV_READ, on_stop, t->thread.base);
    if (t->stop_event == NULL || event_add(t->stop_event, NULL) != 0) {
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

struct worker *worker_start(struct snapshot *snapshot, unsigned index, const int *fds)
{
    struct worker *t = calloc(1, sizeof *t);

    if (t == NULL) {
        return NULL;
    }
    t->stop_fd = -1;
    t->thread.index = index;
    t->thread.snapshot = snapshot_ref(snapshot);
    if (prepare(t, fds) != 0) {
        int error = errno;

        destroy(t);
        errno = error;
        return NULL;
    }
    return t;
}

void worker_stop(struct worker *worker)
{
    uint64_t one = 1;

    /* An eventfd takes 8 bytes unless its counter is full, which one write cannot do. */
    (void)!write(worker->stop_fd, &one, sizeof one);
}

void worker_join(struct worker *worker)
{
    pthread_join(worker->pthread, NULL);
    destroy(worker);
}
