/*
 * selftest: what `posternctl selftest` finds by talking to the backends and listeners of a running
 * posternd.
 *
 * Each file calls only those before it: selftest_finding.c adds and prints findings,
 * selftest_stranger.c finds strangers, selftest_cure.c has the cures. selftest_connect.c connects
 * to backends as posternd's user, selftest_session.c begins sessions with backends and listeners,
 * selftest_rcpt.c offers recipients in them. selftest_loop.c asks whether a backend is posternd
 * itself, selftest_today.c asks the services that clients use today, selftest_mail.c checks whether
 * mail is accepted as they accept it. selftest_settings.c compares the settings in master.cf,
 * selftest_backend.c asks the backends as posternd does, selftest_filters.c asks milters and policy
 * services, selftest_listener.c the listeners as a client does; selftest.c is the command.
 */
#ifndef POSTERN_DAEMON_POSTERNCTL_SELFTEST_H
#define POSTERN_DAEMON_POSTERNCTL_SELFTEST_H

#include "daemon/posternctl/postfix/postfix_compare.h"
#include "daemon/posternctl/postfix/postfix_config.h"
#include "daemon/posternctl/report.h"
#include "daemon/posternctl/selftest/smtpclient.h"

/* Seconds for a step. A greeting may have to wait for postscreen's greet delay (6 s by default) and
 * for Postfix's look-ups; a Postfix that waits for a header gives up after 5 s. */
#define SELFTEST_CONNECT 5
#define SELFTEST_BANNER  12
#define SELFTEST_STEP    8
#define SELFTEST_QUIT    2

/* Room for a backend and its address. */
#define SELFTEST_NAME_SIZE 200

/* Room for the parts of a finding. */
#define SELFTEST_SUBJECT_SIZE 512
#define SELFTEST_TEXT_SIZE    1024
#define SELFTEST_CURE_SIZE    512

struct selftest {
    const struct conf *conf; /* borrowed */
    struct postconf postfix; /* owned */
    X509 **leaves;           /* owned; of conf->certificates; NULL: its file cannot be read */
    SSL_CTX *ctx;            /* owned; a client that supports everything */
    SSL_SESSION *resumable;  /* owned; the newest that a server gave a ticket for */
    bool asked_certificate;  /* a handshake asked for a client certificate */
    struct addr as;          /* the stranger of --as; family ADDR_NONE: none was given */
    FILE *out;            /* borrowed; findings are printed there immediately; NULL: they are not */
    struct report report; /* owned */
    json_t *checks;       /* borrowed from it: all findings */
};

/* An address of a backend that is being tested. */
struct selftest_asked {
    struct selftest *t;
    const struct conf_backend *backend;
    const struct endpoint *address;
    char name[SELFTEST_NAME_SIZE];       /* "backend \"postfix\" 127.0.0.1:12525" */
    char subject[SELFTEST_SUBJECT_SIZE]; /* ... and the claimed client */
    struct addr client;
    struct postfix_side side; /* owned; the service in master.cf; without values: it is not known */
    bool greeted;             /* the first client was */
    bool speaks_plainly;      /* a client without a header is answered */
    bool starttls_plainly;    /* ... and is offered STARTTLS */
};

/* --- selftest_finding.c --------------------------------------------------------------------- */

/* Add a finding; a cure is a line for master.cf or a shell, "" if none is known. The subject is
 * what the finding is about: "backend \"postfix\" unix:/...". */
