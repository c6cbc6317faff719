/* Which backend connection a session has: how it is made, and how a second one follows it. */
#include "daemon/posternd/session_parts.h"

#include "daemon/posternd/backend.h"
#include "daemon/posternd/sessionlog.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

enum { DISCARD_MAX = 16384 };

/* --- connecting --- */

static void log_address(const struct session *s, const char *why)
{
    char text[ADDR_PATH_SIZE + 128];
    struct text t = text_in(text, sizeof text);
    char at[ADDR_PATH_SIZE + 8];

    endpoint_text(&s->addresses[s->address].endpoint, at, sizeof at);
    text_addf(&t, "connect to backend %s: %s", at, why);
    sessionlog_warning(s, text, NULL);
}

/* Starts connecting to the present address. 0, or the errno of why not. */
static int try_address(struct session *s)
{
    int fd = backend_connect(&s->addresses[s->address].endpoint);

    if (fd < 0) {
        return errno;
    }
    if (side_open(&s->backend, s->worker->base, fd, session_on_backend, s) != 0) {
        close(fd);
        return ENOMEM;
    }
    return 0;
}

void session_try_addresses(struct session *s)
{
    s->tried_at = worker_now();
    for (; s->address < s->num_addresses; s->address++) {
        int error = try_address(s);

        /* A unix-domain socket whose backlog is full says so at once, where TCP would wait. */
        if (error == 0 || error == EAGAIN) {
            return;
        }
        log_address(s, strerror(error));
        s->since = worker_now();
    }
    session_give_up(s, "4.3.2", "Service currently unavailable");
}

void session_next_address(struct session *s, const char *why)
{
    log_address(s, why);
    side_close(&s->backend);
    s->address++;
    s->since = worker_now();
    s->phase = PHASE_CONNECT;
    session_try_addresses(s);
}

void session_connect(struct session *s)
{
    const struct conf_backend *backend = s->listener->backend;
    bool second = s->tls && conf_is_set(&backend->tls_address);

    s->addresses = second ? &backend->tls_address : backend->addresses;
    s->num_addresses = second ? 1 : backend->num_addresses;
    s->address = 0;
    s->answered = false;
    s->asked = false;
    s->since = worker_now();
    s->phase = PHASE_CONNECT;
    session_try_addresses(s);
}

bool session_connecting(struct session *s)
{
    int error;

    if (s->client.readable && session_is_lost(s)) {
        return true;
    }
    if (!s->backend.writable) {
        return false;
    }
    error = backend_connected(s->backend.fd);
    if (error == 0 && backend_announce(s->backend.fd, s->listener->backend->client_address,
                                       &s->client_addr, &s->destination) != 0) {
        error = errno;
    }
    if (error == 0) {
        s->phase = PHASE_TALK;
    } else {
        session_next_address(s, strerror(error));
    }
    return true;
}

/* --- leaving for another one --- */

void session_leave(struct session *s)
{
    static const char quit[] = "QUIT\r\n";

    s->since = worker_now();
    s->phase = PHASE_LEAVE;
    if (worker_lend(s->worker, &s->to_backend) == 0) {
        buffer_put(&s->to_backend, quit, sizeof quit - 1);
    }
}

void session_left(struct session *s)
{
    buffer_drop(&s->to_backend, buffer_len(&s->to_backend));
    side_close(&s->backend);
    session_connect(s);
}

bool session_leaving(struct session *s)
{
    size_t moved;

    if (s->client.readable && session_is_lost(s)) {
        return true;
    }
    moved = side_write(&s->backend, &s->to_backend, worker_now());
    if (s->backend.readable) {
        moved += side_discard(&s->backend, DISCARD_MAX);
    }
    if (s->backend.ended || s->backend.broken || s->backend.deaf) {
        session_left(s);
        return true;
    }
    return moved > 0;
}
