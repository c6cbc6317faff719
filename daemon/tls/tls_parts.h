/*
 * tls_parts: what only the files of tls share.
 */
#ifndef POSTERN_DAEMON_TLS_TLS_PARTS_H
#define POSTERN_DAEMON_TLS_TLS_PARTS_H

#include "daemon/tls/ja4.h"
#include "daemon/tls/tls.h"
#include "daemon/tls/tls_profile.h"
#include "lib/tls/sni.h"
#include "lib/tls/ticketring.h"

/* A certificate set, bound to one worker's keystore. Arrays run in parallel, in the set's order. */
struct tls_set {
    size_t num;
    const struct keystore_entry **entries;    /* array owned; entries borrowed from the keystore */
    const struct certsel_certificate **rules; /* array owned; into the entries */
    const char **names;                       /* array owned; borrowed from the conf */
    uint8_t context[32];                      /* the session id context: what this set promises */
    enum conf_unmatched unmatched;
    bool *may_try;                 /* owned; of CONF_UNMATCHED_TRY_ANYWAY, otherwise all false */
    struct tls_attempt **attempts; /* array owned, with a reference to each; likewise */
};

/* What serves one certificate whatever its curve: tls_unmatched.c. Immutable; later listeners may
 * share it. */
struct tls_attempt;

/* Which set of a listener a server name asks for. */
struct tls_names {
    struct sni_name *names; /* owned, sorted */
    size_t num;
};

/* The keys of tickets: tls_tickets.c. */
struct tls_tickets;

struct tls_shared {
    struct tls_names *listeners; /* owned; in the order of conf->listeners */
    size_t num_listeners;
    struct tls_tickets *tickets; /* owned */
};

/* What a listener asks of its clients' certificates: tls_client.c. */
struct tls_client_auth {
    enum conf_client_certificate mode;
    X509_STORE *store;           /* owned: client_ca; NULL: no client is trusted */
    STACK_OF(X509_NAME) * names; /* owned: its subjects, for the client to choose by */
    uint8_t ca_hash[32];         /* of the file; 0 without one */
};

struct tls_listener {
    SSL_CTX *ctx;               /* owned; has no certificate */
    struct tls_profile profile; /* owned */
    struct tls_set *sets;       /* owned; the first is the default */
    size_t num_sets;
    const struct tls_names *names;     /* borrowed from the shared */
    const struct tls_tickets *tickets; /* likewise */
    OSSL_LIB_CTX *libctx;              /* borrowed */
    enum alpn_rule alpn;
    struct tls_client_auth client_auth;
    EVP_CIPHER *ticket_cipher;            /* owned; NULL without tickets */
    SSL_CTX *anonymous;                   /* owned; NULL if no set is CONF_UNMATCHED_ANONYMOUS */
    struct tls_profile anonymous_profile; /* owned; of it */
};

/* What is known about a session only until its handshake is over. */
struct tls_handshake {
    uint8_t *raw; /* owned: the first ClientHello, at most HELLO_SIZE_MAX bytes */
    size_t raw_len;
    struct hello hello;       /* views of raw */
    struct verdict *verdicts; /* owned; one for each certificate of the set, NULL: not judged */
    const char *malformed;    /* our decoder's words, or NULL */
    bool sslv2;
    bool too_large;
    bool out_of_memory; /* for what the session must know */
    bool alpn_refused;
    bool decoded;       /* `hello` is filled, as far as it could be read */
    bool asked;         /* a CertificateRequest was written */
    uint8_t newest;     /* the type of the client's newest message */
    bool any_header;    /* `header` is filled */
    uint8_t header[5];  /* the first bytes of the first record, whatever they were */
    int alert_sent;     /* the alert that libssl wrote, or -1 */
    char detail[256];   /* of the failure */
    char ja4[JA4_SIZE]; /* "" until it is asked for */
};

struct tls_session {
    SSL *ssl;                            /* owned */
    const struct tls_listener *listener; /* borrowed */
    const struct tls_set *set;           /* of the hello; NULL before */
    struct tls_handshake *handshake;     /* owned; NULL when the handshake is over */
    int certificate; /* index into the set of what libssl was given, or -1: none */
    enum handshake_failure failure;
    enum conf_unmatched unmatched; /* what was tried because nothing fitted; _FAIL: nothing */
    char *sni;                 /* owned; as sent, if libssl will not report it; otherwise NULL */
    struct tls_client *client; /* owned; NULL: the client sent no certificate */
    bool usable;               /* our rules chose the certificate */
    bool served; /* libssl wrote its Certificate message, or with none, its key exchange */
    bool ended;  /* close_notify is on its way */
};

/* tls_words.c: whether a group has no number of OpenSSL's: libssl gives its IANA number then, with
 * a mark. */
bool tls_group_has_no_nid(int group);

