#include "daemon/common/pointformats.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdatomic.h>

/* TLS 1.2, ECDHE-ECDSA with P-256 and SHA-256; of the point formats only the compressed one. */
static const uint8_t hello[] = {
    0x16, 0x03, 0x01, 0x00, 0x47, 0x01, 0x00, 0x00, 0x43, 0x03, 0x03, /* record, message, version */
    0x50, 0x6f, 0x73, 0x74, 0x65, 0x72, 0x6e, 0x20, 0x50, 0x6f, 0x73, /* random */
    0x74, 0x65, 0x72, 0x6e, 0x20, 0x50, 0x6f, 0x73, 0x74, 0x65, 0x72, /* ... */
    0x6e, 0x20, 0x50, 0x6f, 0x73, 0x74, 0x65, 0x72, 0x6e, 0x20,       /* ... */
    0x00, 0x00, 0x02, 0xc0, 0x2b, 0x01, 0x00,                         /* session id, suite */
    0x00, 0x18, 0x00, 0x0a, 0x00, 0x04, 0x00, 0x02, 0x00, 0x17,       /* supported_groups */
    0x00, 0x0b, 0x00, 0x02, 0x01, 0x01,                               /* ec_point_formats */
    0x00, 0x0d, 0x00, 0x06, 0x00, 0x04, 0x04, 0x03, 0x08, 0x04,       /* signature_algorithms */
};

/* A certificate that nobody will verify. */
static X509 *make_certificate(OSSL_LIB_CTX *libctx, EVP_PKEY *key)
{
    X509 *made = X509_new_ex(libctx, NULL);

    if (made == NULL || X509_gmtime_adj(X509_getm_notBefore(made), 0) == NULL ||
        X509_gmtime_adj(X509_getm_notAfter(made), 60) == NULL || X509_set_pubkey(made, key) != 1 ||
        X509_sign(made, key, EVP_sha256()) == 0) {
        X509_free(made);
        return NULL;
    }
    return made;
}

/* What the server's first message is: a ServerHello or an alert. 0 without memory. */
static uint8_t first_record(SSL_CTX *ctx)
{
    SSL *ssl = SSL_new(ctx);
    BIO *in = BIO_new(BIO_s_mem());
    BIO *out = BIO_new(BIO_s_mem());
    uint8_t type = 0;

    if (ssl == NULL || in == NULL || out == NULL ||
        BIO_write(in, hello, sizeof hello) != (int)sizeof hello) {
        BIO_free(in);
        BIO_free(out);
        SSL_free(ssl);
        return 0;
    }
    SSL_set_bio(ssl, in, out);
    SSL_set_accept_state(ssl);
    (void)SSL_do_handshake(ssl);
    (void)!BIO_read(out, &type, 1);
    SSL_free(ssl);
    return type;
}

static bool ask(OSSL_LIB_CTX *libctx)
{
    SSL_CTX *ctx = SSL_CTX_new_ex(libctx, NULL, TLS_server_method());
    EVP_PKEY *key = EVP_PKEY_Q_keygen(libctx, NULL, "EC", "P-256");
    X509 *certificate = key == NULL ? NULL : make_certificate(libctx, key);
    bool refused = false;

    if (ctx != NULL && certificate != NULL &&
        SSL_CTX_use_cert_and_key(ctx, certificate, key, NULL, 1) == 1) {
        refused = first_record(ctx) == SSL3_RT_ALERT;
    }
    X509_free(certificate);
    EVP_PKEY_free(key);
    SSL_CTX_free(ctx);
    return refused;
}

bool pointformats_matter(OSSL_LIB_CTX *libctx)
{
    enum { UNKNOWN, NO, YES };
    static _Atomic int answer = UNKNOWN;

    if (atomic_load(&answer) == UNKNOWN) {
        ERR_set_mark();
        atomic_store(&answer, ask(libctx) ? YES : NO);
        ERR_pop_to_mark();
    }
    return atomic_load(&answer) == YES;
}
