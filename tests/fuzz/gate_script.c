/*
 * The script: the steps of the input one after the other, each said in full and all that can move
 * moved before the next. So nothing is left to time, and the outcome must not depend on how the
 * bytes are cut or on how fast the outputs leave.
 */
#include "lib/smtp/line.h"
#include "tests/fuzz/gate_input.h"
#include "tests/unit/gate_session.h"
#include "tests/unit/must.h"

#include <string.h>
#include <strings.h>

#define READY "220 2.0.0 Ready to start TLS\r\n"

/* Neither side says more, so that what was seen fits its stream. */
enum { SAID_MAX = 10000 };

static const char *const commands[] = {
    "EHLO c\r\n", "HELO c\r\n",     "NOOP\r\n",         "RSET\n",        "STARTTLS\r\n",
    "starttls\n", "STARTTLS x\r\n", "AUTH PLAIN x\r\n", "FOO\r\n",       "\r\n",
    "VRFY a\r\n", "QUIT\r\n",       "BDAT 3\r\n",       "DATA\r\n",      "RCPT TO:<a>\r\n",
    "EXPN a\r\n", "HELP\r\n",       "ETRN x\r\n",       "XCLIENT a\r\n", "MAIL FROM:<>\r\n",
};

static struct play {
    struct gate_session session;
    unsigned notes;
    unsigned num_accepted; /* a 220 of ours was said so often */
    bool tls;              /* it is spoken: what came before ends at these */
    size_t client_tls, backend_tls;
    bool owes_ehlo;      /* no 250 has been heard since the handshake */
    size_t backend_owed; /* where that ended */
    bool refuse, anew;   /* what the next STARTTLS comes to */
} whole, cut;

static bool is_code(struct bytes line, const char *code)
{
    return line.len >= 3 && memcmp(line.data, code, 3) == 0;
}

static bool has_heard(const struct play *p, size_t from, const char *code)
{
    struct bytes left =
        bytes_of(p->session.client_saw.bytes + from, p->session.client_saw.len - from);
    struct bytes line;
    bool found = false;

    while (line_take(&left, SIZE_MAX, &line) == LINE_DONE) {
        found |= is_code(line, code);
    }
    return found;
}

static void pump(struct play *p)
{
    enum gate_state before = gate_state(&p->session.gate);

    gate_session_pump(&p->session);
    if (p->owes_ehlo) {
        p->owes_ehlo = !has_heard(p, p->client_tls, "250");
        p->backend_owed = p->owes_ehlo ? p->session.backend_saw.len : p->backend_owed;
    }
    p->notes |= p->session.gate.notes;
    p->session.gate.notes = 0;
    MUST(before != GATE_CLOSE || gate_state(&p->session.gate) == GATE_CLOSE);
    MUST(before != GATE_RELAY || gate_state(&p->session.gate) == GATE_RELAY ||
         gate_state(&p->session.gate) == GATE_CLOSE);
    MUST(gate_state(&p->session.gate) != GATE_RELAY || p->session.from_client.len == 0);
}

/* What a session does when all replies before STARTTLS are there. */
static void at_starttls(struct play *p)
{
    struct gate_session *s = &p->session;

    if (gate_state(&s->gate) != GATE_STARTTLS) {
        return;
    }
    MUST(!p->tls && s->rules.level != GATE_NONE);
    if (p->refuse) {
        gate_starttls_refuse(&s->gate, &s->to_client);
    } else {
        s->from_client.len = 0;
        s->from_backend.len = 0;
        gate_starttls_accept(&s->gate, &s->to_client);
        pump(p);
        p->num_accepted++;
        p->tls = true;
        p->client_tls = s->client_saw.len;
        p->backend_tls = s->backend_saw.len;
        if (p->anew) {
            gate_tls_started_anew(&s->gate);
        } else {
            gate_tls_started(&s->gate);
            p->owes_ehlo = true;
        }
    }
    p->refuse = false;
    p->anew = false;
    pump(p);
}

static void say(struct play *p, struct gate_input *in, struct stream *to, struct bytes bytes,
                uint32_t chunk)
{
    size_t len;

    for (size_t at = 0; at < bytes.len; at += len) {
        len = chunk == 0 ? bytes.len : 1 + gate_input_any(in, chunk);
        len = len < bytes.len - at ? len : bytes.len - at;
        stream_put(to, bytes.data + at, len);
        pump(p);
    }
    at_starttls(p);
}

static void take_step(struct play *p, struct gate_input *in, const struct gate_step *step,
                      uint32_t chunk)
{
    struct gate_session *s = &p->session;
    const char *command = commands[step->number % (sizeof commands / sizeof commands[0])];

    switch (step->kind) {
    case GATE_STEP_CLIENT:
        say(p, in, &s->from_client, step->bytes, chunk);
        break;
    case GATE_STEP_BACKEND:
        say(p, in, &s->from_backend, step->bytes, chunk);
        break;
    case GATE_STEP_COMMAND:
        say(p, in, &s->from_client, bytes_of((const uint8_t *)command, strlen(command)), chunk);
        break;
    case GATE_STEP_OTHER:
        if (step->number == GATE_NUMBER_REFUSE) {
            p->refuse = true;
        } else if (step->number == GATE_NUMBER_ANEW) {
            p->anew = true;
        } else if (step->number == GATE_NUMBER_OWN) {
            gate_give_up(&s->gate, &s->to_client, "4.3.2", "Service not available");
            pump(p);
        } else if (gate_state(&s->gate) == GATE_RELAY) {
            gate_forwarded(&s->gate, bytes_of("x", 1));
        }
        break;
    }
}

