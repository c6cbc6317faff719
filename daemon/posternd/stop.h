/*
 * stop: how posternd stops.
 *
 * At the first signal the workers drain, and main's thread goes on answering the control socket: a
 * milter may ask for facts about a mail that is being accepted right now. A second signal ends
 * everything at once. Nothing is waited for but sessions, and for none longer than lifetime says.
 */
#ifndef POSTERN_DAEMON_POSTERND_STOP_H
#define POSTERN_DAEMON_POSTERND_STOP_H

#include "daemon/posternd/sockets.h"

#include <event2/event.h>

/* Zeroed at first. All but `sockets` is stop.c's. */
struct stop {
    struct sockets *sockets; /* borrowed; set by main_loop_run() */
    bool kept;               /* the sockets, by a supervisor */
    struct event *tick;      /* owned; pending while the workers drain */
    bool drains;             /* the workers have all begun to drain */
    int64_t since;           /* thread_now() at the first signal; 0: there was none */
    unsigned ticks;
};

/* 0, or -1 with errno. */
MUST_USE int stop_open(struct stop *stop, struct event_base *base);

/* A signal that stops the program has arrived. If a supervisor keeps the sockets (sockets.h),
 * clients that connect from now on wait for the next process; otherwise they are turned away, and
 * the sockets are closed. */
void stop_signal(struct stop *stop);

/* The workers have news. Whether they have ended, and the program with them, which is logged. */
MUST_USE bool stop_news(struct stop *stop);

/* A zeroed one is allowed. */
void stop_close(struct stop *stop);

#endif
