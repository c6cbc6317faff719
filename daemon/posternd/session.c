/*
 * Theory of operation.
 *
 * A session has two sides, the client and the backend, and four buffers: what came from a side and
 * has not been through the gate, and what is to go to a side. session_step() runs after every
 * event. It repeats run(), which moves what can be moved now, until nothing moves any more or its
 * turn is used up; then it sets the one timer. The phases:
 *
 *   PROXY      the client stands between us and others, and says first who it speaks for; then the
 *              session begins as if that one had connected (session_proxy.c).
 *   CONNECT    the backend's addresses are tried in order; then the PROXY header is sent. Where a
 *              listener begins with TLS, HANDSHAKE comes first.
 *   TALK       both sides are read, the gate decides, both sides are written. In relay the
 *              client's bytes are read straight into to_backend. When the gate has taken a
 *              STARTTLS and all earlier replies are in to_client, the client's plaintext is thrown
 *              away, the 220 is written, and then
 *   HANDSHAKE  libssl has the client's socket. The backend must be silent now.
 *   LEAVE      the backend has another address for sessions under TLS: QUIT goes to the first one,
 *              what it says is thrown away, and when it has closed CONNECT comes again.
 *   END        one side has ended, or the gate has said its last word: the backend is closed,
 *              to_client is written out, our direction is ended, and what the client still sends
 *              is thrown away until it closes, too: closing a socket with unread input would make
 *              the kernel reset the connection and take the last reply away from the client.
 *   OVER       nothing is left; session_step(), and nobody else, calls session_free().
 *
 * All functions but session_step(), session_start(), session_evict() and session_shutdown() return
 * to their caller with the session alive: they only set the phase.
 */
#include "daemon/posternd/session_parts.h"

#include "daemon/common/log.h"
#include "daemon/posternd/sessionlog.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    RUN_MAX = 32,        /* moves before other sessions get their turn */
    DISCARD_MAX = 16384, /* bytes thrown away in one move: as many as others move */
    EARLY_MAX = 65536,   /* ... of what a client said that is turned away */
    SCRAPS_MAX = 16,     /* ... reads of what a client said that is turned away */
};

/* --- ending --- */

static void session_free(struct session *s)
{
    struct buffer *buffers[] = {&s->from_client, &s->to_backend, &s->from_backend, &s->to_client};

    sessionlog_disconnect(s);
    side_close(&s->client);
    side_close(&s->backend);
    tls_session_free(s->next_tls);
    event_del(&s->timer);
    for (size_t i = 0; i < sizeof buffers / sizeof buffers[0]; i++) {
        buffer_drop(buffers[i], buffer_len(buffers[i]));
        worker_take_back(s->worker, buffers[i]);
    }
    directory_remove(&s->entry, worker_now());
    admission_leave(&s->admission, worker_now());
    *s->link = s->next;
    if (s->next != NULL) {
        s->next->link = s->link;
    }
    snapshot_unref(s->snapshot);
    free(s);
    admission_uncount(worker_now());
}

void session_begin_end(struct session *s)
{
    admission_handshake_over(&s->admission, worker_now());
    admission_release_slot(&s->admission, worker_now());
    side_close(&s->backend);
    s->to_client.end -= s->to_client.held;
    s->to_client.held = 0;
    s->held_since = 0;
    s->since = worker_now();
    s->phase = s->client.broken ? PHASE_OVER : PHASE_END;
}

/* Whether the client would read plaintext as replies, or is under TLS. Behind the 220 to STARTTLS,
 * which may still be on its way, it would not. */
static bool is_readable(const struct session *s)
{
    return s->tls ||
           (s->listener->tls != CONF_TLS_IMPLICIT && gate_state(&s->gate) != GATE_HANDSHAKE);
}

void session_give_up(struct session *s, const char *code, const char *text)
{
    if (is_readable(s) && worker_lend(s->worker, &s->to_client) == 0) {
        gate_give_up(&s->gate, &s->to_client, code, text);
    }
    session_begin_end(s);
}

