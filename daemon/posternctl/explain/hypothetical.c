#include "daemon/posternctl/explain/hypothetical.h"

#include "daemon/tls/sslerror.h"

#include <openssl/evp.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DAYS       90
#define DAY        86400L
#define SEPARATORS ", \t"
#define WORD_SIZE  24

static const struct recipe {
    const char *name;
    const char *type;  /* for EVP_PKEY_Q_keygen() */
    const char *curve; /* of "EC" */
    size_t bits;       /* of "RSA" */
} recipes[] = {
    {"rsa1024", "RSA", NULL, 1024},    {"rsa2048", "RSA", NULL, 2048},
    {"rsa3072", "RSA", NULL, 3072},    {"rsa4096", "RSA", NULL, 4096},
    {"p256", "EC", "P-256", 0},        {"p384", "EC", "P-384", 0},
    {"p521", "EC", "P-521", 0},        {"ed25519", "ED25519", NULL, 0},
    {"ed448", "ED448", NULL, 0},       {"mldsa44", "ML-DSA-44", NULL, 0},
    {"mldsa65", "ML-DSA-65", NULL, 0}, {"mldsa87", "ML-DSA-87", NULL, 0},
};

#define NUM_RECIPES (sizeof recipes / sizeof recipes[0])

/* The CAs that sign the leaves; made when they are needed. */
struct issuers {
    EVP_PKEY *rsa;
    EVP_PKEY *ecdsa;
};

static const struct recipe *find_recipe(const char *name)
{
    for (size_t i = 0; i < NUM_RECIPES; i++) {
        if (strcmp(recipes[i].name, name) == 0) {
            return &recipes[i];
        }
    }
    return NULL;
}

static EVP_PKEY *make_key(OSSL_LIB_CTX *libctx, const struct recipe *recipe)
{
    if (recipe->bits > 0) {
        return EVP_PKEY_Q_keygen(libctx, NULL, recipe->type, recipe->bits);
    }
    return recipe->curve != NULL ? EVP_PKEY_Q_keygen(libctx, NULL, recipe->type, recipe->curve)
                                 : EVP_PKEY_Q_keygen(libctx, NULL, recipe->type);
}

static bool set_names(X509 *leaf)
{
    static const unsigned char subject[] = "mail.example.org";
    static const unsigned char issuer[] = "Hypothetical CA";
    X509_NAME *name = X509_get_subject_name(leaf);

    return X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, subject, -1, -1, 0) == 1 &&
           X509_NAME_add_entry_by_txt(X509_get_issuer_name(leaf), "CN", MBSTRING_ASC, issuer, -1,
                                      -1, 0) == 1;
}

static X509 *make_leaf(OSSL_LIB_CTX *libctx, EVP_PKEY *key, EVP_PKEY *issuer, const EVP_MD *digest)
{
    X509 *leaf = X509_new_ex(libctx, NULL);

    if (leaf != NULL && (X509_set_version(leaf, X509_VERSION_3) != 1 || !set_names(leaf) ||
                         ASN1_INTEGER_set(X509_get_serialNumber(leaf), 1) != 1 ||
                         X509_gmtime_adj(X509_getm_notBefore(leaf), 0) == NULL ||
                         X509_gmtime_adj(X509_getm_notAfter(leaf), DAYS * DAY) == NULL ||
                         X509_set_pubkey(leaf, key) != 1 || X509_sign(leaf, issuer, digest) == 0)) {
        X509_free(leaf);
        leaf = NULL;
    }
    return leaf;
}

static int make_entry(struct keystore_entry *entry, OSSL_LIB_CTX *libctx,
                      const struct recipe *recipe, struct issuers *issuers)
{
    bool by_ecdsa = strcmp(recipe->type, "EC") == 0;
    EVP_PKEY **issuer = by_ecdsa ? &issuers->ecdsa : &issuers->rsa;

    entry->chain = sk_X509_new_null();
    entry->key = make_key(libctx, recipe);
    if (*issuer == NULL) {
        *issuer = make_key(libctx, find_recipe(by_ecdsa ? "p384" : "rsa2048"));
    }
    if (entry->chain == NULL || entry->key == NULL || *issuer == NULL) {
        return -1;
    }
    entry->leaf = make_leaf(libctx, entry->key, *issuer, by_ecdsa ? EVP_sha384() : EVP_sha256());
    return entry->leaf != NULL && keystore_read_rules(entry) == NULL ? 0 : -1;
}

static int make_all(struct keystore *out, OSSL_LIB_CTX *libctx, const char *words,
                    struct issuers *issuers, struct conf_error *error)
{
    char word[WORD_SIZE];

    for (words += strspn(words, SEPARATORS); *words != '\0'; words += strspn(words, SEPARATORS)) {
        size_t len = strcspn(words, SEPARATORS);
        struct keystore_entry *entry;
        const struct recipe *recipe;

        /* One that is too long is cut, and so is not a kind. */
        snprintf(word, sizeof word, "%.*s", (int)(len < WORD_SIZE ? len : WORD_SIZE), words);
        recipe = find_recipe(word);
        if (recipe == NULL) {
            snprintf(error->text, sizeof error->text,
                     "--certificates: \"%s\": the kinds are rsa1024 rsa2048 rsa3072 rsa4096 p256 "
                     "p384 p521 ed25519 ed448 mldsa44 mldsa65 mldsa87",
                     word);
            return -1;
        }
        if (out->num == NUM_RECIPES) {
            snprintf(error->text, sizeof error->text,
                     "--certificates: \"%s\": too many certificates", word);
            return -1;
        }
        entry = keystore_entry_new(recipe->name);
        if (entry == NULL) {
            snprintf(error->text, sizeof error->text, "out of memory");
            return -1;
        }
        out->entries[out->num++] = entry;
        if (make_entry(entry, libctx, recipe, issuers) != 0) {
            snprintf(error->text, sizeof error->text, "cannot generate certificate %s: %s",
                     recipe->name,
                     entry->key == NULL ? "this machine's OpenSSL does not support this kind of key"
                                        : sslerror_words());
            return -1;
        }
        words += len;
    }
    if (out->num == 0) {
        snprintf(error->text, sizeof error->text, "--certificates: the list is empty");
        return -1;
    }
    return 0;
}

int hypothetical_make(struct keystore *out, OSSL_LIB_CTX *libctx, const char *words,
                      struct conf_error *error)
{
    struct issuers issuers = {0};
    int result = -1;

    *out = (struct keystore){.entries = calloc(NUM_RECIPES, sizeof(struct keystore_entry *))};
    if (out->entries == NULL) {
        snprintf(error->text, sizeof error->text, "out of memory");
    } else {
        result = make_all(out, libctx, words, &issuers, error);
    }
    EVP_PKEY_free(issuers.rsa);
    EVP_PKEY_free(issuers.ecdsa);
    return result;
}
