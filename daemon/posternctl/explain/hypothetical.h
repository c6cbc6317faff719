/*
 * hypothetical: certificates that are generated in memory to be tried.
 *
 * They are like those commonly issued today: the leaf signed by an RSA CA with SHA-256, that of an
 * ECDSA key by an ECDSA CA with SHA-384.
 */
#ifndef POSTERN_DAEMON_POSTERNCTL_HYPOTHETICAL_H
#define POSTERN_DAEMON_POSTERNCTL_HYPOTHETICAL_H

#include "daemon/tls/keystore.h"

/* What is tried if nothing else is given. */
#define HYPOTHETICAL_USUAL "rsa2048,p256,p384,p521,ed25519"

/*
 * Generates the certificates that `words` names, separated by commas or blanks: rsa1024 rsa2048
 * rsa3072 rsa4096 p256 p384 p521 ed25519 ed448 mldsa44 mldsa65 mldsa87. 0, or -1 with `*error`. In
 * both cases the caller calls keystore_unload().
 */
MUST_USE int hypothetical_make(struct keystore *out, OSSL_LIB_CTX *libctx, const char *words,
                               struct conf_error *error);

#endif
