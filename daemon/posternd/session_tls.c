/* From the client's STARTTLS, or its first byte if there is none, to the end of the handshake. */
#include "daemon/posternd/session_parts.h"

#include "daemon/common/log.h"
#include "daemon/posternd/failures.h"
#include "daemon/posternd/sessionlog.h"

#include <stdio.h>

enum { DISCARD_MAX = 1 << 20 };

/* Whether the client may begin a handshake now; if not, the session has begun to end. */
static bool is_within_limits(struct session *s)
{
    struct admission_answer answer =
        admission_handshake(&s->admission, s->snapshot->conf, thread_now());
    char address[ADDR_TEXT_SIZE];
    char text[128];

    switch (answer.verdict) {
    case ADMISSION_ADMITTED:
        return true;
    case ADMISSION_CLIENT_LIMIT:
        sessionlog_limit(s, LOGLINE_HANDSHAKES, &answer);
        snprintf(text, sizeof text, "Error: too many new TLS sessions from unknown[%s]",
                 addr_text(&s->client_addr, address));
        session_give_up(s, "4.7.0", text);
        break;
    case ADMISSION_BACKEND_FULL:
    case ADMISSION_HANDSHAKE_LIMIT:
        session_end(s, LIFETIME_TOO_MANY_HANDSHAKES);
        break;
    }
    return false;
}

/* What the client has sent after STARTTLS is discarded (RFC 3207 section 4.2) before the 220 is
 * sent, not afterwards, when a ClientHello could be among it. */
void session_prepare_tls(struct session *s)
{
    size_t thrown = buffer_len(&s->from_client);
    char text[80];

    if (!is_within_limits(s)) {
        return;
    }
    buffer_drop(&s->from_client, thrown);
    thrown += side_discard(&s->client, DISCARD_MAX);
    if (thrown > 0) {
        snprintf(text, sizeof text, "plaintext after STARTTLS discarded (%zu bytes)", thrown);
        sessionlog_warning(s, text, NULL);
    }
    if (!session_lend(s, &s->to_client)) {
        return;
    }
    s->next_tls = tls_session_new(s->tls_listener, s->client.fd);
    if (s->next_tls != NULL) {
        gate_starttls_accept(&s->gate, &s->to_client);
    } else {
        log_line(LOG_CRIT, "TLS cannot be set up for session=%s", s->id);
        admission_handshake_over(&s->admission, thread_now());
        gate_starttls_refuse(&s->gate, &s->to_client);
    }
}

void session_begin_tls(struct session *s)
{
    if (!is_within_limits(s)) {
        return;
    }
    s->next_tls = tls_session_new(s->tls_listener, s->client.fd);
    if (s->next_tls != NULL) {
        session_begin_handshake(s);
    } else {
        log_line(LOG_CRIT, "TLS cannot be set up for session=%s", s->id);
        session_begin_end(s);
    }
}

void session_begin_handshake(struct session *s)
{
    s->client.tls = s->next_tls;
    s->next_tls = NULL;
    s->backend_spoke = buffer_len(&s->from_backend) > 0;
    buffer_drop(&s->from_backend, buffer_len(&s->from_backend));
    s->handshake = true;
    s->life.held_since = 0;
    s->life.since = thread_now();
    s->phase = PHASE_HANDSHAKE;
    sessionlog_connect(s);
}

/* The backend was not asked for anything: nobody is waiting for what it says now. */
static void watch_backend(struct session *s)
{
    if (s->backend.readable && side_discard(&s->backend, DISCARD_MAX) > 0) {
        s->backend_spoke = true;
    }
}

/* How the session continues after the handshake, unless the daemon stops. A backend that has seen
 * plaintext keeps it, or is replaced by another one; otherwise posternd connects to the backend
 * now. */
static void go_on(struct session *s)
{
    bool second = conf_is_set(&s->listener->backend->tls_address);

    if (s->thread->stop.since != 0) {
        session_end(s, LIFETIME_SHUTDOWN);
    } else if (s->listener->tls == CONF_TLS_IMPLICIT) {
        session_connect(s);
    } else if (second) {
        gate_tls_started_anew(&s->gate);
        session_quit(s);
    } else {
        gate_tls_started(&s->gate);
        s->life.since = thread_now();
        s->phase = PHASE_TALK;
    }
}

static void handshake_done(struct session *s)
{
    struct tls_facts facts;
    struct bytes raw;

    tls_session_facts(s->client.tls, &facts);
    directory_set_tls(&s->entry, &facts);
    admission_handshake_over(&s->admission, thread_now());
    s->tls = true;
    s->certificate = tls_certificate_name(s->client.tls);
    s->life.turn_since = thread_now();
    /* The backend's event may still be queued after the client's: so check the socket itself. */
    s->backend.readable = s->backend.fd >= 0;
    watch_backend(s);
    if (s->backend_spoke) {
        sessionlog_handshake_failed(s, HANDSHAKE_BACKEND_SPOKE, NULL);
        session_end(s, LIFETIME_UNAVAILABLE);
    } else {
        sessionlog_established(s, &facts);
        if (tls_verdict_wrong(s->client.tls, &raw)) {
            sessionlog_verdict_wrong(s, &facts, raw);
        }
        go_on(s);
    }
    tls_handshake_over(s->client.tls);
}

static void keep_failure(const struct session *s, enum handshake_failure reason)
{
    struct failure_event event = {
        .reason = reason, .client = s->client_addr, .listener = s->listener->name};

    if (failures_wants(reason)) {
        event.hello = tls_raw_hello(s->client.tls, &event.sslv2);
        event.ja4 = tls_ja4(s->client.tls);
        kept_failures_add(&event);
    }
}

void session_stop_handshake(struct session *s)
{
    tls_session_free(s->client.tls);
    s->client.tls = NULL;
}

/* Never plaintext again on this connection: libssl has sent its alert, nothing follows it. */
static void end_handshake(struct session *s, enum handshake_failure reason, const char *detail)
{
    sessionlog_handshake_failed(s, reason, detail);
    keep_failure(s, reason);
    session_stop_handshake(s);
    session_begin_end(s);
}

bool session_handshake(struct session *s)
{
    const char *detail;
    enum handshake_failure reason;

    watch_backend(s);
    if (!s->client.readable && !s->client.writable) {
        return false;
    }
    switch (tls_handshake(s->client.tls)) {
    case TLS_DONE:
        handshake_done(s);
        break;
    case TLS_WANT_READ:
    case TLS_WANT_WRITE:
        s->client.readable = false;
        s->client.writable = false;
        return false;
    case TLS_EOF:
    case TLS_FAILED:
        reason = tls_failure(s->client.tls, &detail);
        end_handshake(s, reason, detail);
        break;
    }
    return true;
}

void session_handshake_timed_out(struct session *s)
{
    if (s->thread->stop.since != 0) {
        session_stop_handshake(s);
        session_end(s, LIFETIME_SHUTDOWN);
    } else {
        end_handshake(s, HANDSHAKE_TIMEOUT, NULL);
    }
}
