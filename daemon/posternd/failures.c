/*
 * Theory of operation: workers change the store under its lock. The change that finds it clean
 * wakes main through an eventfd; main writes at once if it has not written for a minute, and else
 * when the minute is over. What is written is made as one text under the lock, and goes out without
 * it: to another file first, which takes the place of the old one when it is on the disk, so that
 * there is a whole file at any time. If that fails, the store stays changed, and the next minute
 * brings the next try.
 */
#include "daemon/posternd/failures.h"

#include "daemon/common/log.h"
#include "lib/admin/asjson.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define FILE_NAME "failures"

/* Seconds between two writes. */
enum { WRITE_PAUSE = 60 };

static struct {
    pthread_mutex_t lock;
    struct failures store; /* under the lock */
    bool changed;          /* under the lock: since it was written */

    enum conf_failures mode; /* these do not change while workers run */
    int wake_fd;             /* an eventfd; with "disk" */
    char directory[PATH_MAX];
    char path[PATH_MAX];
    char new_path[PATH_MAX];

    struct event *wake; /* main's from here on; owned */
    struct event *pause_over;
    int64_t written; /* when, in seconds of a clock that never goes back */
    bool complained; /* the last write failed, and that was logged */
} kept = {.lock = PTHREAD_MUTEX_INITIALIZER, .wake_fd = -1};

static int64_t seconds_of(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return now.tv_sec;
}

/* A counter that cannot take one more has woken main already. */
static void wake_main(void)
{
    uint64_t one = 1;

    if (kept.wake_fd >= 0) {
        (void)!write(kept.wake_fd, &one, sizeof one);
    }
}

/* Under the lock: notes a change. True if main has to be woken for it. */
static bool note_change(void)
{
    bool first = !kept.changed;

    kept.changed = true;
    return first;
}

/* Under the lock, or while there is no other thread. True if main has to be woken for it. */
static bool forget_old(void)
{
    return failures_expire(&kept.store, seconds_of(CLOCK_REALTIME)) > 0 && note_change();
}

/* --- writing ------------------------------------------------------------------------------- */

static bool write_all(int fd, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t put = write(fd, data, len);

        if (put < 0 && errno != EINTR) {
            return false;
        }
        data += put > 0 ? put : 0;
        len -= put > 0 ? (size_t)put : 0;
    }
    return true;
}

