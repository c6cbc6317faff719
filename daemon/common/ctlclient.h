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
    size_t answer_max; /* bytes of an answer, with its line end: a longer one is not taken */
    int fd;            /* owned; -1: not connected */
};

/* How a question went. */
enum ctlclient_result {
    CTLCLIENT_ANSWERED,
    CTLCLIENT_REFUSED, /* posternd said no */
    CTLCLIENT_FAILED,  /* there was no answer */
};

/* A connection that is made with the first question. `path` must live on. */
struct ctlclient ctlclient_open(const char *path, size_t answer_max);

/* Closes it, if it is connected. The next question connects again. */
void ctlclient_close(struct ctlclient *c);

/* The deadline that is so many milliseconds from now, by CLOCK_MONOTONIC. */
struct timespec ctlclient_deadline(unsigned ms);

/*
 * Sends `request` (stolen; NULL counts as no memory), and waits for the answer until the deadline.
 * `*answer` is a JSON object that the caller gives back with json_decref(): what was asked for, or,
 * refused, one with a text "error". Failed, it is NULL and errno tells why: ETIMEDOUT (EAGAIN if it
 * was over while posternd's backlog was full), EMSGSIZE for an answer that is too long, EPROTO for
 * one that is not posternd's, ECONNRESET for one that is not whole, or the system's. The connection
 * stays for the next question after an answer only.
 */
MUST_USE enum ctlclient_result ctlclient_ask(struct ctlclient *c, json_t *request,
                                             const struct timespec *deadline, json_t **answer);

#endif
