/*
 * tls: everything that calls libssl for connections.
 *
 * Promise: one certificate-less SSL_CTX per listener, the certificate chosen by certsel when the
 * ClientHello has arrived; one function reads SSL_get_error.
 */
#ifndef POSTERN_DAEMON_TLS_TLS_H
#define POSTERN_DAEMON_TLS_TLS_H

#include "daemon/tls/keystore.h"
#include "lib/tls/handshake.h"

#include <openssl/ssl.h>

/* One listener's TLS in one worker. Immutable once made. */
struct tls_listener;

/* What the listeners of one configuration have in common in all workers: which set a server name
 * asks for, and the keys of tickets. Immutable once made. */
struct tls_shared;

/* One connection's TLS. */
struct tls_session;

/* The first OpenSSL call of every program: openssl.cnf has no effect. 0 or -1. */
MUST_USE int tls_library_init(void);

/* Whether OpenSSL was denied memory in this thread since the last tls_memory_begin(), which
 * tls_handshake() and the other operations of a session also call. */
void tls_memory_begin(void);
MUST_USE bool tls_memory_was_short(void);

/* Creates everything that libcrypto creates when a library context first needs something of a kind
 * (a digest, a key exchange, ...). If it has no memory for that, it never tries again: a single
 * session without memory would make all later ones fail. */
void tls_memory_prepare(OSSL_LIB_CTX *libctx);

/* NULL with `*error` (a ticket key that does not have 80 bytes). Outlives its listeners. */
MUST_USE struct tls_shared *tls_shared_new(const struct conf *conf, const struct keyfiles *files,
                                           struct conf_error *error);
void tls_shared_free(struct tls_shared *shared);

/*
 * From this call on, the ticket keys that the process generates are also in a memfd, which a
 * supervisor can keep and give to the next process. Call it once, before any session. `fd`: such a
 * memfd of an earlier process, which belongs to tls from now on, or -1: there is none. NULL, or why
 * its keys are not used, as words after "ticket keys are not kept over a restart: ": then a new
 * memfd was made, and new keys will be. If that also fails, there is no memfd.
 */
MUST_USE const char *tls_tickets_adopt(int fd);

/* The memfd, borrowed; -1 without one. */
MUST_USE int tls_tickets_fd(void);

/* What a listener is made from. All of it is borrowed, until the listener is freed where that is
 * said. */
struct tls_making {
    OSSL_LIB_CTX *libctx;             /* until it is freed */
    const struct conf *conf;          /* likewise */
    const struct conf_listener *from; /* of the conf */
    const struct keystore *store;     /* of the conf's certificates; until it is freed */
    const struct tls_shared *shared;  /* likewise */
    const struct keyfiles *files;
    const struct tls_listener *previous; /* that of an earlier conf in the same libctx, from which
                                            is taken over what is still the same; or NULL */
};

/*
 * The SSL_CTX for a listener, its profile read back from libssl, its sets bound to the store, its
 * client_ca read from the files. NULL with `*error` (the line of the offending value: a suite or
 * group that matches nothing, a version that the range leaves empty, a client_ca that is none).
 */
MUST_USE struct tls_listener *tls_listener_new(const struct tls_making *making,
                                               struct conf_error *error);
void tls_listener_free(struct tls_listener *listener);

/* Calls `tell` for each certificate that unmatched = "try-anyway" cannot serve here, with the index
 * of its set and the reason in words; once with certificate NULL for a set that has none to try. */
void tls_listener_each_unusable(const struct tls_listener *listener,
                                void (*tell)(void *arg, size_t set, const char *certificate,
                                             const char *why),
                                void *arg);

/* The profile for certsel at this listener; borrowed from it. */
const struct certsel_profile *tls_listener_rules(const struct tls_listener *listener);

/* The set that a hello asks for, as index into the listener's: that of its server name, or the
 * first. */
size_t tls_listener_set_of(const struct tls_listener *listener, const struct hello *hello);

/* A server session on the connected socket `fd` (borrowed; never closed here). NULL if libssl has
 * no memory for it. */
MUST_USE struct tls_session *tls_session_new(struct tls_listener *listener, int fd);

/* Frees at once, without a close_notify. NULL is allowed. */
void tls_session_free(struct tls_session *session);

/* The result of an operation; the only place that reads SSL_get_error. */
enum tls_status {
    TLS_DONE,       /* it succeeded */
    TLS_WANT_READ,  /* again when the socket can be read */
    TLS_WANT_WRITE, /* again when the socket can be written */
    TLS_EOF,        /* the client has ended its direction (close_notify or a bare FIN) */
    TLS_FAILED,     /* the connection is unusable */
};

enum tls_status tls_handshake(struct tls_session *session);
enum tls_status tls_read(struct tls_session *session, uint8_t *out, size_t room, size_t *got);
enum tls_status tls_write(struct tls_session *session, const uint8_t *data, size_t len,
                          size_t *put);

/* Sends close_notify, once. */
enum tls_status tls_end_writing(struct tls_session *session);

/* After TLS_FAILED of tls_handshake(): the reason, and libssl's or our words for it ("" if none),
 * borrowed from the session. */
enum handshake_failure tls_failure(const struct tls_session *session, const char **detail);

/* The decision for the hello; hello is NULL if none was read. Borrowed from the session. */
struct handshake_choice tls_choice(const struct tls_session *session);

/* The hello as received: a handshake message, or with `*sslv2` an SSLv2-format hello. len 0 when no
 * whole one was read, or it was too large. Borrowed from the session. */
struct bytes tls_raw_hello(const struct tls_session *session, bool *sslv2);

/* The JA4 fingerprint of the hello, borrowed from the session; "" when none was read. */
const char *tls_ja4(const struct tls_session *session);

/* After the handshake: the facts; the name of the certificate that the client has seen, now or in
 * the session that this one resumes (borrowed from the configuration; "none"); and whether libssl
 * served a hello that our rules called hopeless (verdict=wrong): `*raw` is that hello then. */
void tls_session_facts(const struct tls_session *session, struct tls_facts *out);
const char *tls_certificate_name(const struct tls_session *session);
bool tls_verdict_wrong(const struct tls_session *session, struct bytes *raw);

/* Frees what only the handshake needed (the copy of the hello, the verdicts). */
void tls_handshake_over(struct tls_session *session);

#endif
