/*
 * relay: the two sides of a session, and the bytes that move between a side and a buffer.
 *
 * Events are edge-triggered and registered once for each side: what the kernel has announced is
 * kept as `readable` and `writable` until a call would block. Every function makes at most one
 * call that moves bytes and never blocks. Nothing here ends a session: a side only says how it is.
 */
#ifndef POSTERN_DAEMON_POSTERND_RELAY_H
#define POSTERN_DAEMON_POSTERND_RELAY_H

#include "daemon/tls/tls.h"
#include "lib/base/buffer.h"

#include <event2/event.h>
#include <event2/event_struct.h>

struct side {
    int fd;                  /* owned; -1: not there */
    struct tls_session *tls; /* owned; NULL: plaintext */
    struct event event;      /* registered while fd is there */
    int64_t stuck_since; /* worker's time since when the side takes none of our bytes; 0: it does */
    bool readable;       /* a read may give something */
    bool writable;       /* a write may take something */
    bool ended;          /* the peer has ended its direction */
    bool shut;           /* we have ended ours */
    bool deaf;           /* it takes no bytes any more, but its last ones may still be read */
    bool broken;         /* reset, or unusable for another reason */
};

/* A side without a connection. */
void side_init(struct side *side);

/* Takes over the non-blocking socket `fd` and announces its events to `callback` with `arg`.
 * 0, or -1 without memory; `fd` then still belongs to the caller. */
MUST_USE int side_open(struct side *side, struct event_base *base, int fd,
                       event_callback_fn callback, void *arg);

/* Closes at once and forgets TLS; a side that is not there is left alone. */
void side_close(struct side *side);

/* Notes what the kernel announced (EV_READ, EV_WRITE). With TLS either may need either. */
void side_announced(struct side *side, short what);

/* Whether the peer is gone for good, by a reset. What it sent before may still be there to read. */
MUST_USE bool side_is_gone(const struct side *side);

/* Whether the peer will send nothing more behind what may still be there to read: it has ended its
 * direction, or is gone. */
MUST_USE bool side_has_said_all(const struct side *side);

/* Reads once into the room behind `b`; returns how many bytes came. */
size_t side_read(struct side *side, struct buffer *b);

/* Reads at most `max` bytes into the room behind `b` and leaves them in the socket, and out of `b`;
 * returns how many there are. Without TLS only. */
size_t side_peek(struct side *side, struct buffer *b, size_t max);

/* Reads exactly the first `len` bytes that side_peek() has just shown; nothing behind them. */
void side_take(struct side *side, struct buffer *b, size_t len);

/* Writes once what of `b` is ready, and drops it from `b`; returns how many bytes went. What a deaf
 * side can no longer take is dropped, too. */
size_t side_write(struct side *side, struct buffer *b, int64_t now);

/* Ends our direction: close_notify under TLS, then a FIN. */
void side_end_writing(struct side *side);

/* Reads and throws away what has come, without TLS, until about `max` bytes are gone;
 * returns how many were. */
size_t side_discard(struct side *side, size_t max);

#endif
