#include "daemon/posternd/worker_parts.h"

#include "daemon/common/log.h"
#include "daemon/posternd/admission.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>

/* Events served before the loop asks the kernel and the clock again. */
enum { DISPATCH_MAX = 16 };

static void give(struct worker *worker, unsigned orders)
{
    atomic_fetch_or(&worker->orders, orders);
    worker_ring(worker->orders_fd);
}

/* --- what it serves --- */

/* Says what main can ask for. */
static void report(struct worker *t)
{
    const struct listener *l;
    bool all = true;
    bool none = true;

    LIST_FOREACH(l, &t->listeners, next)
    {
        all = all && l->state != LISTENER_CLOSED;
        none = none && l->state != LISTENER_LEAVING;
    }
    if (all) {
        atomic_store(&t->serves, t->number);
    }
    if (none) {
        atomic_store(&t->settled, t->number);
    }
    worker_ring(t->news_fd);
}

static void on_left(struct listener *l)
{
    struct worker *t = (struct worker *)((char *)l->thread - offsetof(struct worker, thread));

    LIST_REMOVE(l, next);
    listener_free(l);
    report(t);
}

/* Opens those that are closed. False if there is no memory for one. */
static bool open_listeners(struct worker *t)
{
    struct listener *l;

    LIST_FOREACH(l, &t->listeners, next)
    {
        if (l->state == LISTENER_CLOSED && listener_open(l, &t->thread) != 0) {
            return false;
        }
    }
    return true;
}

/* Clients already connect to it: without memory it spins rather than leave them waiting. */
static void open_or_try_again(struct worker *t)
{
    if (!open_listeners(t)) {
        if (pace_note(&t->pace, 1, thread_now()) > 0) {
            log_line(LOG_CRIT, "out of memory: a new address is not served yet");
        }
        give(t, ORDER_OPEN);
    }
    report(t);
}

static struct listener *find(struct worker *t, int fd)
{
    struct listener *l;

    LIST_FOREACH(l, &t->listeners, next)
    {
        if (l->fd == fd) {
            break;
        }
    }
    return l;
}

/* A listener of the plan is new, or says what an existing one is from now on. */
static void keep(struct worker *t, struct listener *fresh)
{
    struct listener *l = find(t, fresh->fd);

    if (l == NULL) {
        l = fresh;
        LIST_INSERT_HEAD(&t->listeners, l, next);
    } else {
        listener_renew(l, fresh);
        listener_free(fresh);
    }
    l->kept = true;
}

/* Those that are not in the plan leave. */
static void let_others_leave(struct worker *t)
{
    struct listener *l;
    struct listener *next;

    for (l = LIST_FIRST(&t->listeners); l != NULL; l = next) {
        next = LIST_NEXT(l, next);
        if (!l->kept && l->state == LISTENER_CLOSED) {
            LIST_REMOVE(l, next);
            listener_free(l);
        } else {
            if (!l->kept) {
                listener_leave(l, on_left);
            }
            l->kept = false;
        }
    }
}

/* Takes the plan over, and frees it. */
static void follow(struct worker *t, struct worker_plan *plan)
{
    struct listener *fresh;

    while ((fresh = LIST_FIRST(&plan->listeners)) != NULL) {
        LIST_REMOVE(fresh, next);
        keep(t, fresh);
    }
    let_others_leave(t);
    t->number = plan->number;
    free(plan);
}

static void free_listeners(struct listener_list *list)
{
    struct listener *l;

    while ((l = LIST_FIRST(list)) != NULL) {
        LIST_REMOVE(l, next);
        listener_free(l);
    }
}

/* --- orders --- */

static void drain(struct worker *t, bool refuse)
{
    struct listener *l;

    LIST_FOREACH(l, &t->listeners, next)
    {
        /* Nobody will serve an address that goes. */
        if (refuse || l->state == LISTENER_LEAVING) {
            listener_refuse(l);
        }
    }
    free_listeners(&t->listeners);
    worker_drain_sessions(t);
}

