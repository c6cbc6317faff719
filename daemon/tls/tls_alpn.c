/*
 * Theory of operation: ALPN is judged twice with the same rule. First on our own decoded hello,
 * before a certificate is chosen, so that a client which is refused for it costs nothing and is
 * told this reason rather than another one. Then by libssl's own question, on the list as libssl
 * has read it: that is where the answer is given, and where hellos end up that the first look has
 * not seen, those which our decoder could not read to the end, and the second one behind a
 * HelloRetryRequest. libssl asks for resumed sessions, too.
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
