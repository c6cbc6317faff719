/*
 * The talk: the client sends numbered commands, pipelined or not; the backend answers every line
 * that reaches it and repeats its number; both, and the outputs, at the pace of the input. Each
 * command gets its own reply, in the order of the commands, from the backend or from the gate.
 */
#include "lib/smtp/line.h"
#include "lib/smtp/message.h"
#include "tests/fuzz/gate_input.h"
#include "tests/unit/gate_session.h"
#include "tests/unit/must.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    COMMANDS_MAX = 300,
    CODES_MAX = 16,
    PADDING_MAX = 800,
    SAID_MAX = 24000,
    NONE = -1,
    OURS = -2
};

/* Verb and line end; between them stands the command's number, but for a STARTTLS that is to be
 * taken. */
static const struct command {
    const char *verb;
    const char *end;
    bool numbered;
} commands[] = {
    {"EHLO ", "\r\n", true},      {"HELO ", "\n", true},       {"NOOP ", "\r\n", true},
    {"RSET ", " \r\r\n", true},   {"STARTTLS", "\r\n", false}, {"VRFY ", "\r\n", true},
    {"\x0bnoop\t", "\n", true},   {"STARTTLS ", "\r\n", true}, {"AUTH PLAIN ", "\r\n", true},
    {"FOO ", "\r\n", true},       {"QUIT ", "\r\n", true},     {" starttls ", "\n", false},
    {"MAIL FROM:", "\r\n", true}, {"DATA ", "\r\n", true},     {"", "\r\n", true},
    {"BDAT ", "\r\n", true},
};

enum { NUM_COMMANDS = sizeof commands / sizeof commands[0] };

static const unsigned codes[] = {250, 500, 421, 354, 334, 235, 220, 221, 554, 252};

static struct talk {
    struct gate_session session;
    struct gate_input in;
    const struct command *sent[COMMANDS_MAX];
    int num_sent;
    int num_consumed; /* of these */
    size_t answered;  /* bytes of backend_saw */
    bool banner;      /* the backend has sent one */
    unsigned queue[CODES_MAX];
    size_t num_queue;
    int padding; /* blanks in each reply, so that outputs fill */
    bool relay;  /* it has begun */
    bool refuse, anew;
} talk;

/* --- the backend --- */

static void reply(struct talk *t, unsigned code, int number)
{
    char text[PADDING_MAX + 64];
    int len;

    if (t->num_queue > 0) {
        code = t->queue[--t->num_queue];
    }
    len = number % 2 == 0
              ? snprintf(text, sizeof text, "%u #%d%*s\r\n", code, number, t->padding, "")
              : snprintf(text, sizeof text, "%u-#%d%*s\r\n%u-\r\n%u\r\n", code, number, t->padding,
                         "", code, code);
    stream_put(&t->session.from_backend, text, (size_t)len);
}

/* The number in a line; a STARTTLS has none. */
static int number_in(struct bytes line)
{
    const uint8_t *mark = memchr(line.data, '#', line.len);

    return mark == NULL ? NONE : atoi((const char *)mark + 1);
}

/* Answers up to `max` lines. */
static void backend_works(struct talk *t, unsigned max)
{
    struct stream *saw = &t->session.backend_saw;

    if (!t->banner) {
        t->banner = true;
        reply(t, 220, 0);
        return;
    }
    for (; max > 0; max--) {
        struct bytes left = bytes_of(saw->bytes + t->answered, saw->len - t->answered);
        struct bytes line;
        enum verb verb;

        if (line_take(&left, SIZE_MAX, &line) != LINE_DONE) {
            return;
        }
        t->answered += line.len;
        reply(t, message_verb(line, &verb) && verb == VERB_OTHER ? 500 : 250, number_in(line));
    }
}

/* --- the client and the gate --- */

static int lines_in(const uint8_t *bytes, size_t len)
{
    int num = 0;

    for (size_t i = 0; i < len; i++) {
        num += bytes[i] == '\n';
    }
    return num;
}

static size_t take_client(struct talk *t)
{
    static uint8_t before[sizeof t->session.from_client.bytes];
    size_t used;

    memcpy(before, t->session.from_client.bytes, t->session.from_client.len);
    used = gate_session_client(&t->session);
    t->num_consumed += lines_in(before, used);
    return used;
}

