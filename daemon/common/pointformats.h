/*
 * pointformats: whether this libssl holds ec_point_formats against an ECDSA certificate.
 *
 * Up to TLS 1.2 libssl used to refuse a certificate whose key is in a point format that the
 * client's extension does not name, be it the one that RFC 8422 section 5.1.2 makes every client
 * take. Newer ones (3.0.22, and what came with it) no longer look. Distributions carry such changes
 * into older versions, so libssl is asked, not its version. May include: OpenSSL.
 */
#ifndef POSTERN_DAEMON_COMMON_POINTFORMATS_H
#define POSTERN_DAEMON_COMMON_POINTFORMATS_H

#include "lib/base/bytes.h"

#include <openssl/ssl.h>

/* The answer of a handshake in memory with a throw-away certificate of `libctx`; it is remembered
 * for the process. From any thread. Without memory for it: false. */
MUST_USE bool pointformats_matter(OSSL_LIB_CTX *libctx);

#endif