bool session_is_lost(struct session *s)
{
    if (!side_is_gone(&s->client)) {
        return false;
    }
    s->client.broken = true;
    sessionlog_connect(s);
    sessionlog_lost(s);
    session_begin_end(s);
    return true;
}

void session_turn_away(struct session *s, const char *code, const char *text)
{
    session_give_up(s, code, text);
    /* What the client said early must not take the reply away from it. */
    s->client.writable = true;
    side_write(&s->client, &s->to_client, worker_now());
    side_end_writing(&s->client);
    side_discard(&s->client, EARLY_MAX);
    s->phase = PHASE_OVER;
}

static bool run_end(struct session *s)
{
    size_t moved = side_write(&s->client, &s->to_client, worker_now());

    s->sent += moved;
    if (moved > 0) {
        s->since = worker_now();
    }
    if (moved == 0 && buffer_len(&s->to_client) == 0) {
        side_end_writing(&s->client);
        if (s->client.readable && !s->client.ended) {
            moved = side_discard(&s->client, DISCARD_MAX);
        }
        if (s->client.ended) {
            s->phase = PHASE_OVER;
        }
    }
    if (s->client.broken || s->client.deaf) {
        s->phase = PHASE_OVER;
    }
    return moved > 0;
}

/* --- events --- */

static bool run(struct session *s)
{
    switch (s->phase) {
    case PHASE_PROXY:
        return session_proxy(s);
    case PHASE_CONNECT:
        return session_connecting(s);
    case PHASE_LEAVE:
        return session_leaving(s);
    case PHASE_TALK:
        return session_talk(s);
    case PHASE_HANDSHAKE:
        return session_handshake(s);
    case PHASE_END:
        return run_end(s);
    case PHASE_OVER:
        break;
    }
    return false;
}

static void session_step(struct session *s)
{
    bool again = true;

    for (int i = 0; again && i < RUN_MAX; i++) {
        again = run(s);
    }
    if (s->phase == PHASE_OVER) {
        session_free(s);
        return;
    }
    worker_take_back(s->worker, &s->from_client);
    worker_take_back(s->worker, &s->to_backend);
    worker_take_back(s->worker, &s->from_backend);
    worker_take_back(s->worker, &s->to_client);
    if (again) {
        event_active(&s->client.event, 0, 0);
    }
    if (!session_set_timer(s)) {
        /* Nothing would end its waits. */
        log_line(LOG_CRIT, "out of memory: session=%s ends", s->id);
        session_free(s);
    }
}

static void on_client(evutil_socket_t fd, short what, void *arg)
{
    struct session *s = arg;

    (void)fd;
    side_announced(&s->client, what);
    session_step(s);
}

void session_on_backend(evutil_socket_t fd, short what, void *arg)
{
    struct session *s = arg;

    (void)fd;
    side_announced(&s->backend, what);
    session_step(s);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct session *s = arg;

    (void)fd;
    (void)what;
    s->timer_at = 0;
    session_on_timer(s);
    session_step(s);
}

/* --- starting and stopping --- */

/* Says 421 to a client for whom there is no session, unless it expects TLS. */
static void turn_away(const struct listener *l, int fd)
{
    char scrap[4096];
    char reply[512];
    int len = snprintf(reply, sizeof reply, "421 4.3.2 %s Service currently unavailable\r\n",
                       l->worker->snapshot->conf->hostname.text);

    if (l->conf->tls != CONF_TLS_IMPLICIT) {
        (void)!write(fd, reply, (size_t)len);
    }
    shutdown(fd, SHUT_WR);
    /* What the client said early must not take the reply away from it. */
    for (int i = 0; i < SCRAPS_MAX && recv(fd, scrap, sizeof scrap, 0) > 0; i++) {
    }
    close(fd);
}

