/* Talking: what moves between the two sides, and when that is over. */
#include "daemon/posternd/session_parts.h"

#include "daemon/posternd/sessionlog.h"

/* The backend's bytes through the gate. */
static bool pull_backend(struct session *s)
{
    struct bytes in;
    size_t got = 0;
    size_t used;

    if (s->backend.readable && !s->backend.read_eof) {
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
        s->life.turn_since = thread_now();
    }
    return got > 0 || used > 0;
}

/* In relay: the client's bytes, unseen. Only an empty to_backend is filled, so the backend's pace
 * is the client's. */
static bool pull_client_blindly(struct session *s)
{
    size_t got;

    if (!s->client.readable || s->client.read_eof || s->backend.write_failed ||
        buffer_len(&s->to_backend) > 0 || !session_lend(s, &s->to_backend)) {
        return false;
    }
    got = side_read(&s->client, &s->to_backend);
    s->received += got;
    if (got > 0) {
        gate_forwarded(&s->gate, buffer_ready(&s->to_backend));
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
    if (gate_state(&s->gate) == GATE_PASS && s->client.readable && !s->client.read_eof) {
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
    int64_t now = thread_now();
    size_t to_backend = side_write(&s->backend, &s->to_backend, now);
    size_t to_client = side_write(&s->client, &s->to_client, now);

    s->sent += to_client;
    /* What a closed backend did not read is lost anyway. */
    s->asked = s->asked || to_backend > 0 || s->backend.write_failed;
    if (to_client > 0) {
        s->life.turn_since = now;
    }
    return to_backend > 0 || to_client > 0;
}

/* Does what the gate asks for. Returns whether that was possible. */
static bool obey_gate(struct session *s)
{
    if (s->gate.notes != 0) {
        sessionlog_notes(s, s->gate.notes);
        s->gate.notes = 0;
    }
    switch (gate_state(&s->gate)) {
    case GATE_PASS:
    case GATE_RELAY:
        s->life.held_since = 0;
        return false;
    case GATE_STARTTLS_HELD:
        if (s->life.held_since == 0) {
            s->life.held_since = thread_now();
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

/* Nothing moves any more: acts on the end of a side, if there is one. */
static bool notice_end(struct session *s)
{
    bool client_failed = s->client.broken || s->client.write_failed;
    bool backend_closed = s->backend.broken || s->backend.read_eof;
    struct lifetime_sides sides;
    struct lifetime_verdict verdict;

    /* Usually neither has: then nothing else need be checked. */
    if (!client_failed && !backend_closed && !s->client.read_eof) {
        return false;
    }
    sides = (struct lifetime_sides){
        .client_failed = client_failed,
        .client_eof = s->client.read_eof,
        .backend_closed = backend_closed,
        .backend_told = s->backend.write_shut,
        .to_client_waits = buffer_ready(&s->to_client).len > 0,
        .to_backend_waits = buffer_len(&s->to_backend) > 0,
        .from_client_waits = buffer_len(&s->from_client) > 0,
        .backend_turn = gate_backend_turn(&s->gate),
        .asked = s->asked,
        .answered = s->answered,
        .another_address = s->address + 1 < s->num_addresses,
        .said_bye = gate_said_bye(&s->gate),
        .said_no = gate_said_no(&s->gate),
    };
    verdict = lifetime_judge(&sides);
    switch (verdict.move) {
    case LIFETIME_GO_ON:
        return false;
    case LIFETIME_TELL_BACKEND:
        side_shut_writing(&s->backend);
        return false;
    case LIFETIME_NEXT_ADDRESS:
        session_next_address(s, "closed without a greeting");
        return true;
    case LIFETIME_END:
        break;
    }
    session_end(s, verdict.reason);
    return true;
}

/* Relay is about to begin: from now on the session keeps its place. False if it has already lost
 * it, and has begun to end. */
static bool begin_relay(struct session *s)
{
    s->life.relay = admission_pin(&s->admission);
    if (!s->life.relay) {
        session_end(s, LIFETIME_EVICTED);
    }
    return s->life.relay;
}

/* Whether the session ends now because the daemon stops. Otherwise the client is read or not: one
 * that is not, and has reset the connection, waits for nothing any more. */
static bool stops(struct session *s, bool *hears)
{
    const struct lifetime *life = session_lifetime(s, LIFETIME_TALK);

    *hears = lifetime_hears_client(life);
    if (lifetime_stops_now(life)) {
        session_end(s, lifetime_stop_reason(life));
        return true;
    }
    return !*hears && s->client.readable && session_is_lost(s);
}

bool session_talk(struct session *s)
{
    bool heard = pull_backend(s);
    bool hears = true;
    bool moved;

    if (s->thread->stop.since != 0 && stops(s, &hears)) {
        return true;
    }
    moved = hears && pull_client(s);
    if (gate_state(&s->gate) == GATE_RELAY && !s->life.relay && !begin_relay(s)) {
        return true;
    }
    moved = push(s) || moved;
    moved = obey_gate(s) || moved;
    /* What the backend still sends, however much it is, does not keep the session alive. */
    if (moved || (heard && !s->client.broken && !s->client.write_failed)) {
        s->life.since = thread_now();
        return true;
    }
    return notice_end(s);
}

void session_talk_timed_out(struct session *s)
{
    const struct lifetime *life = session_lifetime(s, LIFETIME_TALK);
    bool client_closed = life->held_since != 0 && side_is_closed(&s->client);

    session_end(s, lifetime_talk_timeout(life, client_closed, thread_now()));
}
