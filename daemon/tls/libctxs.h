/*
 * libctxs: OpenSSL's library context of each worker.
 *
 * OpenSSL 3 contends for locks inside a shared one. They belong to the workers, not to a snapshot:
 * several snapshots can be made in them, and what one has loaded another can refer to. They outlive
 * the workers and every snapshot, and know how many snapshots there are.
 */
#ifndef POSTERN_DAEMON_TLS_LIBCTXS_H
#define POSTERN_DAEMON_TLS_LIBCTXS_H

#include "lib/base/bytes.h"

#include <openssl/types.h>
#include <pthread.h>

/* Zeroed at first. */
struct libctxs {
    OSSL_LIB_CTX **items; /* owned, and what they point at */
    unsigned num;
    unsigned users; /* guarded by `lock`, which exists like `unused` while num is not 0 */
    pthread_mutex_t lock;
    pthread_cond_t unused; /* users has become 0 */
};

/* Makes them for so many workers. 0, or -1 without memory: then there are none. */
MUST_USE int libctxs_open(struct libctxs *out, unsigned num);

/* Somebody begins, or ends, to have objects in them. From any thread. */
void libctxs_enter(struct libctxs *libctxs);
void libctxs_leave(struct libctxs *libctxs);

/* Waits until nobody has objects in them, and frees them; a zeroed one is allowed. */
void libctxs_close(struct libctxs *libctxs);

#endif
