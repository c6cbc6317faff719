/*
 * certreport: what an administrator wants to know about one certificate of the configuration.
 */
#ifndef POSTERN_DAEMON_POSTERNCTL_CERTREPORT_H
#define POSTERN_DAEMON_POSTERNCTL_CERTREPORT_H

#include "daemon/tls/certtext.h"
#include "daemon/tls/keystore.h"

/* From this many days before its end, a certificate is a finding. */
#define CERTREPORT_DAYS 14

enum chain_state {
    CHAIN_COMPLETE,
    CHAIN_UNKNOWN_ISSUER, /* it leads to something that this machine does not trust as a root */
    CHAIN_BROKEN,         /* a certificate does not issue the one before it */
    CHAIN_SELF_SIGNED,    /* the leaf is its own issuer */
    NUM_CHAIN_STATES
};

struct certreport {
    char type[40];                       /* "ECDSA P-256" */
    char not_before[CERTTEXT_TIME_SIZE]; /* "2026-11-23T21:00:00Z" */
    char not_after[CERTTEXT_TIME_SIZE];  /* likewise */
    int days_left; /* until not_after, rounded down; negative: it has expired */
    bool not_yet_valid;
    enum chain_state chain;
    char chain_text[400]; /* in words */
    /* The first certificate, from the leaf on, that has expired or is about to: its place in the
     * file, from 1; 0: none. */
    int ending;
    char ending_text[300]; /* in words; "" if `ending` is 0 */
};

/* 0, or -1 if there is no memory. */
MUST_USE int certreport_make(struct certreport *out, const struct keystore_entry *entry,
                             OSSL_LIB_CTX *libctx);

/* "complete", "unknown-issuer", "broken", "self-signed". */
const char *chain_word(enum chain_state state);

#endif
