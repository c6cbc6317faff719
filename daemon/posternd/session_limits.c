/* Who may have a session, who may begin a handshake, and who makes room for others. */
#include "daemon/posternd/session_parts.h"

#include "daemon/posternd/sessionlog.h"

#include <stdio.h>

/* postscreen's words. */
static const char ports_are_busy[] = "All server ports are busy";

bool session_is_welcome(struct session *s)
{
    struct admission_request request = {
        .session = s,
        .conf = s->snapshot->conf,
        .backend = s->listener->backend->name,
        .client = &s->client_addr,
        .worker = s->worker->index,
    };
    struct admission_answer answer = admission_admit(&s->admission, &request, worker_now());
    char address[ADDR_TEXT_SIZE];
    char text[128];

    switch (answer.verdict) {
    case ADMISSION_ADMITTED:
        directory_add(&s->entry, s->id, s->listener->name, &s->client_addr, &s->destination);
        return true;
    case ADMISSION_CLIENT_LIMIT:
        sessionlog_limit(s, LOGLINE_SESSIONS, &answer);
        snprintf(text, sizeof text, "Error: too many connections from %s",
                 addr_text(&s->client_addr, address));
        session_turn_away(s, "4.7.0", text);
        break;
    case ADMISSION_BACKEND_FULL:
    case ADMISSION_HANDSHAKE_LIMIT:
        session_turn_away(s, "4.3.2", ports_are_busy);
        break;
    }
    return false;
}

bool session_may_shake(struct session *s)
{
    struct admission_answer answer =
        admission_handshake(&s->admission, s->snapshot->conf, worker_now());
    char address[ADDR_TEXT_SIZE];
    char text[128];

    switch (answer.verdict) {
    case ADMISSION_ADMITTED:
        return true;
    case ADMISSION_CLIENT_LIMIT:
        sessionlog_limit(s, LOGLINE_HANDSHAKES, &answer);
        snprintf(text, sizeof text, "Error: too many new TLS sessions from unknown[%s]",
                 addr_text(&s->client_addr, address));
        session_give_up(s, "4.7.0", text);
        break;
    case ADMISSION_BACKEND_FULL:
    case ADMISSION_HANDSHAKE_LIMIT:
        session_give_up(s, "4.3.2", "Error: too many TLS handshakes");
        break;
    }
    return false;
}

bool session_settle(struct session *s)
{
    s->settled = admission_pin(&s->admission);
    if (!s->settled) {
        session_make_room(s);
    }
    return s->settled;
}

void session_make_room(struct session *s)
{
    switch (s->phase) {
    case PHASE_HANDSHAKE:
        tls_session_free(s->client.tls);
        s->client.tls = NULL;
        break;
    case PHASE_CONNECT:
    case PHASE_LEAVE:
    case PHASE_TALK:
        break;
    case PHASE_PROXY: /* not admitted yet */
    case PHASE_END:
    case PHASE_OVER:
        return;
    }
    sessionlog_note(s, "makes room for a new client");
    session_give_up(s, "4.3.2", ports_are_busy);
}
