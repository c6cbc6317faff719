/*
 * Theory of operation: libssl says that a handshake failed, and little more. Which of our reasons
 * it was follows, in this order, from what we refused ourselves, from an alert that the client
 * sent, from whether a ClientHello arrived at all, from our own verdicts, and last from the alert
 * that libssl sent, which distinguishes the client's faults from ours whatever libssl's words are.
 */
#include "daemon/tls/sslerror.h"
#include "daemon/tls/tls_parts.h"

#include <ctype.h>
#include <openssl/err.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

/* How many bytes of input that is not TLS are shown. */
#define SHOWN_MAX 32

static const char *const http_verbs[] = {"GET ",     "POST ",    "HEAD ",  "PUT ",   "DELETE ",
                                         "OPTIONS ", "CONNECT ", "PATCH ", "TRACE ", "PRI "};
static const char *const smtp_verbs[] = {"EHLO", "HELO", "MAIL", "RCPT", "DATA",
                                         "BDAT", "RSET", "NOOP", "QUIT", "VRFY",
                                         "EXPN", "HELP", "ETRN", "AUTH", "STARTTLS"};

#define NUM_OF(array) (sizeof(array) / sizeof((array)[0]))

static bool begins_with(const struct bytes *seen, const char *verb)
{
    size_t len = strlen(verb);

    return seen->len >= len && strncasecmp((const char *)seen->data, verb, len) == 0;
}

static bool begins_with_any(const struct bytes *seen, const char *const *verbs, size_t num)
{
    for (size_t i = 0; i < num; i++) {
        if (begins_with(seen, verbs[i])) {
            return true;
        }
    }
    return false;
}

static bool is_text(const struct bytes *seen)
{
    for (size_t i = 0; i < seen->len; i++) {
        if (!isprint(seen->data[i]) && !isspace(seen->data[i])) {
            return false;
        }
    }
    return true;
}

static const char *looks_like(const struct bytes *seen)
{
    if (begins_with_any(seen, http_verbs, NUM_OF(http_verbs))) {
        return "HTTP request";
    }
    if (begins_with_any(seen, smtp_verbs, NUM_OF(smtp_verbs))) {
        return "SMTP command";
    }
    return is_text(seen) ? "plain text" : "unknown bytes";
}

/* libssl has read a record's header and no further: the rest is still in the socket. */
static void explain_not_tls(struct tls_session *session)
{
    struct tls_hello *early = session->early;
    uint8_t data[sizeof early->header + SHOWN_MAX];
    struct bytes seen = bytes_of(data, sizeof early->header);
    struct text detail = text_in(early->detail, sizeof early->detail);
    ssize_t more;

    memcpy(data, early->header, sizeof early->header);
    more = recv(SSL_get_fd(session->ssl), data + seen.len, SHOWN_MAX, MSG_PEEK | MSG_DONTWAIT);
    if (more > 0) {
        seen.len += (size_t)more;
    }
    text_add(&detail, looks_like(&seen));
    text_add(&detail, ": ");
    text_escaped(&detail, seen.data, seen.len, SHOWN_MAX);
    session->failure = HANDSHAKE_NOT_TLS;
}

/* A record of TLS, whatever is in it, or a hello in SSLv2's format. */
static bool looks_like_tls(const uint8_t header[5])
{
    bool tls = header[0] >= SSL3_RT_CHANGE_CIPHER_SPEC && header[0] <= SSL3_RT_APPLICATION_DATA &&
               header[1] == SSL3_VERSION_MAJOR;
    bool sslv2 = (header[0] & 0x80) != 0 && header[2] == SSL2_MT_CLIENT_HELLO;

    return tls || sslv2;
}

