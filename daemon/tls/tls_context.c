/* The SSL_CTX from which every listener, and every attempt, starts. */
#include "daemon/tls/tls_parts.h"

/* Of libssl from 3.2 on; older ones ignore it. A build against their headers can run with a newer
 * library. */
#ifndef SSL_OP_NO_RX_CERTIFICATE_COMPRESSION
#define SSL_OP_NO_RX_CERTIFICATE_COMPRESSION ((uint64_t)1 << 33)
#endif

SSL_CTX *tls_context_new(OSSL_LIB_CTX *libctx)
{
    SSL_CTX *ctx = SSL_CTX_new_ex(libctx, NULL, TLS_server_method());

    if (ctx == NULL) {
        return NULL;
    }
    /* Partial writes and moving buffers: ours are queues. An idle session keeps no buffer. Without
     * auto-retry a flood of KeyUpdates cannot keep one SSL_read from returning. */
    SSL_CTX_clear_mode(ctx, SSL_MODE_AUTO_RETRY);
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                              SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_NO_AUTO_CHAIN);
    /* SMTP has its own end of message, so a FIN without close_notify loses nothing. Nothing that a
     * client has compressed is decompressed (RFC 8879): ours does not ask for it. */
    SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE |
                                 SSL_OP_IGNORE_UNEXPECTED_EOF | SSL_OP_NO_COMPRESSION |
                                 SSL_OP_NO_RX_CERTIFICATE_COMPRESSION);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_dh_auto(ctx, 1);
    SSL_CTX_set_alpn_select_cb(ctx, tls_on_alpn, NULL);
    return ctx;
}
