#include "daemon/posternd/side.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

int side_init(struct side *side, struct event_base *base, event_callback_fn callback, void *arg)
{
    *side = (struct side){.fd = -1};
    return event_assign(&side->event, base, -1, 0, callback, arg);
}

int side_open(struct side *side, int fd)
{
    struct event *event = &side->event;
    short what = EV_READ | EV_WRITE | EV_ET | EV_PERSIST;

    if (event_assign(event, event_get_base(event), fd, what, event_get_callback(event),
                     event_get_callback_arg(event)) != 0 ||
        event_add(event, NULL) != 0) {
        return -1;
    }
    side->fd = fd;
    return 0;
}

void side_close(struct side *side)
{
    struct event event;

    if (side->fd < 0) {
        return;
    }
    tls_session_free(side->tls);
    event_del(&side->event);
    close(side->fd);
    event = side->event;
    *side = (struct side){.fd = -1, .event = event};
}

void side_on_event(struct side *side, short what)
{
    bool either = side->tls != NULL;

    side->readable = side->readable || either || (what & EV_READ) != 0;
    side->writable = side->writable || either || (what & EV_WRITE) != 0;
}

/* What poll() always reports about the peer, and `asked`. Unlike SO_ERROR, it remains for the next
 * read. */
static bool peer_has(const struct side *side, short asked)
{
    struct pollfd peer = {.fd = side->fd, .events = asked};

    return side->fd >= 0 && poll(&peer, 1, 0) == 1 &&
           (peer.revents & (POLLERR | POLLHUP | asked)) != 0;
}

bool side_is_reset(const struct side *side)
{
    return peer_has(side, 0);
}

bool side_is_closed(const struct side *side)
{
    return peer_has(side, POLLRDHUP);
}

static bool would_block(int error)
{
    return error == EAGAIN || error == EWOULDBLOCK;
}

static size_t read_plain(struct side *side, uint8_t *out, size_t room, int flags)
{
    ssize_t got = recv(side->fd, out, room, flags);

    if (got > 0) {
        return (size_t)got;
    }
    if (got == 0) {
        side->read_eof = true;
        side->readable = false;
    } else if (would_block(errno)) {
        side->readable = false;
    } else if (errno != EINTR) {
        side->broken = true;
    }
    return 0;
}

static size_t read_tls(struct side *side, uint8_t *out, size_t room)
{
    size_t got = 0;

    switch (tls_read(side->tls, out, room, &got)) {
    case TLS_DONE:
        return got;
    case TLS_WANT_READ:
    case TLS_WANT_WRITE:
        side->readable = false;
        break;
    case TLS_EOF:
        side->read_eof = true;
        side->readable = false;
        break;
    case TLS_FAILED:
        side->broken = true;
        break;
    }
    return 0;
}

size_t side_read(struct side *side, struct buffer *b)
{
    size_t room;
    uint8_t *tail = buffer_tail(b, &room);
    size_t got;

    if (room == 0) {
        return 0;
    }
    got = side->tls == NULL ? read_plain(side, tail, room, 0) : read_tls(side, tail, room);
    buffer_grow(b, got);
    return got;
}

size_t side_peek(struct side *side, struct buffer *b, size_t max)
{
    size_t room;
    uint8_t *tail = buffer_tail(b, &room);

    return read_plain(side, tail, room < max ? room : max, MSG_PEEK);
}

void side_take(struct side *side, struct buffer *b, size_t len)
{
    size_t room;
    uint8_t *tail = buffer_tail(b, &room);

    if (read_plain(side, tail, len, 0) != len) {
        side->broken = true;
    }
    buffer_grow(b, len);
}

static size_t write_plain(struct side *side, struct bytes ready)
{
    ssize_t put = send(side->fd, ready.data, ready.len, MSG_NOSIGNAL);

    if (put >= 0) {
        return (size_t)put;
    }
    if (would_block(errno)) {
        side->writable = false;
    } else if (errno != EINTR) {
        side->write_failed = true;
    }
    return 0;
}

static size_t write_tls(struct side *side, struct bytes ready)
{
    size_t put = 0;

    switch (tls_write(side->tls, ready.data, ready.len, &put)) {
    case TLS_DONE:
        return put;
    case TLS_WANT_READ:
    case TLS_WANT_WRITE:
        side->writable = false;
        break;
    case TLS_EOF:
    case TLS_FAILED:
        side->write_failed = true;
        break;
    }
    return 0;
}

size_t side_write(struct side *side, struct buffer *b, int64_t now)
{
    struct bytes ready = buffer_ready(b);
    size_t put;

    if (ready.len == 0 || side->fd < 0 || !side->writable) {
        return 0;
    }
    put = side->tls == NULL ? write_plain(side, ready) : write_tls(side, ready);
    if (put > 0) {
        side->blocked_since = 0;
        buffer_drop(b, put);
    } else if (side->write_failed) {
        side->blocked_since = 0;
        buffer_drop(b, ready.len);
    } else if (side->blocked_since == 0) {
        side->blocked_since = now;
    }
    return put;
}

void side_shut_writing(struct side *side)
{
    if (side->write_shut || side->fd < 0) {
        return;
    }
    /* A close_notify that the socket does not accept is given up: the FIN says the same. */
    if (side->tls != NULL) {
        (void)tls_end_writing(side->tls);
    }
    shutdown(side->fd, SHUT_WR);
    side->write_shut = true;
}

size_t side_discard(struct side *side, size_t max)
{
    size_t total = 0;

    while (total < max) {
        uint8_t scrap[4096];
        ssize_t got = recv(side->fd, scrap, sizeof scrap, MSG_DONTWAIT);

        if (got > 0) {
            total += (size_t)got;
        } else if (got < 0 && errno == EINTR) {
            continue;
        } else {
            side->readable = false;
            side->read_eof = side->read_eof || got == 0;
            side->broken = side->broken || (got < 0 && !would_block(errno));
            break;
        }
    }
    return total;
}
