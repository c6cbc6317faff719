/*
 * listener: where a worker accepts clients, whose sessions begin here.
 *
 * It has what the worker's snapshot says of it, and a listening socket that is main's.
 */
#ifndef POSTERN_DAEMON_POSTERND_LISTENER_H
#define POSTERN_DAEMON_POSTERND_LISTENER_H

#include "daemon/posternd/thread.h"
#include "lib/base/pace.h"

#include <event2/event_struct.h>

struct listener {
    struct thread *thread; /* borrowed */
    size_t index;          /* of the listener in the worker's snapshot */
    struct addr bound;     /* what the socket is bound to */
    bool any_address;      /* bound to 0.0.0.0 or [::] */
    bool open;             /* the events are there */
    struct event event;    /* registered while it is open */
    struct event pause;    /* pending while accepting pauses */
    struct pace pauses;    /* of lines about pauses */
};

/* Starts accepting on `fd` (borrowed, open until listener_close()) for listener `index` of the
 * worker's snapshot. 0 or -1. */
MUST_USE int listener_open(struct listener *l, struct thread *thread, size_t index, int fd);

/* Accepts no more; one that is not open is left alone. */
void listener_close(struct listener *l);

#endif