static void on_orders(evutil_socket_t fd, short what, void *arg)
{
    struct worker *t = arg;
    struct worker_plan *plan;
    uint64_t count;
    unsigned orders;

    (void)what;
    (void)!read(fd, &count, sizeof count);
    orders = atomic_exchange(&t->orders, 0);
    if (atomic_load(&t->draining)) {
        orders &= ORDER_STOP | ORDER_ANSWER;
    }
    if ((orders & ORDER_SERVE) != 0) {
        plan = atomic_exchange(&t->next, NULL);
        if (plan != NULL) {
            follow(t, plan);
        }
    }
    if ((orders & (ORDER_SERVE | ORDER_OPEN)) != 0) {
        open_or_try_again(t);
    }
    if ((orders & ORDER_ANSWER) != 0) {
        atomic_store(&t->asked, false);
        worker_ring(t->news_fd);
    }
    if ((orders & ORDER_DRAIN) != 0) {
        drain(t, (orders & ORDER_REFUSE) != 0);
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
    free_listeners(&t->listeners);
    while (t->thread.sessions != NULL) {
        session_shutdown(t->thread.sessions);
    }
    worker_publish(t);
    atomic_store(&t->ended, true);
    worker_ring(t->news_fd);
    return NULL;
}

static void destroy(struct worker *t)
{
    struct worker_plan *plan = atomic_load(&t->next);

    free_listeners(&t->listeners);
    if (plan != NULL) {
        worker_plan_free(plan);
    }
    if (t->orders_event != NULL) {
        event_free(t->orders_event);
    }
    if (t->wake_event != NULL) {
        event_free(t->wake_event);
    }
    worker_drain_close(t);
    if (t->orders_fd >= 0) {
        close(t->orders_fd);
    }
    if (t->thread.base != NULL) {
        event_base_free(t->thread.base);
    }
    thread_free_buffers(&t->thread);
    free(t);
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

static int prepare(struct worker *t, struct worker_plan *plan)
{
    follow(t, plan);
    t->thread.base = new_base();
    t->orders_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (t->thread.base == NULL || t->orders_fd < 0) {
        return -1;
    }
    t->orders_event = event_new(t->thread.base, t->orders_fd, EV_READ | EV_PERSIST, on_orders, t);
    t->wake_event = event_new(t->thread.base, admission_wake_fd(t->thread.index),
                              EV_READ | EV_PERSIST, on_wake, &t->thread);
    if (worker_drain_open(t) != 0 || t->orders_event == NULL || t->wake_event == NULL ||
        event_add(t->orders_event, NULL) != 0 || event_add(t->wake_event, NULL) != 0) {
        return -1;
    }
    if (!open_listeners(t)) {
        return -1;
    }
    report(t);
    errno = pthread_create(&t->pthread, NULL, run, t);
    return errno == 0 ? 0 : -1;
}

/* --- main's --- */

/* The listeners at one address. 0, or -1 without memory. */
static int plan_address(struct worker_plan *plan, const struct worker_plan_request *from,
                        size_t listener, size_t address)
{
    size_t num;
    const int *fds =
        sockets_of(from->sockets, from->snapshot->conf, listener, address, from->worker, &num);

    for (size_t i = 0; i < num; i++) {
        struct listener *l = listener_new(from->snapshot, listener, fds[i]);

        if (l == NULL) {
            return -1;
        }
        LIST_INSERT_HEAD(&plan->listeners, l, next);
    }
    return 0;
}

struct worker_plan *worker_plan_new(const struct worker_plan_request *request)
{
    const struct conf *conf = request->snapshot->conf;
    struct worker_plan *plan = calloc(1, sizeof *plan);

    if (plan == NULL) {
        return NULL;
    }
    plan->number = request->number;
    for (size_t i = 0; i < conf->num_listeners; i++) {
        size_t num = conf_bound(&conf->listeners[i]).num;

        for (size_t at = 0; at < num; at++) {
            if (plan_address(plan, request, i, at) != 0) {
                worker_plan_free(plan);
                return NULL;
            }
        }
    }
    return plan;
}

void worker_plan_free(struct worker_plan *plan)
{
    free_listeners(&plan->listeners);
    free(plan);
}

struct worker *worker_start(unsigned index, struct worker_plan *plan, int news_fd)
{
    struct worker *t = calloc(1, sizeof *t);

    if (t == NULL) {
        worker_plan_free(plan);
        return NULL;
    }
    t->orders_fd = -1;
    t->news_fd = news_fd;
    t->thread.index = index;
    if (prepare(t, plan) != 0) {
        int error = errno;

        destroy(t);
        errno = error;
        return NULL;
    }
    return t;
}

void worker_serve(struct worker *worker, struct worker_plan *plan)
{
    struct worker_plan *earlier = atomic_exchange(&worker->next, plan);

    if (earlier != NULL) {
        worker_plan_free(earlier);
    }
    give(worker, ORDER_SERVE);
}

void worker_drain(struct worker *worker, unsigned timeout, bool refuse)
{
    atomic_store(&worker->timeout, timeout);
    give(worker, refuse ? ORDER_DRAIN | ORDER_REFUSE : ORDER_DRAIN);
}

void worker_stop(struct worker *worker)
{
    give(worker, ORDER_STOP);
}

unsigned worker_serves(const struct worker *worker)
{
    return atomic_load(&worker->serves);
}

unsigned worker_settled(const struct worker *worker)
{
    return atomic_load(&worker->settled);
}

bool worker_drains(const struct worker *worker)
{
    return atomic_load(&worker->draining);
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
