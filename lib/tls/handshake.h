/*
 * handshake: what was decided for a client's hello, and why a handshake failed.
 *
 * libssl says that a handshake failed, and little more. Which of our reasons it was follows, in the
 * order of the promise below, from what was seen of it.
 */
#ifndef POSTERN_LIB_TLS_HANDSHAKE_H
#define POSTERN_LIB_TLS_HANDSHAKE_H

#include "lib/tls/certsel.h"
#include "lib/tls/facts.h"

/* What was decided for a hello. */
struct handshake_choice {
    const struct hello *hello;      /* NULL: none was read */
    const char *const *names;       /* names of the set's certificates */
    const struct verdict *verdicts; /* one for each */
    size_t num;
    unsigned would_fit;      /* bits of enum fit */
    const char *unmatched;   /* what was served although nothing fits: "anonymous" or "try-anyway";
                                NULL: nothing was */
    const char *certificate; /* of `unmatched`: its name, or "none" */
    const char *ja4;         /* the hello's fingerprint; NULL or "": not known */
    const struct tls_client *client; /* the certificate that the client has shown, or NULL */
};

/* Why a handshake failed: a closed list. */
enum handshake_failure {
    HANDSHAKE_NO_CERTIFICATE_FITS,
    HANDSHAKE_NOT_TLS,
    HANDSHAKE_MALFORMED,
    HANDSHAKE_HELLO_TOO_LARGE,
    HANDSHAKE_PROTOCOL_VERSION,
    HANDSHAKE_CLIENT_ALERT,
    HANDSHAKE_ALPN,
    HANDSHAKE_CLIENT_CERTIFICATE,
    HANDSHAKE_TIMEOUT,
    HANDSHAKE_CLIENT_GONE,
    HANDSHAKE_BACKEND_SPOKE,
    HANDSHAKE_INTERNAL,
    NUM_HANDSHAKE_FAILURES,
};

/* No alert was sent, or received. */
#define HANDSHAKE_NO_ALERT (-1)

/* What was seen of a handshake that libssl has given up. */
struct handshake_seen {
    const struct verdict *verdicts; /* borrowed; on the certificates of the set; NULL: not judged */
    size_t num;
    struct bytes header;     /* the first bytes of the first record, five of them or none */
    int alert_received;      /* HANDSHAKE_NO_ALERT, or its number (RFC 8446 section 6) */
    int alert_sent;          /* likewise */
    bool alpn_refused;       /* by our rule for ALPN */
    bool hello;              /* a whole ClientHello was read */
    bool too_large;          /* it had more than HELLO_SIZE_MAX bytes */
    bool out_of_memory;      /* for it, or for the verdicts */
    bool malformed;          /* our decoder could not read it */
    bool usable;             /* a certificate was chosen by our rules */
    bool served;             /* libssl went on to write a certificate, or a key exchange without */
    bool client_certificate; /* libssl failed at the client's certificate, or at its proof */
};

/*
 * The reason, in this order: from what we refused ourselves, from an alert that the client sent,
 * from whether a ClientHello came at all, from the client's certificate, from our own verdicts, and
 * last from the alert that libssl sent, which tells the client's faults from ours whatever libssl's
 * words are.
 */
enum handshake_failure handshake_failure_of(const struct handshake_seen *seen);

/* The contract's word: "no-certificate-fits", "not-tls", ... */
const char *handshake_failure_word(enum handshake_failure reason);

/* What bytes that are not TLS look like: "HTTP request", "SMTP command", "plain text" or "unknown
 * bytes". */
const char *handshake_looks_like(struct bytes data);

#endif
