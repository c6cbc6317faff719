/*
 * explain: which certificate a client gets, and why.
 *
 * The parts of the command: the hello (explain_hello.c), the certificates and rules that it is
 * checked against (explain_server.c), the result (explain_verdict.c), and the two ways to print
 * that (explain_text.c with explain_client.c, explain_json.c).
 */
#ifndef POSTERN_DAEMON_POSTERNCTL_EXPLAIN_H
#define POSTERN_DAEMON_POSTERNCTL_EXPLAIN_H

#include "daemon/tls/reference.h"
#include "daemon/tls/snapshot.h"
#include "daemon/tls/tls_profile.h"
#include "lib/tls/hellolists.h"

#include <stdio.h>

/* Room for the text of a verdict. */
#define EXPLAIN_TEXT_SIZE 640

/* What the command line asks for; texts are borrowed from it. */
struct explain_options {
    const char *conf;         /* NULL: none is given, and there is no default */
    const char *listener;     /* NULL: the first one with TLS */
    const char *certificates; /* hypothetical ones; NULL: those of the configuration */
    const char *hello;        /* file name, "-" for standard input; NULL: not given */
    const char *failure;      /* the id of a kept one; NULL: not given. Neither: the lists */
    const char *daemon_conf;  /* the configuration of the posternd that has it */
    struct hellolists lists;
};

struct explain_hello {
    uint8_t *room; /* owned; the message is in it */
    bool sslv2;
    struct bytes message;
    struct hello hello;    /* views of the message */
    const char *malformed; /* our decoder's words, or NULL */
    bool from_lists;       /* not what a client really sent */
    size_t left;           /* bytes after the message, which were ignored */
    char listener[64];     /* where a kept one arrived; "": not known, or no longer configured */
};

/* Certificates with the rules of one listener. */
struct explain_server {
    struct libctxs libctxs;                   /* owned */
    OSSL_LIB_CTX *libctx;                     /* the first of them */
    struct snapshot *snapshot;                /* owned; NULL with hypothetical certificates */
    struct keystore made;                     /* owned; the hypothetical certificates */
    struct tls_profile profile;               /* owned */
    SSL_CTX *ctx;                             /* owned; has the profile, and no certificate */
    const struct conf_listener *listener;     /* borrowed from the snapshot; NULL without one */
    const struct conf_set *set;               /* likewise */
    const struct keystore_entry **entries;    /* array owned; in order of preference */
    const struct certsel_certificate **rules; /* array owned; of the entries */
    size_t num;
};

struct explain {
    struct explain_hello client;
    struct explain_server server;
    struct verdict *verdicts; /* owned; one for each certificate */
    struct reference *alone;  /* owned; what libssl does with each certificate alone */
    bool compared;            /* `alone` is filled */
    int chosen;               /* index, or -1 */
    unsigned would_fit;       /* bits 1 << enum fit */
};

/* The hello that the options give. 0, or an exit code with `*error`. explain_hello_free() in both
 * cases. */
MUST_USE int explain_hello_read(struct explain_hello *out, const struct explain_options *options,
                                struct conf_error *error);

/* explain_failure.c: the same for a kept hello: its bytes go to the room. */
MUST_USE int explain_failure_read(struct explain_hello *out, const struct explain_options *options,
                                  struct conf_error *error);

void explain_hello_free(struct explain_hello *hello);

/* The certificates and rules for a hello. 0, or -1 with `*error`. explain_server_close() in both
 * cases. */
MUST_USE int explain_server_open(struct explain_server *out, const struct explain_options *options,
                                 const struct hello *hello, struct conf_error *error);
void explain_server_close(struct explain_server *server);

/* Fills the verdicts, and what libssl does with each certificate alone. 0, or -1 if there is no
 * memory. */
MUST_USE int explain_judge(struct explain *e);

/* The text of verdict `i`. */
void explain_verdict(const struct explain *e, size_t i, char out[EXPLAIN_TEXT_SIZE]);

/* The rule for the client's ALPN: the listener's, or with hypothetical certificates the default. */
enum alpn_rule explain_alpn_rule(const struct explain *e);

/* Whether libssl did with certificate `i` what certsel judged. */
bool explain_agrees(const struct explain *e, size_t i);

/* 0, or -1 if there is no memory. The first prints the part of the second that is about the client.
 */
MUST_USE int explain_print_client(const struct explain *e, FILE *out);
MUST_USE int explain_print_text(const struct explain *e, FILE *out);
MUST_USE int explain_print_json(const struct explain *e, FILE *out);

#endif
