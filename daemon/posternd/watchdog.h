/*
 * watchdog: tells the supervisor that this process is alive, if it wants to know (WatchdogSec= of
 * the unit).
 *
 * Alive means: main's loop has come round, and after that each worker's loop. So one worker that
 * does not go on is noticed as well as a process that does nothing at all. The workers are asked
 * four times in the supervisor's limit, and again only when all have answered; the supervisor is
 * told at once when they have.
 */
#ifndef POSTERN_DAEMON_POSTERND_WATCHDOG_H
#define POSTERN_DAEMON_POSTERND_WATCHDOG_H

#include "daemon/posternd/workers.h"

#include <event2/event.h>

/* Zeroed at first. */
struct watchdog {
    const struct workers *workers; /* borrowed */
    struct event *timer;           /* owned; NULL: nobody wants to know */
    bool asked;                    /* not all workers have answered yet */
};

/* Makes its timer in main's loop. 0 or -1. */
MUST_USE int watchdog_open(struct watchdog *dog, struct event_base *base);

/* Begins to ask these workers. */
void watchdog_begin(struct watchdog *dog, const struct workers *workers);

/* An answer of a worker may have come. */
void watchdog_news(struct watchdog *dog);

/* A zeroed one is allowed. */
void watchdog_close(struct watchdog *dog);

#endif
