#include "tests/unit/dialogue.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define QUEUE_SIZE ((size_t)8192)

struct queue {
    uint8_t bytes[QUEUE_SIZE];
    size_t len;
};

struct play {
    struct gate_rules rules;
    struct gate gate;
    struct queue client, backend;           /* sent, not consumed yet */
    struct buffer to_client, to_backend;    /* as the session has them */
    struct queue client_sees, backend_sees; /* come out, not looked at yet */
    const struct dialogue *dialogue;
    struct cut cut;
    size_t step;
};

static uint8_t client_memory[BUFFER_SIZE];
static uint8_t backend_memory[BUFFER_SIZE];

/* The place in the dialogue, for a failure's message. */
static const char *where(const struct play *p)
{
    static char text[200];

    if (p->cut.bytes) {
        snprintf(text, sizeof text, "%s, step %zu, byte by byte", p->dialogue->name, p->step);
    } else if (p->cut.step == SIZE_MAX) {
        snprintf(text, sizeof text, "%s, step %zu", p->dialogue->name, p->step);
    } else {
        snprintf(text, sizeof text, "%s, step %zu, step %zu cut at %zu", p->dialogue->name, p->step,
                 p->cut.step, p->cut.at);
    }
    return text;
}

static void put(struct queue *q, const void *bytes, size_t len)
{
    MUST(len <= QUEUE_SIZE - q->len);
    if (len > 0) {
        memcpy(q->bytes + q->len, bytes, len);
        q->len += len;
    }
}

static void drop(struct queue *q, size_t len)
{
    MUST(len <= q->len);
    memmove(q->bytes, q->bytes + len, q->len - len);
    q->len -= len;
}

static size_t drain(struct buffer *b, struct queue *q)
{
    struct bytes ready = buffer_ready(b);

    put(q, ready.data, ready.len);
    buffer_drop(b, ready.len);
    return ready.len;
}

/* Lets everything move that can. */
static void pump(struct play *p)
{
    size_t moved;

    do {
        size_t used =
            gate_backend(&p->gate, bytes_of(p->backend.bytes, p->backend.len), &p->to_client);

        drop(&p->backend, used);
        moved = used;
        used = gate_client(&p->gate, bytes_of(p->client.bytes, p->client.len), &p->to_backend,
                           &p->to_client);
        drop(&p->client, used);
        moved += used;
        moved += drain(&p->to_client, &p->client_sees);
        moved += drain(&p->to_backend, &p->backend_sees);
    } while (moved > 0);
}

static void say(struct play *p, struct queue *q, const char *bytes, size_t len)
{
    put(q, bytes, len);
    pump(p);
}

static void expect(const struct play *p, struct queue *seen, const struct step *s)
{
    MUST_MSG(seen->len == s->len && memcmp(seen->bytes, s->bytes, s->len) == 0,
             "%s: came out:\n%.*s\nexpected:\n%.*s", where(p), (int)seen->len, seen->bytes,
             (int)s->len, s->bytes);
    seen->len = 0;
}

static void expect_nothing_more(const struct play *p)
{
    MUST_MSG(p->client_sees.len == 0, "%s: the client also saw:\n%.*s", where(p),
             (int)p->client_sees.len, p->client_sees.bytes);
    MUST_MSG(p->backend_sees.len == 0, "%s: the backend also saw:\n%.*s", where(p),
             (int)p->backend_sees.len, p->backend_sees.bytes);
}

static void say_cut(struct play *p, struct queue *q, const struct step *s)
{
    expect_nothing_more(p);
    if (p->cut.bytes) {
        for (size_t i = 0; i < s->len; i++) {
            say(p, q, s->bytes + i, 1);
        }
    } else if (p->step == p->cut.step) {
        say(p, q, s->bytes, p->cut.at);
        say(p, q, s->bytes + p->cut.at, s->len - p->cut.at);
    } else {
        say(p, q, s->bytes, s->len);
    }
}

