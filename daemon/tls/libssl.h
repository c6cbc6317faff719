/*
 * libssl: what the present libssl does with a ClientHello and another does not.
 *
 * Its version would not say: distributions backport changes to older versions, and a build may lack
 * a part. So each rule of lib/tls/libssl.h is tested separately, with a hello that libssl answers
 * in one way if it has the rule and in another if it does not.
 */
#ifndef POSTERN_DAEMON_TLS_LIBSSL_H
#define POSTERN_DAEMON_TLS_LIBSSL_H

#include "lib/base/bytes.h"
#include "lib/tls/libssl.h"

#include <openssl/ssl.h>

/*
 * Writes the answers of handshakes in memory, with a throw-away certificate of `libctx`, into
 * `*out`; they are remembered for the process. A rule with an unexpected answer is false, with a
 * warning in the log. From any thread. 0, or -1 if there is no memory for it.
 */
MUST_USE int libssl_probe(struct libssl *out, OSSL_LIB_CTX *libctx);

#endif
