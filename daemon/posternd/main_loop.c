#include "daemon/posternd/main_loop.h"

#include "daemon/common/log.h"
#include "daemon/common/signals.h"
#include "daemon/posternd/admission.h"
#include "daemon/posternd/reload.h"
#include "daemon/posternd/stop.h"
#include "daemon/posternd/thread.h"
#include "daemon/posternd/watchdog.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

struct main_loop {
    struct event_base *base;
    int signal_fd;         /* owned */
    int news_fd;           /* owned */
    struct event *signals; /* owned */
    struct event *news;    /* owned */
    struct event *teller;  /* owned */
    struct stop stop;
    struct watchdog watchdog;
};

/* Signals are read here and nowhere else: no handler interrupts a worker. */
static void on_signal(evutil_socket_t fd, short what, void *arg)
{
    struct main_loop *loop = arg;
    struct signalfd_siginfo info;

    (void)what;
    if (read(fd, &info, sizeof info) != (ssize_t)sizeof info) {
        return;
    }
    if (info.ssi_signo == SIGHUP) {
        log_line(LOG_INFO, "reloading: signal HUP from uid=%u pid=%d", info.ssi_uid,
                 (int)info.ssi_pid);
        if (reload_request(NULL) != 0) {
            log_line(LOG_WARNING, "not reloading: posternd is stopping");
        }
    } else if (signals_stop((int)info.ssi_signo)) {
        stop_signal(&loop->stop);
    } else {
        signals_ignored((int)info.ssi_signo, info.ssi_uid, (pid_t)info.ssi_pid);
    }
}

static void on_news(evutil_socket_t fd, short what, void *arg)
{
    struct main_loop *loop = arg;
    uint64_t count;

    (void)what;
    (void)!read(fd, &count, sizeof count);
    watchdog_news(&loop->watchdog);
    reload_look();
    if (stop_news(&loop->stop)) {
        event_base_loopbreak(loop->base);
    }
}

static void on_tell(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    (void)arg;
    admission_log_withheld(thread_now());
}

static int fill(struct main_loop *loop)
{
    struct event_config *config = event_config_new();
    sigset_t set = signals_take_over();

    if (config == NULL) {
        return -1;
    }
    /* Only this thread touches it. */
    event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK | EVENT_BASE_FLAG_IGNORE_ENV);
    loop->base = event_base_new_with_config(config);
    event_config_free(config);
    loop->signal_fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    loop->news_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (loop->base == NULL || loop->signal_fd < 0 || loop->news_fd < 0) {
        return -1;
    }
    loop->signals = event_new(loop->base, loop->signal_fd, EV_READ | EV_PERSIST, on_signal, loop);
    loop->news = event_new(loop->base, loop->news_fd, EV_READ | EV_PERSIST, on_news, loop);
    loop->teller = event_new(loop->base, -1, EV_PERSIST, on_tell, NULL);
    if (loop->signals == NULL || loop->news == NULL || loop->teller == NULL ||
        event_add(loop->signals, NULL) != 0 || event_add(loop->news, NULL) != 0) {
        return -1;
    }
    if (stop_open(&loop->stop, loop->base) != 0 ||
        watchdog_open(&loop->watchdog, loop->base) != 0) {
        return -1;
    }
    return event_add(loop->teller, &(struct timeval){.tv_sec = ADMISSION_LOG_SECONDS});
}

struct main_loop *main_loop_new(void)
{
    struct main_loop *loop = calloc(1, sizeof *loop);

    if (loop == NULL) {
        return NULL;
    }
    loop->signal_fd = -1;
    loop->news_fd = -1;
    if (fill(loop) != 0) {
        int error = errno;

        main_loop_free(loop);
        errno = error;
        return NULL;
    }
    return loop;
}

struct event_base *main_loop_base(const struct main_loop *loop)
{
    return loop->base;
}

int main_loop_news_fd(const struct main_loop *loop)
{
    return loop->news_fd;
}

void main_loop_run(struct main_loop *loop, struct sockets *sockets)
{
    loop->stop.sockets = sockets;
    watchdog_begin(&loop->watchdog, reload_workers());
    event_base_dispatch(loop->base);
}

void main_loop_free(struct main_loop *loop)
{
    if (loop == NULL) {
        return;
    }
    if (loop->signals != NULL) {
        event_free(loop->signals);
    }
    if (loop->teller != NULL) {
        event_free(loop->teller);
    }
    watchdog_close(&loop->watchdog);
    if (loop->news != NULL) {
        event_free(loop->news);
    }
    stop_close(&loop->stop);
    if (loop->news_fd >= 0) {
        close(loop->news_fd);
    }
    if (loop->signal_fd >= 0) {
        close(loop->signal_fd);
    }
    if (loop->base != NULL) {
        event_base_free(loop->base);
    }
    free(loop);
}
