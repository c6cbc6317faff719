/*
 * Theory of operation
 *
 * Client side. Each line begins in LINE_VERB: nothing is consumed until its verb is known. The
 * table `actions` then says what happens to it in this phase:
 *   PASS      the line goes to the backend; at its LF a reply is outstanding
 *   WAIT      the same, and then LINE_HELD: nothing behind it is looked at until its reply is there
 *   SHUT      the door is shut: GATE_RELAY, and this line is the first that is copied unseen
 *   others    an answer of ours: the line is discarded (LINE_SKIP) and at its LF the answer waits
 *             (LINE_ANSWER) until no reply is outstanding; nothing behind it is looked at
 * STARTTLS is such an answer too; while it waits the state is GATE_STARTTLS_HELD.
 *
 * After TLS, while the reply to an EHLO is outstanding, a line that only an EHLO allows is not
 * refused but held: LINE_AHEAD. Its first byte is passed on, so that a backend which objects to
 * commands after an EHLO (Postfix's smtpd_forbid_unauth_pipelining) sees one; without its end it is
 * not a command. If the EHLO is refused, the session ends after the replies that are due.
 *
 * A line that is passed on is one command for the gate, and also for the backend if it is no longer
 * than GATE_VERB_MAX. After that many bytes relay begins, in the middle of the line.
 *
 * Backend side. Every reply is read line by line. At its first line it is matched with the oldest
 * outstanding entry of the ring, which says what its last line decides: the banner, an EHLO, an
 * unknown verb. A reply without a match is UNASKED. The ring is no longer filled in GATE_RELAY, but
 * its remaining entries are still matched in order.
 *
 * The door. Once shut it stays shut. If an answer of ours is still due at that moment (only the
 * backend can shut the door then), `shut` remembers it and relay begins after the answer, so that
 * no answer ever overtakes or meets a relayed reply. Where relay would bypass the 530 of
 * GATE_ENCRYPT or, after TLS and before EHLO, the 503 rule, anything that would shut the door ends
 * the session.
 *
 * A second backend connection after TLS has nothing to forget. Its banner is the ring's only entry,
 * and LINE_HELD keeps the client's bytes until it has arrived.
 *
 * Editing. Before relay the replies to EHLO are edited; in relay, where it is unknown what a reply
 * belongs to, every 250 of several lines is edited, and nothing is added.
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
    [REFUSE_STARTTLS] = {"502 5.5.1 Error: command not implemented\r\n", GATE_NOTE_STARTTLS_REFUSED,
                         false},
    [REFUSE_COMMAND] = {"503 5.5.1 Error: send HELO/EHLO first\r\n", GATE_NOTE_EHLO_MISSING, false},
    [REFUSE_BDAT] = {"503 5.5.1 Error: send HELO/EHLO first\r\n", GATE_NOTE_EHLO_MISSING, true},
    [REFUSE_AUTH] = {GATE_ENCRYPT_FIRST, GATE_NOTE_AUTH_REFUSED, false},
    [REFUSE_PLAIN] = {MUST_STARTTLS, 0, false},
    [REFUSE_PLAIN_AUTH] = {MUST_STARTTLS, GATE_NOTE_AUTH_REFUSED, false},
    [REFUSE_PLAIN_BDAT] = {MUST_STARTTLS, 0, true},
    [REFUSE_TLS_ACTIVE] = {"554 5.5.1 Error: TLS already active\r\n", 0, false},
};

void gate_push_pending(struct gate *g, uint8_t kind)
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
    gate_push_pending(g, KIND_BANNER);
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

void gate_forwarded(struct gate *g, struct bytes bytes)
{
    g->backend_turn = true;
    owed_forwarded(&g->owed, bytes);
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

void gate_begin_relay(struct gate *g)
{
    g->state = GATE_RELAY;
    g->backend_turn = false;
    if (g->line == LINE_PASS || g->line == LINE_AHEAD) {
        /* The line's start has already been passed on. */
        owed_give_up(&g->owed);
    }
}

void gate_shut(struct gate *g, struct buffer *to_client)
{
    if (!gate_may_relay(g) && (g->bye || g->refused)) {
        /* Nothing may be added to the backend's last reply. */
        gate_close(g, to_client, "");
    } else if (!gate_may_relay(g)) {
        gate_fail(g, to_client,
                  g->phase == PHASE_PLAIN ? GATE_NOTE_BACKEND_SHUT : GATE_NOTE_BACKEND_UNASKED);
    } else if (g->line == LINE_SKIP || g->line == LINE_ANSWER) {
        g->shut = true;
    } else {
        gate_begin_relay(g);
    }
}

/* --- answers of our own ------------------------------------------------------------------ */

void gate_give_answer(struct gate *g, struct buffer *to_client)
{
    const struct refusal *refusal;

    /* After a 221 or 421 the backend closes: it would give no further answer either. */
    if (g->line != LINE_ANSWER || g->state == GATE_CLOSE || g->bye || !gate_is_quiet(g)) {
        return;
    }
    if (g->own == STARTTLS && !g->shut) {
        g->state = GATE_STARTTLS;
        g->line = LINE_VERB;
        return;
    }
    /* Once the door is shut, STARTTLS gets what the backend would say. */
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
        gate_begin_relay(g);
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
    gate_push_pending(g, KIND_SECOND_BANNER);
}
