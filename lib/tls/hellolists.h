/*
 * hellolists: a ClientHello from lists in words.
 *
 * What an administrator reads off a capture or a vendor's page: the version, the cipher suites, the
 * groups, the signature schemes. Numbers are hex in any spacing; names are IANA's or OpenSSL's, and
 * a number in parentheses after a name, as Wireshark writes it, only repeats the name. Lines of
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
 * or the suites are not given. A TLS 1.3 client that also has other suites is assumed to offer TLS
 * 1.2 as well; its key share is for the first of its groups that is in common use, and if that is
 * X25519MLKEM768, there is another one for the next of them.
 */
MUST_USE size_t hellolists_build(const struct hellolists *lists, uint8_t *out, size_t size,
                                 struct text *why);

#endif
