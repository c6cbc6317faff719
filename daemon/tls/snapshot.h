/*
 * snapshot: configuration, keys and SSL_CTXs as one immutable snapshot.
 *
 * Promise: everything that start and -t have to check is checked here, in one order, and a snapshot
 * exists only if all of it is good, and OpenSSL had the memory for it. Sessions hold a reference: a
 * snapshot lives until its last session has ended.
 */
#ifndef POSTERN_DAEMON_TLS_SNAPSHOT_H
#define POSTERN_DAEMON_TLS_SNAPSHOT_H

#include "daemon/common/claims.h"
#include "daemon/tls/libctxs.h"
#include "daemon/tls/tls.h"

/* What one worker uses: objects of its own OSSL_LIB_CTX. */
struct snapshot_worker {
    OSSL_LIB_CTX *libctx;      /* borrowed from the worker */
    struct keystore keys;      /* owned */
    struct tls_listener **tls; /* owned; one for each listener of the conf; NULL without TLS */
};

struct snapshot {
    struct conf *conf;               /* owned */
    struct tls_shared *shared;       /* owned; of all workers */
    struct claim_rules claims;       /* owned arrays; what PROXY headers may not claim */
    struct snapshot_worker *workers; /* owned */
    unsigned num_workers;
    _Atomic unsigned references;
};

/*
 * A snapshot of `file` with one reference, made in the `libctxs` of the workers, which outlive it.
 * Where there are none yet they are made, for conf->workers workers (0: one per processor), and
 * belong to the caller, also on failure. `warn` is called for everything that is allowed but
 * probably not intended. NULL with `*error`.
 */
MUST_USE struct snapshot *snapshot_load(const char *file, struct libctxs *libctxs,
                                        void (*warn)(const char *text), struct conf_error *error);

struct snapshot *snapshot_ref(struct snapshot *s);

/* Releases a reference; the last one frees everything. Safe from any thread. */
void snapshot_unref(struct snapshot *s);

#endif
