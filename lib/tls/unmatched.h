/*
 * unmatched: what can be tried when no certificate of a set fits a ClientHello.
 *
 * Clients before TLS 1.3 say with supported_groups both which curves they support for a key
 * exchange and which they accept in a certificate (RFC 8422 section 5.1), and libssl checks a
 * certificate against it. Some clients list one curve but also accept others. Pure rules; how
 * libssl is made to serve such a certificate is no concern of this room.
 */
#ifndef POSTERN_LIB_TLS_UNMATCHED_H
#define POSTERN_LIB_TLS_UNMATCHED_H

#include "lib/tls/certsel.h"

/*
 * The first of `num` ECDSA certificates, among those for which `may_try` returns true, that would
 * be usable if only supported_groups named its curve: TLS 1.2 or below, and signature_algorithms
 * has an ECDSA scheme. -1 if there is none, or if one of `verdicts` (of certsel_choose()) is
 * usable.
 */
int unmatched_try_anyway(const struct certsel_profile *profile,
                         const struct certsel_certificate *const *certificates, const bool *may_try,
                         size_t num, const struct hello *hello, const struct verdict *verdicts);

/*
 * Whether a handshake without a certificate would begin, `listener` being what the listener offers
 * and `anonymous` the same without TLS 1.3 and with the suites of AUTH_ANON only. False for a
 * client that has fallen back from a version that the listener has (RFC 7507).
 */
bool unmatched_anonymous(const struct certsel_profile *listener,
                         const struct certsel_profile *anonymous, const struct hello *hello);

#endif
