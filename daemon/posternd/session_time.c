/* How long a session waits, and for what. */
#include "daemon/posternd/session_parts.h"

#include "daemon/posternd/sessionlog.h"

#include <errno.h>
#include <string.h>

enum {
    PROXY_TIMEOUT = 5000,   /* ms for a PROXY header, as in Postfix */
    STUCK_TIMEOUT = 300000, /* ms that a side may take none of our bytes */
    LEAVE_TIMEOUT = 5000,   /* ms that a backend has to close after our QUIT */
    HELD_TIMEOUT = 30000,   /* ms that a STARTTLS may wait for earlier replies */
    LINGER_TIMEOUT = 5000,  /* ms that a client has to close after our last byte */
    BACKLOG_RETRY = 50,     /* ms, at least, until a backend whose backlog is full is tried again */
    STRESS_TIMEOUT = 10000, /* ms for a command, or a handshake, under stress */
};

static int64_t sooner(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* When the backend's present address has had its time. */
static int64_t connect_end(const struct session *s)
{
    return s->since + (int64_t)s->listener->backend->connect_timeout * 1000;
}

/* When a backend whose backlog is full is tried again: the longer it has been full, the more
 * sessions wait for it, and the later. */
static int64_t next_try(const struct session *s)
{
    return s->tried_at + BACKLOG_RETRY + (s->tried_at - s->since) / 4;
}

/* The end `at` of a wait that began at `from`, or an earlier one under stress. */
static int64_t hurried(const struct session *s, int64_t from, int64_t at)
{
    bool hurries = !s->settled && admission_is_stressed(&s->admission);

    return hurries ? sooner(at, from + STRESS_TIMEOUT) : at;
}

/* When the client's turn is over. Under stress it does not begin anew with every byte. */
static int64_t turn_end(const struct session *s)
{
    return hurried(s, s->turn_since,
                   s->since + (int64_t)s->snapshot->conf->limits.idle_timeout * 1000);
}

/* When the present wait is over, in the worker's time. */
static int64_t deadline(const struct session *s)
{
    const struct conf_backend *backend = s->listener->backend;
    const struct conf *conf = s->snapshot->conf;
    int64_t at;

    switch (s->phase) {
    case PHASE_PROXY:
        return s->began + PROXY_TIMEOUT;
    case PHASE_CONNECT:
        return s->backend.fd < 0 ? sooner(connect_end(s), next_try(s)) : connect_end(s);
    case PHASE_LEAVE:
        return s->since + LEAVE_TIMEOUT;
    case PHASE_HANDSHAKE:
        return hurried(s, s->since, s->since + (int64_t)conf->limits.handshake_timeout * 1000);
    case PHASE_END:
    case PHASE_OVER:
        return s->client.stuck_since != 0 ? s->client.stuck_since + STUCK_TIMEOUT
                                          : s->since + LINGER_TIMEOUT;
    case PHASE_TALK:
        break;
    }
    at = gate_backend_turn(&s->gate) ? s->since + (int64_t)backend->backend_timeout * 1000
                                     : turn_end(s);
    if (s->held_since != 0) {
        at = sooner(at, s->held_since + HELD_TIMEOUT);
    }
    if (s->client.stuck_since != 0) {
        at = sooner(at, s->client.stuck_since + STUCK_TIMEOUT);
    }
    if (s->backend.stuck_since != 0) {
        at = sooner(at, s->backend.stuck_since + STUCK_TIMEOUT);
    }
    return at;
}

static void talk_timed_out(struct session *s, int64_t now)
{
    if (s->client.stuck_since != 0 && s->client.stuck_since + STUCK_TIMEOUT <= now) {
        sessionlog_warning(s, "timeout: the client does not read", NULL);
        s->client.broken = true;
        session_begin_end(s);
    } else if (s->backend.stuck_since != 0 && s->backend.stuck_since + STUCK_TIMEOUT <= now) {
        sessionlog_warning(s, "timeout: the backend does not read", NULL);
        session_give_up(s, "4.3.2", "Service currently unavailable");
    } else if (s->held_since != 0 && s->held_since + HELD_TIMEOUT <= now &&
               side_has_said_all(&s->client)) {
        /* There will be no handshake: it has left, whatever the backend still owes. */
        sessionlog_lost(s);
        session_begin_end(s);
    } else if (s->held_since != 0 && s->held_since + HELD_TIMEOUT <= now) {
        sessionlog_warning(s, "timeout: STARTTLS waits for the backend's replies", NULL);
        session_give_up(s, "4.3.2", "Service currently unavailable");
    } else if (gate_backend_turn(&s->gate)) {
        sessionlog_warning(s, "timeout: the backend does not reply", NULL);
        session_give_up(s, "4.3.2", "Service currently unavailable");
    } else {
        sessionlog_warning(s, "timeout: the client is silent", NULL);
        session_give_up(s, "4.4.2", "Error: timeout exceeded");
    }
}

void session_on_timer(struct session *s)
{
    int64_t now = worker_now();

    if (deadline(s) > now) {
        return;
    }
    switch (s->phase) {
    case PHASE_PROXY:
        session_proxy_timed_out(s);
        break;
    case PHASE_CONNECT:
        if (s->backend.fd < 0 && now < connect_end(s)) {
            session_try_addresses(s);
        } else {
            session_next_address(s, strerror(ETIMEDOUT));
        }
        break;
    case PHASE_LEAVE:
        session_left(s);
        break;
    case PHASE_TALK:
        talk_timed_out(s, now);
        break;
    case PHASE_HANDSHAKE:
        session_end_handshake(s, HANDSHAKE_TIMEOUT, NULL);
        break;
    case PHASE_END:
    case PHASE_OVER:
        s->phase = PHASE_OVER;
        break;
    }
}

/* The timer is only ever moved forward to an earlier time; when it fires too early it is set
 * anew. So a busy session does not touch it. */
bool session_set_timer(struct session *s)
{
    struct timeval in;
    int64_t at = deadline(s);
    int64_t wait = at - worker_now();

    if (s->timer_at != 0 && s->timer_at <= at) {
        return true;
    }
    wait = wait < 1 ? 1 : wait;
    in = (struct timeval){.tv_sec = wait / 1000, .tv_usec = wait % 1000 * 1000};
    if (event_add(&s->timer, &in) != 0) {
        return false;
    }
    s->timer_at = at;
    return true;
}
