/*
 * hellolists: a ClientHello from lists in words.
 *
 * What an administrator reads off a capture or a vendor's page: the version, the cipher suites, the
 * groups, the signature schemes. Numbers are hex in any spacing; names are IANA's or OpenSSL's, and
 * behind a name a number in parentheses, as Wireshark puts one there, only repeats it. Lines of
 * Wireshark's tree are read by these numbers.
 */
#ifndef POSTERN_LIB_TLS_HELLOLISTS_H
#define POSTERN_LIB_TLS_HELLOLISTS_H

#include "lib/base/text.h"
#include "lib/tls/hello.h"

/* NULL: not given, and then the hello does not have it. */
struct hellolists {
    const char *version; /* "1.2", "TLSv1.3 TLSv1.2", "0303"; the highest is what counts */
    const char *ciphers;
    const char *groups;
    const char *sigalgs;
    const char *sni;
};

/*
 * Writes the handshake message into `out`, which has room for `size` bytes, and returns its length.
 * 0, with the reason appended to `why`, if a list has a word that means nothing, or if the version
 * or the suites are not given. A client of TLS 1.3 that has other suites, too, is taken to offer
 * TLS 1.2 as well; its key share is for the first of its groups that is in common use, and where
 * that is X25519MLKEM768, another one for the next of them.
 */
MUST_USE size_t hellolists_build(const struct hellolists *lists, uint8_t *out, size_t size,
                                 struct text *why);

#endif
