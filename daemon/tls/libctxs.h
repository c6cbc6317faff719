/*
 * libctxs: OpenSSL's library context of each worker.
 *
 * OpenSSL 3 contends for locks inside a shared one. They belong to the workers, not to a snapshot:
 * several snapshots can be made in them, and what one has loaded another can refer to. They outlive
 * the workers and every snapshot.
 */
#ifndef POSTERN_DAEMON_TLS_LIBCTXS_H
#define POSTERN_DAEMON_TLS_LIBCTXS_H

#include "lib/base/bytes.h"

#include <openssl/types.h>

/* Zeroed at first. */
struct libctxs {
    OSSL_LIB_CTX **items; /* owned, and what they point at */
    unsigned num;
};

/* Makes them for so many workers. 0, or -1 without memory: then there are none. */
MUST_USE int libctxs_open(struct libctxs *out, unsigned num);

/* Frees them; a zeroed one is allowed. */
void libctxs_close(struct libctxs *libctxs);

#endif
