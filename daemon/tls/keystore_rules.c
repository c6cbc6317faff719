/* What the choice needs to know about a certificate. */
#include "daemon/tls/keystore.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* The IANA group of an EC key, 0 for a curve that is not supported. */
static uint16_t curve_of(const EVP_PKEY *key)
{
    static const struct {
        const char *name;
        uint16_t id;
    } curves[] = {
        {"prime256v1", 0x0017}, {"P-256", 0x0017},     {"secp384r1", 0x0018},
        {"P-384", 0x0018},      {"secp521r1", 0x0019}, {"P-521", 0x0019},
    };
    char name[64];

    if (EVP_PKEY_get_group_name(key, name, sizeof name, NULL) != 1) {
        return 0;
    }
    for (size_t i = 0; i < sizeof curves / sizeof curves[0]; i++) {
        if (strcmp(name, curves[i].name) == 0) {
            return curves[i].id;
        }
    }
    return 0;
}

/* ML-DSA's object identifiers (RFC 9881 section 2), known to OpenSSL from 3.5 on. */
static const struct {
    const char *oid;
    uint16_t scheme;
} mldsa[] = {
    {"2.16.840.1.101.3.4.3.17", 0x0904},
    {"2.16.840.1.101.3.4.3.18", 0x0905},
    {"2.16.840.1.101.3.4.3.19", 0x0906},
};

#define NUM_MLDSA (sizeof mldsa / sizeof mldsa[0])

/* The scheme of a signature algorithm, or 0. */
static uint16_t mldsa_scheme(int nid)
{
    for (size_t i = 0; i < NUM_MLDSA; i++) {
        if (nid != NID_undef && OBJ_txt2nid(mldsa[i].oid) == nid) {
            return mldsa[i].scheme;
        }
    }
    return 0;
}

/*
 * The signature scheme on `x509` as libssl checks it against signature_algorithms_cert: by digest
 * and kind of key, so that for ECDSA the issuer's curve does not matter, and RSA-PSS has the number
 * for RSA keys (0x0804) whatever the issuer's key is.
 */
static uint16_t scheme_of(X509 *x509)
{
    static const struct {
        int key;
        int digest;
        uint16_t scheme;
    } table[] = {
        {EVP_PKEY_RSA, NID_sha1, 0x0201},       {EVP_PKEY_EC, NID_sha1, 0x0203},
        {EVP_PKEY_RSA, NID_sha224, 0x0301},     {EVP_PKEY_EC, NID_sha224, 0x0303},
        {EVP_PKEY_RSA, NID_sha256, 0x0401},     {EVP_PKEY_EC, NID_sha256, 0x0403},
        {EVP_PKEY_RSA, NID_sha384, 0x0501},     {EVP_PKEY_EC, NID_sha384, 0x0503},
        {EVP_PKEY_RSA, NID_sha512, 0x0601},     {EVP_PKEY_EC, NID_sha512, 0x0603},
        {EVP_PKEY_RSA_PSS, NID_sha256, 0x0804}, {EVP_PKEY_RSA_PSS, NID_sha384, 0x0805},
        {EVP_PKEY_RSA_PSS, NID_sha512, 0x0806}, {EVP_PKEY_ED25519, NID_undef, 0x0807},
        {EVP_PKEY_ED448, NID_undef, 0x0808},
    };
    int digest;
    int key;

    if (X509_get_signature_info(x509, &digest, &key, NULL, NULL) != 1) {
        return 0;
    }
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (table[i].key == key && table[i].digest == digest) {
            return table[i].scheme;
        }
    }
    return mldsa_scheme(X509_get_signature_nid(x509));
}

