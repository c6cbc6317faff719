/*
 * snapshot: configuration, keys and SSL_CTXs as one immutable snapshot.
 *
 * Promise: everything that start, reload and -t have to check is checked here, in one order, and a
 * snapshot exists only if all of it is good, and OpenSSL had the memory for it. Sessions hold a
 * reference: a snapshot lives until its last session has ended. A later one takes over from an
 * earlier one what has not changed, and never changes it.
 */
#ifndef POSTERN_DAEMON_TLS_SNAPSHOT_H
#define POSTERN_DAEMON_TLS_SNAPSHOT_H

#include "daemon/common/claims.h"
#include "daemon/tls/libctxs.h"
#include "daemon/tls/tls.h"

#include <time.h>

/* What one worker uses: objects of its own OSSL_LIB_CTX. */
struct snapshot_worker {
    OSSL_LIB_CTX *libctx;      /* borrowed from the worker */
    struct keystore keys;      /* owned */
    struct tls_listener **tls; /* owned; one for each listener of the conf; NULL without TLS */
};

/* What a file is named for. */
enum snapshot_purpose {
    SNAPSHOT_CONFIGURATION,
    SNAPSHOT_CHAIN, /* and the key, if that is in the same file */
    SNAPSHOT_KEY,
    SNAPSHOT_TICKET_KEY,
    SNAPSHOT_CLIENT_CA,
    NUM_SNAPSHOT_PURPOSES
};

/* "configuration", "chain", "key", "ticket-key", "client-ca". */
const char *snapshot_purpose_word(enum snapshot_purpose purpose);

/* A file that the snapshot was made from. */
struct snapshot_file {
    const char *path; /* borrowed from the conf */
    enum snapshot_purpose purpose;
    const char *of; /* the name of the certificate or listener, otherwise ""; likewise */
    uint8_t sha256[KEYFILE_SHA256_SIZE]; /* of its contents */
};

struct snapshot {
    struct conf *conf;               /* owned */
    struct tls_shared *shared;       /* owned; of all workers */
    struct claim_rules claims;       /* owned arrays; what PROXY headers may not claim */
    struct snapshot_worker *workers; /* owned */
    unsigned num_workers;
    struct libctxs *libctxs;     /* borrowed; NULL as long as there are no workers */
    time_t loaded_at;            /* when the reading of its files began */
    struct snapshot_file *files; /* array owned; the configuration first */
    size_t num_files;
    size_t num_taken_over; /* certificates that are those of an earlier snapshot */
    size_t num_loaded;     /* the other ones */
    void (*freed)(void);   /* NULL, or called by the thread that released the last reference */
    _Atomic unsigned references;
};

/*
 * A snapshot of `file` with one reference, made in the `libctxs` of the workers, which outlive it
 * and are never moved.
 * Where there are none yet they are made, for conf->workers workers (0: one per processor), and
 * belong to the caller, also on failure. `warn` is called for everything that is allowed but
 * probably not intended. NULL with `*error`.
 *
 * `previous` (NULL: none) was made in the same libctxs; the caller holds a reference during the
 * call, and workers may serve with it meanwhile. Certificates whose files have the same contents
 * are taken over from it. For one thread at a time, which need not be the main one.
 */
MUST_USE struct snapshot *snapshot_load(const char *file, struct libctxs *libctxs,
                                        const struct snapshot *previous,
                                        void (*warn)(const char *text), struct conf_error *error);

struct snapshot *snapshot_ref(struct snapshot *s);

/* Releases a reference. After the last one a thread of its own frees everything, and returns the
 * memory to the system: with thousands of certificates this takes longer than sessions should wait
 * for a worker. libctxs_close() waits for it. Safe from any thread. */
void snapshot_unref(struct snapshot *s);

#endif
