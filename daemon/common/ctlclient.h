/*
 * ctlclient: a connection to posternd's control socket, for one question after another.
 *
 * Not locked: one thread at a time may use a connection.
 */
#ifndef POSTERN_DAEMON_COMMON_CTLCLIENT_H
#define POSTERN_DAEMON_COMMON_CTLCLIENT_H

#include "lib/base/bytes.h"

#include <jansson.h>
#include <time.h>

struct ctlclient {
    const char *path;  /* borrowed; fits into a sockaddr_un */
    size_t answer_max; /* bytes of an answer, with its line end: a longer one is refused */
    int fd;            /* owned; -1: not connected */
};

/* The result of a question. */
enum ctlclient_result {
    CTLCLIENT_ANSWERED,
    CTLCLIENT_REFUSED, /* posternd refused */
    CTLCLIENT_FAILED,  /* there was no answer */
};

/* A connection that is opened with the first question. `path` must outlive it. */
struct ctlclient ctlclient_open(const char *path, size_t answer_max);

/* Closes it, if it is connected. The next question connects again. */
void ctlclient_close(struct ctlclient *c);

/* The deadline that is so many milliseconds from now, by CLOCK_MONOTONIC. */
struct timespec ctlclient_deadline(unsigned ms);

/*
 * Sends `request` (stolen; NULL counts as no memory), and waits for the answer until the deadline.
 * `*answer` is a JSON object that the caller releases with json_decref(): the answer, or, if
 * refused, an object with a text "error". If it failed, it is NULL and errno says why: ETIMEDOUT
 * (EAGAIN if it was over while posternd's backlog was full), EMSGSIZE for an answer that is too
 * long, EPROTO for one that is not posternd's, ECONNRESET for one that is not whole, or the
 * system's. The connection stays open for the next question only after an answer.
 */
MUST_USE enum ctlclient_result ctlclient_ask(struct ctlclient *c, json_t *request,
                                             const struct timespec *deadline, json_t **answer);

#endif
