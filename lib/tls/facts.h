/*
 * facts: what is known about one TLS connection once its handshake is done.
 *
 * Plain data for the log and for later questions; all texts are borrowed from static tables or from
 * the session that owns the facts.
 */
#ifndef POSTERN_LIB_TLS_FACTS_H
#define POSTERN_LIB_TLS_FACTS_H

#include "lib/base/bytes.h"

/* Room for a name out of a certificate, and for a SHA-256 fingerprint as "AB:CD:...". */
#define TLS_CLIENT_NAME_SIZE 256
#define TLS_FINGERPRINT_SIZE 96

/* What is known about the certificate that a client sent. Its names are in UTF-8, without control
 * bytes, and the client's own words unless it is trusted: escape them when writing them. */
struct tls_client {
    char subject[TLS_CLIENT_NAME_SIZE]; /* its common name, or the whole subject if it has none */
    char issuer[TLS_CLIENT_NAME_SIZE];  /* the same of its issuer */
    char fingerprint[TLS_FINGERPRINT_SIZE];     /* of the certificate */
    char key_fingerprint[TLS_FINGERPRINT_SIZE]; /* of its public key (SubjectPublicKeyInfo) */
    bool trusted;                               /* client_ca leads to it */
    const char *error;                          /* static: why it is not trusted; "" if it is */
    const char *signature; /* the client's signature: "ECDSA", "RSA", "RSA-PSS", "ED25519", or "" */
    char key[24];          /* its key: "P-256", "2048 bits", or "" */
    const char *digest;    /* "SHA256", or "" */
};

struct tls_facts {
    const char *protocol;     /* OpenSSL's name: "TLSv1.2" */
    const char *cipher;       /* OpenSSL's name: "ECDHE-ECDSA-AES128-GCM-SHA256" */
    int cipher_bits;          /* bits in use */
    int algorithm_bits;       /* bits of the algorithm */
    const char *key_exchange; /* "ECDHE", "DHE", "RSA" or "" */
    const char *group;        /* OpenSSL's name of the key exchange group, "P-256", or ""; without a
                                 key_exchange: of a hybrid, "X25519MLKEM768" */
    const char *signature;    /* server's signature: "ECDSA", "RSA", "RSA-PSS", "ED25519", or "" */
    const char *key;          /* its key: "P-256", "2048 bits", or "" */
    const char *digest;       /* "SHA256", or "" */
    const char *certificate;  /* name of the certificate in the configuration; "none" */
    struct bytes sni;         /* server_name as sent; len 0 if none */
    const char *fault;        /* why a client that checks it has to refuse the certificate:
                                 fault_word(), "" if there is none, or if it is reused */
    bool capped;              /* limited to TLS 1.2, because TLS 1.3 has no scheme for it */
    bool reused;              /* resumed from a ticket */
    const struct tls_client *client; /* borrowed from the session; NULL: no certificate was sent */
};

#endif