/* Not before it is known who the client is. */
static void look_for_exception(struct session *s)
{
    const struct conf_prefixes *networks = &s->listener->starttls_except;

    s->excepted = prefix_any_contains(networks->items, networks->num, &s->client_addr);
    if (s->excepted) {
        s->rules.level = GATE_NONE;
    }
}

void session_admit(struct session *s)
{
    /* Connections that are opened and reset at once must not take the places of others. */
    if (session_is_lost(s) || !session_is_welcome(s)) {
        return;
    }
    look_for_exception(s);
    sessionlog_connect(s);
    if (s->listener->tls == CONF_TLS_IMPLICIT) {
        session_begin_tls(s);
    } else {
        session_connect(s);
    }
}

static enum gate_level level_of(const struct conf_listener *listener)
{
    switch (listener->tls) {
    case CONF_TLS_ENCRYPT:
        return GATE_ENCRYPT;
    case CONF_TLS_NONE:
        return GATE_NONE;
    case CONF_TLS_MAY:
    case CONF_TLS_IMPLICIT:
    case NUM_CONF_TLS:
        break;
    }
    return GATE_MAY;
}

static void begin_gate(struct session *s, const char *hostname)
{
    s->rules = (struct gate_rules){.hostname = hostname,
                                   .level = level_of(s->listener),
                                   .auth_before_tls = s->listener->auth_before_tls};
    if (s->listener->tls == CONF_TLS_IMPLICIT) {
        gate_init_tls(&s->gate, &s->rules);
    } else {
        gate_init(&s->gate, &s->rules);
    }
}

static void enlist(struct session *s)
{
    s->next = s->worker->sessions;
    s->link = &s->worker->sessions;
    if (s->next != NULL) {
        s->next->link = &s->next;
    }
    s->worker->sessions = s;
}

/* A session that has its client and nothing else. */
static struct session *new_session(struct listener *l, int fd)
{
    struct session *s = calloc(1, sizeof *s);

    if (s == NULL) {
        return NULL;
    }
    side_init(&s->client);
    side_init(&s->backend);
    if (event_assign(&s->timer, l->worker->base, -1, 0, on_timer, s) != 0 ||
        side_open(&s->client, l->worker->base, fd, on_client, s) != 0) {
        free(s);
        return NULL;
    }
    s->worker = l->worker;
    s->snapshot = snapshot_ref(l->worker->snapshot);
    s->listener = l->conf;
    s->tls_listener = l->tls;
    s->began = worker_now();
    s->since = s->began;
    s->turn_since = s->began;
    begin_gate(s, s->snapshot->conf->hostname.text);
    sessionlog_new_id(s->id);
    enlist(s);
    return s;
}

void session_start(struct listener *l, int fd, const struct addr *client,
                   const struct addr *destination)
{
    const struct conf *conf = l->worker->snapshot->conf;
    struct session *s;

    if (!admission_count(conf->limits.max_sessions, worker_now())) {
        turn_away(l, fd);
        return;
    }
    s = new_session(l, fd);
    if (s == NULL) {
        log_line(LOG_CRIT, "out of memory: a client is turned away");
        turn_away(l, fd);
        admission_uncount(worker_now());
        return;
    }
    s->client_addr = *client;
    s->destination = *destination;
    if (session_is_upstream(s)) {
        s->phase = PHASE_PROXY;
    } else {
        session_admit(s);
    }
    session_step(s);
}

void session_evict(struct session *s)
{
    session_make_room(s);
    session_step(s);
}

void sessions_hurry(struct worker *w)
{
    for (struct session *s = w->sessions; s != NULL; s = s->next) {
        /* It is set already, and an earlier end needs no memory. */
        (void)!session_set_timer(s);
    }
}

void session_shutdown(struct session *s)
{
    if (s->phase == PHASE_TALK && !gate_backend_turn(&s->gate)) {
        session_give_up(s, "4.3.2", "Service shutting down");
        run_end(s);
    }
    session_free(s);
}
