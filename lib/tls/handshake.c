#include "lib/tls/handshake.h"

#include "lib/base/table.h"

#include <string.h>
#include <strings.h>

/* RFC 8446 section 6; inappropriate_fallback is of RFC 7507. */
enum alert {
    ALERT_HANDSHAKE_FAILURE = 40,
    ALERT_ILLEGAL_PARAMETER = 47,
    ALERT_DECODE_ERROR = 50,
    ALERT_PROTOCOL_VERSION = 70,
    ALERT_INSUFFICIENT_SECURITY = 71,
    ALERT_INTERNAL_ERROR = 80,
    ALERT_INAPPROPRIATE_FALLBACK = 86,
};

/* RFC 8446 section 5.1, and the SSLv2-format hello of RFC 5246 appendix E.2. */
enum {
    RECORD_HEADER_LEN = 5,
    RECORD_CHANGE_CIPHER_SPEC = 20,
    RECORD_APPLICATION_DATA = 23,
    RECORD_MAJOR_VERSION = 3,
    SSLV2_LENGTH_MARK = 0x80,
    SSLV2_CLIENT_HELLO = 1,
};

/* A record of TLS, whatever is in it, or a hello in SSLv2's format. */
static bool looks_like_tls(const uint8_t *header)
{
    bool tls = header[0] >= RECORD_CHANGE_CIPHER_SPEC && header[0] <= RECORD_APPLICATION_DATA &&
               header[1] == RECORD_MAJOR_VERSION;
    bool sslv2 = (header[0] & SSLV2_LENGTH_MARK) != 0 && header[2] == SSLV2_CLIENT_HELLO;

    return tls || sslv2;
}

static bool is_not_tls(const struct handshake_seen *seen)
{
    return seen->header.len >= RECORD_HEADER_LEN && !seen->hello && !seen->too_large &&
           !seen->out_of_memory && !looks_like_tls(seen->header.data);
}

static enum handshake_failure failure_of_alert(int alert)
{
    switch (alert) {
    case ALERT_PROTOCOL_VERSION:
    case ALERT_INAPPROPRIATE_FALLBACK:
        return HANDSHAKE_PROTOCOL_VERSION;
    case ALERT_HANDSHAKE_FAILURE:
    case ALERT_INSUFFICIENT_SECURITY:
        return HANDSHAKE_NO_CERTIFICATE_FITS;
    case ALERT_INTERNAL_ERROR:
    case HANDSHAKE_NO_ALERT:
        return HANDSHAKE_INTERNAL;
    default:
        return HANDSHAKE_MALFORMED;
    }
}

/* libssl has more than one alert for a version that is too old. */
static bool no_version_fits(const struct handshake_seen *seen)
{
    for (size_t i = 0; i < seen->num; i++) {
        if (seen->verdicts[i].reason != VERDICT_NO_VERSION) {
            return false;
        }
    }
    return true;
}

/* What the hello, its verdicts and libssl's alert come to. */
static enum handshake_failure failure_of_hello(const struct handshake_seen *seen)
{
    enum handshake_failure by_alert = failure_of_alert(seen->alert_sent);

    if (seen->too_large) {
        return HANDSHAKE_HELLO_TOO_LARGE;
    }
    if (by_alert == HANDSHAKE_PROTOCOL_VERSION) {
        return by_alert;
    }
    if (seen->verdicts == NULL) {
        return seen->out_of_memory ? HANDSHAKE_INTERNAL : HANDSHAKE_MALFORMED;
    }
    if (seen->served || seen->usable) {
        return by_alert;
    }
    if (no_version_fits(seen)) {
        return HANDSHAKE_PROTOCOL_VERSION;
    }
    return seen->malformed || seen->alert_sent == ALERT_DECODE_ERROR ||
                   seen->alert_sent == ALERT_ILLEGAL_PARAMETER
               ? HANDSHAKE_MALFORMED
               : HANDSHAKE_NO_CERTIFICATE_FITS;
}

enum handshake_failure handshake_failure_of(const struct handshake_seen *seen)
{
    if (seen->alpn_refused) {
        return HANDSHAKE_ALPN;
    }
    if (seen->alert_received != HANDSHAKE_NO_ALERT) {
        return HANDSHAKE_CLIENT_ALERT;
    }
    if (is_not_tls(seen)) {
        return HANDSHAKE_NOT_TLS;
    }
    return seen->client_certificate ? HANDSHAKE_CLIENT_CERTIFICATE : failure_of_hello(seen);
}

const char *handshake_failure_word(enum handshake_failure reason)
{
    static const char *const words[] = {
        [HANDSHAKE_NO_CERTIFICATE_FITS] = "no-certificate-fits",
        [HANDSHAKE_NOT_TLS] = "not-tls",
        [HANDSHAKE_MALFORMED] = "malformed",
        [HANDSHAKE_HELLO_TOO_LARGE] = "hello-too-large",
        [HANDSHAKE_PROTOCOL_VERSION] = "protocol-version",
        [HANDSHAKE_CLIENT_ALERT] = "client-alert",
        [HANDSHAKE_ALPN] = "alpn",
        [HANDSHAKE_CLIENT_CERTIFICATE] = "client-certificate",
        [HANDSHAKE_TIMEOUT] = "timeout",
        [HANDSHAKE_CLIENT_GONE] = "client-gone",
        [HANDSHAKE_BACKEND_SPOKE] = "backend-spoke",
        [HANDSHAKE_INTERNAL] = "internal",
    };
    TABLE_HAS_EACH(words, NUM_HANDSHAKE_FAILURES);

    return words[reason];
}

/* --- what is not TLS ------------------------------------------------------------------------ */

static const char *const http_verbs[] = {"GET ",     "POST ",    "HEAD ",  "PUT ",   "DELETE ",
                                         "OPTIONS ", "CONNECT ", "PATCH ", "TRACE ", "PRI "};
static const char *const smtp_verbs[] = {"EHLO", "HELO", "MAIL", "RCPT", "DATA",
                                         "BDAT", "RSET", "NOOP", "QUIT", "VRFY",
                                         "EXPN", "HELP", "ETRN", "AUTH", "STARTTLS"};

#define NUM(array) (sizeof(array) / sizeof((array)[0]))

static bool begins_with_any(struct bytes data, const char *const *verbs, size_t num)
{
    for (size_t i = 0; i < num; i++) {
        size_t len = strlen(verbs[i]);

        if (data.len >= len && strncasecmp((const char *)data.data, verbs[i], len) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_text(struct bytes data)
{
    for (size_t i = 0; i < data.len; i++) {
        uint8_t c = data.data[i];

        if ((c < ' ' || c >= 0x7f) && (c < '\t' || c > '\r')) {
            return false;
        }
    }
    return true;
}

const char *handshake_looks_like(struct bytes data)
{
    if (begins_with_any(data, http_verbs, NUM(http_verbs))) {
        return "HTTP request";
    }
    if (begins_with_any(data, smtp_verbs, NUM(smtp_verbs))) {
        return "SMTP command";
    }
    return is_text(data) ? "plain text" : "unknown bytes";
}
