#include "tests/differential/certificates.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* How a leaf is signed; the keys of the issuers are made once. */
enum issuer { BY_RSA, BY_RSA_PSS, BY_P256, BY_P384, BY_ED25519, BY_MLDSA65, NUM_ISSUERS };

static const struct recipe {
    const char *name;
    enum key_kind kind;
    const char *curve; /* of an ECDSA key */
    uint16_t group;
    unsigned bits;
    const char *key_usage; /* NULL: no extension */
    bool can_sign;
    enum issuer issuer;
    const char *digest; /* NULL: part of the signature algorithm */
    uint16_t leaf_scheme;
    bool compressed;
    bool explicit_curve;
    bool cannot_encipher;
} recipes[] = {
    {"rsa2048", KEY_RSA, NULL, 0, 2048, NULL, true, BY_RSA, "SHA256", 0x0401, false, false, false},
    {"rsa2048-by-pss", KEY_RSA, NULL, 0, 2048, NULL, true, BY_RSA_PSS, "SHA384", 0x0805, false,
     false, false},
    {"rsa2048-cannot-sign", KEY_RSA, NULL, 0, 2048, "keyCertSign", false, BY_RSA, "SHA256", 0x0401,
     false, false, true},
    {"rsa2048-enciphers", KEY_RSA, NULL, 0, 2048, "keyEncipherment", false, BY_RSA, "SHA256",
     0x0401, false, false, false},
    {"p256-explicit", KEY_ECDSA, "P-256", 0x0017, 256, NULL, true, BY_P384, "SHA384", 0x0503, false,
     true, false},
    {"mldsa44", KEY_MLDSA44, NULL, 0, 10496, NULL, true, BY_P384, "SHA384", 0x0503, false, false,
     false},
    {"mldsa65", KEY_MLDSA65, NULL, 0, 15616, NULL, true, BY_RSA, "SHA256", 0x0401, false, false,
     false},
    {"mldsa65-by-itself", KEY_MLDSA65, NULL, 0, 15616, NULL, true, BY_MLDSA65, NULL, 0x0905, false,
     false, false},
    {"mldsa87", KEY_MLDSA87, NULL, 0, 20736, NULL, true, BY_RSA, "SHA256", 0x0401, false, false,
     false},
    {"rsa1024", KEY_RSA, NULL, 0, 1024, NULL, true, BY_P384, "SHA384", 0x0503, false, false, false},
    {"rsa784", KEY_RSA, NULL, 0, 784, NULL, true, BY_RSA, "SHA512", 0x0601, false, false, false},
    {"rsa-pss2048", KEY_RSA_PSS, NULL, 0, 2048, NULL, true, BY_RSA, "SHA256", 0x0401, false, false,
     false},
    {"rsa-pss1024", KEY_RSA_PSS, NULL, 0, 1024, NULL, true, BY_RSA_PSS, "SHA256", 0x0804, false,
     false, false},
    {"p256", KEY_ECDSA, "P-256", 0x0017, 256, "digitalSignature", true, BY_P384, "SHA384", 0x0503,
     false, false, true},
    {"p256-by-sha1", KEY_ECDSA, "P-256", 0x0017, 256, NULL, true, BY_RSA, "SHA1", 0x0201, false,
     false, false},
    {"p256-by-sha224", KEY_ECDSA, "P-256", 0x0017, 256, NULL, true, BY_P256, "SHA224", 0x0303,
     false, false, false},
    {"p256-cannot-sign", KEY_ECDSA, "P-256", 0x0017, 256, "keyAgreement", false, BY_RSA, "SHA256",
     0x0401, false, false, true},
    {"p256-compressed", KEY_ECDSA, "P-256", 0x0017, 256, NULL, true, BY_RSA, "SHA256", 0x0401, true,
     false, false},
    {"p384", KEY_ECDSA, "P-384", 0x0018, 384, NULL, true, BY_P256, "SHA256", 0x0403, false, false,
     false},
    {"p384-by-p384", KEY_ECDSA, "P-384", 0x0018, 384, NULL, true, BY_P384, "SHA384", 0x0503, false,
     false, false},
    {"p384-by-sha512", KEY_ECDSA, "P-384", 0x0018, 384, NULL, true, BY_P256, "SHA512", 0x0603,
     false, false, false},
    {"p521", KEY_ECDSA, "P-521", 0x0019, 521, NULL, true, BY_ED25519, NULL, 0x0807, false, false,
     false},
    {"secp256k1", KEY_ECDSA, "secp256k1", 0x0016, 256, NULL, true, BY_RSA, "SHA256", 0x0401, false,
     false, false},
    {"brainpool256", KEY_ECDSA, "brainpoolP256r1", 0x001a, 256, NULL, true, BY_RSA, "SHA384",
     0x0501, false, false, false},
    {"prime239v1", KEY_ECDSA, "prime239v1", 0, 239, NULL, true, BY_RSA, "SHA256", 0x0401, false,
     false, false},
    {"ed25519", KEY_ED25519, NULL, 0, 256, NULL, true, BY_RSA, "SHA256", 0x0401, false, false,
     false},
    {"ed448", KEY_ED448, NULL, 0, 456, NULL, true, BY_P384, "SHA384", 0x0503, false, false, false},
};

