/* How a worker's sessions end, and what it says about those that are left. */
#include "daemon/posternd/worker_parts.h"

#include "daemon/common/log.h"

void worker_publish(struct worker *t)
{
    struct sessions_left left;

    sessions_count(&t->thread, &left);
    atomic_store(&t->figures.sessions, left.stop.sessions);
    atomic_store(&t->figures.ended_inside, left.stop.inside);
    atomic_store(&t->figures.unanswered, left.stop.unanswered);
    atomic_store(&t->figures.waiting, left.waiting);
    atomic_store(&t->figures.inside, left.inside);
    atomic_store(&t->figures.oldest, left.oldest);
}

static void on_count(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    worker_publish(arg);
}

int worker_drain_open(struct worker *t)
{
    t->count_event = event_new(t->thread.base, -1, EV_PERSIST, on_count, t);
    return t->count_event == NULL ? -1 : 0;
}

void worker_drain_close(struct worker *t)
{
    if (t->count_event != NULL) {
        event_free(t->count_event);
    }
}

void worker_drain_sessions(struct worker *t)
{
    sessions_drain(&t->thread, atomic_load(&t->timeout));
    worker_publish(t);
    atomic_store(&t->draining, true);
    worker_ring(t->news_fd);
    if (t->thread.sessions == NULL) {
        event_base_loopbreak(t->thread.base);
    } else if (event_add(t->count_event, &(struct timeval){.tv_sec = 1}) != 0) {
        log_line(LOG_WARNING, "out of memory: the sessions that are left are not counted");
    }
}

void worker_count(const struct worker *worker, struct sessions_left *out)
{
    const struct figures *f = &worker->figures;

    *out = (struct sessions_left){
        .stop = {.sessions = atomic_load(&f->sessions),
                 .inside = atomic_load(&f->ended_inside),
                 .unanswered = atomic_load(&f->unanswered)},
        .waiting = atomic_load(&f->waiting),
        .inside = atomic_load(&f->inside),
        .oldest = atomic_load(&f->oldest),
    };
}
