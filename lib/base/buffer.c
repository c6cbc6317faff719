#include "lib/base/buffer.h"

#include <assert.h>
#include <string.h>

size_t buffer_len(const struct buffer *b)
{
    return b->end - b->start;
}

struct bytes buffer_ready(const struct buffer *b)
{
    size_t len = buffer_len(b) - b->held;

    return len == 0 ? bytes_of(NULL, 0) : bytes_of(b->data + b->start, len);
}

size_t buffer_room(const struct buffer *b)
{
    return b->data == NULL ? 0 : BUFFER_SIZE - buffer_len(b);
}

uint8_t *buffer_tail(struct buffer *b, size_t *room)
{
    assert(b->data != NULL);
    if (b->start > 0) {
        memmove(b->data, b->data + b->start, buffer_len(b));
        b->end -= b->start;
        b->start = 0;
    }
    *room = BUFFER_SIZE - b->end;
    return b->data + b->end;
}

void buffer_grow(struct buffer *b, size_t len)
{
    assert(len <= BUFFER_SIZE - b->end);
    b->end += len;
}

void buffer_put(struct buffer *b, const void *data, size_t len)
{
    size_t room;
    uint8_t *tail;

    if (len == 0) {
        return;
    }
    assert(len <= buffer_room(b));
    if (len > BUFFER_SIZE - b->end) {
        tail = buffer_tail(b, &room);
    } else {
        tail = b->data + b->end;
    }
    memcpy(tail, data, len);
    b->end += len;
}

void buffer_drop(struct buffer *b, size_t len)
{
    assert(len <= buffer_len(b));
    b->start += len;
    if (b->start == b->end) {
        b->start = 0;
        b->end = 0;
    }
    if (b->held > buffer_len(b)) {
        b->held = buffer_len(b);
    }
}
