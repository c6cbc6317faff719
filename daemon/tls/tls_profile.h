/*
 * tls_profile: applies a tls_profile of the configuration to an SSL_CTX.
 */
#ifndef POSTERN_DAEMON_TLS_TLS_PROFILE_H
#define POSTERN_DAEMON_TLS_TLS_PROFILE_H

#include "lib/admin/conf.h"
#include "lib/tls/certsel.h"

#include <openssl/ssl.h>

struct tls_profile {
    struct certsel_profile rules; /* its arrays are these */
    uint16_t *suites;             /* owned */
    uint16_t *groups;             /* owned */
    uint16_t *schemes;            /* owned */
};

/*
 * Sets versions, security level, suites, groups and signature schemes of `ctx`, which was made in
 * `libctx`, and reads back into `out` what libssl will really do. 0, or -1 with `*error`; in both
 * cases the caller calls tls_profile_free().
 */
MUST_USE int tls_profile_apply(struct tls_profile *out, SSL_CTX *ctx, OSSL_LIB_CTX *libctx,
                               const struct conf *conf, const struct conf_profile *profile,
                               struct conf_error *error);

/* Whether libssl has a group of this name of OpenSSL's. */
MUST_USE bool tls_profile_has_group(OSSL_LIB_CTX *libctx, const char *name);

/* Turns a profile that was applied to `ctx` into one for handshakes without a certificate: only
 * aNULL suites, ECDHE first, and no TLS 1.3. 0, or -1 if nothing remains. */
MUST_USE int tls_profile_make_anonymous(struct tls_profile *profile, SSL_CTX *ctx);

void tls_profile_free(struct tls_profile *profile);

#endif
