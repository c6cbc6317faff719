/*
 * Theory of operation: a load is in one of three phases.
 *
 *   LOADING     a thread of its own makes the next snapshot; main serves its sockets meanwhile. The
 *               thread reads the present snapshot and changes nothing but its own.
 *   PUBLISHING  main has done all that can fail (reload_change.c), and has told the workers.
 *   (none)      all workers serve it, the waiters have been told.
 *
 * Sockets that no snapshot names any more are closed later, when the last worker has left them
 * (settle()); that holds up nobody. The last reference to an old snapshot is mostly a session's, in
 * a worker; what can be forgotten with it is forgotten here, in main, which is woken for it.
 */
#include "daemon/posternd/reload.h"

#include "daemon/common/log.h"
#include "daemon/posternd/notify.h"
#include "daemon/posternd/reload_parts.h"
#include "daemon/posternd/summary.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum phase { PHASE_NONE, PHASE_LOADING, PHASE_PUBLISHING };

TAILQ_HEAD(waiters, reload_waiter);

static struct {
    struct reload_setup setup;
    struct workers workers;
    struct reload_force force;
    time_t started;
    time_t since;
    bool settled; /* no socket of an earlier snapshot is open */
    bool ended;

    enum phase phase;
    bool again;             /* a request came during this load */
    struct waiters waiters; /* for this load */
    struct waiters later;   /* for the next one */
    struct reload_opened opened;

    pthread_t thread; /* while `loading` */
    bool loading;
    struct snapshot *loaded; /* the thread's result, valid when it has written `loaded_fd` */
    struct conf_error error; /* ... */
    int loaded_fd;           /* owned: an eventfd */
    struct event *on_loaded; /* owned */

    _Atomic unsigned freed; /* snapshots that were in force */
    int freed_fd;           /* owned: an eventfd; written when `freed` changes */
    struct event *on_freed; /* owned */

    char *failure; /* owned */
    time_t failed_at;
} r = {.loaded_fd = -1, .freed_fd = -1};

static void ring(int fd)
{
    uint64_t one = 1;

    (void)!write(fd, &one, sizeof one);
}

static void warn(const char *text)
{
    log_line(LOG_WARNING, "%s", text);
}

/* --- snapshots that go --- */

/* In the thread that had the last reference. */
static void note_freed(void)
{
    atomic_fetch_add(&r.freed, 1);
    ring(r.freed_fd);
}

/* With the last old snapshot goes what only its sessions needed. */
static void on_freed(evutil_socket_t fd, short what, void *arg)
{
    uint64_t count;

    (void)what;
    (void)arg;
    (void)!read(fd, &count, sizeof count);
    if (r.force.number - atomic_load(&r.freed) == 1) {
        admission_forget();
    }
}

/* --- sockets --- */

/* Closes what no worker uses any more. */
static void settle(void)
{
    if (!r.settled && workers_are_settled(&r.workers, r.force.number)) {
        r.settled = true;
        sockets_retain(r.setup.sockets, r.force.snapshot->conf);
    }
}

/* --- the end of a load --- */

static void start_load(void);

static void tell(struct waiters *waiters, const struct reload_result *result)
{
    struct reload_waiter *waiter;

    while ((waiter = TAILQ_FIRST(waiters)) != NULL) {
        TAILQ_REMOVE(waiters, waiter, next);
        waiter->waits = false;
        waiter->done(waiter, result);
    }
}

/* A supervisor that knows that posternd stops must not hear that it serves again. */
static void tell_supervisor(const char *refused)
{
    if (r.ended) {
        return;
    }
    if (refused != NULL) {
        summary_not_reloaded(r.force.snapshot, refused);
    } else {
        summary_serving(r.force.snapshot);
    }
    notify_ready();
}

static void finish(const char *refused)
{
    const struct snapshot *present = r.force.snapshot;
    struct reload_result result = {.refused = refused,
                                   .number = r.force.number,
                                   .certificates = present->conf->num_certificates,
                                   .loaded = present->num_loaded};

    tell_supervisor(refused);
    /* What these ask for next is for another load. */
    tell(&r.waiters, &result);
    r.phase = PHASE_NONE;
    if (r.again) {
        start_load();
    }
}

static void refuse(const char *why)
{
    char *text = strdup(why);

    log_line(LOG_ERR, "reload refused: %s", why);
    free(r.failure);
    r.failure = text;
    r.failed_at = time(NULL);
    finish(why);
}

static void succeed(void)
{
    free(r.failure);
    r.failure = NULL;
    reload_log(r.force.snapshot, &r.opened);
    finish(NULL);
}

void reload_look(void)
{
    if (r.phase == PHASE_PUBLISHING && workers_all_serve(&r.workers, r.force.number)) {
        succeed();
    }
    if (r.phase != PHASE_PUBLISHING) {
        settle();
    }
}

/* --- a load --- */

static void *load(void *arg)
{
    (void)arg;
    r.loaded = snapshot_load(r.setup.file, r.setup.libctxs, r.force.snapshot, warn, &r.error);
    ring(r.loaded_fd);
    return NULL;
}