static void play(struct play *p, struct bytes data, uint32_t chunk, size_t drain_max)
{
    struct gate_input in = gate_input_of(data);
    struct gate_step step;
    size_t said = 0;

    gate_session_begin_as(&p->session, in.rules, in.implicit);
    p->session.drain_max = drain_max;
    p->session.by_line = true;
    p->notes = 0;
    p->num_accepted = 0;
    p->tls = in.implicit;
    p->client_tls = p->backend_tls = in.implicit ? 0 : SIZE_MAX;
    p->owes_ehlo = false;
    p->backend_owed = 0;
    p->refuse = p->anew = false;
    while (gate_input_next(&in, &step) && said < SAID_MAX) {
        said += step.bytes.len + 16;
        take_step(p, &in, &step, chunk);
    }
}

static void compare(void)
{
    struct gate_session *a = &whole.session;
    struct gate_session *b = &cut.session;

    MUST(a->client_saw.len == b->client_saw.len &&
         memcmp(a->client_saw.bytes, b->client_saw.bytes, a->client_saw.len) == 0);
    MUST(a->backend_saw.len == b->backend_saw.len &&
         memcmp(a->backend_saw.bytes, b->backend_saw.bytes, a->backend_saw.len) == 0);
    MUST(gate_state(&a->gate) == gate_state(&b->gate));
    MUST(whole.notes == cut.notes);
    MUST(whole.num_accepted == cut.num_accepted);
    MUST(gate_is_open(&a->gate) == gate_is_open(&b->gate));
    MUST(gate_backend_turn(&a->gate) == gate_backend_turn(&b->gate));
}

static bool is_last(struct bytes line)
{
    return line.len >= 3 && line.data[0] >= '0' && line.data[0] <= '9' && line.data[1] >= '0' &&
           line.data[1] <= '9' && line.data[2] >= '0' && line.data[2] <= '9' &&
           (line.len == 3 || line.data[3] != '-');
}

/* After the banner the client sees no 220 but ours; and, where AUTH is for TLS, no sign that the
 * backend has taken one before. */
static void check_client_saw(const struct play *p)
{
    struct bytes left = bytes_of(p->session.client_saw.bytes, p->session.client_saw.len);
    bool hides = p->session.rules.level == GATE_ENCRYPT || !p->session.rules.auth_before_tls;
    bool banner = false;
    unsigned num_ready = 0;
    struct bytes line;

    while (line_take(&left, SIZE_MAX, &line) == LINE_DONE) {
        size_t at = (size_t)(line.data - p->session.client_saw.bytes);

        if (banner && is_code(line, "220")) {
            MUST(line.len == strlen(READY) && memcmp(line.data, READY, line.len) == 0);
            num_ready++;
        }
        MUST(!hides || at >= p->client_tls || !(is_code(line, "334") || is_code(line, "235")));
        banner |= is_last(line);
    }
    MUST(num_ready == p->num_accepted);
    MUST((p->notes & GATE_NOTE_STARTTLS_REFUSED) == 0 || has_heard(p, 0, "502"));
}

/* Between these places the backend sees no command that means anything to a mail. */
static void check_harmless(const struct play *p, size_t from, size_t to)
{
    static const char *const allowed[] = {"EHLO", "HELO", "NOOP", "RSET", "HELP", "QUIT"};
    struct bytes left = bytes_of(p->session.backend_saw.bytes + from, to - from);
    struct bytes line;

    while (line_take(&left, SIZE_MAX, &line) == LINE_DONE) {
        bool found = false;
        size_t at = 0;

        while (at < line.len && memchr(" \t\v\f\r", line.data[at], 5) != NULL) {
            at++;
        }
        for (size_t i = 0; i < sizeof allowed / sizeof allowed[0]; i++) {
            found |=
                line.len - at > 4 && strncasecmp((const char *)line.data + at, allowed[i], 4) == 0;
        }
        MUST(found);
    }
}

/* Where plaintext is for STARTTLS only, all of it is harmless; and behind a handshake, on a
 * connection that has seen plaintext, everything before an EHLO is taken. */
static void check_backend_saw(const struct play *p)
{
    size_t len = p->session.backend_saw.len;

    if (p->session.rules.level == GATE_ENCRYPT) {
        check_harmless(p, 0, p->backend_tls < len ? p->backend_tls : len);
    }
    if (p->backend_owed > p->backend_tls) {
        check_harmless(p, p->backend_tls, p->backend_owed);
    }
}

void gate_play_script(struct bytes data)
{
    play(&whole, data, 0, SIZE_MAX);
    check_client_saw(&whole);
    check_backend_saw(&whole);
    play(&cut, data, 3, SIZE_MAX);
    compare();
    play(&cut, data, 40, 1);
    compare();
}
