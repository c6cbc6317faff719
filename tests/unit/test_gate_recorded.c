/*
 * What real clients and a real Postfix said to each other (dialogues.txt), replayed against the
 * gate alone: whole, it comes to what the client heard; cut at every byte, or into bytes, to the
 * same.
 */
#include "tests/unit/gate_session.h"
#include "tests/unit/must.h"
#include "tests/unit/recorded.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SUITE(name) Suite *name##_suite(void);
#include "tests/unit/suites.h"
#undef SUITE

static const struct recorded *dialogues;
static size_t num_dialogues;

/* Where a dialogue is cut: one line in two, or all into bytes, or (line past the end) nowhere. */
struct place {
    bool bytes;
    size_t line;
    size_t at;
};

static struct replay {
    struct gate_session session;
    const struct recorded *dialogue;
    struct place place;
    size_t reply; /* the next line that may be the backend's */
    unsigned notes;
} whole, cut;

/* Moves what can move, and does at STARTTLS what a session does. */
static void settle(struct replay *r)
{
    struct gate_session *s = &r->session;

    gate_session_pump(s);
    if (gate_state(&s->gate) == GATE_STARTTLS) {
        s->from_client.len = 0;
        gate_starttls_accept(&s->gate, &s->to_client);
        gate_session_pump(s);
    }
    if (gate_state(&s->gate) == GATE_HANDSHAKE) {
        s->from_client.len = 0;
    }
    r->notes |= s->gate.notes;
    s->gate.notes = 0;
}

static void say(struct replay *r, struct stream *to, size_t line)
{
    struct bytes bytes = r->dialogue->lines[line].bytes;
    size_t first = r->place.bytes ? 1 : r->place.line == line ? r->place.at : bytes.len;

    for (size_t at = 0; at < bytes.len;) {
        size_t len = at == 0 ? first : r->place.bytes ? 1 : bytes.len - at;

        stream_put(to, bytes.data + at, len);
        settle(r);
        at += len;
    }
}

/* The backend says what it said when it had heard as much. */
static void answer(struct replay *r)
{
    const struct recorded *d = r->dialogue;

    for (; r->reply < d->num_lines; r->reply++) {
        if (d->lines[r->reply].kind == RECORDED_REPLY) {
            if (d->lines[r->reply].behind > r->session.backend_saw.len) {
                return;
            }
            say(r, &r->session.from_backend, r->reply);
        }
    }
}

static void replay(struct replay *r, const struct recorded *d, struct place place)
{
    struct gate_session *s = &r->session;

    r->dialogue = d;
    r->place = place;
    r->reply = 0;
    r->notes = 0;
    gate_session_begin_as(s,
                          (struct gate_rules){.hostname = "backend.example.test",
                                              .level = d->level,
                                              .auth_before_tls = d->auth},
                          d->implicit);
    answer(r);
    for (size_t i = 0; i < d->num_lines; i++) {
        if (d->lines[i].kind == RECORDED_CLIENT) {
            say(r, &s->from_client, i);
        } else if (d->lines[i].kind == RECORDED_TLS && gate_state(&s->gate) == GATE_HANDSHAKE) {
            gate_tls_started(&s->gate);
        }
        answer(r);
    }
}

static void compare_streams(const struct stream *a, const struct stream *b, const char *who)
{
    MUST_MSG(a->len == b->len && memcmp(a->bytes, b->bytes, a->len) == 0,
             "%s: line %zu cut at %zu: %s saw\n%.*s\nand uncut\n%.*s", cut.dialogue->name,
             cut.place.line, cut.place.at, who, (int)b->len, b->bytes, (int)a->len, a->bytes);
}

static void replay_cut(struct place place)
{
    replay(&cut, whole.dialogue, place);
    compare_streams(&whole.session.client_saw, &cut.session.client_saw, "the client");
    compare_streams(&whole.session.backend_saw, &cut.session.backend_saw, "the backend");
    MUST_MSG(gate_state(&whole.session.gate) == gate_state(&cut.session.gate),
             "%s: line %zu cut at %zu: state", cut.dialogue->name, place.line, place.at);
    MUST_MSG(whole.notes == cut.notes, "%s: line %zu cut at %zu: notes", cut.dialogue->name,
             place.line, place.at);
}

/* The whole replay comes to what the client heard of posternd. */
static void compare_heard(const struct recorded *d)
{
    const struct stream *saw = &whole.session.client_saw;
    size_t at = 0;

    for (size_t i = 0; i < d->num_lines; i++) {
        struct bytes heard = d->lines[i].bytes;

        if (d->lines[i].kind == RECORDED_HEARD) {
            MUST_MSG(saw->len - at >= heard.len &&
                         memcmp(saw->bytes + at, heard.data, heard.len) == 0,
                     "%s: line %zu: heard was\n%.*s\nnow\n%.*s", d->name, i, (int)heard.len,
                     heard.data, (int)(saw->len - at), saw->bytes + at);
            at += heard.len;
        }
    }
    MUST_MSG(at == saw->len, "%s: more than was heard:\n%.*s", d->name, (int)(saw->len - at),
             saw->bytes + at);
    MUST_MSG(whole.reply == d->num_lines, "%s: the backend would not have said line %zu", d->name,
             whole.reply);
}

START_TEST(dialogue)
{
    const struct recorded *d = &dialogues[_i];

    replay(&whole, d, (struct place){.line = SIZE_MAX});
    compare_heard(d);
    replay_cut((struct place){.line = SIZE_MAX, .bytes = true});
    for (size_t i = 0; i < d->num_lines; i++) {
        if (d->lines[i].kind == RECORDED_CLIENT || d->lines[i].kind == RECORDED_REPLY) {
            for (size_t at = 1; at < d->lines[i].bytes.len; at++) {
                replay_cut((struct place){.line = i, .at = at});
            }
        }
    }
}
END_TEST

Suite *gate_recorded_suite(void)
{
    Suite *suite = suite_create("gate_recorded");
    TCase *tcase = tcase_create("gate_recorded");

    dialogues = recorded_all(&num_dialogues);
    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, dialogue, 0, (int)num_dialogues);
    suite_add_tcase(suite, tcase);
    return suite;
}
