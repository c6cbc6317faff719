/*
 * smtpclient: one SMTP session as a client, with a bound on every step.
 *
 * Promise: no call takes longer than the seconds that it is given, and nothing that a server sends
 * is kept beyond its bounds.
 */
#ifndef POSTERN_DAEMON_POSTERNCTL_SMTPCLIENT_H
#define POSTERN_DAEMON_POSTERNCTL_SMTPCLIENT_H

#include "lib/net/addr.h"

#include <openssl/ssl.h>

/* The longest line that is accepted from a server. */
#define SMTPCLIENT_LINE_MAX 4096

/* Room for what a server said, or a text about what went wrong. */
#define SMTPCLIENT_TEXT_SIZE 256

/* Why a step failed. */
enum smtpclient_trouble {
    SMTPCLIENT_NONE,
    SMTPCLIENT_DENIED,  /* this account may not connect there */
    SMTPCLIENT_NOBODY,  /* no program listens there */
    SMTPCLIENT_TIMEOUT, /* nothing arrived in time */
    SMTPCLIENT_CLOSED,  /* the server has closed */
    SMTPCLIENT_BROKEN,  /* what arrived is not SMTP, or not TLS */
};

/* Keywords of a reply to EHLO, as bits. */
enum smtpclient_keyword {
    SMTPCLIENT_STARTTLS = 1 << 0,
    SMTPCLIENT_AUTH = 1 << 1,
    SMTPCLIENT_XCLIENT = 1 << 2,
    SMTPCLIENT_XFORWARD = 1 << 3,
};

struct smtpreply {
    unsigned code;
    unsigned keywords;               /* of lines after the first */
    char text[SMTPCLIENT_TEXT_SIZE]; /* its last line, "250 2.0.0 Ok", in printable characters */
};

struct smtpclient {
    int fd;       /* -1: not connected */
    SSL *ssl;     /* owned; NULL: no TLS */
    bool secured; /* the handshake has been done */
    enum smtpclient_trouble trouble;
    char why[SMTPCLIENT_TEXT_SIZE]; /* after a failure: a text */
    size_t start;                   /* what has been read but not consumed yet */
    size_t end;
    char in[SMTPCLIENT_LINE_MAX];
};

/* Connects. False with `trouble` and `why`; call smtpclient_close() in any case. */
MUST_USE bool smtpclient_open(struct smtpclient *c, const struct endpoint *to, unsigned seconds);

/* Sends all of it. */
MUST_USE bool smtpclient_send(struct smtpclient *c, const void *data, size_t len, unsigned seconds);

/* Reads the next reply, all its lines; `out->code` is 0 if it is incomplete. */
MUST_USE bool smtpclient_reply(struct smtpclient *c, struct smtpreply *out, unsigned seconds);

/* Sends a line (without its end), and reads the reply to it. */
MUST_USE bool smtpclient_command(struct smtpclient *c, const char *line, struct smtpreply *out,
                                 unsigned seconds);

/* The handshake. `name` is the server_name, NULL for none; `resume` a session to be resumed, or
 * NULL. Earlier plaintext is discarded. */
MUST_USE bool smtpclient_tls(struct smtpclient *c, SSL_CTX *ctx, const char *name,
                             SSL_SESSION *resume, unsigned seconds);

/* Sends QUIT, if it still can, and closes. */
void smtpclient_close(struct smtpclient *c, unsigned seconds);

#endif