bool keystore_kind_of(const EVP_PKEY *key, enum key_kind *out)
{
    static const struct {
        const char *name;
        enum key_kind kind;
    } table[] = {
        {"RSA", KEY_RSA},           {"RSA-PSS", KEY_RSA_PSS},   {"EC", KEY_ECDSA},
        {"ED25519", KEY_ED25519},   {"ED448", KEY_ED448},       {"ML-DSA-44", KEY_MLDSA44},
        {"ML-DSA-65", KEY_MLDSA65}, {"ML-DSA-87", KEY_MLDSA87},
    };

    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (EVP_PKEY_is_a(key, table[i].name) == 1) {
            *out = table[i].kind;
            return true;
        }
    }
    return false;
}

/* Whether the key is an ML-DSA key, known to this OpenSSL or not. */
static bool is_mldsa(const X509 *x509)
{
    ASN1_OBJECT *algorithm;
    char oid[64];

    if (X509_PUBKEY_get0_param(&algorithm, NULL, NULL, NULL, X509_get_X509_PUBKEY(x509)) != 1 ||
        OBJ_obj2txt(oid, sizeof oid, algorithm, 1) <= 0) {
        return false;
    }
    for (size_t i = 0; i < NUM_MLDSA; i++) {
        if (strcmp(oid, mldsa[i].oid) == 0) {
            return true;
        }
    }
    return false;
}

/* Whether the certificate gives the curve of an EC key by explicit parameters. */
static bool is_explicit(const EVP_PKEY *key)
{
    int decoded = 0;

    return EVP_PKEY_get_int_param(key, OSSL_PKEY_PARAM_EC_DECODED_FROM_EXPLICIT_PARAMS, &decoded) ==
               1 &&
           decoded == 1;
}

static bool read_issuers(struct keystore_entry *entry)
{
    int num = 1 + sk_X509_num(entry->chain);

    entry->issuers = calloc((size_t)num, sizeof *entry->issuers);
    if (entry->issuers == NULL) {
        return false;
    }
    for (int i = 0; i < num; i++) {
        const X509 *x509 = i == 0 ? entry->leaf : sk_X509_value(entry->chain, i - 1);
        const unsigned char *der;
        size_t len;

        if (X509_NAME_get0_der(X509_get_issuer_name(x509), &der, &len) == 1) {
            entry->issuers[entry->rules.num_issuers++] = bytes_of(der, len);
        }
    }
    entry->rules.issuers = entry->issuers;
    return true;
}

/* The end of its validity, 0 if it cannot be read. */
static int64_t end_of(const X509 *x509)
{
    struct tm end;

    return ASN1_TIME_to_tm(X509_get0_notAfter(x509), &end) == 1 ? timegm(&end) : 0;
}

const char *keystore_read_rules(struct keystore_entry *entry)
{
    const EVP_PKEY *key = X509_get0_pubkey(entry->leaf);
    struct certsel_certificate *rules = &entry->rules;
    uint32_t usage = X509_get_key_usage(entry->leaf);

    if (key == NULL && is_mldsa(entry->leaf)) {
        return "this machine's OpenSSL has no ML-DSA, which came with 3.5";
    }
    if (key == NULL || !keystore_kind_of(key, &rules->kind)) {
        return "this kind of key is not supported (RSA, ECDSA, Ed25519, Ed448, ML-DSA)";
    }
    if (rules->kind == KEY_ECDSA) {
        rules->curve = curve_of(key);
        if (rules->curve == 0) {
            return "the curve of its key is not supported (P-256, P-384, P-521)";
        }
    }
    rules->compressed = rules->kind == KEY_ECDSA &&
                        EVP_PKEY_get_ec_point_conv_form(key) != POINT_CONVERSION_UNCOMPRESSED;
    rules->explicit_curve = rules->kind == KEY_ECDSA && is_explicit(key);
    rules->bits = (unsigned)EVP_PKEY_get_bits(key);
    rules->can_sign = (usage & X509v3_KU_DIGITAL_SIGNATURE) != 0;
    rules->can_encipher = (usage & X509v3_KU_KEY_ENCIPHERMENT) != 0;
    rules->leaf_scheme = scheme_of(entry->leaf);
    entry->not_after = end_of(entry->leaf);
    return read_issuers(entry) ? NULL : "out of memory";
}
