/*
 * keystore: the certificates of the configuration, with chain and key.
 *
 * Promise: a keystore is loaded completely or not at all; each key fits its certificate; what the
 * choice needs to know about a certificate has been read from it once. A keystore belongs to one
 * OSSL_LIB_CTX (one worker). Its entries are immutable, but for what only loads use, and may be
 * shared with later keystores of the same OSSL_LIB_CTX: a certificate whose files have not changed
 * is not loaded again.
 */
#ifndef POSTERN_DAEMON_TLS_KEYSTORE_H
#define POSTERN_DAEMON_TLS_KEYSTORE_H

#include "daemon/tls/keyfiles.h"
#include "lib/tls/certsel.h"

#include <openssl/x509.h>
#include <sys/types.h>

struct keystore_entry {
    char *name;             /* owned; of the certificate section */
    X509 *leaf;             /* owned */
    STACK_OF(X509) * chain; /* owned; without the leaf, may be empty */
    EVP_PKEY *key;          /* owned */
    struct certsel_certificate rules;
    struct bytes *issuers; /* owned array; rules.issuers points here */
    int64_t not_after;     /* end of the leaf's validity, seconds since 1970; 0: unreadable */
    uint8_t chain_sha256[KEYFILE_SHA256_SIZE]; /* of the files that it was loaded from */
    uint8_t key_sha256[KEYFILE_SHA256_SIZE];   /* 0 if the key is in the chain's file */
    int accepted_level;          /* highest security level at which libssl took it, -1: none yet;
                                    for tls_listener_new() */
    _Atomic unsigned references; /* of keystores */
};

struct keystore {
    struct keystore_entry **entries; /* array owned, with a reference to each; in the order of
                                        conf->certificates */
    size_t num;
};

/* Which entries of an earlier keystore a later one can use. */
struct keystore_unchanged {
    const size_t *of; /* for each certificate of the later conf: 1 + index into the earlier
                         keystore, 0 if it must be loaded; NULL: all must be */
    const struct keystore *earlier; /* of the same OSSL_LIB_CTX */
};

/* Fills `of` (above) for all certificates of `conf`: an entry is unchanged if it has the same name
 * and was loaded from the same contents. Returns how many are; -1 without memory. */
MUST_USE ssize_t keystore_compare(size_t *of, const struct conf *conf, const struct keyfiles *files,
                                  const struct keystore *earlier);

/* Takes over what is unchanged, and creates the other objects in `libctx`. 0, or -1 with `*error`:
 * bad PEM, an encrypted key, a key that does not fit its chain. On failure `*out` is empty. */
MUST_USE int keystore_load(struct keystore *out, OSSL_LIB_CTX *libctx, const struct conf *conf,
                           const struct keyfiles *files, struct keystore_unchanged unchanged,
                           struct conf_error *error);

/* Releases the entries; the last keystore that has one frees it. Safe from any thread. */
void keystore_unload(struct keystore *store);

/* A new entry with one reference, empty but for its name. NULL without memory. */
MUST_USE struct keystore_entry *keystore_entry_new(const char *name);

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
