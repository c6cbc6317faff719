/*
 * Theory of operation
 *
 * Client side. Each line begins in LINE_VERB: nothing is consumed until its verb is known. The
 * table `actions` then says what happens to it in this phase:
 *   PASS      the line goes to the backend; at its LF a reply is outstanding
 *   WAIT      the same, and then LINE_HELD: nothing behind it is looked at until its reply is there
 *   SHUT      the door is shut: GATE_RELAY, and this line is the first that is copied unseen
 *   others    an answer of ours: the line is thrown away (LINE_SKIP) and at its LF the answer waits
 *             (LINE_ANSWER) until no reply is outstanding; nothing behind it is looked at
 * STARTTLS is such an answer too; while it waits the state is GATE_STARTTLS_HELD.
 *
 * Backend side. Every reply is taken line by line. At its first line it is matched with the oldest
 * outstanding entry of the ring, which says what its last line decides: the banner, an EHLO, an
 * unknown verb. A reply that is matched with nothing is UNASKED. The ring is no longer filled in
 * GATE_RELAY, but what it holds then is still matched in order.
 *
 * The door. Once shut it stays shut. If an answer of ours is still due at that moment (only the
 * backend can shut the door then), `shut` remembers it and relay begins behind the answer, so that
 * no answer ever overtakes or meets a relayed reply. Where relay would be a way around the 530 of
 * GATE_ENCRYPT or, after TLS and before EHLO, around the 503 rule, what would shut the door ends
 * the session.
 *
 * A second backend connection behind TLS has nothing to forget. Its banner is the ring's only entry
 * and LINE_HELD keeps the client's bytes until it has come.
 *
 * Editing. Before relay the replies to EHLO are edited; in relay, where nobody knows what a reply
 * belongs to, every 250 of several lines, and nothing is added.
 *
 * Room. Replies and answers leave ROOM_KEPT bytes of to_client free; from these come the lines that
 * cannot wait: 220, 454 and the 421 or 538 that ends the session.
 */
#include "lib/smtp/gate_parts.h"

#include "lib/base/text.h"
#include "lib/smtp/line.h"
#include "lib/smtp/message.h"

#include <assert.h>
#include <string.h>

enum action {
    REFUSE_COMMAND, /* the safe one is what a table that does not name a verb means */
    PASS,
    WAIT,
    SHUT,
    AUTH, /* SHUT or REFUSE_AUTH, by the rules */
    STARTTLS,
    REFUSE_ARGUMENT,
    REFUSE_STARTTLS,
    REFUSE_BDAT,
    REFUSE_AUTH,
    REFUSE_PLAIN,
    REFUSE_PLAIN_AUTH,
    REFUSE_PLAIN_BDAT,
    REFUSE_TLS_ACTIVE,
    ACTION_NUM,
};

static const char ready[] = "220 2.0.0 Ready to start TLS\r\n";
static const char not_available[] = "454 4.7.0 TLS not available due to local problem\r\n";

#define MUST_STARTTLS "530 5.7.0 Must issue a STARTTLS command first\r\n"

/* BDAT without its reply would leave a chunk of data to be read as commands: `close`. */
static const struct refusal {
    const char *text;
    unsigned note;
    bool close;
} refusals[ACTION_NUM] = {
    [REFUSE_ARGUMENT] = {"501 5.5.4 Syntax: STARTTLS\r\n", 0, false},
    [REFUSE_STARTTLS] = {"502 5.5.1 Error: command not implemented\r\n", 0, false},
    [REFUSE_COMMAND] = {"503 5.5.1 Error: send HELO/EHLO first\r\n", GATE_NOTE_EHLO_MISSING, false},
    [REFUSE_BDAT] = {"503 5.5.1 Error: send HELO/EHLO first\r\n", GATE_NOTE_EHLO_MISSING, true},
    [REFUSE_AUTH] = {GATE_ENCRYPT_FIRST, GATE_NOTE_AUTH_REFUSED, false},
    [REFUSE_PLAIN] = {MUST_STARTTLS, 0, false},
    [REFUSE_PLAIN_AUTH] = {MUST_STARTTLS, GATE_NOTE_AUTH_REFUSED, false},
    [REFUSE_PLAIN_BDAT] = {MUST_STARTTLS, 0, true},
    [REFUSE_TLS_ACTIVE] = {"554 5.5.1 Error: TLS already active\r\n", 0, false},
};

#define HARMLESS                                                                                   \
    [VERB_EHLO] = PASS, [VERB_HELO] = PASS, [VERB_NOOP] = PASS, [VERB_RSET] = PASS,                \
    [VERB_QUIT] = PASS

