/*
 * posternd: the SMTP front that picks a certificate for each client.
 *
 * main() reads the configuration, binds, gives up root, starts the workers and then waits for
 * signals and requests. It never forks: a supervisor keeps it. Exit codes: 0 stopped by a signal or
 * -t found nothing wrong; 2 the configuration or the system prevented the start, and would again;
 * 75 what prevented it may pass by itself.
 */
#include "daemon/common/log.h"
#include "daemon/common/options.h"
#include "daemon/common/privs.h"
#include "daemon/common/signals.h"
#include "daemon/posternd/control.h"
#include "daemon/posternd/descriptors.h"
#include "daemon/posternd/failures.h"
#include "daemon/posternd/inherited.h"
#include "daemon/posternd/main_loop.h"
#include "daemon/posternd/notify.h"
#include "daemon/posternd/reload.h"
#include "daemon/posternd/sockets.h"
#include "daemon/posternd/summary.h"
#include "daemon/tls/snapshot.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

static void warn(const char *text)
{
    log_line(LOG_WARNING, "%s", text);
}

/* The exit code for a start that the system has refused for `reason`, an errno. */
static int code_for(int reason)
{
    switch (reason) {
    case EADDRINUSE:
    case EADDRNOTAVAIL:
    case EAGAIN:
    case EMFILE:
    case ENFILE:
    case ENOMEM:
        return EXIT_AGAIN;
    default:
        return EXIT_BAD;
    }
}

/* The lock against a second daemon, held until this process ends. 0, or -1 with errno. */
static int lock_state(const struct conf *conf, struct conf_error *error)
{
    const struct conf_text *dir = &conf->state_directory;
    char path[4096];
    int fd;

    if (snprintf(path, sizeof path, "%s/posternd.lock", dir->text) >= (int)sizeof path) {
        errno = ENAMETOOLONG;
        return conf_fail(error, conf, dir->line, "state_directory: the path is too long");
    }
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) {
        return conf_fail(error, conf, dir->line, "cannot open %s: %s", path, strerror(errno));
    }
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        int reason = errno;

        close(fd);
        (void)conf_fail(error, conf, dir->line, "cannot lock %s: %s", path,
                        reason == EWOULDBLOCK ? "another posternd uses this state_directory"
                                              : strerror(reason));
        errno = reason;
        return -1;
    }
    return 0;
}

/* Until a signal ends it; the exit code. The snapshot is stolen. */
static int serve(const struct reload_setup *setup, struct main_loop *loop)
{
    int code = EXIT_AGAIN;

    if (reload_open(setup) == 0) {
        snapshot_unref(setup->snapshot);
        notify_ready();
        main_loop_run(loop, setup->sockets);
        code = EXIT_SUCCESS;
    } else {
        snapshot_unref(setup->snapshot);
    }
    reload_close();
    return code;
}

/* What a package or a unit would have created. */
static void make_directories(const struct conf *conf)
{
    const char *socket = conf->control.text;
    const char *slash = strrchr(socket, '/');
    char parent[ADDR_PATH_SIZE];

    privs_make_directory(conf, conf->state_directory.text, 0700);
    if (slash != NULL && slash != socket && (size_t)(slash - socket) < sizeof parent) {
        memcpy(parent, socket, (size_t)(slash - socket));
        parent[slash - socket] = '\0';
        privs_make_directory(conf, parent, 0755);
    }
}

/* The control socket. Without one that is not set explicitly it continues: mail is more important.
 */
static int open_control(struct control **control, const struct conf *conf, struct main_loop *loop,
                        struct conf_error *error)
{
    errno = 0;
    if (control_open(control, conf, main_loop_base(loop), error) == 0) {
        log_open(conf, conf->syslog_name.text);
        return 0;
    }
    if (conf->control.line != 0) {
        return -1;
    }
    log_open(conf, conf->syslog_name.text);
    log_line(LOG_WARNING, "%s: continuing without it", error->text);
    return 0;
}

