/*
 * Theory of operation.
 *
 * A session has two sides, the client and the backend, and four buffers: what arrived from a side
 * and has not been through the gate, and what is to be sent to a side. session_step() runs after
 * every event. It repeats the phase's step, which moves what can be moved now, until nothing moves
 * any more or its turn is used up; then it sets the one timer by what the phase waits for.
 * lib/smtp/lifetime decides how long that is, and what an end means. The phases, each a row of
 * `phases`:
 *
 *   PROXY      the client is an upstream, and first says whom it speaks for; then the session
 *              begins as if that client had connected (session_client.c).
 *   CONNECT    the backend's addresses are tried in order; then the PROXY header is sent. If a
 *              listener begins with TLS, HANDSHAKE comes first.
 *   TALK       both sides are read, the gate decides, both sides are written. In relay the
 *              client's bytes are read straight into to_backend. When the gate has accepted a
 *              STARTTLS and all earlier replies are in to_client, the client's plaintext is
 *              discarded, the 220 is written, and then
 *   HANDSHAKE  libssl has the client's socket. The backend must be silent now.
 *   QUIT       the backend has another address for sessions under TLS: QUIT goes to the first one,
 *              what it says is discarded, and when it has closed CONNECT comes again.
 *   END        one side has ended, or the gate has given its last reply: the backend is closed,
 *              to_client is written out, our direction is ended, and what the client still sends
 *              is discarded until it also closes: closing a socket with unread input would make
 *              the kernel reset the connection, and the client would lose the last reply.
 *   OVER       nothing is left: session_step() calls session_free().
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
    RUN_MAX = 32,    /* how many steps before other sessions get their turn */
    SCRAPS_MAX = 16, /* how many reads from a client that gets no session */
    LAST_MOVES = 4,  /* how many of a session that does not wait for its client */
};

/* A phase: its step, what it waits for in between, what happens if that does not arrive in time;
 * and whether another client can get the session's place at the backend. */
static const struct phase_row {
    bool (*step)(struct session *s);
    enum lifetime_wait wait;
    void (*timed_out)(struct session *s);
    bool evictable;
} phases[] = {
    /* Not admitted yet. */
    [PHASE_PROXY] = {session_proxy, LIFETIME_PROXY, session_proxy_timed_out, false},
    [PHASE_CONNECT] = {session_connecting, LIFETIME_CONNECT, session_connect_timed_out, true},
    [PHASE_QUIT] = {session_quitting, LIFETIME_QUIT, session_quit_done, true},
    [PHASE_TALK] = {session_talk, LIFETIME_TALK, session_talk_timed_out, true},
    [PHASE_HANDSHAKE] = {session_handshake, LIFETIME_HANDSHAKE, session_handshake_timed_out, true},
    [PHASE_END] = {session_ending, LIFETIME_LINGER, session_linger_timed_out, false},
};

_Static_assert(sizeof phases / sizeof phases[0] == PHASE_OVER, "a row for each but the last");

/* --- events --- */

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
        thread_take_back(s->thread, buffers[i]);
    }
    directory_remove(&s->entry, thread_now());
    admission_leave(&s->admission, thread_now());
    *s->link = s->next;
    if (s->next != NULL) {
        s->next->link = s->link;
    }
    if (s->thread->stop.since != 0 && s->thread->sessions == NULL) {
        event_base_loopbreak(s->thread->base);
    }
    snapshot_unref(s->snapshot);
    free(s);
    admission_uncount(thread_now());
}

static void session_step(struct session *s)
{
    bool again = true;

    for (int i = 0; again && s->phase != PHASE_OVER && i < RUN_MAX; i++) {
        again = phases[s->phase].step(s);
    }
    if (s->phase == PHASE_OVER) {
        session_free(s);
        return;
    }
    thread_take_back(s->thread, &s->from_client);
    thread_take_back(s->thread, &s->to_backend);
    thread_take_back(s->thread, &s->from_backend);
    thread_take_back(s->thread, &s->to_client);
    if (again) {
        event_active(&s->client.event, 0, 0);
    }
    if (!session_set_timer(s, phases[s->phase].wait)) {
        /* Otherwise nothing would end its waits. */
        log_line(LOG_CRIT, "out of memory: session=%s ends", s->id);
        session_free(s);
    }
}

static void on_client(evutil_socket_t fd, short what, void *arg)
{
    struct session *s = arg;

    (void)fd;
    side_on_event(&s->client, what);
    session_step(s);
}

static void on_backend(evutil_socket_t fd, short what, void *arg)
{
    struct session *s = arg;

    (void)fd;
    side_on_event(&s->backend, what);
    session_step(s);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct session *s = arg;
    const struct phase_row *phase = &phases[s->phase];

    (void)fd;
    (void)what;
    s->timer_at = 0;
    if (lifetime_deadline(session_lifetime(s, phase->wait)) <= thread_now()) {
        phase->timed_out(s);
    }
    session_step(s);
}

/* --- starting and stopping --- */

