/* The gate's watch over the backend's replies; gate.c has the theory of operation. */
#include "lib/smtp/gate_parts.h"

#include "lib/smtp/line.h"
#include "lib/smtp/message.h"

/* The reply's last line has been written: acts on it. */
static void end_reply(struct gate *g, unsigned code, struct buffer *to_client)
{
    bool shut = code == 354 || code == 334;

    g->in_reply = false;
    g->editing = false;
    g->reply_len = 0;
    g->backend_turn = false;
    g->bye = code == 221 || code == 421;
    g->refused = code / 100 == 5;
    if (g->reply_kind != KIND_UNASKED) {
        g->pending_start = (uint8_t)((g->pending_start + 1) % GATE_PENDING_MAX);
        g->pending_num--;
    }
    if (g->state == GATE_RELAY) {
        if (g->reply_kind == KIND_UNASKED) {
            owed_replied(&g->owed, code);
        }
        return;
    }
    if (code == 354) {
        /* A mail begins that no DATA was seen for. */
        owed_give_up(&g->owed);
    }
    /* The line that holds the client's input is always the last that was passed on. */
    if (g->line == LINE_HELD && g->pending_num == 0) {
        g->line = LINE_VERB;
    }
    switch ((enum kind)g->reply_kind) {
    case KIND_UNASKED:
        if (code != 421) {
            g->notes |= GATE_NOTE_BACKEND_UNASKED;
            shut = true;
        }
        break;
    case KIND_BANNER:
        shut |= code != 220;
        break;
    case KIND_EHLO:
    case KIND_HELO:
        if (g->phase == PHASE_NO_EHLO && code == 250) {
            g->phase = PHASE_TLS;
        }
        break;
    case KIND_OTHER:
        shut |= code / 100 != 5;
        break;
    case KIND_SECOND_BANNER:
    case KIND_COMMAND:
        break;
    }
    if (shut) {
        gate_shut(g, to_client);
    }
}

/* The outstanding reply that comes next. */
static enum kind next_kind(const struct gate *g)
{
    return g->pending_num == 0 ? KIND_UNASKED : (enum kind)g->pending[g->pending_start];
}

/* Whose reply the present line belongs to. */
static enum kind present_kind(const struct gate *g)
{
    return g->in_reply ? (enum kind)g->reply_kind : next_kind(g);
}

enum owed gate_owes(const struct gate *g)
{
    enum kind kind = present_kind(g);

    if (g->state == GATE_RELAY && owed_now(&g->owed) != OWED_NOTHING) {
        return owed_now(&g->owed);
    }
    if (gate_is_quiet(g)) {
        return OWED_NOTHING;
    }
    return g->state != GATE_RELAY && (kind == KIND_BANNER || kind == KIND_SECOND_BANNER)
               ? OWED_BANNER
               : OWED_REPLY;
}

/* Writes a reply line, or the part of it that the client is shown. */
static void put_reply_line(struct gate *g, struct bytes line, const struct reply_line *r,
                           struct buffer *to_client)
{
    bool first = !g->in_reply;
    struct message_edit edit = {
        .add_starttls = g->phase == PHASE_PLAIN && g->rules->level != GATE_NONE && gate_is_open(g),
        .hide_auth = gate_hides_auth(g),
    };

    if (first) {
        g->reply_kind = (uint8_t)next_kind(g);
        g->editing =
            r->code == 250 && (g->state == GATE_RELAY ? !r->last : g->reply_kind == KIND_EHLO);
    }
    if (g->editing) {
        message_put_ehlo_line(to_client, line, r, first, edit);
    } else if (g->reply_kind != KIND_SECOND_BANNER) {
        buffer_put(to_client, line.data, line.len);
    }
}

/* Whether this line must not reach the client: the backend accepted a command that it must not
 * accept, does not readmit the session, or sends an unasked reply where that would shut the door
 * and must not. A 421 is the end in any case. */
static bool is_forbidden(struct gate *g, unsigned code, struct buffer *to_client)
{
    enum kind kind = present_kind(g);

    if (kind == KIND_SECOND_BANNER) {
        if (code != 220) {
            gate_fail(g, to_client, GATE_NOTE_BACKEND_BANNER);
        }
        return code != 220;
    }
    if (code == 220 && kind != KIND_BANNER) {
        gate_fail(g, to_client, GATE_NOTE_BACKEND_220);
        return true;
    }
    if ((code == 334 || code == 235) && gate_hides_auth(g)) {
        g->notes |= GATE_NOTE_BACKEND_AUTH;
        gate_close(g, to_client, GATE_ENCRYPT_FIRST);
        return true;
    }
    if (!gate_may_relay(g) && kind == KIND_UNASKED && code != 421) {
        gate_fail(g, to_client, GATE_NOTE_BACKEND_UNASKED);
        return true;
    }
    return false;
}

static void take_reply_line(struct gate *g, struct bytes line, struct buffer *to_client)
{
    struct reply_line r;
    bool is_reply = message_reply_line(line, &r);

    if (is_reply && is_forbidden(g, r.code, to_client)) {
        return;
    }
    if (g->state != GATE_RELAY) {
        g->reply_len += (uint32_t)line.len;
        if (g->reply_len > GATE_REPLY_MAX) {
            gate_fail(g, to_client, GATE_NOTE_BACKEND_REPLY);
            return;
        }
    }
    if (!is_reply) {
        if (present_kind(g) != KIND_SECOND_BANNER) {
            to_client->held = 0;
            buffer_put(to_client, line.data, line.len);
        }
        return;
    }
    put_reply_line(g, line, &r, to_client);
    if (r.last) {
        end_reply(g, r.code, to_client);
    } else {
        g->in_reply = true;
    }
}

size_t gate_backend(struct gate *g, struct bytes in, struct buffer *to_client)
{
    size_t len = in.len;
    struct bytes rest = in;
    struct bytes line;

    gate_give_answer(g, to_client);
    while (g->state == GATE_PASS || g->state == GATE_STARTTLS_HELD || g->state == GATE_RELAY) {
        enum line_result result = line_take(&rest, GATE_REPLY_LINE_MAX, &line);

        if (result == LINE_BAD) {
            gate_fail(g, to_client, GATE_NOTE_BACKEND_LINE);
        }
        if (result != LINE_DONE ||
            buffer_room(to_client) < line.len + MESSAGE_EDIT_GROWTH + ROOM_KEPT) {
            break;
        }
        take_reply_line(g, line, to_client);
        in = rest;
        gate_give_answer(g, to_client);
    }
    return len - in.len;
}
