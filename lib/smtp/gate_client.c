/* The gate's look at the client's lines; gate.c has the theory of operation. */
#include "lib/smtp/gate_parts.h"

#include "lib/base/table.h"
#include "lib/smtp/line.h"
#include "lib/smtp/message.h"

#include <string.h>

#define HARMLESS                                                                                   \
    [VERB_EHLO] = PASS, [VERB_HELO] = PASS, [VERB_NOOP] = PASS, [VERB_RSET] = PASS,                \
    [VERB_QUIT] = PASS, [VERB_HELP] = PASS

#define WHITE_LIST                                                                                 \
    HARMLESS, [VERB_VRFY] = PASS, [VERB_EXPN] = PASS, [VERB_ETRN] = PASS, [VERB_MAIL] = SHUT,      \
              [VERB_RCPT] = SHUT, [VERB_DATA] = SHUT, [VERB_BDAT] = SHUT, [VERB_OTHER] = WAIT

/* What is done with each verb before TLS. */
static const uint8_t plain_actions[][VERB_NUM] = {
    [GATE_MAY] = {WHITE_LIST, [VERB_AUTH] = AUTH, [VERB_STARTTLS] = STARTTLS},
    [GATE_ENCRYPT] =
        {HARMLESS, [VERB_VRFY] = REFUSE_PLAIN, [VERB_EXPN] = REFUSE_PLAIN,
         [VERB_ETRN] = REFUSE_PLAIN, [VERB_MAIL] = REFUSE_PLAIN, [VERB_RCPT] = REFUSE_PLAIN,
         [VERB_DATA] = REFUSE_PLAIN, [VERB_BDAT] = REFUSE_PLAIN_BDAT, [VERB_OTHER] = REFUSE_PLAIN,
         [VERB_AUTH] = REFUSE_PLAIN_AUTH, [VERB_STARTTLS] = STARTTLS},
    [GATE_NONE] = {WHITE_LIST, [VERB_AUTH] = AUTH, [VERB_STARTTLS] = REFUSE_STARTTLS},
};
TABLE_HAS_EACH(plain_actions, NUM_GATE_LEVELS);

/* The same under TLS. */
static const uint8_t no_ehlo_actions[VERB_NUM] = {
    HARMLESS,
    [VERB_STARTTLS] = REFUSE_TLS_ACTIVE,
    [VERB_BDAT] = REFUSE_BDAT,
};
static const uint8_t tls_actions[VERB_NUM] = {
    WHITE_LIST,
    [VERB_AUTH] = SHUT,
    [VERB_STARTTLS] = REFUSE_TLS_ACTIVE,
};

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

/* False: the mechanism that an AUTH names has not fully arrived. */
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

/* PHASE_NO_EHLO: whether the reply is outstanding to the EHLO or HELO that is still missing. */
static bool awaits_greeting(const struct gate *g)
{
    for (unsigned i = 0; i < g->pending_num; i++) {
        uint8_t kind = g->pending[(g->pending_start + i) % GATE_PENDING_MAX];

        if (kind == KIND_EHLO || kind == KIND_HELO) {
            return true;
        }
    }
    return false;
}

/* Begins what `action` says. False: a free place is needed first. */
static bool take_line(struct gate *g, enum verb verb, enum action action)
{
    g->verb = (uint8_t)verb;
    if (action == SHUT) {
        gate_begin_relay(g);
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

/* Holds a line until it is known whether an EHLO is accepted. Its first byte is passed on, so that
 * the backend sees that the client did not wait. A line end is not: an empty line is a command.
 */
static void hold_line(struct gate *g, enum verb verb, struct bytes *in, struct buffer *to_backend)
{
    if (in->data[0] != '\n' && forward(in, 1, to_backend) == 1) {
        g->verb = (uint8_t)verb;
        g->line = LINE_AHEAD;
        g->line_len = 1;
    }
}

/* LINE_VERB: decides what happens to a line. False: more bytes, a free place or a reply are needed
 * first. */
static bool judge_line(struct gate *g, struct bytes *in, struct buffer *to_backend)
{
    struct bytes seen = first_bytes(*in, GATE_VERB_MAX);
    enum verb verb;
    enum action action;
    bool ended;

    g->line_len = 0;
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
    } else if ((action == REFUSE_COMMAND || action == REFUSE_BDAT) && awaits_greeting(g)) {
        hold_line(g, verb, in, to_backend);
        return false;
    }
    return take_line(g, verb, action);
}

/* LINE_AHEAD: false while it is not known whether an EHLO is accepted. If none is, nothing can
 * follow the replies that are due, because the backend has the line's first byte; and nothing is
 * said, because it may have closed with one of them. */
static bool release_line(struct gate *g, struct buffer *to_client)
{
    if (g->phase != PHASE_NO_EHLO) {
        return take_line(g, (enum verb)g->verb, action_for(g, (enum verb)g->verb));
    }
    if (gate_is_quiet(g)) {
        g->notes |= GATE_NOTE_EHLO_MISSING;
        gate_close(g, to_client, "");
    }
    return false;
}

/* It is not known how the backend treats the rest of a line that is this long (docs/design.md). */
static void end_lines(struct gate *g, struct buffer *to_client)
{
    if (gate_may_relay(g)) {
        gate_begin_relay(g);
    } else if (g->bye) {
        gate_close(g, to_client, "");
    } else {
        g->notes |= GATE_NOTE_CLIENT_LINE;
        gate_give_up(g, to_client, "4.5.2", "Error: line too long");
    }
}

/* LINE_PASS: false when the line has not ended or the backend's buffer is full. */
static bool pass_line(struct gate *g, struct bytes *in, struct buffer *to_backend,
                      struct buffer *to_client)
{
    bool ended;
    size_t len = line_span(*in, &ended);
    size_t max = GATE_VERB_MAX - g->line_len;
    size_t num_passed = forward(in, len < max ? len : max, to_backend);

    g->line_len += (uint32_t)num_passed;
    if (num_passed == len && ended) {
        gate_push_pending(g, g->kind);
        g->line = g->wait ? LINE_HELD : LINE_VERB;
        return true;
    }
    if (num_passed == max && in->len > 0) {
        end_lines(g, to_client);
        return true;
    }
    return false;
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

static void relay(struct gate *g, struct bytes *in, struct buffer *to_backend)
{
    const uint8_t *start = in->data;
    size_t len = forward(in, in->len, to_backend);

    if (len > 0) {
        gate_forwarded(g, bytes_of(start, len));
    }
}

/* One step forward in the client's bytes, as far as the state allows one. */
static bool client_step(struct gate *g, struct bytes *in, struct buffer *to_backend,
                        struct buffer *to_client)
{
    if (g->state == GATE_RELAY) {
        relay(g, in, to_backend);
        return false;
    }
    if (g->state != GATE_PASS) {
        return false;
    }
    switch ((enum line)g->line) {
    case LINE_VERB:
        return judge_line(g, in, to_backend);
    case LINE_AHEAD:
        return release_line(g, to_client);
    case LINE_PASS:
        return pass_line(g, in, to_backend, to_client);
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
