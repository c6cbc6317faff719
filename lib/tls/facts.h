/*
 * facts: what is known of one TLS connection once its handshake is done.
 *
 * Plain data for the log and for whoever asks later; all texts are borrowed from static tables or
 * from the session that owns the facts. May include: lib/base.
 */
#ifndef POSTERN_LIB_TLS_FACTS_H
#define POSTERN_LIB_TLS_FACTS_H

#include "lib/base/bytes.h"

struct tls_facts {
    const char *protocol;     /* OpenSSL's name: "TLSv1.2" */
    const char *cipher;       /* OpenSSL's name: "ECDHE-ECDSA-AES128-GCM-SHA256" */
    int cipher_bits;          /* bits in use */
    int algorithm_bits;       /* bits of the algorithm */
    const char *key_exchange; /* "ECDHE", "DHE", "RSA" or "" */
    const char *group;        /* IANA's name of the key exchange group: "P-256" style, or "" */
    const char *signature;    /* server's signature: "ECDSA", "RSA", "RSA-PSS", "ED25519", or "" */
    const char *key;          /* its key: "P-256", "2048 bits", or "" */
    const char *digest;       /* "SHA256", or "" */
    const char *certificate;  /* name of the certificate in the configuration; "none" */
    struct bytes sni;         /* server_name as sent; len 0 if none */
    bool reused;              /* resumed from a ticket */
};

#endif