/* While a verb that the gate cannot know waits for its reply nothing follows it to the backend. */
static void check_held(struct talk *t)
{
    const struct gate_session *s = &t->session;
    struct bytes left =
        bytes_of(s->backend_saw.bytes + t->answered, s->backend_saw.len - t->answered);
    struct bytes line;
    enum verb verb;

    t->relay |= gate_state(&s->gate) == GATE_RELAY;
    if (t->relay || s->from_backend.len > 0) {
        return;
    }
    while (line_take(&left, SIZE_MAX, &line) == LINE_DONE) {
        if (message_verb(line, &verb) && verb == VERB_OTHER) {
            MUST(left.len == 0 && buffer_len(&s->to_backend) == 0);
        }
    }
}

static void start_tls(struct talk *t)
{
    struct gate_session *s = &t->session;

    MUST(s->rules.level != GATE_NONE);
    if (t->refuse) {
        gate_starttls_refuse(&s->gate, &s->to_client);
    } else {
        /* What stands behind STARTTLS was never sent. */
        t->num_sent = t->num_consumed;
        s->from_client.len = 0;
        MUST(s->from_backend.len == 0 && t->answered == s->backend_saw.len);
        gate_starttls_accept(&s->gate, &s->to_client);
        if (t->anew) {
            gate_tls_started_anew(&s->gate);
            t->banner = false;
        } else {
            gate_tls_started(&s->gate);
        }
    }
    t->refuse = false;
    t->anew = false;
}

/* One move of each, in the session's order. */
static size_t move(struct talk *t)
{
    size_t moved = gate_session_backend(&t->session);

    moved += take_client(t);
    moved += gate_session_drain(&t->session);
    check_held(t);
    if (gate_state(&t->session.gate) == GATE_STARTTLS) {
        start_tls(t);
        moved++;
    }
    return moved;
}

static void send_command(struct talk *t, unsigned number)
{
    const struct command *command = &commands[number % NUM_COMMANDS];
    char text[64];
    int len;

    if (t->num_sent == COMMANDS_MAX) {
        return;
    }
    t->sent[t->num_sent++] = command;
    len = command->numbered
              ? snprintf(text, sizeof text, "%s#%d%s", command->verb, t->num_sent, command->end)
              : snprintf(text, sizeof text, "%s%s", command->verb, command->end);
    stream_put(&t->session.from_client, text, (size_t)len);
}

/* --- what the client heard --- */

struct heard {
    unsigned code;
    int number; /* NONE: it names none; OURS: the backend did not say it */
    bool offer; /* it has a line STARTTLS */
};

/* Takes a whole reply. False: there is no more. */
static bool take_reply(struct bytes *saw, struct heard *out)
{
    struct bytes line;
    struct reply_line r;

    *out = (struct heard){.number = OURS};
    do {
        if (line_take(saw, SIZE_MAX, &line) != LINE_DONE) {
            return false;
        }
        MUST(message_reply_line(line, &r));
        out->code = r.code;
        out->offer |= message_is_keyword(r.text, "STARTTLS");
        if (memchr(line.data, '#', line.len) != NULL) {
            MUST(out->number == OURS || out->number == number_in(line));
            out->number = number_in(line);
        }
    } while (!r.last);
    return true;
}

/* Whether the gate may give this answer itself to the command. */
static bool is_own(const struct talk *t, const struct command *command, unsigned code)
{
    enum verb verb;
    struct bytes line = bytes_of((const uint8_t *)command->verb, strlen(command->verb));

    if (code == 503 || code == 530) {
        return code == 503 || t->session.rules.level == GATE_ENCRYPT;
    }
    if (!message_verb(line, &verb)) {
        verb = VERB_STARTTLS; /* the table's only one without anything behind it */
    }
    return verb == VERB_STARTTLS
               ? code == 220 || code == 454 || code == 501 || code == 502 || code == 554
               : verb == VERB_AUTH && code == 538;
}