#define WHITE_LIST                                                                                 \
    HARMLESS, [VERB_VRFY] = PASS, [VERB_EXPN] = PASS, [VERB_HELP] = PASS, [VERB_ETRN] = PASS,      \
              [VERB_MAIL] = SHUT, [VERB_RCPT] = SHUT, [VERB_DATA] = SHUT, [VERB_BDAT] = SHUT,      \
              [VERB_OTHER] = WAIT

/* What is done with each verb before TLS. */
static const uint8_t plain_actions[][VERB_NUM] = {
    [GATE_MAY] = {WHITE_LIST, [VERB_AUTH] = AUTH, [VERB_STARTTLS] = STARTTLS},
    [GATE_ENCRYPT] =
        {HARMLESS, [VERB_VRFY] = REFUSE_PLAIN, [VERB_EXPN] = REFUSE_PLAIN,
         [VERB_HELP] = REFUSE_PLAIN, [VERB_ETRN] = REFUSE_PLAIN, [VERB_MAIL] = REFUSE_PLAIN,
         [VERB_RCPT] = REFUSE_PLAIN, [VERB_DATA] = REFUSE_PLAIN, [VERB_BDAT] = REFUSE_PLAIN_BDAT,
         [VERB_OTHER] = REFUSE_PLAIN, [VERB_AUTH] = REFUSE_PLAIN_AUTH, [VERB_STARTTLS] = STARTTLS},
    [GATE_NONE] = {WHITE_LIST, [VERB_AUTH] = AUTH, [VERB_STARTTLS] = REFUSE_STARTTLS},
};

/* The same under TLS. */
static const uint8_t no_ehlo_actions[VERB_NUM] = {
    [VERB_EHLO] = WAIT,        [VERB_HELO] = WAIT, [VERB_NOOP] = PASS,
    [VERB_RSET] = PASS,        [VERB_QUIT] = PASS, [VERB_STARTTLS] = REFUSE_TLS_ACTIVE,
    [VERB_BDAT] = REFUSE_BDAT,
};
static const uint8_t tls_actions[VERB_NUM] = {
    WHITE_LIST,
    [VERB_AUTH] = SHUT,
    [VERB_STARTTLS] = REFUSE_TLS_ACTIVE,
};

static void push_pending(struct gate *g, uint8_t kind)
{
    g->pending[(g->pending_start + g->pending_num) % GATE_PENDING_MAX] = kind;
    g->pending_num++;
}

void gate_init(struct gate *g, const struct gate_rules *rules)
{
    memset(g, 0, sizeof *g);
    g->rules = rules;
    g->state = GATE_PASS;
    g->phase = PHASE_PLAIN;
    g->line = LINE_VERB;
    g->verb = VERB_NUM;
    push_pending(g, KIND_BANNER);
}

void gate_init_tls(struct gate *g, const struct gate_rules *rules)
{
    gate_init(g, rules);
    g->phase = PHASE_TLS;
}

enum gate_state gate_state(const struct gate *g)
{
    return (enum gate_state)g->state;
}

bool gate_is_quiet(const struct gate *g)
{
    return g->pending_num == 0 && !g->in_reply;
}

bool gate_backend_turn(const struct gate *g)
{
    return g->state == GATE_RELAY ? g->backend_turn : !gate_is_quiet(g);
}

bool gate_is_open(const struct gate *g)
{
    return g->state != GATE_RELAY && g->state != GATE_CLOSE && !g->shut;
}

bool gate_hides_auth(const struct gate *g)
{
    return g->phase == PHASE_PLAIN &&
           (g->rules->level == GATE_ENCRYPT || !g->rules->auth_before_tls);
}

bool gate_may_relay(const struct gate *g)
{
    return g->phase == PHASE_TLS || (g->phase == PHASE_PLAIN && g->rules->level != GATE_ENCRYPT);
}

const char *gate_last_verb(const struct gate *g)
{
    return g->verb == VERB_NUM ? "CONNECT" : message_verb_name((enum verb)g->verb);
}

const char *gate_mechanism(const struct gate *g)
{
    return g->mechanism;
}

bool gate_said_bye(const struct gate *g)
{
    return g->bye || g->state == GATE_CLOSE;
}

bool gate_said_no(const struct gate *g)
{
    return g->refused && !g->in_reply;
}

void gate_forwarded(struct gate *g)
{
    g->backend_turn = true;
}

static void put_string(struct buffer *b, const char *s)
{
    buffer_put(b, s, strlen(s));
}

/* --- ends -------------------------------------------------------------------------------- */

