/*
 * worker_parts: the worker's own struct, and what its files call in each other: worker.c all
 * others, and none of these worker.c. For nobody else.
 */
#ifndef POSTERN_DAEMON_POSTERND_WORKER_PARTS_H
#define POSTERN_DAEMON_POSTERND_WORKER_PARTS_H

#include "daemon/posternd/listener.h"
#include "daemon/posternd/worker.h"

#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

/* What a worker is told; each is a bit. ORDER_OPEN is its own: to try again. */
enum order {
    ORDER_SERVE = 1,
    ORDER_OPEN = 2,
    ORDER_DRAIN = 4,
    ORDER_REFUSE = 8,
    ORDER_STOP = 16,
    ORDER_ANSWER = 32,
};

/* What the worker says while it drains: struct sessions_left. */
struct figures {
    _Atomic unsigned sessions;
    _Atomic unsigned ended_inside;
    _Atomic unsigned unanswered;
    _Atomic unsigned waiting;
    _Atomic unsigned inside;
    _Atomic int64_t oldest;
};

struct worker_plan {
    unsigned number;
    struct listener_list listeners; /* owned; closed ones */
};

struct worker {
    struct thread thread;
    struct listener_list listeners; /* owned */
    unsigned number;                /* of the plan that they follow */
    _Atomic unsigned serves;        /* that number, when all of them accept clients */
    _Atomic unsigned settled;       /* that number, when none of an earlier plan does */
    struct pace pace;               /* of lines about missing memory */
    struct worker_plan *_Atomic next;
    int orders_fd;            /* owned: an eventfd; written after `orders` has changed */
    _Atomic unsigned orders;  /* given, and not taken yet */
    int news_fd;              /* borrowed: main's eventfd */
    _Atomic unsigned timeout; /* ORDER_DRAIN's */
    _Atomic bool draining;    /* that order has been carried out */
    struct figures figures;
    struct event *count_event;  /* owned; pending while it drains */
    _Atomic bool asked;         /* whether it is alive, and has not answered yet */
    _Atomic bool ended;         /* the thread has nothing left to do */
    struct event *orders_event; /* owned */
    struct event *wake_event;   /* owned; on admission's eventfd */
    pthread_t pthread;
};

/* Makes the reader of an eventfd look. It takes 8 bytes unless its counter is full, and then it can
 * also be read. */
static inline void worker_ring(int fd)
{
    uint64_t one = 1;

    (void)!write(fd, &one, sizeof one);
}

/* --- worker_drain.c: the end of its sessions --- */

/* Its event. 0, or -1 without memory. */
MUST_USE int worker_drain_open(struct worker *t);
void worker_drain_close(struct worker *t);

/* ORDER_DRAIN, when its listeners are closed. */
void worker_drain_sessions(struct worker *t);

/* What worker_count() says from now on. */
void worker_publish(struct worker *t);

#endif
