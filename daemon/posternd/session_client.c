/*
 * Who the client is, and whether it comes in.
 *
 * An upstream first says whom it speaks for. posternd peeks at its header before it reads any of
 * it, so that exactly its bytes leave the socket: what follows may be a ClientHello, which libssl
 * must find there. Partial headers are read as they arrive and wait in from_client, because a peek
 * at bytes that are already there would not show that the upstream has closed.
 */
#include "daemon/posternd/session_parts.h"

#include "daemon/common/sockaddr.h"
#include "daemon/posternd/sessionlog.h"
#include "lib/net/proxyproto.h"

#include <stdio.h>
#include <string.h>

/* How many bytes of something that is not a header the log shows. */
enum { SHOWN_MAX = 64 };

/* --- whether it comes in --- */

/* Whether this client may have a session now; if not, it has been turned away. */
static bool is_within_limits(struct session *s)
{
    struct admission_request request = {
        .session = s,
        .conf = s->snapshot->conf,
        .backend = s->listener->backend->name,
        .client = &s->client_addr,
        .worker = s->thread->index,
    };
    struct admission_answer answer = admission_admit(&s->admission, &request, thread_now());
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
        session_give_up(s, "4.7.0", text);
        break;
    case ADMISSION_BACKEND_FULL:
    case ADMISSION_HANDSHAKE_LIMIT:
        session_end(s, LIFETIME_BUSY);
        break;
    }
    session_end_now(s);
    return false;
}

/* Not before it is known who the client is. */
static void look_for_exception(struct session *s)
{
    const struct conf_prefixes *networks = &s->listener->starttls_except;

    s->excepted = prefix_any_contains(networks->items, networks->num, &s->client_addr);
    if (s->excepted) {
        s->rules.level = GATE_NONE;
    }
}

/* It is known who the client is: the session begins, or the client is turned away. */
static void admit(struct session *s)
{
    /* Connections that are opened and immediately reset must not take the places of others. */
    if (session_is_lost(s) || !is_within_limits(s)) {
        return;
    }
    look_for_exception(s);
    sessionlog_connect(s);
    if (s->listener->tls == CONF_TLS_IMPLICIT) {
        session_begin_tls(s);
    } else {
        session_connect(s);
    }
}

/* --- who it is --- */

static bool is_upstream(const struct session *s)
{
    const struct conf_prefixes *from = &s->listener->accept_proxy_from;

    return prefix_any_contains(from->items, from->num, &s->client_addr);
}

void session_begin(struct session *s)
{
    if (is_upstream(s)) {
        s->phase = PHASE_PROXY;
    } else {
        admit(s);
    }
}

static void turn_away(struct session *s)
{
    buffer_drop(&s->from_client, buffer_len(&s->from_client));
    session_end(s, LIFETIME_UNAVAILABLE);
}

static void refuse(struct session *s, const char *why, const char *detail)
{
    char text[128];

    snprintf(text, sizeof text, "PROXY header refused: %s", why);
    sessionlog_connect(s);
    sessionlog_warning(s, text, detail);
    turn_away(s);
}

/* The upstream has closed. If it has not sent anything, it only checked whether the port is open,
 * as load balancers do every few seconds: that is no problem. */
static void gone(struct session *s)
{
    if (buffer_len(&s->from_client) > 0) {
        refuse(s, "the connection was closed before its end", NULL);
        return;
    }
    sessionlog_connect(s);
    sessionlog_lost(s);
    turn_away(s);
}

static void refuse_bytes(struct session *s, struct bytes came, const char *why)
{
    char shown[SHOWN_MAX + 1];
    size_t len = came.len < SHOWN_MAX ? came.len : SHOWN_MAX;

    memcpy(shown, came.data, len);
    shown[len] = '\0';
    refuse(s, why, shown);
}

/* The header is complete: from now on the client is the one that it names. */
static void believe(struct session *s, const struct proxyproto *header)
{
    struct claim claim = {header->client, header->destination, s->destination, false};
    char text[ADDR_TEXT_SIZE];
    const char *fault;

    s->life.since = thread_now();
    s->life.turn_since = s->life.since;
    if (!header->local) {
        claim.is_host = sockaddr_is_host(&claim.client);
        fault = claim_fault(&s->snapshot->claims, &claim);
        if (fault != NULL) {
            refuse(s, fault, addr_text(&claim.client, text));
            return;
        }
        s->upstream = s->client_addr;
        s->client_addr = header->client;
        s->destination = header->destination;
    }
    admit(s);
}

bool session_proxy(struct session *s)
{
    size_t had = buffer_len(&s->from_client);
    struct proxyproto header;
    struct bytes came;
    const char *why;
    size_t seen;

    if (!s->client.readable) {
        return false;
    }
    if (!session_lend(s, &s->from_client)) {
        session_begin_end(s);
        return true;
    }
    seen = side_peek(&s->client, &s->from_client, PROXYPROTO_MAX - had);
    if (s->client.read_eof || s->client.broken) {
        gone(s);
        return true;
    }
    if (seen == 0) {
        return false;
    }
    came = bytes_of(s->from_client.data + s->from_client.start, had + seen);
    switch (proxyproto_read(&header, came, &why)) {
    case PROXYPROTO_MORE:
        side_take(&s->client, &s->from_client, seen);
        break;
    case PROXYPROTO_DONE:
        side_take(&s->client, &s->from_client, header.len - had);
        buffer_drop(&s->from_client, header.len);
        believe(s, &header);
        break;
    case PROXYPROTO_BAD:
        refuse_bytes(s, came, why);
        break;
    }
    return true;
}

void session_proxy_timed_out(struct session *s)
{
    refuse(s, "it did not arrive in time", NULL);
}