void gate_close(struct gate *g, struct buffer *to_client, const char *reply)
{
    if (g->state == GATE_CLOSE) {
        return;
    }
    to_client->end -= to_client->held;
    to_client->held = 0;
    if (buffer_room(to_client) >= strlen(reply)) {
        put_string(to_client, reply);
    }
    g->state = GATE_CLOSE;
}

void gate_give_up(struct gate *g, struct buffer *to_client, const char *code, const char *text)
{
    char line[CLOSE_LINE_MAX + 1];
    struct text t = text_in(line, sizeof line - 2);

    text_addf(&t, "421 %s %s %s", code, g->rules->hostname, text);
    memcpy(line + t.len, "\r\n", 3);
    gate_close(g, to_client, line);
}

void gate_fail(struct gate *g, struct buffer *to_client, unsigned note)
{
    g->notes |= note;
    gate_give_up(g, to_client, "4.3.2", "Service not available");
}

static void count_refusal(struct gate *g, struct buffer *to_client)
{
    if (++g->refusals >= GATE_REFUSALS_MAX && g->state != GATE_CLOSE) {
        g->notes |= GATE_NOTE_TOO_MANY_ERRORS;
        gate_give_up(g, to_client, "4.7.0", "Error: too many errors");
    }
}

static void begin_relay(struct gate *g)
{
    g->state = GATE_RELAY;
    g->backend_turn = false;
}

void gate_shut(struct gate *g, struct buffer *to_client)
{
    if (!gate_may_relay(g) && (g->bye || g->refused)) {
        /* Nothing is to be added to the backend's last word. */
        gate_close(g, to_client, "");
    } else if (!gate_may_relay(g)) {
        gate_fail(g, to_client,
                  g->phase == PHASE_PLAIN ? GATE_NOTE_BACKEND_SHUT : GATE_NOTE_BACKEND_UNASKED);
    } else if (g->line == LINE_SKIP || g->line == LINE_ANSWER) {
        g->shut = true;
    } else {
        begin_relay(g);
    }
}

/* --- answers of our own ------------------------------------------------------------------ */

void gate_give_answer(struct gate *g, struct buffer *to_client)
{
    const struct refusal *refusal;

    /* Behind a 221 or 421 the backend closes: it would give no further answer either. */
    if (g->line != LINE_ANSWER || g->state == GATE_CLOSE || g->bye || !gate_is_quiet(g)) {
        return;
    }
    if (g->own == STARTTLS && !g->shut) {
        g->state = GATE_STARTTLS;
        g->line = LINE_VERB;
        return;
    }
    /* Behind a shut door STARTTLS gets what the backend would say. */
    refusal = &refusals[g->own == STARTTLS ? REFUSE_STARTTLS : g->own];
    if (buffer_room(to_client) < strlen(refusal->text) + ROOM_KEPT) {
        return;
    }
    g->line = LINE_VERB;
    g->state = GATE_PASS;
    g->notes |= refusal->note;
    if (refusal->close) {
        gate_close(g, to_client, refusal->text);
    } else {
        put_string(to_client, refusal->text);
        count_refusal(g, to_client);
    }
    if (g->shut && g->state == GATE_PASS) {
        begin_relay(g);
    }
}

void gate_starttls_accept(struct gate *g, struct buffer *to_client)
{
    assert(g->state == GATE_STARTTLS);
    put_string(to_client, ready);
    g->state = GATE_HANDSHAKE;
}

void gate_starttls_refuse(struct gate *g, struct buffer *to_client)
{
    assert(g->state == GATE_STARTTLS);
    put_string(to_client, not_available);
    g->state = GATE_PASS;
    count_refusal(g, to_client);
}

void gate_tls_started(struct gate *g)
{
    assert(g->state == GATE_HANDSHAKE);
    g->state = GATE_PASS;
    g->phase = PHASE_NO_EHLO;
}

void gate_tls_started_anew(struct gate *g)
{
    assert(g->state == GATE_HANDSHAKE);
    g->state = GATE_PASS;
    g->phase = PHASE_TLS;
    g->line = LINE_HELD;
    push_pending(g, KIND_SECOND_BANNER);
}

/* --- the client -------------------------------------------------------------------------- */

static struct bytes first_bytes(struct bytes in, size_t max)
{
    return bytes_of(in.data, in.len < max ? in.len : max);
}

static void drop_bytes(struct bytes *in, size_t len)
{
    *in = bytes_of(in->data + len, in->len - len);
}

/* Copies what fits of the first `len` bytes; returns how many those were. */
static size_t forward(struct bytes *in, size_t len, struct buffer *to_backend)
{
    size_t room = buffer_room(to_backend);

    len = len < room ? len : room;
    buffer_put(to_backend, in->data, len);
    drop_bytes(in, len);
    return len;
}

