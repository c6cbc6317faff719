/*
 * postern-milter: tells Postfix, mail by mail, how posternd's session is protected.
 *
 * Theory of operation: all signals are blocked in all threads, and main() takes them, one by one.
 * libmilter would do the same in its own thread, and stop at SIGHUP as at SIGTERM; that is why
 * there is a sigwait() here. smfi_stop() waits for seconds, so it is not called: when no callback
 * is running, the process ends, without libmilter's work at exit(), which destroys locks that its
 * threads use. Postfix treats that as a failure of the milter, and tells its clients to try again
 * later.
 *
 * Exit codes: 0 stopped by a signal or -t found nothing wrong; 1 libmilter ended by itself; 2 the
 * configuration or the system prevented the start.
 */
#include "daemon/common/log.h"
#include "daemon/common/options.h"
#include "daemon/common/privs.h"
#include "daemon/common/readconf.h"
#include "daemon/common/signals.h"
#include "daemon/common/unixsocket.h"
#include "daemon/postern-milter/filter.h"
#include "daemon/postern-milter/lookup.h"
#include "daemon/postern-milter/policyfile.h"
#include "daemon/postern-milter/service.h"
#include "daemon/postern-milter/thread.h"

#include <errno.h>
#include <libmilter/mfapi.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/lsan_interface.h>
#endif

/* Connections that Postfix may have waiting to be accepted. */
#define BACKLOG 512

/* Seconds between two checks for withheld log lines. */
#define TELL_SECONDS 10

/* Seconds for callbacks to end. */
#define LAST_SECONDS 2

static pthread_t main_thread;
static _Atomic bool milter_ended;

/* --- signals ------------------------------------------------------------------------------- */

/* Replaces libc's, which only libmilter calls here: its thread never gets a signal. */
__attribute__((used)) int sigwait(const sigset_t *set, int *sig)
{
    (void)set;
    (void)sig;
    for (;;) {
        pause();
    }
}

/* Waits for the end, and reads the policy again when told to. Returns the process's exit code. */
static int wait_for_end(const sigset_t *signals)
{
    for (;;) {
        siginfo_t info;
        int number = sigtimedwait(signals, &info, &(struct timespec){.tv_sec = TELL_SECONDS});

        lookup_tell_withheld();
        if (milter_ended) {
            log_line(LOG_CRIT, "libmilter ended by itself");
            return EXIT_FAILURE;
        }
        if (number == SIGHUP) {
            policyfile_reload();
        } else if (signals_stop(number)) {
            return EXIT_SUCCESS;
        } else if (number > 0) {
            signals_ignored(number, info.si_uid, info.si_pid);
        }
    }
}

/* --- the milter ---------------------------------------------------------------------------- */

/* In libmilter's form. */
static void write_address(const struct endpoint *at, char *out, size_t size)
{
    char host[ADDR_TEXT_SIZE];

    if (at->ip.family == ADDR_NONE) {
        snprintf(out, size, "unix:%s", at->path);
    } else {
        snprintf(out, size, "%s:%u@%s", at->ip.family == ADDR_IPV6 ? "inet6" : "inet", at->ip.port,
                 addr_text(&at->ip, host));
    }
}

static int fail(const struct conf *conf, struct conf_error *error, const char *why)
{
    char text[ADDR_PATH_SIZE + 8];

    endpoint_text(&conf->milter.socket.endpoint, text, sizeof text);
    return conf_fail(error, conf, conf->milter.socket.line, "socket: cannot listen on %s: %s", text,
                     why);
}

/* libmilter only logs errors, so the most frequent ones are checked first. */
static const char *why_not(const struct endpoint *at)
{
    char directory[ADDR_PATH_SIZE];
    char *slash;

    if (at->ip.family != ADDR_NONE) {
        return NULL;
    }
    snprintf(directory, sizeof directory, "%s", at->path);
    slash = strrchr(directory, '/');
    slash[slash == directory ? 1 : 0] = '\0';
    if (access(directory, W_OK | X_OK) != 0) {
        return errno == ENOENT ? "its directory does not exist" : strerror(errno);
    }
    return unixsocket_remove_stale(at->path);
}

