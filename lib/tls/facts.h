/*
 * facts: what is known about one TLS connection once its handshake is done.
 *
 * A value: a copy needs nothing else. All texts end in NUL, "" if there is nothing to say; what a
 * client has sent is either escaped or marked as its own words. lib/admin/record has the table of
 * the keys of these facts.
 */
#ifndef POSTERN_LIB_TLS_FACTS_H
#define POSTERN_LIB_TLS_FACTS_H

#include "lib/base/bytes.h"

/* Room for a name out of a certificate, and for a SHA-256 fingerprint as "AB:CD:...". */
#define TLS_CLIENT_NAME_SIZE 256
#define TLS_FINGERPRINT_SIZE 96

/* What a client has shown of itself. */
enum tls_trust {
    TLS_TRUST_NONE,      /* no certificate */
    TLS_TRUST_UNTRUSTED, /* one that client_ca does not lead to */
    TLS_TRUST_TRUSTED,
    NUM_TLS_TRUSTS
};

/* How a side has signed the handshake. */
struct tls_signature {
    char algorithm[16]; /* "ECDSA", "RSA", "RSA-PSS", "ED25519", or "": it signed nothing */
    char key[32];       /* the size of its key: "P-256", "2048 bits", or "" */
    char digest[16];    /* "SHA256", or "" */
};

/* The certificate that a client sent. Its names are without control bytes, and the client's own
 * words unless it is trusted: escape them when writing them. */
struct tls_client {
    enum tls_trust trust;               /* TLS_TRUST_NONE: all else is empty */
    char subject[TLS_CLIENT_NAME_SIZE]; /* its common name, or the whole subject if it has none */
    char issuer[TLS_CLIENT_NAME_SIZE];  /* the same of its issuer */
    char fingerprint[TLS_FINGERPRINT_SIZE];     /* of the certificate */
    char key_fingerprint[TLS_FINGERPRINT_SIZE]; /* of its public key (SubjectPublicKeyInfo) */
    char error[128];                            /* why it is not trusted; "" if it is */
    struct tls_signature signature;             /* the client's */
};

struct tls_facts {
    char protocol[16];     /* OpenSSL's name: "TLSv1.2" */
    char cipher[64];       /* OpenSSL's name: "ECDHE-ECDSA-AES128-GCM-SHA256" */
    int bits;              /* of the cipher, in use */
    int algorithm_bits;    /* of the algorithm */
    char key_exchange[64]; /* Postfix's name: facts_set_key_exchange() */
    char certificate[64];  /* the name in the configuration of the one that was served; "none" */
    char fault[32];        /* why a client that checks it has to refuse the certificate:
                              fault_word(), "" if there is nothing, or if the session is resumed */
    char sni[256];         /* server_name, escaped: facts_set_sni(); "": none was sent */
    bool capped;           /* limited to TLS 1.2, because TLS 1.3 has no scheme for it */
    bool reused;           /* resumed from a ticket */
    struct tls_signature signature; /* the server's */
    struct tls_client client;
};

/* "none", "untrusted", "trusted". */
const char *facts_trust_word(enum tls_trust trust);

/*
 * Postfix's name of a key exchange: "ECDHE (P-256)", "DHE", "RSA". One over a curve of RFC 7748
 * has the name of its group alone, "X25519", as has a hybrid, for which `key_exchange` is "".
 * `group` is OpenSSL's name, or "".
 */
void facts_set_key_exchange(struct tls_facts *facts, const char *key_exchange, const char *group);

/* The server_name as it was sent, escaped as in the log, and cut with "..." where that is longer
 * than a host name can be. */
void facts_set_sni(struct tls_facts *facts, struct bytes sni);

#endif