#define NUM_RECIPES (sizeof recipes / sizeof recipes[0])

static void must(int ok, const char *what)
{
    if (ok <= 0) {
        fprintf(stderr, "cannot make a certificate: %s\n", what);
        exit(EXIT_FAILURE);
    }
}

static EVP_PKEY *make_rsa_pss(OSSL_LIB_CTX *libctx, unsigned bits)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(libctx, "RSA-PSS", NULL);
    EVP_PKEY *key = NULL;

    must(EVP_PKEY_keygen_init(ctx), "RSA-PSS");
    must(EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, (int)bits), "RSA-PSS bits");
    must(EVP_PKEY_generate(ctx, &key), "RSA-PSS key");
    EVP_PKEY_CTX_free(ctx);
    return key;
}

/* NULL: libcrypto has no such kind of key. */
static EVP_PKEY *make_key(OSSL_LIB_CTX *libctx, enum key_kind kind, unsigned bits,
                          const char *curve)
{
    EVP_PKEY *key = NULL;

    switch (kind) {
    case KEY_RSA:
        key = EVP_PKEY_Q_keygen(libctx, NULL, "RSA", (size_t)bits);
        break;
    case KEY_RSA_PSS:
        key = make_rsa_pss(libctx, bits);
        break;
    case KEY_ECDSA:
        key = EVP_PKEY_Q_keygen(libctx, NULL, "EC", curve);
        break;
    case KEY_ED25519:
        key = EVP_PKEY_Q_keygen(libctx, NULL, "ED25519");
        break;
    case KEY_ED448:
        key = EVP_PKEY_Q_keygen(libctx, NULL, "ED448");
        break;
    case KEY_MLDSA44:
        return EVP_PKEY_Q_keygen(libctx, NULL, "ML-DSA-44");
    case KEY_MLDSA65:
        return EVP_PKEY_Q_keygen(libctx, NULL, "ML-DSA-65");
    case KEY_MLDSA87:
        return EVP_PKEY_Q_keygen(libctx, NULL, "ML-DSA-87");
    }
    must(key != NULL, "key");
    return key;
}

static void add_key_usage(X509 *leaf, const char *usage)
{
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, NID_key_usage, usage);

    must(extension != NULL && X509_add_ext(leaf, extension, -1), "keyUsage");
    X509_EXTENSION_free(extension);
}

static void sign(OSSL_LIB_CTX *libctx, X509 *leaf, EVP_PKEY *key, const struct recipe *recipe)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    EVP_PKEY_CTX *pctx;

    must(EVP_DigestSignInit_ex(ctx, &pctx, recipe->digest, libctx, NULL, key, NULL), "signature");
    if (recipe->issuer == BY_RSA_PSS) {
        must(EVP_PKEY_CTX_set_rsa_padding(pctx, RSA_PKCS1_PSS_PADDING), "PSS");
        must(EVP_PKEY_CTX_set_rsa_pss_saltlen(pctx, RSA_PSS_SALTLEN_DIGEST), "salt");
    }
    must(X509_sign_ctx(leaf, ctx), "signature");
    EVP_MD_CTX_free(ctx);
}

static X509 *make_leaf(OSSL_LIB_CTX *libctx, EVP_PKEY *key, EVP_PKEY *issuer,
                       const struct recipe *recipe)
{
    X509 *leaf = X509_new_ex(libctx, NULL);
    X509_NAME *name = X509_NAME_new();
    const unsigned char *text = (const unsigned char *)"mail.example.org";

    must(leaf != NULL && name != NULL, "X509");
    must(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, text, -1, -1, 0), "subject");
    must(X509_set_subject_name(leaf, name), "subject");
    text = (const unsigned char *)"Test CA";
    must(X509_NAME_add_entry_by_txt(name, "O", MBSTRING_ASC, text, -1, -1, 0), "issuer");
    must(X509_set_issuer_name(leaf, name), "issuer");
    X509_NAME_free(name);
    must(X509_set_version(leaf, X509_VERSION_3), "version");
    must(ASN1_INTEGER_set(X509_get_serialNumber(leaf), 1), "serial");
    must(X509_gmtime_adj(X509_getm_notBefore(leaf), -3600) != NULL, "notBefore");
    must(X509_gmtime_adj(X509_getm_notAfter(leaf), 86400) != NULL, "notAfter");
    must(X509_set_pubkey(leaf, key), "public key");
    if (recipe->key_usage != NULL) {
        add_key_usage(leaf, recipe->key_usage);
    }
    sign(libctx, leaf, issuer, recipe);
    return leaf;
}