static enum handshake_failure failure_of_alert(int alert)
{
    switch (alert) {
    case SSL_AD_PROTOCOL_VERSION:
    case SSL_AD_INAPPROPRIATE_FALLBACK:
        return HANDSHAKE_PROTOCOL_VERSION;
    case SSL_AD_HANDSHAKE_FAILURE:
    case SSL_AD_INSUFFICIENT_SECURITY:
        return HANDSHAKE_NO_CERTIFICATE_FITS;
    case SSL_AD_INTERNAL_ERROR:
    case -1:
        return HANDSHAKE_INTERNAL;
    default:
        return HANDSHAKE_MALFORMED;
    }
}

/* libssl has more than one alert for a version that is too old. */
static bool no_version_fits(const struct tls_session *session)
{
    for (size_t i = 0; i < session->set->num; i++) {
        if (session->early->verdicts[i].reason != VERDICT_NO_VERSION) {
            return false;
        }
    }
    return true;
}

static enum handshake_failure failure_of(const struct tls_session *session)
{
    const struct tls_hello *early = session->early;
    enum handshake_failure by_alert = failure_of_alert(early->alert_sent);

    if (early->too_large) {
        return HANDSHAKE_HELLO_TOO_LARGE;
    }
    if (by_alert == HANDSHAKE_PROTOCOL_VERSION) {
        return by_alert;
    }
    if (early->verdicts == NULL) {
        return early->out_of_memory ? HANDSHAKE_INTERNAL : HANDSHAKE_MALFORMED;
    }
    if (session->served || session->usable) {
        return by_alert;
    }
    if (no_version_fits(session)) {
        return HANDSHAKE_PROTOCOL_VERSION;
    }
    return early->malformed != NULL || early->alert_sent == SSL_AD_DECODE_ERROR ||
                   early->alert_sent == SSL_AD_ILLEGAL_PARAMETER
               ? HANDSHAKE_MALFORMED
               : HANDSHAKE_NO_CERTIFICATE_FITS;
}

/* The alert of the client in an error of libssl, or -1. Reasons that all of OpenSSL's libraries
 * have in common lie above those for alerts. */
static int alert_of(unsigned long code)
{
    int reason = ERR_GET_REASON(code) - SSL_AD_REASON_OFFSET;

    return ERR_GET_LIB(code) == ERR_LIB_SSL && reason >= 0 && reason <= UINT8_MAX ? reason : -1;
}

void tls_explain_failure(struct tls_session *session)
{
    struct tls_hello *early = session->early;
    unsigned long error = sslerror_take();
    int alert = alert_of(error);
    struct text detail;

    if (early->alpn_refused) {
        /* Its names are the detail. */
        session->failure = HANDSHAKE_ALPN;
        return;
    }
    detail = text_in(early->detail, sizeof early->detail);
    if (alert >= 0) {
        session->failure = HANDSHAKE_CLIENT_ALERT;
        text_add(&detail, SSL_alert_desc_string_long(alert));
        return;
    }
    if (early->any_header && early->raw == NULL && !early->too_large && !early->out_of_memory &&
        !looks_like_tls(early->header)) {
        explain_not_tls(session);
        return;
    }
    if (tls_client_has_failed(session, error)) {
        tls_client_explain(session, error, &detail);
        return;
    }
    session->failure = failure_of(session);
    if (session->failure == HANDSHAKE_NO_CERTIFICATE_FITS && !session->usable) {
        /* Our verdicts say why; libssl has one error for ten causes. */
        return;
    }
    if (early->too_large) {
        text_addf(&detail, "more than %zu bytes", HELLO_SIZE_MAX);
    } else {
        text_add(&detail, early->malformed != NULL ? early->malformed : sslerror_text(error));
    }
}

void tls_explain_gone(struct tls_session *session, int error)
{
    struct text detail = text_in(session->early->detail, sizeof session->early->detail);

    session->failure = HANDSHAKE_CLIENT_GONE;
    text_add(&detail, error == 0 ? "the client closed the connection" : strerror(error));
}

enum handshake_failure tls_failure(const struct tls_session *session, const char **detail)
{
    *detail = session->early == NULL ? "" : session->early->detail;
    return session->failure;
}
