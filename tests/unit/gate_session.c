#include "tests/unit/gate_session.h"

#include "lib/smtp/line.h"
#include "tests/unit/must.h"

#include <stdlib.h>
#include <string.h>

void gate_session_begin(struct gate_session *s, bool auth_before_tls)
{
    gate_session_begin_as(s, (struct gate_rules){.auth_before_tls = auth_before_tls}, false);
}

void gate_session_begin_as(struct gate_session *s, struct gate_rules rules, bool implicit)
{
    s->rules = rules;
    s->rules.hostname = rules.hostname == NULL ? "mx.example" : rules.hostname;
    s->from_client.len = 0;
    s->from_backend.len = 0;
    s->client_saw.len = 0;
    s->backend_saw.len = 0;
    s->to_client = (struct buffer){.data = s->memory[0]};
    s->to_backend = (struct buffer){.data = s->memory[1]};
    s->drain_max = SIZE_MAX;
    s->by_line = false;
    if (implicit) {
        gate_init_tls(&s->gate, &s->rules);
    } else {
        gate_init(&s->gate, &s->rules);
    }
}

void stream_put(struct stream *s, const void *bytes, size_t len)
{
    MUST(len <= sizeof s->bytes - s->len);
    if (len > 0) {
        memcpy(s->bytes + s->len, bytes, len);
        s->len += len;
    }
}

static void stream_drop(struct stream *s, size_t len)
{
    MUST(len <= s->len);
    memmove(s->bytes, s->bytes + len, s->len - len);
    s->len -= len;
}

size_t gate_session_client(struct gate_session *s)
{
    enum gate_state before = gate_state(&s->gate);
    bool relay = before == GATE_RELAY;
    size_t had = buffer_len(&s->to_backend);
    size_t used = gate_client(&s->gate, bytes_of(s->from_client.bytes, s->from_client.len),
                              &s->to_backend, &s->to_client);
    size_t came = buffer_len(&s->to_backend) - had;
    const uint8_t *out = s->to_backend.data + s->to_backend.end - came;
    size_t at = 0;

    MUST(used <= s->from_client.len);
    MUST(s->to_backend.end <= BUFFER_SIZE);
    MUST(s->to_client.end <= BUFFER_SIZE);
    /* From STARTTLS until TLS, and at the end, nothing of the client is taken. */
    MUST(before == GATE_PASS || relay || (used == 0 && came == 0));
    /* Nothing is made up or reordered; in relay nothing is left out. */
    for (size_t i = 0; i < used && at < came; i++) {
        at += s->from_client.bytes[i] == out[at];
    }
    MUST(at == came);
    MUST(!relay || came == used);
    MUST(!relay || used == s->from_client.len || buffer_room(&s->to_backend) == 0);
    stream_drop(&s->from_client, used);
    return used;
}

size_t gate_session_backend(struct gate_session *s)
{
    struct bytes in = bytes_of(s->from_backend.bytes, s->from_backend.len);
    struct bytes ready;
    size_t used;
    bool ended;

    if (s->by_line) {
        in.len = line_span(in, &ended);
    }
    used = gate_backend(&s->gate, in, &s->to_client);
    ready = buffer_ready(&s->to_client);
    MUST(used == 0 || (used <= in.len && in.data[used - 1] == '\n'));
    MUST(s->to_client.end <= BUFFER_SIZE);
    MUST(s->to_client.held <= buffer_len(&s->to_client));
    MUST(ready.len == 0 || ready.data[ready.len - 1] == '\n');
    stream_drop(&s->from_backend, used);
    return used;
}

static size_t drain(struct buffer *b, struct stream *saw, size_t max)
{
    struct bytes ready = buffer_ready(b);

    ready.len = ready.len < max ? ready.len : max;
    stream_put(saw, ready.data, ready.len);
    buffer_drop(b, ready.len);
    return ready.len;
}

size_t gate_session_drain(struct gate_session *s)
{
    return drain(&s->to_client, &s->client_saw, s->drain_max) +
           drain(&s->to_backend, &s->backend_saw, s->drain_max);
}

void gate_session_pump(struct gate_session *s)
{
    size_t moved;

    do {
        moved = gate_session_backend(s);
        moved += gate_session_client(s);
        moved += gate_session_drain(s);
    } while (moved > 0);
}
