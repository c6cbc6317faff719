/*
 * listener: where a worker accepts clients, whose sessions begin here.
 *
 * It is a listening socket, which is main's, with what the latest snapshot says about it.
 */
#ifndef POSTERN_DAEMON_POSTERND_LISTENER_H
#define POSTERN_DAEMON_POSTERND_LISTENER_H

#include "daemon/posternd/thread.h"
#include "daemon/tls/snapshot.h"
#include "lib/base/pace.h"

#include <event2/event_struct.h>
#include <sys/queue.h>

enum listener_state {
    LISTENER_CLOSED,  /* accepts nobody */
    LISTENER_OPEN,    /* accepts clients */
    LISTENER_LEAVING, /* accepts the last ones */
};

/* All but `next` and `kept`, the worker's, belongs to listener.c. */
struct listener {
    LIST_ENTRY(listener) next;
    bool kept;
    struct thread *thread;     /* borrowed */
    struct snapshot *snapshot; /* a reference: that of new sessions */
    size_t index;              /* of the listener in its conf */
    int fd;                    /* borrowed */
    struct addr bound;         /* what the socket is bound to */
    bool any_address;          /* bound to 0.0.0.0 or [::] */
    enum listener_state state;
    void (*left)(struct listener *l);
    struct event event; /* registered unless it is closed */
    struct event pause; /* pending while accepting pauses */
    struct event over;  /* pending while it leaves */
    struct pace pauses; /* of lines about pauses */
};

LIST_HEAD(listener_list, listener);

/* A closed one for the listening socket `fd` (borrowed, open until listener_close()), which is
 * listener `index` of the snapshot. In main's thread, all others in the worker's. NULL without
 * memory. */
MUST_USE struct listener *listener_new(struct snapshot *snapshot, size_t index, int fd);

/* Starts accepting. 0; or -1 without memory, and it can be tried again. */
MUST_USE int listener_open(struct listener *l, struct thread *thread);

/* `fresh`, a closed one for the same socket, says what is right for new sessions from now on, and
 * gets what was. Not for one that leaves: an address that comes back has new sockets. */
void listener_renew(struct listener *l, struct listener *fresh);

/*
 * The address goes (sockets_leave()). All clients that wait, or whose handshake of TCP has begun,
 * are still accepted; when there are none any more the listener is closed, and `left` is called,
 * which may free it. Does nothing if it is closed, or leaves already.
 */
void listener_leave(struct listener *l, void (*left)(struct listener *l));

/* Turns away everybody who waits at its socket, and closes it. */
void listener_refuse(struct listener *l);

/* Accepts no more; one that is closed is left alone. */
void listener_close(struct listener *l);

/* Closes and frees it. */
void listener_free(struct listener *l);

#endif
