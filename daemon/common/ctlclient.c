/*
 * Theory of operation: a question is one line, and so is its answer; both have to be done by one
 * deadline. posternd closes idle connections, and all connections when it ends, so if a connection
 * that was used before turns out to be closed, it is opened again, once, and the question is sent
 * again. A connection without an answer in time is closed: the answer might arrive for the next
 * question.
 */
#include "daemon/common/ctlclient.h"

#include "daemon/common/jsonline.h"
#include "daemon/common/unixsocket.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct ctlclient ctlclient_open(const char *path, size_t answer_max)
{
    return (struct ctlclient){.path = path, .answer_max = answer_max, .fd = -1};
}

void ctlclient_close(struct ctlclient *c)
{
    if (c->fd >= 0) {
        close(c->fd);
        c->fd = -1;
    }
}

/* --- time ----------------------------------------------------------------------------------- */

struct timespec ctlclient_deadline(unsigned ms)
{
    struct timespec at;

    clock_gettime(CLOCK_MONOTONIC, &at);
    at.tv_sec += ms / 1000;
    at.tv_nsec += (long)(ms % 1000) * 1000000;
    if (at.tv_nsec >= 1000000000) {
        at.tv_sec++;
        at.tv_nsec -= 1000000000;
    }
    return at;
}

/* The remaining time, at least 0. */
static long ms_until(const struct timespec *deadline)
{
    struct timespec now;
    long left;

    clock_gettime(CLOCK_MONOTONIC, &now);
    left = (deadline->tv_sec - now.tv_sec) * 1000 + (deadline->tv_nsec - now.tv_nsec) / 1000000;
    return left > 0 ? left : 0;
}

/* Waits until the socket is ready. 0, or -1 with errno. */
static int wait_for(int fd, short events, const struct timespec *deadline)
{
    struct pollfd ready = {.fd = fd, .events = events};
    int num;

    do {
        num = poll(&ready, 1, (int)ms_until(deadline));
    } while (num < 0 && errno == EINTR);
    if (num == 0) {
        errno = ETIMEDOUT;
    }
    return num > 0 ? 0 : -1;
}

/* --- lines ---------------------------------------------------------------------------------- */

/* 0, or -1 with errno. posternd may have said why it closes before it was asked: read first, and
 * notice only then that it accepts nothing more. */
static int send_line(int fd, const char *line, const struct timespec *deadline)
{
    size_t len = strlen(line);

    while (len > 0) {
        ssize_t put = send(fd, line, len, MSG_NOSIGNAL);

        if (put < 0 && errno == EPIPE) {
            return 0;
        }
        if (put < 0 && errno == EAGAIN) {
            if (wait_for(fd, POLLOUT, deadline) != 0) {
                return -1;
            }
        } else if (put < 0 && errno != EINTR) {
            return -1;
        }
        line += put > 0 ? put : 0;
        len -= put > 0 ? (size_t)put : 0;
    }
    return 0;
}

/* Reads one line and no more; its length, or -1 with errno. */
static ssize_t read_line(int fd, char *line, size_t max, const struct timespec *deadline)
{
    size_t len = 0;

    while (len == 0 || line[len - 1] != '\n') {
        ssize_t got;

        if (len == max) {
            errno = EMSGSIZE;
            return -1;
        }
        if (wait_for(fd, POLLIN, deadline) != 0) {
            return -1;
        }
        got = recv(fd, line + len, max - len, 0);
        if (got == 0) {
            errno = ECONNRESET;
            return -1;
        }
        if (got < 0 && errno != EINTR && errno != EAGAIN) {
            return -1;
        }
        len += got > 0 ? (size_t)got : 0;
    }
    return (ssize_t)len;
}

/* One question; the length of the answer in `out`, or -1 with errno. */
static ssize_t talk(struct ctlclient *c, const char *question, char *out,
                    const struct timespec *deadline)
{
    bool old = c->fd >= 0;

    for (;;) {
        ssize_t len = -1;

        if (c->fd < 0) {
            c->fd = unixsocket_connect(c->path, ms_until(deadline));
        }
        if (c->fd >= 0 && send_line(c->fd, question, deadline) == 0) {
            len = read_line(c->fd, out, c->answer_max, deadline);
        }
        if (len >= 0 || !old || errno != ECONNRESET) {
            return len;
        }
        ctlclient_close(c);
        old = false;
    }
}

/* --- questions ------------------------------------------------------------------------------ */

/* What a line says. */
static enum ctlclient_result parse(const char *line, size_t len, json_t **answer)
{
    const json_t *refusal;

    *answer = json_loadb(line, len, JSON_REJECT_DUPLICATES, NULL);
    refusal = json_object_get(*answer, "error");
    if (json_is_object(*answer) && (refusal == NULL || json_is_string(refusal))) {
        return refusal == NULL ? CTLCLIENT_ANSWERED : CTLCLIENT_REFUSED;
    }
    json_decref(*answer);
    *answer = NULL;
    errno = EPROTO;
    return CTLCLIENT_FAILED;
}

enum ctlclient_result ctlclient_ask(struct ctlclient *c, json_t *request,
                                    const struct timespec *deadline, json_t **answer)
{
    char *question = jsonline(request);
    char *line = malloc(c->answer_max);
    enum ctlclient_result result = CTLCLIENT_FAILED;
    ssize_t len = -1;
    int reason;

    *answer = NULL;
    json_decref(request);
    errno = ENOMEM;
    if (question != NULL && line != NULL) {
        len = talk(c, question, line, deadline);
    }
    if (len >= 0) {
        result = parse(line, (size_t)len, answer);
    }
    reason = errno;
    if (result != CTLCLIENT_ANSWERED) {
        ctlclient_close(c);
    }
    free(line);
    free(question);
    errno = reason;
    return result;
}