void selftest_ok(struct selftest *t, const char *name, const char *subject, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
void selftest_not_checked(struct selftest *t, const char *name, const char *subject,
                          const char *format, ...) __attribute__((format(printf, 4, 5)));
void selftest_fault(struct selftest *t, const char *name, const char *subject, const char *cure,
                    const char *format, ...) __attribute__((format(printf, 5, 6)));

/* --- selftest_stranger.c -------------------------------------------------------------------- */

/* An address of a family that belongs to nobody and is outside the mynetworks of a service as far
 * as its values show; that of --as if it is of this family. */
struct addr selftest_stranger(const struct selftest *t, const struct settings *values,
                              enum addr_family family);

/* Whether a client is in a network that is a word of mynetworks, or in the mynetworks of a service.
 * Tables and files are not searched. */
enum selftest_member { SELFTEST_OUTSIDE, SELFTEST_INSIDE, SELFTEST_UNKNOWN };
enum selftest_member selftest_in_network(struct settings_word word, const struct addr *client);
enum selftest_member selftest_in_mynetworks(const struct settings *values,
                                            const struct addr *client);

/* --- selftest_cure.c ------------------------------------------------------------------------ */

/* Lines for the service at an address: against a PROXY header that is not accepted; against silence
 * ("": none is known); against STARTTLS that is offered; and, for any other cure, a setting of
 * smtpd. If the service is a postscreen, they say which setting is its own and which belongs to the
 * smtpd that it passes clients to. */
const char *selftest_cure_header(const struct selftest *t, const struct endpoint *address);
const char *selftest_cure_silence(const struct selftest *t, const struct endpoint *address);
void selftest_cure_starttls(const struct selftest *t, const struct endpoint *address,
                            char out[SELFTEST_CURE_SIZE]);
void selftest_cure_smtpd(const struct selftest *t, const struct endpoint *address,
                         const char *setting, char out[SELFTEST_CURE_SIZE]);

/* A line of postern.conf for an address of a backend that is posternd's. */
void selftest_cure_loop(const struct selftest *t, const struct conf_backend *backend,
                        const struct endpoint *address, char out[SELFTEST_CURE_SIZE]);

/* Whether a program holds master's lock, as `postfix status` asks it. */
enum selftest_master { SELFTEST_MASTER_UNKNOWN, SELFTEST_MASTER_STOPPED, SELFTEST_MASTER_RUNS };
enum selftest_master selftest_master(const struct selftest *t);

/* The account of Postfix's processes. */
const char *selftest_mail_owner(const struct selftest *t);

/* Lines that make Postfix listen at an address where no program does. */
void selftest_cure_nobody(const struct selftest *t, const struct endpoint *address,
                          char out[SELFTEST_CURE_SIZE]);

/* A line against relaying for a client: mynetworks without it, or restrictions. */
void selftest_cure_relay(const struct selftest *t, const struct endpoint *address,
                         const struct addr *client, char out[SELFTEST_CURE_SIZE]);

/* --- selftest_connect.c --------------------------------------------------------------------- */

/* Whether this process can connect as an account can: as root, or as that account. */
bool selftest_connects_as(const char *user);

/* Connects as posternd's user; otherwise like smtpclient_open(). */
MUST_USE bool selftest_open(const struct selftest *t, struct smtpclient *c,
                            const struct endpoint *address);

/* Writes where a path is closed to `user` into `text`, and what opens it into `cure` ("": unknown).
 * `restart` makes the account's program use a new group. */
void selftest_closed(const char *user, const char *path, const char *restart,
                     char text[SELFTEST_TEXT_SIZE], char cure[SELFTEST_CURE_SIZE]);

/* Says why there is no connection to a backend, with a cure for the state that Postfix is in. */
void selftest_tell_no_connection(const struct selftest_asked *a, const struct smtpclient *c);

/* --- selftest_session.c --------------------------------------------------------------------- */

/* How far a connection to a backend got. */
enum selftest_stage {
    SELFTEST_AT_CONNECT, /* there is none */
    SELFTEST_AT_BANNER,  /* no banner, or one other than 220 */
    SELFTEST_AT_EHLO,    /* no reply to EHLO, or one other than 250 */
    SELFTEST_GREETED,
};

/* Connects to a backend and sends the header that claims `client` (NULL: none) and, after the
 * banner, EHLO. `*reply` is the newest, code 0 if none came. */
enum selftest_stage selftest_greet(const struct selftest *t, struct smtpclient *c,
                                   const struct conf_backend *backend,
                                   const struct endpoint *address, const struct addr *client,
                                   struct smtpreply *reply);

/* Sends a PROXY header that claims `client`. */
MUST_USE bool selftest_send_header(struct smtpclient *c, enum conf_client_address kind,
                                   const struct addr *client);

/* "EHLO [192.0.2.1]": an address is the name of a host that has none (RFC 5321 section 4.1.3). */
#define SELFTEST_EHLO_SIZE (ADDR_TEXT_SIZE + 16)
const char *selftest_ehlo(const struct addr *client, char out[SELFTEST_EHLO_SIZE]);

/* What was received, or why nothing was. */
const char *selftest_words(const struct smtpclient *c, const struct smtpreply *reply);

/* Where a client on this machine reaches an address. False: that is not known, because its port is
 * 0. */
MUST_USE bool selftest_reach(const struct conf_endpoint *address, struct endpoint *out);

/* A session at a listener, up to EHLO: in plaintext, or under TLS with this server name (NULL:
 * none). False: `*reply` or `c` says why. */
bool selftest_begin(const struct selftest *t, struct smtpclient *c,
                    const struct conf_listener *listener, const struct endpoint *to,
                    struct smtpreply *reply);
bool selftest_begin_tls(struct selftest *t, struct smtpclient *c,
                        const struct conf_listener *listener, const struct endpoint *to,
                        const char *name, struct smtpreply *reply);

/* --- selftest_rcpt.c ------------------------------------------------------------------------ */

/* Whether a mail was accepted. */
enum selftest_mail {
    SELFTEST_UNASKED, /* the session ended before */
    SELFTEST_REFUSED, /* permanently, and not because of who the client is */
    SELFTEST_PUT_OFF, /* temporarily, or because of who the client is: it proves nothing */
    SELFTEST_TAKEN,
};

/* Tests whether mail for postmaster of a backend's domains is accepted, in a session after EHLO,
 * there or elsewhere, that `client` began. `*reply` is the best of the replies, or why there is
 * none; `to` (room for SELFTEST_RECIPIENT_SIZE) is the recipient. */
#define SELFTEST_RECIPIENT_SIZE 300
enum selftest_mail selftest_try_mail(const struct selftest_asked *a, struct smtpclient *c,
                                     const struct addr *client, struct smtpreply *reply,
                                     char to[SELFTEST_RECIPIENT_SIZE]);

/* The result for a mail from outside to `recipient`, who is also outside. */
struct smtpreply selftest_try_relaying(const struct selftest_asked *a, struct smtpclient *c,
                                       const char *recipient);

/* Whether all domains of a backend's service are in its settings, and not in tables. */
bool selftest_knows_domains(const struct selftest_asked *a);

/* Whether a reply names the client's address; whether it is the refusal to relay. */
bool selftest_names_client(const struct smtpreply *reply, const struct addr *client);
bool selftest_is_relay_refusal(const struct smtpreply *reply);

/* --- selftest_loop.c ------------------------------------------------------------------------ */

/* Whether an address, reached from this machine with `mine` as the own end, is that of a listener:
 * a connection to an address of this machine comes from that address. */
bool selftest_is_listener(const struct conf *conf, const struct endpoint *address,
                          const struct addr *mine);

/* Whether a greeting is a refusal in the words of a posternd, which no Postfix uses. */
bool selftest_is_own_refusal(const struct smtpreply *greeting);

/* Whether the server at an address is this posternd: a session that one of its listeners began is
 * resumed there. With a header that claims `client`, or without (NULL). */
bool selftest_is_posternd(struct selftest *t, const struct conf_backend *backend,
                          const struct endpoint *address, const struct addr *client);

/* --- selftest_today.c ----------------------------------------------------------------------- */

/* How a service that clients use today answers the same mail. */
struct selftest_today {
    char name[POSTFIX_NAME_SIZE]; /* "smtp" */
    enum selftest_mail mail;
    struct smtpreply reply;
};

/* Tests it as the stranger, or from this machine if that is a stranger to it. False: none can be
 * tested.
 */
bool selftest_today(const struct selftest_asked *a, struct selftest_today *out);

/* --- selftest_mail.c ------------------------------------------------------------------------ */

/* Whether a mail from outside to outside is accepted, and, from a stranger, one to postmaster. */
void selftest_mail(const struct selftest_asked *a, struct smtpclient *c, bool is_stranger);

/* --- selftest_settings.c -------------------------------------------------------------------- */

/* Compares each listener's service behind with today's, as `check` does. */
void selftest_settings(struct selftest *t);

/* --- selftest_backend.c --------------------------------------------------------------------- */

/* The result of testing an address of a backend: its listeners see the best of several. */
enum selftest_backend {
    SELFTEST_LOOP, /* it leads back to posternd */
    SELFTEST_DEAD, /* it accepts no session */
    SELFTEST_ALIVE,
};

/* Tests everything at an address of a backend. */
enum selftest_backend selftest_backend(struct selftest *t, const struct conf_backend *backend,
                                       const struct conf_endpoint *address);

/* --- selftest_filters.c --------------------------------------------------------------------- */

/* Asks the milters and policy services of postern.conf, and those of the services behind. */
void selftest_filters(struct selftest *t);

/* --- selftest_listener.c -------------------------------------------------------------------- */

/* Tests everything at an address that a listener is bound to. */
void selftest_listener(struct selftest *t, const struct conf_listener *listener,
                       const struct conf_endpoint *address);

#endif
