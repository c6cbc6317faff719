/*
 * failures: the hellos of clients whose handshake failed, one entry per shape and reason.
 *
 * What differs between the connections of one client says nothing about the client: the shape of a
 * hello is what is left without random, session id, key share bytes, tickets, padding and GREASE,
 * ignoring the order of extensions. An entry keeps the latest hello whole. At most FAILURES_MAX
 * entries are kept; the one that has not been seen for longest makes room, and one that has not
 * been seen for FAILURES_KEEP seconds is forgotten.
 *
 * Pure, and not thread-safe. Memory: malloc(), one block for each entry, so that all together stay
 * below FAILURES_MAX * (HELLO_SIZE_MAX + sizeof(struct failure)).
 */
#ifndef POSTERN_LIB_ADMIN_FAILURES_H
#define POSTERN_LIB_ADMIN_FAILURES_H

#include "lib/base/text.h"
#include "lib/net/addr.h"
#include "lib/tls/handshake.h"

#define FAILURES_MAX     500
#define FAILURES_KEEP    ((int64_t)30 * 24 * 3600)
#define FAILURES_CLIENTS 3

/* A fingerprint and its NUL: "t13d1516h2_8daaf6152771_e5627efa2ab1". */
#define FAILURES_JA4_SIZE 40

/* The name of a section of the configuration and its NUL. */
#define FAILURES_LISTENER_SIZE 64

struct failure {
    uint64_t id; /* never 0, never given twice */
    enum handshake_failure reason;
    int64_t first; /* seconds since 1970 */
    int64_t last;
    uint64_t count;
    struct addr clients[FAILURES_CLIENTS]; /* differing addresses, the latest first */
    size_t num_clients;                    /* 1 to FAILURES_CLIENTS */
    char listener[FAILURES_LISTENER_SIZE]; /* where it last arrived */
    char ja4[FAILURES_JA4_SIZE];           /* "": not known */
    bool sslv2;
    struct bytes hello; /* owned by the entry: the latest */
    struct bytes sni;   /* borrowed from hello; len 0 if there is none */
    uint64_t hash;      /* of the shape: distinguishes most shapes without comparing them */
};

/* Empty when all zero. */
struct failures {
    struct failure *entries[FAILURES_MAX]; /* owned; the one not seen for longest first */
    size_t num;
    uint64_t last_id;
};

/* A handshake that failed. */
struct failure_event {
    enum handshake_failure reason;
    struct addr client;
    struct bytes hello; /* a handshake message, or an SSLv2-format hello without record header */
    bool sslv2;
    const char *listener;
    const char *ja4; /* the caller's name for the shape, cut to FAILURES_JA4_SIZE; "" for none */
};

/* Whether failures of this reason are kept: those for which libssl found no certificate, and those
 * that the client ended with an alert. */
bool failures_wants(enum handshake_failure reason);

/* Counts the event at `now` (seconds since 1970) in its entry, or makes one. False if it is not
 * kept: another reason, no complete hello, or no memory. */
bool failures_add(struct failures *f, const struct failure_event *event, int64_t now);

/* Forgets what has not been seen for FAILURES_KEEP seconds. Returns how many entries were removed.
 */
size_t failures_expire(struct failures *f, int64_t now);

/* The entry with this id, borrowed until the next call that changes `f`; NULL if there is none. */
const struct failure *failures_find(const struct failures *f, uint64_t id);

/*
 * Adds an entry that was written down before, a copy of `read` with its hello; `sni` and `hash` are
 * recomputed. NULL, or what is wrong with it.
 */
MUST_USE const char *failures_restore(struct failures *f, const struct failure *read);

/* Frees all entries. Ids continue where they were. */
void failures_clear(struct failures *f);

#endif
