/*
 * ja4: the JA4 fingerprint of a TLS client, up to its hashes.
 *
 * JA4 (FoxIO, "JA4: TLS Client Fingerprinting") names the shape of a ClientHello: a readable part
 * and two SHA-256 hashes, cut to 12 hex digits, over texts. This room gives the readable part and
 * the texts; where a text is empty, the fingerprint has twelve zeros in place of a hash. GREASE
 * (RFC 8701) is ignored everywhere. The specification says nothing about SSLv2-format hellos: their
 * version is the one that the client asks for, and cipher specs that only SSLv2 has are omitted.
 */
#ifndef POSTERN_LIB_TLS_JA4_H
#define POSTERN_LIB_TLS_JA4_H

#include "lib/base/text.h"
#include "lib/tls/hello.h"

/* "t13d1516h2" and its NUL. */
#define JA4_HEAD_SIZE 11

/* Room for either text, whatever the hello: four hex digits and a comma for every two bytes. */
#define JA4_TEXT_SIZE (HELLO_SIZE_MAX / 2 * 5 + 2)

/* The readable part. `hello` may also come from a decoding that ended in HELLO_BAD: then only the
 * part that was read counts, here and below. */
void ja4_head(const struct hello *hello, char out[JA4_HEAD_SIZE]);

/* The cipher suites, ascending: "002f,0035,...". */
void ja4_suites(const struct hello *hello, struct text *out);

/* The extensions, ascending, except server_name and ALPN, then the signature schemes in the
 * client's order: "0005,000a,..._0403,0804,...". */
void ja4_extensions(const struct hello *hello, struct text *out);

#endif
