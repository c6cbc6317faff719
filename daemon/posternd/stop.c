#include "daemon/posternd/stop.h"

#include "daemon/common/log.h"
#include "daemon/posternd/notify.h"
#include "daemon/posternd/reload.h"
#include "daemon/posternd/thread.h"

enum {
    LOG_SECONDS = 10,
    EXTEND_SECONDS = 5,
    /* No session lasts as long. A worker that does is stuck, and may be killed. */
    EXTEND_MAX_MS = 300000,
};

/* If there are any that the stop waits for. */
static void log_sessions(void)
{
    struct sessions_left left;

    workers_count(reload_workers(), &left);
    if (left.waiting + left.inside == 0) {
        return;
    }
    log_line(LOG_INFO,
             "stopping: waiting for %u replies of the backend, the oldest for %lld s, and for the "
             "rest of %u mails",
             left.waiting, (long long)(left.oldest / 1000), left.inside);
}

/* Each second while the workers drain. */
static void on_tick(evutil_socket_t fd, short what, void *arg)
{
    struct stop *stop = arg;

    (void)fd;
    (void)what;
    if (thread_now() - stop->since < EXTEND_MAX_MS) {
        notify_extend(EXTEND_SECONDS);
    }
    if (++stop->ticks % LOG_SECONDS == 0) {
        log_sessions();
    }
}

int stop_open(struct stop *stop, struct event_base *base)
{
    *stop = (struct stop){.tick = event_new(base, -1, EV_PERSIST, on_tick, stop)};
    return stop->tick == NULL ? -1 : 0;
}

void stop_signal(struct stop *stop)
{
    if (stop->since != 0) {
        workers_stop(reload_workers());
        return;
    }
    stop->since = thread_now();
    stop->kept = notify_is_open();
    reload_end();
    notify_stopping();
    notify_extend(EXTEND_SECONDS);
    if (event_add(stop->tick, &(struct timeval){.tv_sec = 1}) != 0) {
        log_line(LOG_CRIT, "out of memory: all sessions end at once");
        workers_stop(reload_workers());
        return;
    }
    workers_drain(reload_workers(), reload_state().snapshot->conf->shutdown_timeout, !stop->kept);
}

bool stop_news(struct stop *stop)
{
    struct sessions_left left;

    if (!stop->drains && workers_drain_now(reload_workers())) {
        stop->drains = true;
        log_sessions();
        if (!stop->kept) {
            sockets_close(stop->sockets);
        }
    }
    if (!workers_have_ended(reload_workers())) {
        return false;
    }
    workers_count(reload_workers(), &left);
    log_line(LOG_INFO, "stopped: seconds=%.1f sessions=%u inside_mail=%u without_reply=%u",
             (double)(thread_now() - stop->since) / 1000.0, left.stop.sessions, left.stop.inside,
             left.stop.unanswered);
    return true;
}

void stop_close(struct stop *stop)
{
    if (stop->tick != NULL) {
        event_free(stop->tick);
    }
    *stop = (struct stop){0};
}
