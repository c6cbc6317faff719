/* Talking: what moves between the two sides, and when that is over. */
#include "daemon/posternd/session_parts.h"

#include "daemon/common/log.h"
#include "daemon/posternd/sessionlog.h"

bool session_lend(struct session *s, struct buffer *b)
{
    if (worker_lend(s->worker, b) == 0) {
        return true;
    }
    log_line(LOG_CRIT, "out of memory: session=%s ends", s->id);
    s->client.broken = true;
    return false;
}

/* The backend's bytes through the gate. */
static bool pull_backend(struct session *s)
{
    struct bytes in;
    size_t got = 0;
    size_t used;

    if (s->backend.readable && !s->backend.ended) {
        if (!session_lend(s, &s->from_backend)) {
            return false;
        }
        got = side_read(&s->backend, &s->from_backend);
        s->answered = s->answered || got > 0;
    }
    in = buffer_ready(&s->from_backend);
    if (in.len == 0 || !session_lend(s, &s->to_client)) {
        return got > 0;
    }
    used = gate_backend(&s->gate, in, &s->to_client);
    buffer_drop(&s->from_backend, used);
    if (used > 0) {
        s->turn_since = worker_now();
    }
    return got > 0 || used > 0;
}

/* In relay: the client's bytes, unseen. Only an empty to_backend is filled, so the backend's pace
 * is the client's. */
static bool pull_client_blindly(struct session *s)
{
    size_t got;

    if (!s->client.readable || s->client.ended || s->backend.deaf ||
        buffer_len(&s->to_backend) > 0 || !session_lend(s, &s->to_backend)) {
        return false;
    }
    got = side_read(&s->client, &s->to_backend);
    s->received += got;
    if (got > 0) {
        gate_forwarded(&s->gate);
    }
    return got > 0;
}

/* The client's bytes through the gate. */
static bool pull_client(struct session *s)
{
    size_t got = 0;
    size_t used;

    if (gate_state(&s->gate) == GATE_RELAY && buffer_len(&s->from_client) == 0) {
        return pull_client_blindly(s);
    }
    if (gate_state(&s->gate) == GATE_PASS && s->client.readable && !s->client.ended) {
        if (!session_lend(s, &s->from_client)) {
            return false;
        }
        got = side_read(&s->client, &s->from_client);
        s->received += got;
    }
    if (!session_lend(s, &s->to_backend) || !session_lend(s, &s->to_client)) {
        return false;
    }
    used = gate_client(&s->gate, buffer_ready(&s->from_client), &s->to_backend, &s->to_client);
    buffer_drop(&s->from_client, used);
    return got > 0 || used > 0;
}

static bool push(struct session *s)
{
    int64_t now = worker_now();
    size_t to_backend = side_write(&s->backend, &s->to_backend, now);
    size_t to_client = side_write(&s->client, &s->to_client, now);

    s->sent += to_client;
    /* What a backend that is gone did not take is lost all the same. */
    s->asked = s->asked || to_backend > 0 || s->backend.deaf;
    if (to_client > 0) {
        s->turn_since = now;
    }
    return to_backend > 0 || to_client > 0;
}

/* What the gate asks for. Returns whether it was given. */
static bool obey_gate(struct session *s)
{
    if (s->gate.notes != 0) {
        sessionlog_notes(s, s->gate.notes);
        s->gate.notes = 0;
    }
    switch (gate_state(&s->gate)) {
    case GATE_PASS:
    case GATE_RELAY:
        s->held_since = 0;
        return false;
    case GATE_STARTTLS_HELD:
        if (s->held_since == 0) {
            s->held_since = worker_now();
        }
        return s->client.readable && session_is_lost(s);
    case GATE_STARTTLS:
        session_prepare_tls(s);
        return !s->client.broken;
    case GATE_HANDSHAKE:
        if (buffer_len(&s->to_client) > 0) {
            return false;
        }
        session_begin_handshake(s);
        return true;
    case GATE_CLOSE:
        session_begin_end(s);
        return true;
    }
    return false;
}

static void notice_backend_gone(struct session *s)
{
    if (!s->answered && s->backend.shut) {
        /* It was told that the client has ended, and does as that one does. Somebody who has asked
         * something may still listen. */
        sessionlog_lost(s);
        if (s->asked) {
            session_give_up(s, "4.3.2", "Service currently unavailable");
        } else {
            session_begin_end(s);
        }
        return;
    }
    if (!s->answered && !s->asked && s->address + 1 < s->num_addresses) {
        session_next_address(s, "closed without a greeting");
        return;
    }
    if (!s->answered) {
        sessionlog_warning(s, "the backend closed the connection without a greeting", NULL);
        session_give_up(s, "4.3.2", "Service currently unavailable");
        return;
    }
    if (!gate_said_bye(&s->gate) && s->client.ended) {
        sessionlog_lost(s);
    } else if (!gate_said_bye(&s->gate) && !gate_said_no(&s->gate)) {
        sessionlog_warning(s, "the backend closed the connection", NULL);
        session_give_up(s, "4.3.2", "Service currently unavailable");
        return;
    }
    session_begin_end(s);
}

/* A side has ended or broken, and nothing moves any more that came before. */
static bool notice_end(struct session *s)
{
    if (s->client.broken || s->client.deaf) {
        if (!gate_said_bye(&s->gate)) {
            sessionlog_lost(s);
        }
        session_begin_end(s);
        return true;
    }
    if ((s->backend.broken || s->backend.ended) && buffer_ready(&s->to_client).len == 0) {
        notice_backend_gone(s);
        return true;
    }
    if (s->client.ended && !s->backend.shut && buffer_len(&s->to_backend) == 0 &&
        (buffer_len(&s->from_client) == 0 || !gate_backend_turn(&s->gate))) {
        side_end_writing(&s->backend);
    }
    return false;
}

bool session_talk(struct session *s)
{
    bool heard = pull_backend(s);
    bool moved = pull_client(s);

    if (gate_state(&s->gate) == GATE_RELAY && !s->settled && !session_settle(s)) {
        return true;
    }
    moved = push(s) || moved;
    moved = obey_gate(s) || moved;
    /* What the backend says to nobody, however much it is, does not keep the session. */
    if (moved || (heard && !s->client.broken && !s->client.deaf)) {
        s->since = worker_now();
        return true;
    }
    return notice_end(s);
}
