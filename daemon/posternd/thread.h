/*
 * thread: what a worker's thread lends to everything that runs in it: its event loop, spare memory
 * for buffers; and the clock, which is every thread's.
 *
 * Only its own thread touches a struct thread.
 */
#ifndef POSTERN_DAEMON_POSTERND_THREAD_H
#define POSTERN_DAEMON_POSTERND_THREAD_H

#include "lib/base/buffer.h"

#include <event2/event.h>

/* Spare buffers that are kept for the next session that needs one. */
#define THREAD_SPARE_BUFFERS 64

struct session;

struct thread {
    unsigned index;                       /* into snapshot->workers */
    struct event_base *base;              /* owned by the worker */
    struct session *sessions;             /* owned, by their own list */
    uint8_t *spare[THREAD_SPARE_BUFFERS]; /* owned */
    unsigned num_spare;
    struct thread_stop {
        int64_t since;       /* thread_now() when the daemon began to stop; 0: it does not */
        unsigned timeout;    /* seconds: shutdown_timeout of the snapshot in force then */
        unsigned sessions;   /* that there were then */
        unsigned inside;     /* of these: ended inside a mail */
        unsigned unanswered; /* ... without the reply to a mail */
    } stop;
};

/* Milliseconds of a clock that never goes back; good to a few milliseconds. */
int64_t thread_now(void);

/* Lends memory to `b` if it has none. 0, or -1 without memory. */
MUST_USE int thread_lend(struct thread *thread, struct buffer *b);

/* Takes the memory of `b` back if it is empty. */
void thread_take_back(struct thread *thread, struct buffer *b);

/* Frees the spare buffers. */
void thread_free_buffers(struct thread *thread);

#endif