/* The word for a number of OpenSSL's that libssl gives, never NULL: "P-256" rather than
 * "prime256v1"; "RSA-PSS" rather than "rsassaPss"; "" for a signature without a digest. Algorithms
 * from a provider may have no number, or one without a name. `group`: of
 * SSL_get_negotiated_group(). */
const char *tls_group_text(int group);
void tls_set_algorithm(struct tls_signature *out, int nid);
void tls_set_digest(struct tls_signature *out, int nid);

/* tls_memory.c: lets OpenSSL allocate its memory there. 0, or -1 if it already has some. */
MUST_USE int tls_memory_init(void);

/* A new SSL_CTX with everything that all of ours have in common: tls_context.c. NULL if there is
 * no memory. */
MUST_USE SSL_CTX *tls_context_new(OSSL_LIB_CTX *libctx);

/* tls_tickets.c: the keys of the files, or the process's own if there are none. NULL with
 * `*error`. */
MUST_USE struct tls_tickets *tls_tickets_new(const struct conf *conf, const struct keyfiles *files,
                                             struct conf_error *error);
void tls_tickets_free(struct tls_tickets *tickets);

/* Copies the key that encrypts (`name` NULL), or the one of this name, and returns its index, 0
 * being the one that encrypts; -1 if there is none. From any thread. */
MUST_USE int tls_tickets_pick(const struct tls_tickets *tickets, const uint8_t *name,
                              struct ticket_key *out);

/* tls_resume.c: tickets on the listener's SSL_CTX, or none at all. 0 or -1. */
MUST_USE int tls_resume_set_up(struct tls_listener *listener, bool tickets);

/* Fills the contexts of the listener's sets. 0 or -1. */
MUST_USE int tls_resume_bind_sets(struct tls_listener *listener, const struct conf_listener *from);

/* The certificate of the set that a resumed session began with, or -1. */
MUST_USE int tls_resume_certificate(const struct tls_set *set, SSL_SESSION *resumed);

/* tls_unmatched.c: what the listener's sets need for their `unmatched`. 0, or -1 with `*error`. */
MUST_USE int tls_unmatched_set_up(struct tls_listener *listener, const struct tls_making *making,
                                  struct conf_error *error);
void tls_unmatched_free_set(struct tls_set *set);

/* For a session whose hello no certificate fits: lets libssl do what its set specifies, and records
 * it in the session. False if libssl has failed. */
MUST_USE bool tls_unmatched_switch(struct tls_session *session);

/* tls_alpn.c: whether the hello's ALPN ends the handshake, which is then recorded in the session.
 */
MUST_USE bool tls_alpn_refuses(struct tls_session *session, struct bytes list);

/* libssl's question for the protocol: a callback for every SSL_CTX. */
int tls_on_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len,
                const unsigned char *in, unsigned int in_len, void *arg);

/* tls_client.c: reads what `from` asks for. 0, or -1 with `*error`. */
MUST_USE int tls_client_read(struct tls_client_auth *out, OSSL_LIB_CTX *libctx,
                             const struct conf *conf, const struct conf_listener *from,
                             const struct keyfiles *files, struct conf_error *error);
void tls_client_free(struct tls_client_auth *client_auth);

/* Lets an SSL_CTX of the listener ask. 0 or -1. */
MUST_USE int tls_client_set_up(const struct tls_listener *listener, SSL_CTX *ctx);

/* After the handshake: completes what is known about the client. False, with the reason recorded,
 * if the listener requires a certificate that the client did not send. */
MUST_USE bool tls_client_settle(struct tls_session *session);

/* Whether libssl was reading the client's certificate, or its proof, when it failed with this error
 * of its queue; and why. */
bool tls_client_has_failed(const struct tls_session *session, unsigned long error);
void tls_client_explain(const struct tls_session *session, unsigned long error,
                        struct text *detail);

/* tls_client_facts.c: the contents of a certificate; to be freed with free(). NULL without memory.
 */
MUST_USE struct tls_client *tls_client_describe(X509 *x509, OSSL_LIB_CTX *libctx);

/* tls_choice.c: the choice for the log, until the handshake is over. */
void tls_choice_facts(const struct tls_session *session, struct tls_facts *facts);

/* Callbacks of the SSL_CTX: tls_choice.c. */
void tls_on_message(int write_p, int version, int content_type, const void *data, size_t len,
                    SSL *ssl, void *arg);
int tls_on_client_hello(SSL *ssl, int *alert, void *arg);

/* Why libssl gave up the handshake, from its error queue: fills `failure` and `detail`:
 * tls_failure.c. */
void tls_failure_explain(struct tls_session *session);

/* The same for a client that is gone: `error` is errno, or 0 if it closed the connection. */
void tls_failure_explain_gone(struct tls_session *session, int error);

#endif