/* 0, or -1 with `*error`. */
static int open_milter(const struct conf *conf, struct conf_error *error)
{
    const struct endpoint *at = &conf->milter.socket.endpoint;
    char address[ADDR_PATH_SIZE + 8];
    char text[ADDR_PATH_SIZE + 8];
    const char *wrong;
    mode_t mask;
    int status;

    if (!conf_is_set(&conf->milter.socket)) {
        return 0;
    }
    wrong = why_not(at);
    if (wrong != NULL) {
        return fail(conf, error, wrong);
    }
    write_address(at, address, sizeof address);
    errno = 0;
    mask = umask(0117);
    status = filter_register(conf) != 0 || smfi_setconn(address) != MI_SUCCESS ||
                     smfi_setbacklog(BACKLOG) != MI_SUCCESS || smfi_opensocket(false) != MI_SUCCESS
                 ? -1
                 : 0;
    umask(mask);
    if (status != 0) {
        return fail(conf, error, errno != 0 ? strerror(errno) : "libmilter logs the reason");
    }
    endpoint_text(at, text, sizeof text);
    log_line(LOG_INFO, "listening on %s milter", text);
    return 0;
}

static void *run_milter(void *arg)
{
    (void)arg;
    (void)smfi_main();
    milter_ended = true;
    pthread_kill(main_thread, SIGTERM);
    return NULL;
}

/* 0, or -1 with errno. */
static int start_threads(const struct conf *conf)
{
    if (service_start() != 0) {
        return -1;
    }
    return conf_is_set(&conf->milter.socket) ? thread_start(run_milter, NULL) : 0;
}

/* --- starting ------------------------------------------------------------------------------ */

/* What a package or a unit would have created. */
static void make_directories(const struct conf *conf)
{
    const struct conf_endpoint *sockets[] = {&conf->milter.socket, &conf->milter.policy_socket};

    for (size_t i = 0; i < sizeof sockets / sizeof sockets[0]; i++) {
        if (sockets[i]->endpoint.path[0] != '\0') {
            privs_make_socket_directory(conf, sockets[i]->endpoint.path);
        }
    }
}

/* Everything that can fail, in the order in which it needs root. */
static int prepare(const struct conf *conf, struct conf_error *error)
{
    make_directories(conf);
    if (privs_drop(conf, conf_milter_user(conf), error) != 0 || policyfile_open(conf, error) != 0) {
        return -1;
    }
    lookup_init(conf);
    log_open(conf, "postern-milter");
    return open_milter(conf, error) != 0 ? -1 : service_open(conf, error);
}

/* Ends the process although its threads still run. */
static _Noreturn void end(int code)
{
#ifdef __SANITIZE_ADDRESS__
    __lsan_do_leak_check(); /* as at exit() */
#endif
    _exit(code);
}

static int serve(const struct conf *conf)
{
    sigset_t signals = signals_take_over();
    struct conf_error error;
    int code;

    main_thread = pthread_self();
    if (prepare(conf, &error) != 0) {
        log_fatal("%s", error.text);
        return EXIT_BAD;
    }
    if (start_threads(conf) != 0) {
        log_fatal("cannot start a thread: %s", strerror(errno));
        end(EXIT_BAD);
    }
    code = wait_for_end(&signals);
    if (conf->milter.socket.endpoint.path[0] != '\0') {
        unlink(conf->milter.socket.endpoint.path);
    }
    service_close();
    filter_wait(LAST_SECONDS);
    end(code);
}

/* Serves, or only checks; the exit code. */
static int run(const struct conf *conf, const struct options *options)
{
    struct conf_error error;

    if (conf->milter.line == 0) {
        log_fatal("%s: section milter is missing", options->file);
        return EXIT_BAD;
    }
    if (conf->control.text[0] == '\0') {
        log_fatal("%s:%u: control = \"\": postern-milter needs the control socket", options->file,
                  conf->control.line);
        return EXIT_BAD;
    }
    if (!options->check_only) {
        return serve(conf);
    }
    if (policyfile_open(conf, &error) != 0) {
        log_fatal("%s", error.text);
        return EXIT_BAD;
    }
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    struct options options = options_read("postern-milter", argc, argv);
    struct conf_error error;
    struct conf *conf;
    int code;

    log_init("postern-milter");
    signals_hold();
    if (options.check_only) {
        log_answer();
    }
    conf = readconf(options.file, &error);
    if (conf == NULL) {
        log_fatal("%s", error.text);
        return EXIT_BAD;
    }
    code = run(conf, &options);
    conf_free(conf);
    return code;
}
