/* Why a session ends, and what is said about it. */
#include "lib/base/table.h"
#include "lib/smtp/lifetime.h"

static const char unavailable[] = "Service currently unavailable";

/* postscreen's words. */
static const char busy[] = "All server ports are busy";

static const char shutting_down[] = "Service shutting down";

static const struct lifetime_ending endings[] = {
    [LIFETIME_DONE] = {0},
    [LIFETIME_LOST] = {.lost = true},
    [LIFETIME_LOST_ASKING] = {.lost = true, .code = "4.3.2", .text = unavailable},
    [LIFETIME_UNAVAILABLE] = {.code = "4.3.2", .text = unavailable},
    [LIFETIME_NO_GREETING] = {.warning = "the backend closed the connection without a greeting",
                              .code = "4.3.2",
                              .text = unavailable},
    [LIFETIME_BACKEND_CLOSED] = {.warning = "the backend closed the connection",
                                 .code = "4.3.2",
                                 .text = unavailable},
    [LIFETIME_CLIENT_BLOCKED] = {.warning = "timeout: the client does not read", .abort = true},
    [LIFETIME_BACKEND_BLOCKED] = {.warning = "timeout: the backend does not read",
                                  .code = "4.3.2",
                                  .text = unavailable},
    [LIFETIME_STARTTLS_HELD] = {.warning = "timeout: STARTTLS waits for the backend's replies",
                                .code = "4.3.2",
                                .text = unavailable},
    [LIFETIME_BACKEND_SILENT] = {.warning = "timeout: the backend does not reply",
                                 .code = "4.3.2",
                                 .text = unavailable},
    [LIFETIME_CLIENT_SILENT] = {.warning = "timeout: the client is silent",
                                .code = "4.4.2",
                                .text = "Error: timeout exceeded"},
    [LIFETIME_BUSY] = {.code = "4.3.2", .text = busy},
    [LIFETIME_EVICTED] = {.note = "makes room for a new client", .code = "4.3.2", .text = busy},
    [LIFETIME_TOO_MANY_HANDSHAKES] = {.code = "4.3.2", .text = "Error: too many TLS handshakes"},
    [LIFETIME_SHUTDOWN] = {.code = "4.3.2", .text = shutting_down},
    [LIFETIME_SHUTDOWN_INSIDE] = {.note = "stopped: the client was inside a mail",
                                  .code = "4.3.2",
                                  .text = shutting_down},
    /* A 421 would say that the mail was not accepted, which nobody knows. */
    [LIFETIME_SHUTDOWN_UNANSWERED] = {.warning = "stopped: the backend has not replied to a mail, "
                                                 "which may be delivered twice"},
};
TABLE_HAS_EACH(endings, NUM_LIFETIME_REASONS);

const struct lifetime_ending *lifetime_ending(enum lifetime_reason reason)
{
    return &endings[reason];
}

enum lifetime_reason lifetime_stop_reason(const struct lifetime *l)
{
    if (l->wait != LIFETIME_TALK) {
        return LIFETIME_SHUTDOWN;
    }
    if (l->said_bye) {
        return LIFETIME_DONE;
    }
    switch (l->owed) {
    case OWED_DATA:
        return LIFETIME_SHUTDOWN_INSIDE;
    case OWED_MAIL:
        return LIFETIME_SHUTDOWN_UNANSWERED;
    case OWED_NOTHING:
    case OWED_BANNER:
    case OWED_REPLY:
        break;
    }
    return LIFETIME_SHUTDOWN;
}

static struct lifetime_verdict move(enum lifetime_move move)
{
    return (struct lifetime_verdict){.move = move};
}

static struct lifetime_verdict end(enum lifetime_reason reason)
{
    return (struct lifetime_verdict){.move = LIFETIME_END, .reason = reason};
}

/* The backend has closed, and everything that it said before is written. */
static struct lifetime_verdict judge_backend(const struct lifetime_sides *s)
{
    if (!s->answered && s->backend_told) {
        /* It does as the client did. A client that has sent a command may still be listening. */
        return end(s->asked ? LIFETIME_LOST_ASKING : LIFETIME_LOST);
    }
    if (!s->answered && !s->asked && s->another_address) {
        return move(LIFETIME_NEXT_ADDRESS);
    }
    if (!s->answered) {
        return end(LIFETIME_NO_GREETING);
    }
    if (s->said_bye) {
        return end(LIFETIME_DONE);
    }
    if (s->client_eof) {
        return end(LIFETIME_LOST);
    }
    return end(s->said_no ? LIFETIME_DONE : LIFETIME_BACKEND_CLOSED);
}

struct lifetime_verdict lifetime_judge(const struct lifetime_sides *s)
{
    if (s->client_failed) {
        return end(s->said_bye ? LIFETIME_DONE : LIFETIME_LOST);
    }
    if (s->backend_closed && !s->to_client_waits) {
        return judge_backend(s);
    }
    if (s->client_eof && !s->backend_told && !s->to_backend_waits &&
        (!s->from_client_waits || !s->backend_turn)) {
        return move(LIFETIME_TELL_BACKEND);
    }
    return move(LIFETIME_GO_ON);
}
