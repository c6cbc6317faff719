/*
 * keystore: the certificates of the configuration, with chain and key.
 *
 * Promise: a keystore is loaded completely or not at all; each key fits its certificate; what the
 * choice needs to know about a certificate has been read from it once. A keystore belongs to one
 * OSSL_LIB_CTX (one worker).
 */
#ifndef POSTERN_DAEMON_TLS_KEYSTORE_H
#define POSTERN_DAEMON_TLS_KEYSTORE_H

#include "daemon/tls/keyfiles.h"
#include "lib/tls/certsel.h"

#include <openssl/x509.h>

struct keystore_entry {
    const char *name;       /* borrowed from the conf */
    X509 *leaf;             /* owned */
    STACK_OF(X509) * chain; /* owned; without the leaf, may be empty */
    EVP_PKEY *key;          /* owned */
    struct certsel_certificate rules;
    struct bytes *issuers; /* owned array; rules.issuers points here */
};

struct keystore {
    struct keystore_entry *entries; /* owned; in the order of conf->certificates */
    size_t num;
};

/* Creates the objects in `libctx`. 0, or -1 with `*error`: bad PEM, an encrypted key, a key that
 * does not fit its chain. On failure `*out` is empty. */
MUST_USE int keystore_load(struct keystore *out, OSSL_LIB_CTX *libctx, const struct conf *conf,
                           const struct keyfiles *files, struct conf_error *error);

void keystore_unload(struct keystore *store);

/* What kind of key it is. False for one that certsel does not know. */
MUST_USE bool keystore_kind_of(const EVP_PKEY *key, enum key_kind *out);

/* Reads `rules` and `issuers` of an entry from its leaf and chain. NULL, or a text that says what
 * is wrong with it. For entries that were not loaded from files. */
MUST_USE const char *keystore_read_rules(struct keystore_entry *entry);

/* Frees what an entry owns. */
void keystore_entry_clear(struct keystore_entry *entry);

/* The entry of a certificate of the conf. */
const struct keystore_entry *keystore_of(const struct keystore *store, const struct conf *conf,
                                         const struct conf_certificate *certificate);

#endif
