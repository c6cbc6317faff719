/*
 * reload: which snapshot is in force, and how the next one takes its place.
 *
 * Promise: all or nothing. A snapshot that cannot be loaded, or brought into force, changes nothing
 * at all; one that can is in force for every session that begins after reload_waiter.done() was
 * called. Running sessions keep theirs. Only main's thread calls these; loading has a thread of its
 * own, so main goes on serving its sockets.
 */
#ifndef POSTERN_DAEMON_POSTERND_RELOAD_H
#define POSTERN_DAEMON_POSTERND_RELOAD_H

#include "daemon/posternd/sockets.h"
#include "daemon/posternd/workers.h"
#include "daemon/tls/snapshot.h"

#include <event2/event.h>
#include <sys/queue.h>

struct reload_setup {
    const char *file;          /* the configuration's; borrowed, like all that follows */
    struct libctxs *libctxs;   /* of the workers */
    struct snapshot *snapshot; /* the first one */
    struct sockets *sockets;   /* open for it */
    struct event_base *base;   /* main's */
    int news_fd;               /* main's: reload_look() is called when a worker has written it */
    bool gave_up_root;         /* what root could do at the start may be impossible now */
};

/* Brings the first snapshot into force and starts the workers. 0; or -1 after an error was logged.
 * All that is borrowed outlives reload_close(). */
MUST_USE int reload_open(const struct reload_setup *setup);

/* The workers. */
const struct workers *reload_workers(void);

/* From now on nothing is loaded any more, and requests are refused. */
void reload_end(void);

/* Waits for the workers, which were told to stop, and for a load that has begun, and frees all. */
void reload_close(void);

/* --- requests --- */

/* What a load has led to. */
struct reload_result {
    const char *refused; /* "FILE:LINE: text", or NULL: the snapshot is in force */
    unsigned number;     /* of the snapshot that is in force */
    size_t certificates; /* of these, */
    size_t loaded;       /* ... so many are new */
};

/* Somebody who waits for a load; zeroed at first. */
struct reload_waiter {
    TAILQ_ENTRY(reload_waiter) next;
    void (*done)(struct reload_waiter *waiter, const struct reload_result *result);
    bool waits; /* reload.c's, like `next` */
};

/*
 * Loads what the files have now, at this moment or later. Requests that come during a load share
 * one further load. `waiter` (NULL: nobody waits) is told when it is over, never before this
 * returns. 0, or -1 if posternd ends.
 */
MUST_USE int reload_request(struct reload_waiter *waiter);

/* It is not told. One that does not wait is left alone. */
void reload_cancel(struct reload_waiter *waiter);

/* Looks at what the workers say. */
void reload_look(void);

/* --- for status --- */

struct reload_state {
    const struct snapshot *snapshot; /* in force; borrowed, until the caller returns to the loop */
    const struct sockets *sockets;   /* open for it until posternd stops; likewise */
    unsigned number;                 /* 1: that of the start */
    time_t started;                  /* when the first one came into force */
    time_t since;                    /* when this one did */
    bool running;                    /* a load is in progress */
    const char *failure;             /* why the latest load was refused; NULL: it was not */
    time_t failed_at;
};

struct reload_state reload_state(void);

#endif
