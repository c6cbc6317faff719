/*
 * names: the numbers of TLS and what they are called.
 *
 * Read-only tables of IANA's registries "TLS Parameters": cipher suites, supported groups and
 * signature schemes, as far as clients of the last twenty-five years offer them, with the facts
 * that the choice of a certificate is based on. Two names are kept: IANA's, and the one that
 * OpenSSL prints and accepts.
 */
#ifndef POSTERN_LIB_TLS_NAMES_H
#define POSTERN_LIB_TLS_NAMES_H

#include <stddef.h>
#include <stdint.h>

enum { SSL3 = 0x0300, TLS10 = 0x0301, TLS11 = 0x0302, TLS12 = 0x0303, TLS13 = 0x0304 };

/* OpenSSL's names of the versions from TLS10 on, for the elements of an array. */
#define TLS_VERSION_NAMES "TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"

/* Numbers with a special meaning in a list of suites (RFC 5746, RFC 7507). */
enum { SCSV_RENEGOTIATION = 0x00ff, SCSV_FALLBACK = 0x5600 };

/* KX_ANY, AUTH_ANY: TLS 1.3, where the suite determines neither. KX_NONE, AUTH_NONE: not a suite
 * but a signal. AUTH_ANON suites have KX_DHE or KX_ECDHE. KX_PSK: every kind of PSK. */
enum suite_kx {
    KX_ANY,
    KX_ECDHE,
    KX_DHE,
    KX_RSA,
    KX_ECDH,
    KX_DH,
    KX_PSK,
    KX_SRP,
    KX_KRB5,
    KX_GOST,
    KX_NONE
};

enum suite_auth {
    AUTH_ANY,
    AUTH_RSA,
    AUTH_ECDSA,
    AUTH_DSS,
    AUTH_ANON,
    AUTH_PSK,
    AUTH_SRP,
    AUTH_KRB5,
    AUTH_GOST,
    AUTH_NONE
};

struct suite {
    uint16_t id;
    enum suite_kx kx;
    enum suite_auth auth;
    uint16_t min_version; /* TLS 1.3 suites run in TLS 1.3 only, all others up to TLS 1.2 */
    const char *name;     /* IANA's: "TLS_RSA_WITH_AES_128_CBC_SHA" */
    const char *openssl;  /* OpenSSL's: "AES128-SHA"; "" if it has none */
};

struct group {
    uint16_t id;
    uint16_t min_version;
    uint16_t max_version;
    unsigned bits;       /* of security, as libssl counts; 0: no listener can have it */
    unsigned share;      /* bytes of a TLS 1.3 key share; 0: not known */
    const char *name;    /* IANA's: "secp256r1" */
    const char *openssl; /* OpenSSL's: "P-256"; "" if it has none */
};

/* Which keys make signatures of a scheme. */
enum scheme_key {
    SCHEME_RSA,     /* RSASSA-PKCS1-v1_5 */
    SCHEME_RSAE,    /* RSASSA-PSS with an ordinary RSA key */
    SCHEME_RSA_PSS, /* RSASSA-PSS with a key that is only for PSS */
    SCHEME_ECDSA,
    SCHEME_ED25519,
    SCHEME_ED448,
    SCHEME_MLDSA44, /* FIPS 204 */
    SCHEME_MLDSA65,
    SCHEME_MLDSA87,
    SCHEME_DSA,
    SCHEME_BRAINPOOL, /* ECDSA on one brainpool curve, TLS 1.3 only (RFC 8734) */
    SCHEME_OTHER,     /* only named: no rule of ours uses it */
};

enum hash { HASH_NONE, HASH_MD5, HASH_SHA1, HASH_SHA224, HASH_SHA256, HASH_SHA384, HASH_SHA512 };

struct scheme {
    uint16_t id;
    enum scheme_key key;
    enum hash hash;      /* HASH_NONE: part of the scheme */
    uint16_t curve;      /* the group that TLS 1.3 ties an ECDSA scheme to; 0: none */
    const char *name;    /* IANA's: "ecdsa_secp256r1_sha256" */
    const char *openssl; /* for SSL_CTX_set1_sigalgs_list: "ECDSA+SHA1"; "" if it has none */
};

/* OpenSSL's name of a version, from SSL3 on: "SSLv3", "TLSv1"; NULL for another number. */
const char *version_name(uint16_t version);

/* The version with this name, "TLSv1.0" also being one of TLS10; 0 for another name. */
uint16_t version_by_name(const char *name);

/* The row of a number, or NULL. */
const struct suite *suite_by_id(uint16_t id);
const struct group *group_by_id(uint16_t id);
const struct scheme *scheme_by_id(uint16_t id);

/* The row of a name, IANA's or OpenSSL's, or NULL. Case matters, as it does to OpenSSL. */
const struct group *group_by_name(const char *name);
const struct suite *suite_by_name(const char *name);
const struct scheme *scheme_by_name(const char *name);

/* IANA's name of a number, or NULL. */
const char *suite_name(uint16_t id);
const char *group_name(uint16_t id);
const char *scheme_name(uint16_t id);

/* OpenSSL's name of a group, or IANA's if it has none; NULL: not known. */
const char *group_openssl_name(uint16_t id);

/* Bytes of a digest; 0 for HASH_NONE. */
size_t hash_len(enum hash hash);

#endif