/* The reply to the command of that number (0: the banner) is one that it can have. */
static void check_reply(const struct talk *t, const struct heard *heard, int num)
{
    const struct command *command = num == 0 ? NULL : t->sent[num - 1];

    MUST(num <= t->num_consumed);
    if (heard->number >= 0) {
        MUST(heard->number == num);
    } else if (heard->number == NONE) {
        MUST(command != NULL && !command->numbered);
    } else {
        MUST(command != NULL && is_own(t, command, heard->code));
    }
    MUST(!heard->offer || (t->session.rules.level != GATE_NONE && command != NULL &&
                           strcmp(command->verb, "EHLO ") == 0));
}

/* The session's last word is ours, for which there was room, or a goodbye of the backend's, or a
 * banner of its that turns the client away; or what it said when what a client had sent ahead could
 * not follow. */
static void check_last_word(const struct talk *t, const struct heard *heard, int num)
{
    if (heard->number == OURS) {
        MUST(heard->code == 421 || heard->code == 538 || heard->code == 503 || heard->code == 530);
    } else {
        MUST(heard->code == 221 || heard->code == 421 || (num == 0 && heard->code >= 500) ||
             (t->session.gate.notes & GATE_NOTE_EHLO_MISSING) != 0);
        check_reply(t, heard, num);
    }
}

static void check_heard(const struct talk *t)
{
    const struct gate_session *s = &t->session;
    struct bytes saw = bytes_of(s->client_saw.bytes, s->client_saw.len);
    bool closed = gate_state(&s->gate) == GATE_CLOSE;
    bool bye = false; /* the backend has said it, and nothing since */
    struct heard heard;
    int num = 0;

    for (; take_reply(&saw, &heard); num++) {
        if (closed && saw.len == 0) {
            check_last_word(t, &heard, num);
            return;
        }
        check_reply(t, &heard, num);
        MUST(!bye || heard.number != OURS);
        bye = heard.number != OURS && (heard.code == 221 || heard.code == 421);
    }
    MUST(!closed);
    if (!gate_said_bye(&s->gate)) {
        MUST(num == t->num_consumed + 1);
        MUST(t->num_consumed == t->num_sent && s->from_client.len == 0);
    }
}

/* --- the input --- */

static void take_step(struct talk *t, const struct gate_step *step)
{
    switch (step->kind) {
    case GATE_STEP_CLIENT:
        /* The outputs leave slower or faster from now on, perhaps not at all. */
        t->session.drain_max = step->number == 63 ? SIZE_MAX : step->number * step->number;
        break;
    case GATE_STEP_BACKEND:
        t->padding = (int)(step->number / 8) * PADDING_MAX / 8;
        backend_works(t, 1 + step->number % 8);
        break;
    case GATE_STEP_COMMAND:
        send_command(t, step->number);
        if (step->number >= 2 * NUM_COMMANDS) {
            return;
        }
        break;
    case GATE_STEP_OTHER:
        if (step->number == GATE_NUMBER_REFUSE) {
            t->refuse = true;
        } else if (step->number == GATE_NUMBER_ANEW) {
            t->anew = true;
        } else if (t->num_queue < CODES_MAX) {
            t->queue[t->num_queue++] = codes[step->number % (sizeof codes / sizeof codes[0])];
        }
        break;
    }
    move(t);
}

void gate_play_talk(struct bytes data)
{
    struct talk *t = &talk;
    struct gate_step step;
    size_t before;

    t->in = gate_input_of(data);
    gate_session_begin_as(&t->session, t->in.rules, t->in.implicit);
    t->num_sent = t->num_consumed = 0;
    t->answered = 0;
    t->num_queue = 0;
    t->padding = 0;
    t->banner = t->relay = t->refuse = t->anew = false;
    for (int i = 0; i < COMMANDS_MAX && gate_input_next(&t->in, &step); i++) {
        if (t->session.client_saw.len + t->session.from_backend.len > SAID_MAX) {
            break;
        }
        take_step(t, &step);
    }
    t->session.drain_max = SIZE_MAX;
    do {
        before = t->session.backend_saw.len + t->session.client_saw.len;
        t->padding = 0;
        backend_works(t, COMMANDS_MAX);
        while (move(t) > 0) {
        }
    } while (t->session.backend_saw.len + t->session.client_saw.len > before);
    check_heard(t);
}