/* Everything that can fail before the first client, in the order in which it needs root. 0, or the
 * exit code with `*error`. */
static int prepare(const struct snapshot *snapshot, struct sockets *sockets, struct main_loop *loop,
                   struct control **control, struct conf_error *error)
{
    const struct conf *conf = snapshot->conf;

    if (sockets_open(sockets, conf, snapshot->num_workers, error) != 0) {
        return code_for(errno);
    }
    make_directories(conf);
    if (privs_drop(conf, &conf->user, error) != 0) {
        return EXIT_BAD;
    }
    if (lock_state(conf, error) != 0 || open_control(control, conf, loop, error) != 0) {
        return code_for(errno);
    }
    return kept_failures_open(conf, main_loop_base(loop), error) == 0 ? 0 : EXIT_BAD;
}

/* What this process has of its predecessor, the next one gets from it. */
static void hand_over(struct sockets *sockets, const struct conf *conf)
{
    const char *lost = tls_tickets_adopt(inherited_tickets());

    if (lost != NULL) {
        log_line(LOG_WARNING, "ticket keys are not kept over a restart: %s", lost);
        /* Or the next process would find both under this name. */
        notify_remove(INHERITED_TICKETS);
    }
    /* Before anything is stored: what has to leave the store may have the same name. */
    inherited_close();
    sockets_retain(sockets, conf);
    if (tls_tickets_fd() >= 0) {
        notify_store(tls_tickets_fd(), INHERITED_TICKETS);
    }
}

static void fail(int code, const char *text)
{
    log_fatal("%s%s", text, code == EXIT_AGAIN ? "; starting again may help" : "");
    notify_status(text);
}

/* The snapshot is stolen. */
static int start(const char *file, struct libctxs *libctxs, struct snapshot *snapshot)
{
    const struct conf *conf = snapshot->conf;
    struct main_loop *loop = main_loop_new();
    struct control *control = NULL;
    struct sockets sockets = {0};
    struct reload_setup setup = {.file = file,
                                 .libctxs = libctxs,
                                 .snapshot = snapshot,
                                 .sockets = &sockets,
                                 .gave_up_root = geteuid() == 0};
    struct conf_error error;
    int code = EXIT_AGAIN;

    descriptors_limit(conf, snapshot->num_workers, sockets_count(conf), CONTROL_CLIENTS_MAX);
    if (loop == NULL) {
        fail(code, strerror(errno));
        snapshot_unref(snapshot);
    } else if ((code = prepare(snapshot, &sockets, loop, &control, &error)) != 0) {
        fail(code, error.text);
        snapshot_unref(snapshot);
    } else {
        sockets_log(&sockets, conf, NULL);
        hand_over(&sockets, conf);
        setup.base = main_loop_base(loop);
        setup.news_fd = main_loop_news_fd(loop);
        code = serve(&setup, loop);
    }
    sockets_close(&sockets);
    control_close(control);
    kept_failures_close();
    main_loop_free(loop);
    return code;
}

int main(int argc, char **argv)
{
    struct options options = options_read("posternd", argc, argv);
    struct libctxs libctxs = {0};
    struct conf_error error;
    struct snapshot *snapshot;
    int code = EXIT_SUCCESS;

    log_init("posternd");
    signals_hold();
    if (options.check_only) {
        log_answer();
    } else {
        notify_open();
        inherited_open();
    }
    if (tls_library_init() != 0) {
        fail(EXIT_BAD, "libssl cannot be initialised");
        return EXIT_BAD;
    }
    snapshot = snapshot_load(options.file, &libctxs, NULL, warn, &error);
    if (snapshot == NULL) {
        libctxs_close(&libctxs);
        fail(EXIT_BAD, error.text);
        return EXIT_BAD;
    }
    if (options.check_only) {
        snapshot_unref(snapshot);
    } else {
        code = start(options.file, &libctxs, snapshot);
    }
    libctxs_close(&libctxs);
    return code;
}
