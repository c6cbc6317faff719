#include "daemon/posternctl/postfix/postconf.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* How much is read from one run, and how long it may take. */
#define OUTPUT_MAX   ((size_t)1 << 20)
#define SECONDS_MAX  10
#define NUM_PROGRAMS 2

static int64_t now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Starts postconf with its standard output in `*fd`. The process, or -1. */
static pid_t start(char *const argv[], int *fd)
{
    /* An administrator's PATH may lack the second. */
    static const char *const programs[NUM_PROGRAMS] = {"postconf", "/usr/sbin/postconf"};
    posix_spawn_file_actions_t actions;
    int ends[2];
    pid_t pid = -1;

    if (pipe2(ends, O_CLOEXEC) != 0) {
        return -1;
    }
    if (posix_spawn_file_actions_init(&actions) == 0) {
        bool ready = posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO) == 0 &&
                     posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY,
                                                      0) == 0 &&
                     posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null",
                                                      O_WRONLY, 0) == 0;

        for (int i = 0; ready && pid < 0 && i < NUM_PROGRAMS; i++) {
            if (posix_spawnp(&pid, programs[i], &actions, NULL, argv, environ) != 0) {
                pid = -1;
            }
        }
        posix_spawn_file_actions_destroy(&actions);
    }
    close(ends[1]);
    if (pid < 0) {
        close(ends[0]);
    }
    *fd = ends[0];
    return pid;
}

/* Reads until the end. False if it takes too long or is too much. */
static bool read_all(int fd, char *out, size_t *len)
{
    int64_t deadline = now_ms() + SECONDS_MAX * 1000;

    while (*len < OUTPUT_MAX) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        int64_t left = deadline - now_ms();
        ssize_t got;

        if (left <= 0 || (poll(&p, 1, (int)left) < 0 && errno != EINTR)) {
            return false;
        }
        if (p.revents == 0) {
            continue;
        }
        got = read(fd, out + *len, OUTPUT_MAX - *len);
        if (got == 0) {
            return true;
        }
        if (got < 0 && errno != EINTR) {
            return false;
        }
        *len += got > 0 ? (size_t)got : 0;
    }
    return false;
}

/* What postconf prints with these arguments, the first of which is its name and the last NULL. The
 * caller frees it; NULL if there is no output. */
static char *run(char *const argv[])
{
    char *out = malloc(OUTPUT_MAX + 1);
    size_t len = 0;
    int status = -1;
    int fd;
    pid_t pid = out == NULL ? -1 : start(argv, &fd);

    if (pid > 0) {
        bool complete = read_all(fd, out, &len);

        close(fd);
        if (!complete) {
            kill(pid, SIGKILL);
        }
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
        }
        out[len] = '\0';
    }
    if (pid < 0 || !WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        free(out);
        return NULL;
    }
    return out;
}

/* The same with up to two arguments; NULL: there is none. */
static char *ask(const char *first, const char *second)
{
    char name[] = "postconf";
    char *argv[] = {name, strdup(first), second == NULL ? NULL : strdup(second), NULL};
    char *out = argv[1] == NULL ? NULL : run(argv);

    free(argv[1]);
    free(argv[2]);
    return out;
}

/* The value of a setting, main.cf's or Postfix's own; the caller frees it. */
static char *value_of(const char *name)
{
    char *value = ask("-xh", name);

    if (value != NULL) {
        value[strcspn(value, "\n")] = '\0';
    }
    return value;
}

void postconf_read(struct postconf *out)
{
    *out = (struct postconf){.settings = ask("-n", NULL)};
    /* If it fails, postconf waits a second before it says so: once is enough. */
    if (out->settings != NULL) {
        out->services = ask("-M", NULL);
        out->overrides = ask("-P", NULL);
        out->queue = value_of("queue_directory");
        out->owner = value_of("mail_owner");
        out->process_limit = value_of("default_process_limit");
        out->ports = value_of("known_tcp_ports");
    }
    if (out->services == NULL || out->overrides == NULL || out->queue == NULL ||
        out->owner == NULL || out->process_limit == NULL || out->ports == NULL) {
        postconf_free(out);
    }
}

int postconf_defaults(struct settings *out)
{
    char *text = ask("-d", NULL);
    int status = text == NULL ? -1 : settings_read(out, text);

    free(text);
    return status;
}

int postconf_effective(const struct settings *own, struct settings *out)
{
    char name[] = "postconf";
    char expand[] = "-x";
    char option[] = "-o";
    char **argv = calloc(2 * own->num + 3, sizeof *argv);
    size_t num = 0;
    char *text = NULL;
    int status = -1;

    if (argv == NULL) {
        return -1;
    }
    argv[num++] = name;
    argv[num++] = expand;
    for (size_t i = 0; i < own->num; i++) {
        argv[num++] = option;
        if (asprintf(&argv[num], "%s=%s", own->items[i].name, own->items[i].value) < 0) {
            argv[num] = NULL;
            break;
        }
        num++;
    }
    if (num == 2 * own->num + 2) {
        text = run(argv);
        status = text == NULL ? -1 : settings_read(out, text);
    }
    for (size_t i = 3; i < num; i += 2) {
        free(argv[i]);
    }
    free(argv);
    free(text);
    return status;
}

void postconf_free(struct postconf *p)
{
    free(p->settings);
    free(p->services);
    free(p->overrides);
    free(p->queue);
    free(p->owner);
    free(p->process_limit);
    free(p->ports);
    *p = (struct postconf){0};
}
