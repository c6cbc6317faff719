#include "lib/tls/names.h"

#include <stdbool.h>
#include <string.h>

#define NUM(array) (sizeof(array) / sizeof((array)[0]))

#define SUITE(id, kx, auth, version, name, openssl)                                                \
    {id, KX_##kx, AUTH_##auth, version, name, openssl},

static const struct suite suites[] = {
#include "lib/tls/suites.inc"
};

#undef SUITE

/* Ascending by number. */
static const struct group groups[] = {
    {0x0001, TLS10, TLS12, 80, 0, "sect163k1", "sect163k1"},
    {0x0002, TLS10, TLS12, 80, 0, "sect163r1", "sect163r1"},
    {0x0003, TLS10, TLS12, 80, 0, "sect163r2", "sect163r2"},
    {0x0004, TLS10, TLS12, 80, 0, "sect193r1", "sect193r1"},
    {0x0005, TLS10, TLS12, 80, 0, "sect193r2", "sect193r2"},
    {0x0006, TLS10, TLS12, 112, 0, "sect233k1", "sect233k1"},
    {0x0007, TLS10, TLS12, 112, 0, "sect233r1", "sect233r1"},
    {0x0008, TLS10, TLS12, 112, 0, "sect239k1", "sect239k1"},
    {0x0009, TLS10, TLS12, 128, 0, "sect283k1", "sect283k1"},
    {0x000a, TLS10, TLS12, 128, 0, "sect283r1", "sect283r1"},
    {0x000b, TLS10, TLS12, 192, 0, "sect409k1", "sect409k1"},
    {0x000c, TLS10, TLS12, 192, 0, "sect409r1", "sect409r1"},
    {0x000d, TLS10, TLS12, 256, 0, "sect571k1", "sect571k1"},
    {0x000e, TLS10, TLS12, 256, 0, "sect571r1", "sect571r1"},
    {0x000f, TLS10, TLS12, 80, 0, "secp160k1", "secp160k1"},
    {0x0010, TLS10, TLS12, 80, 0, "secp160r1", "secp160r1"},
    {0x0011, TLS10, TLS12, 80, 0, "secp160r2", "secp160r2"},
    {0x0012, TLS10, TLS12, 80, 0, "secp192k1", "secp192k1"},
    {0x0013, TLS10, TLS12, 80, 0, "secp192r1", "prime192v1"},
    {0x0014, TLS10, TLS12, 112, 0, "secp224k1", "secp224k1"},
    {0x0015, TLS10, TLS12, 112, 0, "secp224r1", "secp224r1"},
    {0x0016, TLS10, TLS12, 128, 0, "secp256k1", "secp256k1"},
    {0x0017, TLS10, TLS13, 128, 65, "secp256r1", "P-256"},
    {0x0018, TLS10, TLS13, 192, 97, "secp384r1", "P-384"},
    {0x0019, TLS10, TLS13, 256, 133, "secp521r1", "P-521"},
    {0x001a, TLS10, TLS12, 128, 0, "brainpoolP256r1", "brainpoolP256r1"},
    {0x001b, TLS10, TLS12, 192, 0, "brainpoolP384r1", "brainpoolP384r1"},
    {0x001c, TLS10, TLS12, 256, 0, "brainpoolP512r1", "brainpoolP512r1"},
    {0x001d, TLS10, TLS13, 128, 32, "x25519", "X25519"},
    {0x001e, TLS10, TLS13, 224, 56, "x448", "X448"},
    {0x001f, TLS13, TLS13, 0, 65, "brainpoolP256r1tls13", "brainpoolP256r1tls13"},
    {0x0020, TLS13, TLS13, 0, 97, "brainpoolP384r1tls13", "brainpoolP384r1tls13"},
    {0x0021, TLS13, TLS13, 0, 129, "brainpoolP512r1tls13", "brainpoolP512r1tls13"},
    {0x0022, TLS12, TLS13, 0, 0, "GC256A", ""},
    {0x0023, TLS12, TLS13, 0, 0, "GC256B", ""},
    {0x0024, TLS12, TLS13, 0, 0, "GC256C", ""},
    {0x0025, TLS12, TLS13, 0, 0, "GC256D", ""},
    {0x0026, TLS12, TLS13, 0, 0, "GC512A", ""},
    {0x0027, TLS12, TLS13, 0, 0, "GC512B", ""},
    {0x0028, TLS12, TLS13, 0, 0, "GC512C", ""},
    {0x0029, TLS13, TLS13, 0, 65, "curveSM2", "curveSM2"},
    {0x0100, TLS13, TLS13, 112, 256, "ffdhe2048", "ffdhe2048"},
    {0x0101, TLS13, TLS13, 128, 384, "ffdhe3072", "ffdhe3072"},
    {0x0102, TLS13, TLS13, 128, 512, "ffdhe4096", "ffdhe4096"},
    {0x0103, TLS13, TLS13, 128, 768, "ffdhe6144", "ffdhe6144"},
    {0x0104, TLS13, TLS13, 192, 1024, "ffdhe8192", "ffdhe8192"},
    {0x0200, TLS13, TLS13, 128, 800, "MLKEM512", "MLKEM512"},
    {0x0201, TLS13, TLS13, 192, 1184, "MLKEM768", "MLKEM768"},
    {0x0202, TLS13, TLS13, 256, 1568, "MLKEM1024", "MLKEM1024"},
    {0x11eb, TLS13, TLS13, 192, 1249, "SecP256r1MLKEM768", "SecP256r1MLKEM768"},
    {0x11ec, TLS13, TLS13, 192, 1216, "X25519MLKEM768", "X25519MLKEM768"},
    {0x11ed, TLS13, TLS13, 256, 1665, "SecP384r1MLKEM1024", "SecP384r1MLKEM1024"},
    {0x6399, TLS13, TLS13, 0, 1216, "X25519Kyber768Draft00", ""},
    {0x639a, TLS13, TLS13, 0, 1249, "SecP256r1Kyber768Draft00", ""},
    {0xff01, TLS10, TLS12, 0, 0, "arbitrary_explicit_prime_curves", ""},
    {0xff02, TLS10, TLS12, 0, 0, "arbitrary_explicit_char2_curves", ""},
};

/* Ascending by number. The pairs of TLS 1.2 that TLS 1.3 left without a name (RFC 5246 section
 * 7.4.1.4.1) are called as RFC 8446 would. */
static const struct scheme schemes[] = {
    {0x0101, SCHEME_OTHER, HASH_MD5, 0, "rsa_pkcs1_md5", ""},
    {0x0102, SCHEME_OTHER, HASH_MD5, 0, "dsa_md5", ""},
    {0x0103, SCHEME_OTHER, HASH_MD5, 0, "ecdsa_md5", ""},
    {0x0201, SCHEME_RSA, HASH_SHA1, 0, "rsa_pkcs1_sha1", "RSA+SHA1"},
    {0x0202, SCHEME_DSA, HASH_SHA1, 0, "dsa_sha1", "DSA+SHA1"},
    {0x0203, SCHEME_ECDSA, HASH_SHA1, 0, "ecdsa_sha1", "ECDSA+SHA1"},
    {0x0301, SCHEME_RSA, HASH_SHA224, 0, "rsa_pkcs1_sha224", "RSA+SHA224"},
    {0x0302, SCHEME_DSA, HASH_SHA224, 0, "dsa_sha224", "DSA+SHA224"},
    {0x0303, SCHEME_ECDSA, HASH_SHA224, 0, "ecdsa_sha224", "ECDSA+SHA224"},
    {0x0401, SCHEME_RSA, HASH_SHA256, 0, "rsa_pkcs1_sha256", "rsa_pkcs1_sha256"},
    {0x0402, SCHEME_DSA, HASH_SHA256, 0, "dsa_sha256", "DSA+SHA256"},
    {0x0403, SCHEME_ECDSA, HASH_SHA256, 0x0017, "ecdsa_secp256r1_sha256", "ecdsa_secp256r1_sha256"},
    {0x0420, SCHEME_OTHER, HASH_SHA256, 0, "rsa_pkcs1_sha256_legacy", ""},
    {0x0501, SCHEME_RSA, HASH_SHA384, 0, "rsa_pkcs1_sha384", "rsa_pkcs1_sha384"},
    {0x0502, SCHEME_DSA, HASH_SHA384, 0, "dsa_sha384", "DSA+SHA384"},
    {0x0503, SCHEME_ECDSA, HASH_SHA384, 0x0018, "ecdsa_secp384r1_sha384", "ecdsa_secp384r1_sha384"},
    {0x0520, SCHEME_OTHER, HASH_SHA384, 0, "rsa_pkcs1_sha384_legacy", ""},
    {0x0601, SCHEME_RSA, HASH_SHA512, 0, "rsa_pkcs1_sha512", "rsa_pkcs1_sha512"},
    {0x0602, SCHEME_DSA, HASH_SHA512, 0, "dsa_sha512", "DSA+SHA512"},
    {0x0603, SCHEME_ECDSA, HASH_SHA512, 0x0019, "ecdsa_secp521r1_sha512", "ecdsa_secp521r1_sha512"},
    {0x0620, SCHEME_OTHER, HASH_SHA512, 0, "rsa_pkcs1_sha512_legacy", ""},
    {0x0704, SCHEME_OTHER, HASH_NONE, 0, "eccsi_sha256", ""},
    {0x0708, SCHEME_OTHER, HASH_NONE, 0x0029, "sm2sig_sm3", ""},
    {0x0709, SCHEME_OTHER, HASH_NONE, 0, "gostr34102012_256a", ""},
    {0x070a, SCHEME_OTHER, HASH_NONE, 0, "gostr34102012_256b", ""},
    {0x070b, SCHEME_OTHER, HASH_NONE, 0, "gostr34102012_256c", ""},
    {0x070c, SCHEME_OTHER, HASH_NONE, 0, "gostr34102012_256d", ""},
    {0x070d, SCHEME_OTHER, HASH_NONE, 0, "gostr34102012_512a", ""},
    {0x070e, SCHEME_OTHER, HASH_NONE, 0, "gostr34102012_512b", ""},
    {0x070f, SCHEME_OTHER, HASH_NONE, 0, "gostr34102012_512c", ""},
    {0x0804, SCHEME_RSAE, HASH_SHA256, 0, "rsa_pss_rsae_sha256", "rsa_pss_rsae_sha256"},
    {0x0805, SCHEME_RSAE, HASH_SHA384, 0, "rsa_pss_rsae_sha384", "rsa_pss_rsae_sha384"},
    {0x0806, SCHEME_RSAE, HASH_SHA512, 0, "rsa_pss_rsae_sha512", "rsa_pss_rsae_sha512"},
    {0x0807, SCHEME_ED25519, HASH_NONE, 0, "ed25519", "ed25519"},
    {0x0808, SCHEME_ED448, HASH_NONE, 0, "ed448", "ed448"},
    {0x0809, SCHEME_RSA_PSS, HASH_SHA256, 0, "rsa_pss_pss_sha256", "rsa_pss_pss_sha256"},
    {0x080a, SCHEME_RSA_PSS, HASH_SHA384, 0, "rsa_pss_pss_sha384", "rsa_pss_pss_sha384"},
    {0x080b, SCHEME_RSA_PSS, HASH_SHA512, 0, "rsa_pss_pss_sha512", "rsa_pss_pss_sha512"},
    {0x081a, SCHEME_BRAINPOOL, HASH_SHA256, 0x001f, "ecdsa_brainpoolP256r1tls13_sha256", ""},
    {0x081b, SCHEME_BRAINPOOL, HASH_SHA384, 0x0020, "ecdsa_brainpoolP384r1tls13_sha384", ""},
    {0x081c, SCHEME_BRAINPOOL, HASH_SHA512, 0x0021, "ecdsa_brainpoolP512r1tls13_sha512", ""},
    {0x0904, SCHEME_MLDSA44, HASH_NONE, 0, "mldsa44", "mldsa44"},
    {0x0905, SCHEME_MLDSA65, HASH_NONE, 0, "mldsa65", "mldsa65"},
    {0x0906, SCHEME_MLDSA87, HASH_NONE, 0, "mldsa87", "mldsa87"},
    {0xeded, SCHEME_OTHER, HASH_NONE, 0, "gostr34102001_gostr3411", ""},
    {0xeeee, SCHEME_OTHER, HASH_NONE, 0, "gostr34102012_256_gostr34112012_256", ""},
    {0xefef, SCHEME_OTHER, HASH_NONE, 0, "gostr34102012_512_gostr34112012_512", ""},
};

/* The row of `id` in an ascending table whose rows begin with their number, or NULL. */
static const void *find(const void *table, size_t num, size_t size, uint16_t id)
{
    const char *rows = table;
    size_t low = 0;
    size_t high = num;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        uint16_t here;

        memcpy(&here, rows + middle * size, sizeof here);
        if (here == id) {
            return rows + middle * size;
        }
        if (here < id) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return NULL;
}

const struct suite *suite_by_id(uint16_t id)
{
    return find(suites, NUM(suites), sizeof suites[0], id);
}

const struct group *group_by_id(uint16_t id)
{
    return find(groups, NUM(groups), sizeof groups[0], id);
}

const struct scheme *scheme_by_id(uint16_t id)
{
    return find(schemes, NUM(schemes), sizeof schemes[0], id);
}

static bool is_named(const char *name, const char *iana, const char *openssl)
{
    return strcmp(name, iana) == 0 || (openssl[0] != '\0' && strcmp(name, openssl) == 0);
}

const struct group *group_by_name(const char *name)
{
    for (size_t i = 0; i < NUM(groups); i++) {
        if (is_named(name, groups[i].name, groups[i].openssl)) {
            return &groups[i];
        }
    }
    return NULL;
}

const struct suite *suite_by_name(const char *name)
{
    for (size_t i = 0; i < NUM(suites); i++) {
        if (is_named(name, suites[i].name, suites[i].openssl)) {
            return &suites[i];
        }
    }
    return NULL;
}

const struct scheme *scheme_by_name(const char *name)
{
    for (size_t i = 0; i < NUM(schemes); i++) {
        if (is_named(name, schemes[i].name, schemes[i].openssl)) {
            return &schemes[i];
        }
    }
    return NULL;
}

const char *version_name(uint16_t version)
{
    static const char *const names[] = {"SSLv3", TLS_VERSION_NAMES};

    return version >= SSL3 && version <= TLS13 ? names[version - SSL3] : NULL;
}

uint16_t version_by_name(const char *name)
{
    for (unsigned version = SSL3; version <= TLS13; version++) {
        if (strcmp(name, version_name((uint16_t)version)) == 0) {
            return (uint16_t)version;
        }
    }
    return strcmp(name, "TLSv1.0") == 0 ? TLS10 : 0;
}

const char *suite_name(uint16_t id)
{
    const struct suite *suite = suite_by_id(id);

    return suite != NULL ? suite->name : NULL;
}

const char *group_name(uint16_t id)
{
    const struct group *group = group_by_id(id);

    return group != NULL ? group->name : NULL;
}

const char *group_openssl_name(uint16_t id)
{
    const struct group *group = group_by_id(id);

    if (group == NULL) {
        return NULL;
    }
    return group->openssl[0] != '\0' ? group->openssl : group->name;
}

const char *scheme_name(uint16_t id)
{
    const struct scheme *scheme = scheme_by_id(id);

    return scheme != NULL ? scheme->name : NULL;
}

size_t hash_len(enum hash hash)
{
    static const size_t len[] = {0, 16, 20, 28, 32, 48, 64};

    return len[hash];
}