/* The certificate as it is read from a file. */
static X509 *read_again(OSSL_LIB_CTX *libctx, X509 *leaf)
{
    unsigned char *der = NULL;
    int len = i2d_X509(leaf, &der);
    const unsigned char *at = der;
    X509 *read = X509_new_ex(libctx, NULL);

    must(len > 0 && read != NULL && d2i_X509(&read, &at, len) != NULL, "reading it again");
    OPENSSL_free(der);
    X509_free(leaf);
    return read;
}

/* The keystore reads from a certificate what its recipe says, or will not have it. */
static void check_rules(struct keystore_entry *entry)
{
    const struct certsel_certificate wanted = entry->rules;
    const struct certsel_certificate *got = &entry->rules;

    if (keystore_read_rules(entry) == NULL) {
        /* The keystore has read something else from it. */
        must(got->kind == wanted.kind && got->curve == wanted.curve && got->bits == wanted.bits &&
                 got->can_sign == wanted.can_sign && got->leaf_scheme == wanted.leaf_scheme &&
                 got->compressed == wanted.compressed &&
                 got->explicit_curve == wanted.explicit_curve &&
                 got->can_encipher == wanted.can_encipher && got->num_issuers == 1,
             entry->name);
    }
    entry->rules = wanted;
}

static void set_ec_param(EVP_PKEY *key, const char *param, const char *value)
{
    must(EVP_PKEY_set_utf8_string_param(key, param, value), param);
}

/* False if libcrypto has no such key. */
static bool make_entry(struct keystore_entry *entry, OSSL_LIB_CTX *libctx, EVP_PKEY *const *issuers,
                       const struct recipe *recipe)
{
    *entry = (struct keystore_entry){
        .name = strdup(recipe->name),
        .rules = {.kind = recipe->kind,
                  .curve = recipe->group,
                  .bits = recipe->bits,
                  .can_sign = recipe->can_sign,
                  .leaf_scheme = recipe->leaf_scheme,
                  .compressed = recipe->compressed,
                  .explicit_curve = recipe->explicit_curve,
                  .can_encipher = !recipe->cannot_encipher},
        .key = make_key(libctx, recipe->kind, recipe->bits, recipe->curve),
    };
    if (entry->key == NULL) {
        return false;
    }
    if (recipe->compressed) {
        set_ec_param(entry->key, OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT, "compressed");
    }
    if (recipe->explicit_curve) {
        set_ec_param(entry->key, OSSL_PKEY_PARAM_EC_ENCODING, OSSL_PKEY_EC_ENCODING_EXPLICIT);
    }
    entry->leaf =
        read_again(libctx, make_leaf(libctx, entry->key, issuers[recipe->issuer], recipe));
    entry->chain = sk_X509_new_null();
    must(entry->chain != NULL, "memory");
    check_rules(entry);
    return true;
}

struct keystore_entry *certificates_make(OSSL_LIB_CTX *libctx, size_t *num)
{
    struct keystore_entry *made = calloc(NUM_RECIPES, sizeof *made);
    EVP_PKEY *issuers[NUM_ISSUERS];

    must(made != NULL, "memory");
    issuers[BY_RSA] = make_key(libctx, KEY_RSA, 2048, NULL);
    issuers[BY_RSA_PSS] = make_key(libctx, KEY_RSA, 2048, NULL);
    issuers[BY_P256] = make_key(libctx, KEY_ECDSA, 256, "P-256");
    issuers[BY_P384] = make_key(libctx, KEY_ECDSA, 384, "P-384");
    issuers[BY_ED25519] = make_key(libctx, KEY_ED25519, 256, NULL);
    issuers[BY_MLDSA65] = make_key(libctx, KEY_MLDSA65, 0, NULL);
    *num = 0;
    for (size_t i = 0; i < NUM_RECIPES; i++) {
        *num += make_entry(&made[*num], libctx, issuers, &recipes[i]);
    }
    for (size_t i = 0; i < NUM_ISSUERS; i++) {
        EVP_PKEY_free(issuers[i]);
    }
    return made;
}

void certificates_free(struct keystore_entry *certificates, size_t num)
{
    for (size_t i = 0; i < num; i++) {
        keystore_entry_clear(&certificates[i]);
    }
    free(certificates);
}