static enum action action_for(const struct gate *g, enum verb verb)
{
    enum action action;

    switch ((enum phase)g->phase) {
    case PHASE_NO_EHLO:
        return (enum action)no_ehlo_actions[verb];
    case PHASE_TLS:
        return (enum action)tls_actions[verb];
    case PHASE_PLAIN:
        break;
    }
    action = (enum action)plain_actions[g->rules->level][verb];
    if (action == AUTH) {
        return gate_hides_auth(g) ? REFUSE_AUTH : SHUT;
    }
    return action;
}

/* False: the mechanism that an AUTH names has not come in full. */
static bool keep_mechanism(struct gate *g, struct bytes seen)
{
    struct bytes word;

    if (!message_argument(seen, &word) && seen.len < GATE_VERB_MAX) {
        return false;
    }
    word = first_bytes(word, GATE_MECHANISM_MAX);
    memcpy(g->mechanism, word.len == 0 ? "" : (const char *)word.data, word.len);
    g->mechanism[word.len] = '\0';
    return true;
}

/* LINE_VERB: decides what becomes of a line. False: more bytes or a free place are needed first. */
static bool judge_line(struct gate *g, struct bytes in)
{
    struct bytes seen = first_bytes(in, GATE_VERB_MAX);
    enum verb verb;
    enum action action;
    bool ended;

    if (!message_verb(seen, &verb)) {
        if (seen.len < GATE_VERB_MAX) {
            return false;
        }
        verb = VERB_OTHER;
    }
    action = action_for(g, verb);
    if (verb == VERB_STARTTLS) {
        seen.len = line_span(seen, &ended);
        if (!ended && seen.len < GATE_VERB_MAX) {
            return false;
        }
        action = message_has_argument(seen) ? REFUSE_ARGUMENT : action;
    } else if ((action == REFUSE_AUTH || action == REFUSE_PLAIN_AUTH) && !keep_mechanism(g, seen)) {
        return false;
    }
    g->verb = (uint8_t)verb;
    if (action == SHUT) {
        begin_relay(g);
    } else if (action == PASS || action == WAIT) {
        if (g->pending_num == GATE_PENDING_MAX) {
            return false;
        }
        g->line = LINE_PASS;
        g->wait = action == WAIT;
        g->kind = verb == VERB_EHLO    ? KIND_EHLO
                  : verb == VERB_HELO  ? KIND_HELO
                  : verb == VERB_OTHER ? KIND_OTHER
                                       : KIND_COMMAND;
    } else {
        g->line = LINE_SKIP;
        g->own = (uint8_t)action;
    }
    return true;
}

/* LINE_PASS: false when the line has not ended or the backend's buffer is full. */
static bool pass_line(struct gate *g, struct bytes *in, struct buffer *to_backend)
{
    bool ended;
    size_t len = line_span(*in, &ended);

    if (forward(in, len, to_backend) < len || !ended) {
        return false;
    }
    push_pending(g, g->kind);
    g->line = g->wait ? LINE_HELD : LINE_VERB;
    return true;
}

/* LINE_SKIP: false when the line has not ended. */
static bool skip_line(struct gate *g, struct bytes *in, struct buffer *to_client)
{
    bool ended;

    drop_bytes(in, line_span(*in, &ended));
    if (!ended) {
        return false;
    }
    g->line = LINE_ANSWER;
    if (g->own == STARTTLS) {
        g->state = GATE_STARTTLS_HELD;
    }
    gate_give_answer(g, to_client);
    return true;
}

/* One step forward in the client's bytes, as far as the state allows one. */
static bool client_step(struct gate *g, struct bytes *in, struct buffer *to_backend,
                        struct buffer *to_client)
{
    if (g->state == GATE_RELAY) {
        g->backend_turn |= forward(in, in->len, to_backend) > 0;
        return false;
    }
    if (g->state != GATE_PASS) {
        return false;
    }
    switch ((enum line)g->line) {
    case LINE_VERB:
        return judge_line(g, *in);
    case LINE_PASS:
        return pass_line(g, in, to_backend);
    case LINE_SKIP:
        return skip_line(g, in, to_client);
    case LINE_HELD:
    case LINE_ANSWER:
        break;
    }
    return false;
}

size_t gate_client(struct gate *g, struct bytes in, struct buffer *to_backend,
                   struct buffer *to_client)
{
    size_t len = in.len;

    gate_give_answer(g, to_client);
    while (in.len > 0 && client_step(g, &in, to_backend, to_client)) {
    }
    return len - in.len;
}
