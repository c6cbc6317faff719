/*
 * ja4: the whole JA4 fingerprint of a client, including hashes.
 */
#ifndef POSTERN_DAEMON_TLS_JA4_H
#define POSTERN_DAEMON_TLS_JA4_H

#include "lib/tls/hello.h"

#include <openssl/types.h>

/* "t13d1516h2_8daaf6152771_e5627efa2ab1" and its NUL. */
#define JA4_SIZE 37

/* The fingerprint of a decoded hello. False if there is no memory for it; `out` is "" then. */
MUST_USE bool ja4_fingerprint(OSSL_LIB_CTX *libctx, const struct hello *hello, char out[JA4_SIZE]);

#endif