/* The rename is on the disk when its directory is. */
static bool sync_directory(void)
{
    int fd = open(kept.directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool done = fd >= 0 && fsync(fd) == 0;

    if (fd >= 0) {
        close(fd);
    }
    return done;
}

/* False with errno. */
static bool write_file(const struct text *text)
{
    int fd = open(kept.new_path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    bool done;

    if (fd < 0) {
        return false;
    }
    done = fchmod(fd, 0600) == 0 && write_all(fd, text->buf, text->len) && fsync(fd) == 0;
    if (close(fd) != 0 || !done) {
        return false;
    }
    return rename(kept.new_path, kept.path) == 0 && sync_directory();
}

/* Under the lock: the store as text; NULL without memory. */
static char *write_text(struct text *text)
{
    size_t size = asjson_failures_size(&kept.store);
    char *buf = malloc(size);

    if (buf != NULL) {
        *text = text_in(buf, size);
        if (!asjson_write_failures(&kept.store, text)) {
            free(buf);
            buf = NULL;
        }
    }
    return buf;
}

/* The store as text, which is then counted as written; NULL if nothing has changed, or, with
 * `*failed`, without memory. */
static char *take_text(struct text *text, bool *failed)
{
    char *buf = NULL;

    *failed = false;
    pthread_mutex_lock(&kept.lock);
    if (kept.changed) {
        buf = write_text(text);
        *failed = buf == NULL;
        kept.changed = false;
    }
    pthread_mutex_unlock(&kept.lock);
    return buf;
}

static void mark_changed(void)
{
    pthread_mutex_lock(&kept.lock);
    kept.changed = true;
    pthread_mutex_unlock(&kept.lock);
}

static bool save(void)
{
    struct text text;
    bool failed;
    char *buf = take_text(&text, &failed);

    kept.written = seconds_of(CLOCK_MONOTONIC);
    if (buf == NULL && !failed) {
        return true;
    }
    errno = ENOMEM;
    if (buf == NULL || !write_file(&text)) {
        if (!kept.complained) {
            log_line(LOG_ERR, "cannot write %s: %s", kept.path, strerror(errno));
        }
        kept.complained = true;
        mark_changed();
        free(buf);
        return false;
    }
    kept.complained = false;
    free(buf);
    return true;
}

/* Without memory for the pause there is none: nobody would wake main for it later. */
static void pause_writing(int64_t seconds)
{
    if (evtimer_add(kept.pause_over, &(struct timeval){.tv_sec = (time_t)seconds}) != 0) {
        (void)save();
    }
}

static void on_pause_over(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    (void)arg;
    if (!save()) {
        pause_writing(WRITE_PAUSE);
    }
}

static void on_wake(evutil_socket_t fd, short what, void *arg)
{
    int64_t since = seconds_of(CLOCK_MONOTONIC) - kept.written;
    uint64_t count;

    (void)what;
    (void)arg;
    (void)!read(fd, &count, sizeof count);
    if (evtimer_pending(kept.pause_over, NULL)) {
        return;
    }
    if (since < WRITE_PAUSE) {
        pause_writing(WRITE_PAUSE - since);
    } else if (!save()) {
        pause_writing(WRITE_PAUSE);
    }
}

/* --- reading ------------------------------------------------------------------------------- */

/* The whole of a regular file; NULL with errno, 0 for one that is not regular or too long. */
static uint8_t *read_regular(int fd, size_t *len)
{
    struct stat st;
    uint8_t *data;
    size_t got = 0;

    if (fstat(fd, &st) != 0) {
        return NULL;
    }
    errno = 0;
    if (!S_ISREG(st.st_mode) || st.st_size > (off_t)ASJSON_FAILURES_MAX) {
        return NULL;
    }
    *len = (size_t)st.st_size;
    data = malloc(*len + 1);
    while (data != NULL && got < *len) {
        ssize_t part = read(fd, data + got, *len - got);

        if (part == 0) {
            *len = got;
        } else if (part > 0) {
            got += (size_t)part;
        } else if (errno != EINTR) {
            free(data);
            return NULL;
        }
    }
    return data;
}

/* Never fatal: the daemon is for mail, not for its memory of what went wrong. */
static void set_aside(const char *why)
{
    char aside[PATH_MAX + 16];

    snprintf(aside, sizeof aside, "%s.damaged", kept.path);
    if (rename(kept.path, aside) == 0) {
        log_line(LOG_WARNING, "%s: %s: set aside as %s", kept.path, why, aside);
    } else {
        log_line(LOG_WARNING, "%s: %s: cannot be set aside: %s", kept.path, why, strerror(errno));
    }
}

static void load(void)
{
    /* O_NONBLOCK: opening a FIFO must not wait for its writer. */
    int fd = open(kept.path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    char text[128];
    uint8_t *data;
    const char *why;
    unsigned line;
    size_t len;

    if (fd < 0 && errno == ENOENT) {
        return;
    }
    data = fd < 0 ? NULL : read_regular(fd, &len);
    if (data == NULL) {
        set_aside(errno == 0 ? "not a list of failures" : strerror(errno));
    } else if (asjson_read_failures(&kept.store, bytes_of(data, len), &line, &why) != 0) {
        snprintf(text, sizeof text, "line %u: %s", line, why);
        set_aside(text);
    }
    free(data);
    if (fd >= 0) {
        close(fd);
    }
    if (forget_old()) {
        wake_main();
    }
}

/* --- starting and stopping ------------------------------------------------------------------ */

static int open_file(const struct conf *conf, struct event_base *base, struct conf_error *error)
{
    const struct conf_text *dir = &conf->state_directory;

    /* Room for the longest of the names in it. */
    if (strlen(dir->text) > PATH_MAX - 32) {
        return conf_fail(error, conf, dir->line, "state_directory: the path is too long");
    }
    snprintf(kept.directory, sizeof kept.directory, "%s", dir->text);
    snprintf(kept.path, sizeof kept.path, "%.*s/" FILE_NAME, PATH_MAX - 32, dir->text);
    snprintf(kept.new_path, sizeof kept.new_path, "%.*s/" FILE_NAME ".new", PATH_MAX - 32,
             dir->text);
    kept.written = seconds_of(CLOCK_MONOTONIC) - WRITE_PAUSE;
    kept.wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    kept.pause_over = evtimer_new(base, on_pause_over, NULL);
    if (kept.wake_fd >= 0) {
        kept.wake = event_new(base, kept.wake_fd, EV_READ | EV_PERSIST, on_wake, NULL);
    }
    if (kept.pause_over == NULL || kept.wake == NULL || event_add(kept.wake, NULL) != 0) {
        return conf_fail(error, conf, 0, "failures cannot be kept: %s", strerror(errno));
    }
    load();
    return 0;
}

int kept_failures_open(const struct conf *conf, struct event_base *base, struct conf_error *error)
{
    kept.mode = conf->failures;
    if (kept.mode == CONF_FAILURES_DISK && open_file(conf, base, error) != 0) {
        kept_failures_close();
        return -1;
    }
    return 0;
}

void kept_failures_close(void)
{
    if (kept.wake != NULL) {
        (void)!save();
        event_free(kept.wake);
        kept.wake = NULL;
    }
    if (kept.pause_over != NULL) {
        event_free(kept.pause_over);
        kept.pause_over = NULL;
    }
    if (kept.wake_fd >= 0) {
        close(kept.wake_fd);
        kept.wake_fd = -1;
    }
    failures_clear(&kept.store);
}

/* --- the store ------------------------------------------------------------------------------ */

bool kept_failures_on(void)
{
    return kept.mode != CONF_FAILURES_OFF;
}

void kept_failures_add(const struct failure_event *event)
{
    bool wake = false;

    if (!kept_failures_on() || !failures_wants(event->reason)) {
        return;
    }
    pthread_mutex_lock(&kept.lock);
    if (failures_add(&kept.store, event, seconds_of(CLOCK_REALTIME))) {
        wake = note_change();
    }
    pthread_mutex_unlock(&kept.lock);
    if (wake) {
        wake_main();
    }
}

/* Under the lock. */
static void copy_entry(const struct failure *entry, struct kept_failure *out)
{
    size_t len = entry->sni.len < sizeof out->name ? entry->sni.len : sizeof out->name;

    out->entry = *entry;
    out->entry.hello = bytes_of(NULL, 0);
    if (len > 0) {
        memcpy(out->name, entry->sni.data, len);
    }
    out->entry.sni = bytes_of(out->name, len);
}

size_t kept_failures_list(struct kept_failure *out)
{
    size_t num;
    bool wake;

    pthread_mutex_lock(&kept.lock);
    wake = forget_old();
    num = kept.store.num;
    for (size_t i = 0; i < num; i++) {
        copy_entry(kept.store.entries[num - 1 - i], &out[i]);
    }
    pthread_mutex_unlock(&kept.lock);
    if (wake) {
        wake_main();
    }
    return num;
}

bool kept_failures_find(uint64_t id, struct kept_failure *out, uint8_t hello[HELLO_SIZE_MAX])
{
    const struct failure *entry;
    bool wake;

    pthread_mutex_lock(&kept.lock);
    wake = forget_old();
    entry = failures_find(&kept.store, id);
    if (entry != NULL) {
        copy_entry(entry, out);
        memcpy(hello, entry->hello.data, entry->hello.len);
        out->entry.hello = bytes_of(hello, entry->hello.len);
    }
    pthread_mutex_unlock(&kept.lock);
    if (wake) {
        wake_main();
    }
    return entry != NULL;
}
