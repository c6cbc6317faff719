/*
 * tls_parts: what the files of tls share and nobody else sees.
 */
#ifndef POSTERN_DAEMON_COMMON_TLS_PARTS_H
#define POSTERN_DAEMON_COMMON_TLS_PARTS_H

#include "daemon/common/tls.h"
#include "daemon/common/tls_profile.h"

/* Room for the size of a key in words: "16384 bits". */
#define TLS_KEY_TEXT_SIZE 16

/* A certificate set, bound to one worker's keystore. Arrays run in parallel, in the set's order. */
struct tls_set {
    size_t num;
    const struct keystore_entry **entries;    /* array owned; entries borrowed from the keystore */
    const struct certsel_certificate **rules; /* array owned; into the entries */
    const char **names;                       /* array owned; borrowed from the conf */
    char (*keys)[TLS_KEY_TEXT_SIZE];          /* owned: "P-256", "2048 bits", or "" */
};

struct tls_listener {
    SSL_CTX *ctx;               /* owned; has no certificate */
    struct tls_profile profile; /* owned */
    struct tls_set *sets;       /* owned; the first is the default */
    size_t num_sets;
};

/* What is known of a session only until its handshake is over. */
struct tls_hello {
    uint8_t *raw; /* owned: the first ClientHello, HELLO_SIZE_MAX bytes at most */
    size_t raw_len;
    struct hello hello;       /* views of raw */
    struct verdict *verdicts; /* owned; one for each certificate of the set, NULL: not judged */
    const char *malformed;    /* our decoder's words, or NULL */
    bool sslv2;
    bool too_large;
    bool out_of_memory;
    bool any_header;   /* `header` is filled */
    uint8_t header[5]; /* the first bytes of the first record, whatever they were */
    int alert_sent;    /* the alert that libssl wrote, or -1 */
    char detail[160];  /* of the failure */
};

struct tls_session {
    SSL *ssl;                            /* owned */
    const struct tls_listener *listener; /* borrowed */
    const struct tls_set *set;           /* of the hello; NULL before */
    struct tls_hello *early;             /* owned; NULL when the handshake is over */
    int certificate;                     /* index into the set of what libssl was given, or -1 */
    enum handshake_failure failure;
    bool usable; /* our rules chose the certificate */
    bool served; /* libssl wrote its Certificate message */
    bool ended;  /* close_notify is on its way */
};

/* Callbacks of the SSL_CTX: tls_choice.c. */
void tls_on_message(int write_p, int version, int content_type, const void *data, size_t len,
                    SSL *ssl, void *arg);
int tls_on_client_hello(SSL *ssl, int *alert, void *arg);

/* Why libssl gave the handshake up, from what it left in its error queue: fills `failure` and
 * `detail`: tls_failure.c. */
void tls_explain_failure(struct tls_session *session);

/* The same for a client that is gone: `error` is errno, or 0 if it closed the connection. */
void tls_explain_gone(struct tls_session *session, int error);

#endif