/* Brings `next` (stolen) into force, or refuses it. */
static void publish(struct snapshot *next)
{
    struct reload_change change = {0};

    if (reload_prepare(&change, &r.force, next, &r.setup, &r.error) != 0) {
        reload_discard(&change);
        snapshot_unref(next);
        r.settled = false;
        settle();
        reload_explain(&r.setup, &r.error);
        refuse(r.error.text);
        return;
    }
    r.opened = reload_opened(r.force.snapshot->conf, next->conf);
    next->freed = note_freed;
    r.phase = PHASE_PUBLISHING;
    r.since = time(NULL);
    r.settled = false;
    reload_renew(&change, &r.force, next, &r.setup, &r.workers);
    reload_discard(&change);
}

static void on_loaded(evutil_socket_t fd, short what, void *arg)
{
    struct snapshot *next;
    uint64_t count;

    (void)what;
    (void)arg;
    (void)!read(fd, &count, sizeof count);
    if (r.loading) {
        pthread_join(r.thread, NULL);
    }
    r.loading = false;
    next = r.loaded;
    r.loaded = NULL;
    if (next == NULL) {
        reload_explain(&r.setup, &r.error);
        refuse(r.error.text);
    } else if (r.ended) {
        snapshot_unref(next);
        refuse("posternd is stopping");
    } else {
        publish(next);
    }
}

/* A thread that cannot be started is a load that has failed. */
static void start_load(void)
{
    int error;

    notify_reloading();
    r.phase = PHASE_LOADING;
    r.again = false;
    TAILQ_CONCAT(&r.waiters, &r.later, next);
    error = pthread_create(&r.thread, NULL, load, NULL);
    r.loading = error == 0;
    if (error != 0) {
        (void)conf_fail(&r.error, r.force.snapshot->conf, 0, "cannot start a thread: %s",
                        strerror(error));
        ring(r.loaded_fd);
    }
}

int reload_request(struct reload_waiter *waiter)
{
    if (r.ended) {
        return -1;
    }
    if (waiter != NULL) {
        waiter->waits = true;
        TAILQ_INSERT_TAIL(&r.later, waiter, next);
    }
    if (r.phase == PHASE_NONE) {
        start_load();
    } else {
        r.again = true;
    }
    return 0;
}

void reload_cancel(struct reload_waiter *waiter)
{
    struct reload_waiter *at;

    if (!waiter->waits) {
        return;
    }
    waiter->waits = false;
    TAILQ_FOREACH(at, &r.waiters, next)
    {
        if (at == waiter) {
            TAILQ_REMOVE(&r.waiters, waiter, next);
            return;
        }
    }
    TAILQ_REMOVE(&r.later, waiter, next);
}

/* --- the beginning and the end --- */

/* Two eventfds with their events. 0, or -1 with errno. */
static int open_events(struct event_base *base)
{
    r.loaded_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    r.freed_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (r.loaded_fd < 0 || r.freed_fd < 0) {
        return -1;
    }
    r.on_loaded = event_new(base, r.loaded_fd, EV_READ | EV_PERSIST, on_loaded, NULL);
    r.on_freed = event_new(base, r.freed_fd, EV_READ | EV_PERSIST, on_freed, NULL);
    if (r.on_loaded == NULL || r.on_freed == NULL || event_add(r.on_loaded, NULL) != 0) {
        return -1;
    }
    return event_add(r.on_freed, NULL);
}

int reload_open(const struct reload_setup *setup)
{
    struct reload_change change = {0};
    int result;

    r.setup = *setup;
    TAILQ_INIT(&r.waiters);
    TAILQ_INIT(&r.later);
    if (directory_open() != 0 || admission_open(setup->snapshot->num_workers) != 0 ||
        open_events(setup->base) != 0) {
        log_fatal("cannot start: %s", strerror(errno));
        return -1;
    }
    if (reload_prepare(&change, &r.force, setup->snapshot, setup, &r.error) != 0) {
        reload_discard(&change);
        log_fatal("%s", r.error.text);
        return -1;
    }
    setup->snapshot->freed = note_freed;
    r.started = time(NULL);
    r.since = r.started;
    r.settled = true;
    result = reload_begin(&change, &r.force, setup->snapshot, &r.workers, setup->news_fd);
    reload_discard(&change);
    summary_serving(setup->snapshot);
    return result;
}

const struct workers *reload_workers(void)
{
    return &r.workers;
}

void reload_end(void)
{
    r.ended = true;
    r.again = false;
}

static void close_event(struct event **event, int *fd)
{
    if (*event != NULL) {
        event_free(*event);
        *event = NULL;
    }
    if (*fd >= 0) {
        close(*fd);
        *fd = -1;
    }
}

void reload_close(void)
{
    if (r.loading) {
        pthread_join(r.thread, NULL);
        if (r.loaded != NULL) {
            snapshot_unref(r.loaded);
        }
    }
    workers_join(&r.workers);
    if (r.force.snapshot != NULL) {
        snapshot_unref(r.force.snapshot);
    }
    close_event(&r.on_loaded, &r.loaded_fd);
    close_event(&r.on_freed, &r.freed_fd);
    admission_close();
    directory_close();
    free(r.failure);
}

struct reload_state reload_state(void)
{
    return (struct reload_state){.snapshot = r.force.snapshot,
                                 .sockets = r.setup.sockets,
                                 .number = r.force.number,
                                 .started = r.started,
                                 .since = r.since,
                                 .running = r.phase != PHASE_NONE,
                                 .failure = r.failure,
                                 .failed_at = r.failed_at};
}
