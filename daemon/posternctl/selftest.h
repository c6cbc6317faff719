/*
 * selftest: what `posternctl selftest` finds by speaking with the backends, and with the listeners
 * of a running posternd.
 *
 * selftest.c is the command and its output, selftest_backend.c asks the backends as posternd does,
 * selftest_loop.c whether one of them is posternd itself, selftest_listener.c asks the listeners as
 * a client does, and selftest_cure.c knows the lines that cure. May include: postconf, postfix,
 * command, report, smtpclient, common.
 */
#ifndef POSTERN_DAEMON_POSTERNCTL_SELFTEST_H
#define POSTERN_DAEMON_POSTERNCTL_SELFTEST_H

#include "daemon/posternctl/postfix_config.h"
#include "daemon/posternctl/report.h"
#include "daemon/posternctl/smtpclient.h"

/* Seconds for a step. A greeting may have to wait for postscreen's greet delay (6 s by default) and
 * for Postfix's look-ups; a Postfix that waits for a header gives up after 5 s. */
#define SELFTEST_CONNECT 5
#define SELFTEST_BANNER  12
#define SELFTEST_STEP    8
#define SELFTEST_QUIT    2

/* Room for the parts of a finding. */
#define SELFTEST_SUBJECT_SIZE 256
#define SELFTEST_TEXT_SIZE    640
#define SELFTEST_CURE_SIZE    512

struct selftest {
    const struct conf *conf; /* borrowed */
    struct postconf postfix; /* owned */
    X509 **leaves;           /* owned; of conf->certificates; NULL: its file cannot be read */
    SSL_CTX *ctx;            /* owned; a client that can do everything */
    SSL_SESSION *resumable;  /* owned; the newest that a server gave a ticket for */
    bool asked_certificate;  /* a handshake asked for a client certificate */
    FILE *out; /* borrowed; findings are printed there as they come; NULL: they are not */
    struct report report; /* owned */
    json_t *checks;       /* borrowed from it: all findings */
};

/* Add a finding; a cure is a line for master.cf or a shell, "" if none is known. The subject is
 * what the texts are about: "backend \"postfix\" unix:/...". */
void selftest_ok(struct selftest *t, const char *name, const char *subject, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
void selftest_not_checked(struct selftest *t, const char *name, const char *subject,
                          const char *format, ...) __attribute__((format(printf, 4, 5)));
void selftest_fault(struct selftest *t, const char *name, const char *subject, const char *cure,
                    const char *format, ...) __attribute__((format(printf, 5, 6)));

/* --- selftest_backend.c --------------------------------------------------------------------- */

/* What comes of asking an address of a backend: the best of several is what its listeners see. */
enum selftest_backend {
    SELFTEST_LOOP, /* it leads back to posternd */
    SELFTEST_DEAD, /* it gives no session */
    SELFTEST_ALIVE,
};

/* Asks everything of an address of a backend. */
enum selftest_backend selftest_backend(struct selftest *t, const struct conf_backend *backend,
                                       const struct conf_endpoint *address);

/* How far a connection to a backend came. */
enum selftest_stage {
    SELFTEST_AT_CONNECT, /* there is none */
    SELFTEST_AT_BANNER,  /* no banner, or one that is no 220 */
    SELFTEST_AT_EHLO,    /* no reply to EHLO, or one that is no 250 */
    SELFTEST_GREETED,
};

/* Connects to a backend and sends the header that claims `client` (NULL: none) and, after the
 * banner, EHLO. `*reply` is the newest, code 0 if none came. */
enum selftest_stage selftest_greet(struct smtpclient *c, const struct conf_backend *backend,
                                   const struct endpoint *address, const struct addr *client,
                                   struct smtpreply *reply);

/* --- selftest_listener.c -------------------------------------------------------------------- */

/* Asks everything of an address that a listener is bound to. */
void selftest_listener(struct selftest *t, const struct conf_listener *listener,
                       const struct conf_endpoint *address);

/* Where a client of this machine reaches an address. False: that is not known, its port is 0. */
MUST_USE bool selftest_reach(const struct conf_endpoint *address, struct endpoint *out);

/* A session at a listener, as far as to EHLO under TLS with this server name (NULL: none). False:
 * `*reply` or `c` says why. */
bool selftest_begin_tls(struct selftest *t, struct smtpclient *c,
                        const struct conf_listener *listener, const struct endpoint *to,
                        const char *name, struct smtpreply *reply);

/* --- selftest_loop.c ------------------------------------------------------------------------ */

/* Whether an address, reached from this machine with `mine` as the own end, is that of a listener:
 * who connects to an address of this machine does so from it. */
bool selftest_is_listener(const struct conf *conf, const struct endpoint *address,
                          const struct addr *mine);

/* Whether a greeting is a refusal in the words of a posternd, which no Postfix uses. */
bool selftest_is_own_refusal(const struct smtpreply *greeting);

/* Whether the server at an address is this posternd: a session that one of its listeners began is
 * resumed there. With a header that claims `client`, or without (NULL). */
bool selftest_is_posternd(struct selftest *t, const struct conf_backend *backend,
                          const struct endpoint *address, const struct addr *client);

/* --- selftest_cure.c ------------------------------------------------------------------------ */

/* Lines for the service at an address: against a PROXY header that is not taken; against silence
 * ("": none is known); against STARTTLS that is offered; and, for any other cure, a setting of
 * smtpd. Where the service is a postscreen, they say which setting is its own and which is of the
 * smtpd that it passes clients to. */
const char *selftest_cure_header(const struct selftest *t, const struct endpoint *address);
const char *selftest_cure_silence(const struct selftest *t, const struct endpoint *address);
void selftest_cure_starttls(const struct selftest *t, const struct endpoint *address,
                            char out[SELFTEST_CURE_SIZE]);
void selftest_cure_smtpd(const struct selftest *t, const struct endpoint *address,
                         const char *setting, char out[SELFTEST_CURE_SIZE]);

/* A line of postern.conf against an address of a backend that is posternd's. */
void selftest_cure_loop(const struct selftest *t, const struct conf_backend *backend,
                        const struct endpoint *address, char out[SELFTEST_CURE_SIZE]);

/* A line against relaying for a client: mynetworks without it, or restrictions. */
void selftest_cure_relay(const struct selftest *t, const struct endpoint *address,
                         const struct addr *client, char out[SELFTEST_CURE_SIZE]);

#endif
