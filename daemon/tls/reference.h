/*
 * reference: what libssl itself does with a ClientHello.
 *
 * A server in memory gets the bytes of a hello, and it is watched whether it goes on to write its
 * Certificate, and with which parameters: the truth that certsel predicts. After a
 * HelloRetryRequest it gets the second hello that the client would send.
 */
#ifndef POSTERN_DAEMON_TLS_REFERENCE_H
#define POSTERN_DAEMON_TLS_REFERENCE_H

#include "daemon/tls/keystore.h"

#include <openssl/ssl.h>

/* Room for libssl's words for a refusal. */
#define REFERENCE_WORDS_SIZE 96

struct reference {
    bool served;    /* it wrote its Certificate */
    bool anonymous; /* it continued without a certificate, with a suite that needs none */
    bool retried;   /* it asked for a second hello first */
    int chosen;     /* index of the certificate that it chose, or -1 */
    /* What it negotiated; 0 where nothing was negotiated or nothing was served. */
    uint16_t version;
    uint16_t suite;
    uint16_t group;
    uint16_t scheme;
    int alert;                        /* the alert that it sent, or -1 */
    char words[REFERENCE_WORDS_SIZE]; /* why it refused, "" if it did not */
};

/* A server's SSL_CTX as posternd sets one up, except for the profile, which the caller sets. NULL
 * if libssl has no memory for it. */
MUST_USE SSL_CTX *reference_context(OSSL_LIB_CTX *libctx);

/* The same with the settings of a Postfix whose main.cf does not set ciphers and protocols. */
MUST_USE SSL_CTX *reference_postfix(OSSL_LIB_CTX *libctx);

/*
 * Gives a server of `ctx` (made above) and `num` certificates, of which libssl takes one for each
 * type of key, the hello: a handshake message of at most HELLO_SIZE_MAX bytes, or, with `sslv2`, an
 * SSLv2-format message. `capped`: the callback that sees the hello limits it to TLS 1.2, as in
 * posternd. 0, or -1 if there is no memory for it.
 */
MUST_USE int reference_run(struct reference *out, SSL_CTX *ctx,
                           const struct keystore_entry *const *certificates, size_t num,
                           bool capped, bool sslv2, struct bytes message);

/* Whether `verdict` on a certificate predicted what libssl did with it alone, capped if it is. */
bool reference_agrees(const struct reference *reference, const struct verdict *verdict);

#endif
