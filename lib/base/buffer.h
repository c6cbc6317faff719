/*
 * buffer: a queue of bytes on their way from one side to the other.
 *
 * The caller lends its memory (BUFFER_SIZE bytes) and may take it back whenever the queue is empty:
 * an idle session holds none. The newest bytes can be held back (`held`): they are in order, but
 * are not to be written yet, because the next line may still change them.
 */
#ifndef POSTERN_LIB_BASE_BUFFER_H
#define POSTERN_LIB_BASE_BUFFER_H

#include "lib/base/bytes.h"

#define BUFFER_SIZE ((size_t)16384)

struct buffer {
    uint8_t *data; /* borrowed, BUFFER_SIZE bytes; NULL while no memory is lent */
    size_t start;  /* first byte in the queue */
    size_t end;    /* after the last one */
    size_t held;   /* how many of these, at the end, must not be written yet */
};

/* Bytes in the queue, held ones included. */
size_t buffer_len(const struct buffer *b);

/* The bytes that may be written now, borrowed until the next call that changes the queue. */
struct bytes buffer_ready(const struct buffer *b);

/* Bytes that can still be appended (0 without memory). */
size_t buffer_room(const struct buffer *b);

/*
 * Moves the queue to the front of its memory, so that all room is after it, and returns where the
 * next byte goes; `*room` is how many fit. The caller calls buffer_grow() with what it put there.
 */
uint8_t *buffer_tail(struct buffer *b, size_t *room);
void buffer_grow(struct buffer *b, size_t len);

/* Appends `len` bytes; the caller has seen that buffer_room() is enough. */
void buffer_put(struct buffer *b, const void *data, size_t len);

/* Removes the first `len` bytes, which were written, consumed or discarded. */
void buffer_drop(struct buffer *b, size_t len);

#endif