static void expect_word(const struct play *p, const char *word, const struct step *s)
{
    MUST_MSG(strcmp(word, s->bytes) == 0, "%s: %s, expected %s", where(p), word, s->bytes);
}

static void take(struct play *p, const struct step *s)
{
    switch (s->kind) {
    case STEP_NONE:
        break;
    case STEP_CLIENT:
        say_cut(p, &p->client, s);
        break;
    case STEP_BACKEND:
        say_cut(p, &p->backend, s);
        break;
    case STEP_TO_BACKEND:
        expect(p, &p->backend_sees, s);
        break;
    case STEP_TO_CLIENT:
        expect(p, &p->client_sees, s);
        break;
    case STEP_STATE:
        MUST_MSG(gate_state(&p->gate) == (enum gate_state)s->value, "%s: state %d", where(p),
                 (int)gate_state(&p->gate));
        break;
    case STEP_NOTES:
        MUST_MSG(p->gate.notes == s->value, "%s: notes %x", where(p), p->gate.notes);
        p->gate.notes = 0;
        break;
    case STEP_TURN:
        MUST_MSG(gate_backend_turn(&p->gate) == (s->value != 0), "%s: turn", where(p));
        break;
    case STEP_OWES:
        MUST_MSG((int)gate_owes(&p->gate) == (int)s->value, "%s: owes %d", where(p),
                 (int)gate_owes(&p->gate));
        break;
    case STEP_OPEN:
        MUST_MSG(gate_is_open(&p->gate) == (s->value != 0), "%s: open", where(p));
        break;
    case STEP_ACCEPT:
        drop(&p->client, p->client.len);
        gate_starttls_accept(&p->gate, &p->to_client);
        pump(p);
        break;
    case STEP_REFUSE:
        gate_starttls_refuse(&p->gate, &p->to_client);
        pump(p);
        break;
    case STEP_TLS:
        gate_tls_started(&p->gate);
        pump(p);
        break;
    case STEP_TLS_ANEW:
        gate_tls_started_anew(&p->gate);
        pump(p);
        break;
    case STEP_LEVEL:
        p->rules.level = (enum gate_level)s->value;
        break;
    case STEP_FROM_TLS:
        gate_init_tls(&p->gate, &p->rules);
        break;
    case STEP_MECHANISM:
        expect_word(p, gate_mechanism(&p->gate), s);
        break;
    case STEP_VERB:
        expect_word(p, gate_last_verb(&p->gate), s);
        break;
    }
}

void dialogue_play(const struct dialogue *d, struct cut cut)
{
    static struct play play;
    struct play *p = &play;

    p->dialogue = d;
    p->cut = cut;
    p->client.len = 0;
    p->backend.len = 0;
    p->client_sees.len = 0;
    p->backend_sees.len = 0;
    p->to_client = (struct buffer){.data = client_memory};
    p->to_backend = (struct buffer){.data = backend_memory};
    p->rules = (struct gate_rules){.hostname = "mx.example", .auth_before_tls = d->auth};
    gate_init(&p->gate, &p->rules);
    for (size_t i = 0; d->steps[i].kind != STEP_NONE; i++) {
        p->step = i;
        take(p, &d->steps[i]);
    }
    expect_nothing_more(p);
    MUST_MSG(p->gate.notes == 0, "%s: notes %x", where(p), p->gate.notes);
    MUST_MSG(gate_state(&p->gate) == d->end, "%s: ends in state %d", where(p),
             (int)gate_state(&p->gate));
}

void dialogue_play_all(const struct dialogue *d)
{
    dialogue_play(d, (struct cut){.step = SIZE_MAX});
    dialogue_play(d, (struct cut){.step = SIZE_MAX, .bytes = true});
    for (size_t i = 0; d->steps[i].kind != STEP_NONE; i++) {
        if (d->steps[i].kind != STEP_CLIENT && d->steps[i].kind != STEP_BACKEND) {
            continue;
        }
        for (size_t at = 1; at < d->steps[i].len; at++) {
            dialogue_play(d, (struct cut){.step = i, .at = at});
        }
    }
}
