/* Which backend connection a session has: how it is established, and how a second one follows it.
 */
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

/* Starts connecting to the present address. 0, or the errno of the failure. */
static int try_address(struct session *s)
{
    int fd = backend_connect(&s->addresses[s->address].endpoint);

    if (fd < 0) {
        return errno;
    }
    if (side_open(&s->backend, fd) != 0) {
        close(fd);
        return ENOMEM;
    }
    return 0;
}

/* Continues with the present address, whose backlog was full, or with those after it. */
static void try_addresses(struct session *s)
{
    s->life.tried_at = thread_now();
    for (; s->address < s->num_addresses; s->address++) {
        int error = try_address(s);

        /* A unix-domain socket with a full backlog fails at once, where TCP would wait. */
        if (error == 0 || error == EAGAIN) {
            return;
        }
        log_address(s, strerror(error));
        s->life.since = thread_now();
    }
    session_end(s, LIFETIME_UNAVAILABLE);
}

void session_next_address(struct session *s, const char *why)
{
    log_address(s, why);
    side_close(&s->backend);
    s->address++;
    s->life.since = thread_now();
    s->phase = PHASE_CONNECT;
    try_addresses(s);
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
    s->life.since = thread_now();
    s->phase = PHASE_CONNECT;
    try_addresses(s);
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

void session_connect_timed_out(struct session *s)
{
    if (lifetime_retries(session_lifetime(s, LIFETIME_CONNECT), thread_now())) {
        try_addresses(s);
    } else {
        session_next_address(s, strerror(ETIMEDOUT));
    }
}

/* --- a second one --- */

void session_quit(struct session *s)
{
    static const char quit[] = "QUIT\r\n";

    s->life.since = thread_now();
    s->phase = PHASE_QUIT;
    if (thread_lend(s->thread, &s->to_backend) == 0) {
        buffer_put(&s->to_backend, quit, sizeof quit - 1);
    }
}

void session_quit_done(struct session *s)
{
    buffer_drop(&s->to_backend, buffer_len(&s->to_backend));
    side_close(&s->backend);
    session_connect(s);
}

bool session_quitting(struct session *s)
{
    size_t moved;

    if (s->client.readable && session_is_lost(s)) {
        return true;
    }
    moved = side_write(&s->backend, &s->to_backend, thread_now());
    if (s->backend.readable) {
        moved += side_discard(&s->backend, DISCARD_MAX);
    }
    if (s->backend.read_eof || s->backend.broken || s->backend.write_failed) {
        session_quit_done(s);
        return true;
    }
    return moved > 0;
}
