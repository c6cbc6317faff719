/*
 * side: the two sides of a session, and the bytes that move between a side and a buffer.
 *
 * Events are edge-triggered and registered once for each connection: what the kernel has announced
 * is kept as `readable` and `writable` until a call would block. Every function makes at most one
 * call that moves bytes and never blocks. Nothing here ends a session: a side only reports its
 * state.
 */
#ifndef POSTERN_DAEMON_POSTERND_SIDE_H
#define POSTERN_DAEMON_POSTERND_SIDE_H

#include "daemon/tls/tls.h"
#include "lib/base/buffer.h"

#include <event2/event.h>
#include <event2/event_struct.h>

struct side {
    int fd;                  /* owned; -1: not there */
    struct tls_session *tls; /* owned; NULL: plaintext */
    struct event event;      /* registered while fd is there */
    int64_t blocked_since;   /* thread_now() since when it accepts none of our bytes; 0: it does */
    bool readable;           /* a read may give something */
    bool writable;           /* a write may take something */
    bool read_eof;           /* the peer has ended its direction */
    bool write_shut;         /* we have ended ours */
    bool write_failed;       /* it accepts no more bytes, but its last ones may still be read */
    bool broken;             /* reset, or unusable for another reason */
};

/* A side without a connection. The events of every one that it will have go to `callback` with
 * `arg`, which outlive it. 0, or -1 if libevent does not accept them. */
MUST_USE int side_init(struct side *side, struct event_base *base, event_callback_fn callback,
                       void *arg);

/* Takes over the non-blocking socket `fd`. 0, or -1 without memory; `fd` then still belongs to the
 * caller. */
MUST_USE int side_open(struct side *side, int fd);

/* Closes at once and frees TLS; does nothing without a connection. */
void side_close(struct side *side);

/* Records what the kernel has announced (EV_READ, EV_WRITE). With TLS either may need either. */
void side_on_event(struct side *side, short what);

/* Whether the peer has reset the connection. What it sent before can perhaps still be read. */
MUST_USE bool side_is_reset(const struct side *side);

/* Whether the peer will send nothing more after what can perhaps still be read: it has ended its
 * direction, or has reset the connection. */
MUST_USE bool side_is_closed(const struct side *side);

/* Reads once into the room after `b`; returns how many bytes arrived. */
size_t side_read(struct side *side, struct buffer *b);

/* Reads at most `max` bytes into the room after `b` but leaves them in the socket, and out of `b`;
 * returns how many there are. Without TLS only. */
size_t side_peek(struct side *side, struct buffer *b, size_t max);

/* Reads exactly the first `len` bytes that side_peek() has just shown; nothing after them. */
void side_take(struct side *side, struct buffer *b, size_t len);

/* Writes once what is ready in `b`, and drops it from `b`; returns how many bytes were written.
 * What can no longer be written (write_failed) is also dropped. */
size_t side_write(struct side *side, struct buffer *b, int64_t now);

/* Ends our direction (SHUT_WR): close_notify under TLS, then a FIN. */
void side_shut_writing(struct side *side);

/* Reads and discards what has arrived, without TLS, up to about `max` bytes; returns how many. */
size_t side_discard(struct side *side, size_t max);

#endif
