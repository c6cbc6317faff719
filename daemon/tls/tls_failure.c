/* What a failed handshake came to: the reason is found by lib/tls/handshake, the words here. */
#include "daemon/tls/sslerror.h"
#include "daemon/tls/tls_parts.h"

#include <openssl/err.h>
#include <string.h>
#include <sys/socket.h>

/* How many bytes of input that is not TLS are shown. */
#define SHOWN_MAX 32

/* libssl has read a record's header and no further: the rest is still in the socket. */
static void explain_not_tls(const struct tls_session *session, struct text *detail)
{
    const struct tls_handshake *handshake = session->handshake;
    uint8_t data[sizeof handshake->header + SHOWN_MAX];
    struct bytes seen = bytes_of(data, sizeof handshake->header);
    ssize_t more;

    memcpy(data, handshake->header, sizeof handshake->header);
    more = recv(SSL_get_fd(session->ssl), data + seen.len, SHOWN_MAX, MSG_PEEK | MSG_DONTWAIT);
    if (more > 0) {
        seen.len += (size_t)more;
    }
    text_add(detail, handshake_looks_like(seen));
    text_add(detail, ": ");
    text_escaped(detail, seen.data, seen.len, SHOWN_MAX);
}

/* The alert of the client in an error of libssl, or HANDSHAKE_NO_ALERT. Reasons that all of
 * OpenSSL's libraries have in common lie above those for alerts. */
static int alert_of(unsigned long code)
{
    int reason = ERR_GET_REASON(code) - SSL_AD_REASON_OFFSET;

    return ERR_GET_LIB(code) == ERR_LIB_SSL && reason >= 0 && reason <= UINT8_MAX
               ? reason
               : HANDSHAKE_NO_ALERT;
}

static struct handshake_seen seen_of(const struct tls_session *session, unsigned long error)
{
    const struct tls_handshake *handshake = session->handshake;

    return (struct handshake_seen){
        .verdicts = handshake->verdicts,
        .num = handshake->verdicts == NULL ? 0 : session->set->num,
        .header = bytes_of(handshake->header, handshake->any_header ? sizeof handshake->header : 0),
        .alert_received = alert_of(error),
        .alert_sent = handshake->alert_sent,
        .alpn_refused = handshake->alpn_refused,
        .hello = handshake->raw != NULL,
        .too_large = handshake->too_large,
        .out_of_memory = handshake->out_of_memory,
        .malformed = handshake->malformed != NULL,
        .usable = session->usable,
        .served = session->served,
        .client_certificate = tls_client_has_failed(session, error),
    };
}

/* libssl's words, or ours where they say more. */
static void explain_hello(const struct tls_session *session, unsigned long error,
                          struct text *detail)
{
    const struct tls_handshake *handshake = session->handshake;

    if (handshake->too_large) {
        text_addf(detail, "more than %zu bytes", HELLO_SIZE_MAX);
    } else {
        text_add(detail,
                 handshake->malformed != NULL ? handshake->malformed : sslerror_text(error));
    }
}

void tls_failure_explain(struct tls_session *session)
{
    unsigned long error = sslerror_take();
    struct handshake_seen seen = seen_of(session, error);
    struct text detail;

    session->failure = handshake_failure_of(&seen);
    if (session->failure == HANDSHAKE_ALPN) {
        return; /* its names are the detail already */
    }
    detail = text_in(session->handshake->detail, sizeof session->handshake->detail);
    if (session->failure == HANDSHAKE_CLIENT_ALERT) {
        text_add(&detail, SSL_alert_desc_string_long(seen.alert_received));
    } else if (session->failure == HANDSHAKE_NOT_TLS) {
        explain_not_tls(session, &detail);
    } else if (session->failure == HANDSHAKE_CLIENT_CERTIFICATE) {
        tls_client_explain(session, error, &detail);
    } else if (session->failure != HANDSHAKE_NO_CERTIFICATE_FITS || session->usable) {
        /* Else our verdicts say why; libssl has one error for ten causes. */
        explain_hello(session, error, &detail);
    }
}

void tls_failure_explain_gone(struct tls_session *session, int error)
{
    struct text detail = text_in(session->handshake->detail, sizeof session->handshake->detail);

    session->failure = HANDSHAKE_CLIENT_GONE;
    text_add(&detail, error == 0 ? "the client closed the connection" : strerror(error));
}

enum handshake_failure tls_failure(const struct tls_session *session, const char **detail)
{
    *detail = session->handshake == NULL ? "" : session->handshake->detail;
    return session->failure;
}
