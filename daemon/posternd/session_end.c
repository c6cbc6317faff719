/* Why a session ends, and its last phase. */
#include "daemon/posternd/session_parts.h"

#include "daemon/common/log.h"
#include "daemon/posternd/sessionlog.h"

enum {
    DISCARD_MAX = 16384, /* bytes discarded in one move: as many as others move */
    EARLY_MAX = 65536,   /* ... from a client that is turned away */
};

void session_begin_end(struct session *s)
{
    admission_handshake_over(&s->admission, thread_now());
    admission_release_slot(&s->admission, thread_now());
    side_close(&s->backend);
    s->to_client.end -= s->to_client.held;
    s->to_client.held = 0;
    s->life.held_since = 0;
    s->life.since = thread_now();
    s->life.ending_since = s->life.since;
    s->phase = s->client.broken ? PHASE_OVER : PHASE_END;
}

/* Whether the client would read plaintext as replies, or is under TLS. After the 220 to STARTTLS,
 * which may still be in transit, it would not. */
static bool is_readable(const struct session *s)
{
    return s->tls ||
           (s->listener->tls != CONF_TLS_IMPLICIT && gate_state(&s->gate) != GATE_HANDSHAKE);
}

void session_give_up(struct session *s, const char *code, const char *text)
{
    if (is_readable(s) && thread_lend(s->thread, &s->to_client) == 0) {
        gate_give_up(&s->gate, &s->to_client, code, text);
    }
    session_begin_end(s);
}

void session_end(struct session *s, enum lifetime_reason reason)
{
    const struct lifetime_ending *ending = lifetime_ending(reason);

    if (ending->lost) {
        sessionlog_lost(s);
    }
    if (ending->warning != NULL) {
        sessionlog_warning(s, ending->warning, NULL);
    }
    if (ending->note != NULL) {
        sessionlog_note(s, ending->note);
    }
    s->thread->stop.inside += reason == LIFETIME_SHUTDOWN_INSIDE;
    s->thread->stop.unanswered += reason == LIFETIME_SHUTDOWN_UNANSWERED;
    s->client.broken = s->client.broken || ending->abort;
    if (ending->code != NULL) {
        session_give_up(s, ending->code, ending->text);
    } else {
        session_begin_end(s);
    }
}

void session_end_now(struct session *s)
{
    /* What the client sent early must not make it lose the reply. */
    s->client.writable = true;
    side_write(&s->client, &s->to_client, thread_now());
    side_shut_writing(&s->client);
    side_discard(&s->client, EARLY_MAX);
    s->phase = PHASE_OVER;
}

bool session_is_lost(struct session *s)
{
    if (!side_is_reset(&s->client)) {
        return false;
    }
    s->client.broken = true;
    sessionlog_connect(s);
    session_end(s, LIFETIME_LOST);
    return true;
}

bool session_lend(struct session *s, struct buffer *b)
{
    if (thread_lend(s->thread, b) == 0) {
        return true;
    }
    log_line(LOG_CRIT, "out of memory: session=%s ends", s->id);
    s->client.broken = true;
    return false;
}

bool session_ending(struct session *s)
{
    size_t moved = side_write(&s->client, &s->to_client, thread_now());

    s->sent += moved;
    if (moved > 0) {
        s->life.since = thread_now();
    }
    if (moved == 0 && buffer_len(&s->to_client) == 0) {
        side_shut_writing(&s->client);
        if (s->client.readable && !s->client.read_eof) {
            moved = side_discard(&s->client, DISCARD_MAX);
        }
        if (s->client.read_eof) {
            s->phase = PHASE_OVER;
        }
    }
    if (s->client.broken || s->client.write_failed) {
        s->phase = PHASE_OVER;
    }
    return moved > 0;
}

void session_linger_timed_out(struct session *s)
{
    s->phase = PHASE_OVER;
}
