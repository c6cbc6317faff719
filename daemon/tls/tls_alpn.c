/*
 * Theory of operation: ALPN is judged twice with the same rule. First on our own decoded hello,
 * before a certificate is chosen, so that a client which is refused for it costs nothing and gets
 * this reason rather than another one. Then when libssl asks, on the list as libssl has read it:
 * there the answer is given, and the hellos are judged that the first check has not seen, namely
 * those that our decoder could not read to the end, and the second one after a HelloRetryRequest.
 * libssl also asks for resumed sessions.
 */
#include "daemon/tls/tls_parts.h"

#include <string.h>

bool tls_alpn_refuses(struct tls_session *session, struct bytes list)
{
    struct tls_handshake *handshake = session->handshake;
    struct text detail;

    if (alpn_judge(session->listener->alpn, list) != ALPN_REFUSE) {
        return false;
    }
    detail = text_in(handshake->detail, sizeof handshake->detail);
    alpn_names(&detail, list);
    handshake->alpn_refused = true;
    return true;
}

int tls_on_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len,
                const unsigned char *in, unsigned int in_len, void *arg)
{
    struct tls_session *session = SSL_get_app_data(ssl);
    struct bytes list = bytes_of(in, in_len);

    (void)arg;
    if (tls_alpn_refuses(session, list)) {
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    }
    if (alpn_judge(session->listener->alpn, list) != ALPN_SELECT) {
        return SSL_TLSEXT_ERR_NOACK;
    }
    *out = (const unsigned char *)ALPN_SMTP;
    *out_len = sizeof ALPN_SMTP - 1;
    return SSL_TLSEXT_ERR_OK;
}