/* Sends 421 to a client that gets no session, unless it expects TLS. */
static void turn_away(const struct session_request *request, enum lifetime_reason reason)
{
    const struct lifetime_ending *ending = lifetime_ending(reason);
    char scrap[4096];
    char reply[512];
    int len = snprintf(reply, sizeof reply, "421 %s %s %s\r\n", ending->code,
                       request->snapshot->conf->hostname.text, ending->text);

    if (request->listener->tls != CONF_TLS_IMPLICIT) {
        (void)!write(request->fd, reply, (size_t)len);
    }
    shutdown(request->fd, SHUT_WR);
    /* What the client sent early must not make it lose the reply. */
    for (int i = 0; i < SCRAPS_MAX && recv(request->fd, scrap, sizeof scrap, 0) > 0; i++) {
    }
    close(request->fd);
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

static void begin_life(struct session *s, const struct conf *conf,
                       const struct conf_backend *backend)
{
    int64_t now = thread_now();

    s->life = (struct lifetime){
        .began = now,
        .since = now,
        .turn_since = now,
        .connect_timeout = backend->connect_timeout,
        .backend_timeout = backend->backend_timeout,
        .idle_timeout = conf->limits.idle_timeout,
        .handshake_timeout = conf->limits.handshake_timeout,
    };
}

static void enlist(struct session *s)
{
    s->next = s->thread->sessions;
    s->link = &s->thread->sessions;
    if (s->next != NULL) {
        s->next->link = &s->next;
    }
    s->thread->sessions = s;
}

/* A session that has only its client. */
static struct session *new_session(struct thread *thread, const struct session_request *request)
{
    struct session *s = calloc(1, sizeof *s);

    if (s == NULL) {
        return NULL;
    }
    if (event_assign(&s->timer, thread->base, -1, 0, on_timer, s) != 0 ||
        side_init(&s->client, thread->base, on_client, s) != 0 ||
        side_init(&s->backend, thread->base, on_backend, s) != 0 ||
        side_open(&s->client, request->fd) != 0) {
        free(s);
        return NULL;
    }
    s->thread = thread;
    s->snapshot = snapshot_ref(request->snapshot);
    s->listener = request->listener;
    s->tls_listener = request->tls_listener;
    s->client_addr = request->client;
    s->destination = request->destination;
    begin_life(s, s->snapshot->conf, s->listener->backend);
    begin_gate(s, s->snapshot->conf->hostname.text);
    sessionlog_new_id(s->id);
    enlist(s);
    return s;
}

void session_start(struct thread *thread, const struct session_request *request)
{
    struct session *s;

    if (!admission_count(request->snapshot->conf->limits.max_sessions, thread_now())) {
        turn_away(request, LIFETIME_UNAVAILABLE);
        return;
    }
    s = new_session(thread, request);
    if (s == NULL) {
        log_line(LOG_CRIT, "out of memory: a client is turned away");
        turn_away(request, LIFETIME_UNAVAILABLE);
        admission_uncount(thread_now());
        return;
    }
    session_begin(s);
    session_step(s);
}

/* Ends a session, in whichever phase it is before its last one. */
static void end(struct session *s, enum lifetime_reason reason)
{
    if (s->phase == PHASE_HANDSHAKE) {
        session_stop_handshake(s);
    }
    session_end(s, reason);
}

void session_evict(struct session *s)
{
    if (phases[s->phase].evictable) {
        end(s, LIFETIME_EVICTED);
    }
    session_step(s);
}

void sessions_reset_timers(struct thread *thread)
{
    for (struct session *s = thread->sessions; s != NULL; s = s->next) {
        /* It is already set, and an earlier end needs no memory. */
        (void)!session_set_timer(s, phases[s->phase].wait);
    }
}

/* --- stopping --- */

void session_refuse(struct thread *thread, const struct session_request *request)
{
    (void)thread;
    turn_away(request, LIFETIME_SHUTDOWN);
}

static const struct lifetime *lifetime_of(struct session *s)
{
    return session_lifetime(s, phases[s->phase].wait);
}

void sessions_drain(struct thread *thread, unsigned timeout)
{
    struct session *next;

    thread->stop = (struct thread_stop){.since = thread_now(), .timeout = timeout};
    for (struct session *s = thread->sessions; s != NULL; s = next) {
        const struct lifetime *life = lifetime_of(s);

        next = s->next;
        thread->stop.sessions++;
        if (lifetime_stops_now(life)) {
            end(s, lifetime_stop_reason(life));
        }
        session_step(s);
    }
}

void sessions_count(const struct thread *thread, struct sessions_left *out)
{
    int64_t now = thread_now();

    *out = (struct sessions_left){.stop = thread->stop};
    for (struct session *s = thread->sessions; s != NULL; s = s->next) {
        enum owed owed = gate_owes(&s->gate);
        int64_t waits = now - s->life.since;

        if (s->phase != PHASE_TALK) {
            continue;
        }
        out->inside += owed == OWED_DATA;
        if (owed == OWED_MAIL || owed == OWED_REPLY) {
            out->waiting++;
            out->oldest = waits > out->oldest ? waits : out->oldest;
        }
    }
}

void session_shutdown(struct session *s)
{
    if (s->phase != PHASE_END) {
        end(s, lifetime_stop_reason(lifetime_of(s)));
    }
    /* What can be written at once is, and then the end. */
    for (int i = 0; i < LAST_MOVES && s->phase == PHASE_END; i++) {
        session_ending(s);
    }
    session_free(s);
}
