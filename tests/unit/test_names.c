#include "lib/tls/names.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define SUITE(name) Suite *name##_suite(void);
#include "tests/unit/suites.h"
#undef SUITE

#define NUM(array) (sizeof(array) / sizeof((array)[0]))

static const struct {
    uint16_t id;
    enum suite_kx kx;
    enum suite_auth auth;
    uint16_t min_version;
    const char *name;
    const char *openssl;
} suite_rows[] = {
    {0x0000, KX_NONE, AUTH_NONE, SSL3, "TLS_NULL_WITH_NULL_NULL", ""},
    {0x0004, KX_RSA, AUTH_RSA, SSL3, "TLS_RSA_WITH_RC4_128_MD5", "RC4-MD5"},
    {0x000a, KX_RSA, AUTH_RSA, SSL3, "TLS_RSA_WITH_3DES_EDE_CBC_SHA", "DES-CBC3-SHA"},
    {0x0016, KX_DHE, AUTH_RSA, SSL3, "TLS_DHE_RSA_WITH_3DES_EDE_CBC_SHA", "DHE-RSA-DES-CBC3-SHA"},
    {0x002f, KX_RSA, AUTH_RSA, SSL3, "TLS_RSA_WITH_AES_128_CBC_SHA", "AES128-SHA"},
    {0x0034, KX_DHE, AUTH_ANON, SSL3, "TLS_DH_anon_WITH_AES_128_CBC_SHA", "ADH-AES128-SHA"},
    {0x0040, KX_DHE, AUTH_DSS, TLS12, "TLS_DHE_DSS_WITH_AES_128_CBC_SHA256",
     "DHE-DSS-AES128-SHA256"},
    {0x009f, KX_DHE, AUTH_RSA, TLS12, "TLS_DHE_RSA_WITH_AES_256_GCM_SHA384",
     "DHE-RSA-AES256-GCM-SHA384"},
    {0x00a8, KX_PSK, AUTH_PSK, TLS12, "TLS_PSK_WITH_AES_128_GCM_SHA256", "PSK-AES128-GCM-SHA256"},
    {0x00ff, KX_NONE, AUTH_NONE, SSL3, "TLS_EMPTY_RENEGOTIATION_INFO_SCSV", ""},
    {0x1301, KX_ANY, AUTH_ANY, TLS13, "TLS_AES_128_GCM_SHA256", "TLS_AES_128_GCM_SHA256"},
    {0x1305, KX_ANY, AUTH_ANY, TLS13, "TLS_AES_128_CCM_8_SHA256", "TLS_AES_128_CCM_8_SHA256"},
    {0x5600, KX_NONE, AUTH_NONE, SSL3, "TLS_FALLBACK_SCSV", ""},
    {0xc004, KX_ECDH, AUTH_ECDSA, TLS10, "TLS_ECDH_ECDSA_WITH_AES_128_CBC_SHA",
     "ECDH-ECDSA-AES128-SHA"},
    {0xc007, KX_ECDHE, AUTH_ECDSA, TLS10, "TLS_ECDHE_ECDSA_WITH_RC4_128_SHA",
     "ECDHE-ECDSA-RC4-SHA"},
    {0xc012, KX_ECDHE, AUTH_RSA, TLS10, "TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA",
     "ECDHE-RSA-DES-CBC3-SHA"},
    {0xc018, KX_ECDHE, AUTH_ANON, TLS10, "TLS_ECDH_anon_WITH_AES_128_CBC_SHA", "AECDH-AES128-SHA"},
    {0xc02b, KX_ECDHE, AUTH_ECDSA, TLS12, "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
     "ECDHE-ECDSA-AES128-GCM-SHA256"},
    {0xc02f, KX_ECDHE, AUTH_RSA, TLS12, "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
     "ECDHE-RSA-AES128-GCM-SHA256"},
    {0xcca8, KX_ECDHE, AUTH_RSA, TLS12, "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
     "ECDHE-RSA-CHACHA20-POLY1305"},
    {0xfeff, KX_RSA, AUTH_RSA, SSL3, "SSL_RSA_FIPS_WITH_3DES_EDE_CBC_SHA", ""},
};

START_TEST(suite_row)
{
    const struct suite *suite = suite_by_id(suite_rows[_i].id);

    ck_assert_ptr_nonnull(suite);
    ck_assert_ptr_eq(suite_by_name(suite_rows[_i].name), suite);
    if (suite_rows[_i].openssl[0] != '\0') {
        ck_assert_ptr_eq(suite_by_name(suite_rows[_i].openssl), suite);
    }
    ck_assert_msg(suite->id == suite_rows[_i].id && suite->kx == suite_rows[_i].kx &&
                      suite->auth == suite_rows[_i].auth &&
                      suite->min_version == suite_rows[_i].min_version &&
                      strcmp(suite->name, suite_rows[_i].name) == 0 &&
                      strcmp(suite->openssl, suite_rows[_i].openssl) == 0,
                  "%s is %04x %s %s", suite_rows[_i].name, suite->id, suite->name, suite->openssl);
}
END_TEST

static const struct {
    uint16_t id;
    uint16_t min_version;
    uint16_t max_version;
    unsigned bits;
    unsigned share;
    const char *name;
    const char *openssl;
} group_rows[] = {
    {0x0001, TLS10, TLS12, 80, 0, "sect163k1", "sect163k1"},
    {0x0017, TLS10, TLS13, 128, 65, "secp256r1", "P-256"},
    {0x0018, TLS10, TLS13, 192, 97, "secp384r1", "P-384"},
    {0x0019, TLS10, TLS13, 256, 133, "secp521r1", "P-521"},
    {0x001a, TLS10, TLS12, 128, 0, "brainpoolP256r1", "brainpoolP256r1"},
    {0x001d, TLS10, TLS13, 128, 32, "x25519", "X25519"},
    {0x001e, TLS10, TLS13, 224, 56, "x448", "X448"},
    {0x0100, TLS13, TLS13, 112, 256, "ffdhe2048", "ffdhe2048"},
    {0x11eb, TLS13, TLS13, 192, 1249, "SecP256r1MLKEM768", "SecP256r1MLKEM768"},
    {0x11ec, TLS13, TLS13, 192, 1216, "X25519MLKEM768", "X25519MLKEM768"},
    {0x11ed, TLS13, TLS13, 256, 1665, "SecP384r1MLKEM1024", "SecP384r1MLKEM1024"},
    {0x6399, TLS13, TLS13, 0, 1216, "X25519Kyber768Draft00", ""},
};

START_TEST(group_row)
{
    const struct group *group = group_by_id(group_rows[_i].id);

    ck_assert_ptr_nonnull(group);
    ck_assert_msg(group->min_version == group_rows[_i].min_version &&
                      group->max_version == group_rows[_i].max_version &&
                      group->bits == group_rows[_i].bits && group->share == group_rows[_i].share &&
                      strcmp(group->name, group_rows[_i].name) == 0 &&
                      strcmp(group->openssl, group_rows[_i].openssl) == 0,
                  "%s", group_rows[_i].name);
    ck_assert_ptr_eq(group_by_name(group_rows[_i].name), group);
    if (group_rows[_i].openssl[0] != '\0') {
        ck_assert_ptr_eq(group_by_name(group_rows[_i].openssl), group);
    }
}
END_TEST

static const struct {
    uint16_t id;
    enum scheme_key key;
    enum hash hash;
    uint16_t curve;
    const char *name;
    const char *openssl;
} scheme_rows[] = {
    {0x0201, SCHEME_RSA, HASH_SHA1, 0, "rsa_pkcs1_sha1", "RSA+SHA1"},
    {0x0203, SCHEME_ECDSA, HASH_SHA1, 0, "ecdsa_sha1", "ECDSA+SHA1"},
    {0x0303, SCHEME_ECDSA, HASH_SHA224, 0, "ecdsa_sha224", "ECDSA+SHA224"},
    {0x0401, SCHEME_RSA, HASH_SHA256, 0, "rsa_pkcs1_sha256", "rsa_pkcs1_sha256"},
    {0x0402, SCHEME_DSA, HASH_SHA256, 0, "dsa_sha256", "DSA+SHA256"},
    {0x0403, SCHEME_ECDSA, HASH_SHA256, 0x0017, "ecdsa_secp256r1_sha256", "ecdsa_secp256r1_sha256"},
    {0x0503, SCHEME_ECDSA, HASH_SHA384, 0x0018, "ecdsa_secp384r1_sha384", "ecdsa_secp384r1_sha384"},
    {0x0603, SCHEME_ECDSA, HASH_SHA512, 0x0019, "ecdsa_secp521r1_sha512", "ecdsa_secp521r1_sha512"},
    {0x0804, SCHEME_RSAE, HASH_SHA256, 0, "rsa_pss_rsae_sha256", "rsa_pss_rsae_sha256"},
    {0x0806, SCHEME_RSAE, HASH_SHA512, 0, "rsa_pss_rsae_sha512", "rsa_pss_rsae_sha512"},
    {0x0807, SCHEME_ED25519, HASH_NONE, 0, "ed25519", "ed25519"},
    {0x0808, SCHEME_ED448, HASH_NONE, 0, "ed448", "ed448"},
    {0x0809, SCHEME_RSA_PSS, HASH_SHA256, 0, "rsa_pss_pss_sha256", "rsa_pss_pss_sha256"},
    {0x081a, SCHEME_BRAINPOOL, HASH_SHA256, 0x001f, "ecdsa_brainpoolP256r1tls13_sha256", ""},
};

START_TEST(scheme_row)
{
    const struct scheme *scheme = scheme_by_id(scheme_rows[_i].id);

    ck_assert_ptr_nonnull(scheme);
    ck_assert_ptr_eq(scheme_by_name(scheme_rows[_i].name), scheme);
    if (scheme_rows[_i].openssl[0] != '\0') {
        ck_assert_ptr_eq(scheme_by_name(scheme_rows[_i].openssl), scheme);
    }
    ck_assert_msg(scheme->key == scheme_rows[_i].key && scheme->hash == scheme_rows[_i].hash &&
                      scheme->curve == scheme_rows[_i].curve &&
                      strcmp(scheme->name, scheme_rows[_i].name) == 0 &&
                      strcmp(scheme->openssl, scheme_rows[_i].openssl) == 0,
                  "%s", scheme_rows[_i].name);
}
END_TEST

/* Every row is found under its own number, which a table out of order would not allow. */
START_TEST(tables_are_whole)
{
    size_t num_suites = 0;
    size_t num_groups = 0;
    size_t num_schemes = 0;

    for (unsigned id = 0; id <= UINT16_MAX; id++) {
        const struct suite *suite = suite_by_id((uint16_t)id);
        const struct group *group = group_by_id((uint16_t)id);
        const struct scheme *scheme = scheme_by_id((uint16_t)id);

        ck_assert(suite == NULL || suite->id == id);
        ck_assert(group == NULL || group->id == id);
        ck_assert(scheme == NULL || scheme->id == id);
        num_suites += suite != NULL;
        num_groups += group != NULL;
        num_schemes += scheme != NULL;
    }
    ck_assert_uint_eq(num_suites, 336);
    ck_assert_uint_eq(num_groups, 56);
    ck_assert_uint_eq(num_schemes, 47);
}
END_TEST

START_TEST(unknown_numbers)
{
    ck_assert_ptr_null(suite_by_id(0x0a0a));
    ck_assert_ptr_null(group_by_id(0x0000));
    ck_assert_ptr_null(scheme_by_id(0xffff));
    ck_assert_ptr_null(suite_name(0x1a1a));
    ck_assert_ptr_null(group_name(0x1a1a));
    ck_assert_ptr_null(scheme_name(0x1a1a));
    ck_assert_ptr_null(group_by_name(""));
    ck_assert_ptr_null(group_by_name("p-256"));
    ck_assert_ptr_null(suite_by_name(""));
    ck_assert_ptr_null(suite_by_name("aes128-sha"));
    ck_assert_ptr_null(scheme_by_name(""));
    ck_assert_ptr_null(scheme_by_name("rsa+sha1"));
}
END_TEST

START_TEST(names_of_numbers)
{
    ck_assert_str_eq(suite_name(0xc02b), "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256");
    ck_assert_str_eq(group_name(0x0017), "secp256r1");
    ck_assert_str_eq(group_openssl_name(0x0017), "P-256");
    ck_assert_str_eq(group_openssl_name(0x11ec), "X25519MLKEM768");
    ck_assert_str_eq(group_openssl_name(0x6399), "X25519Kyber768Draft00");
    ck_assert_ptr_null(group_openssl_name(0x1a1a));
    ck_assert_str_eq(scheme_name(0x0403), "ecdsa_secp256r1_sha256");
}
END_TEST

START_TEST(versions)
{
    static const struct {
        const char *name;
        uint16_t version;
    } rows[] = {{"SSLv3", SSL3},
                {"TLSv1", TLS10},
                {"TLSv1.1", TLS11},
                {"TLSv1.2", TLS12},
                {"TLSv1.3", TLS13}};
    static const char *const others[] = {"", "TLSv1.4", "tlsv1.3", "TLSv1.3 ", "1.3", "SSLv2"};

    for (size_t i = 0; i < NUM(rows); i++) {
        ck_assert_uint_eq(version_by_name(rows[i].name), rows[i].version);
        ck_assert_str_eq(version_name(rows[i].version), rows[i].name);
    }
    for (size_t i = 0; i < NUM(others); i++) {
        ck_assert_uint_eq(version_by_name(others[i]), 0);
    }
    ck_assert_uint_eq(version_by_name("TLSv1.0"), TLS10);
    ck_assert_ptr_null(version_name(SSL3 - 1));
    ck_assert_ptr_null(version_name(TLS13 + 1));
}
END_TEST

START_TEST(digest_lengths)
{
    static const size_t len[] = {0, 16, 20, 28, 32, 48, 64};

    for (size_t i = 0; i < NUM(len); i++) {
        ck_assert_uint_eq(hash_len((enum hash)i), len[i]);
    }
}
END_TEST

Suite *names_suite(void)
{
    Suite *suite = suite_create("names");
    TCase *tests = tcase_create("names");

    tcase_add_loop_test(tests, suite_row, 0, NUM(suite_rows));
    tcase_add_loop_test(tests, group_row, 0, NUM(group_rows));
    tcase_add_loop_test(tests, scheme_row, 0, NUM(scheme_rows));
    tcase_add_test(tests, tables_are_whole);
    tcase_add_test(tests, unknown_numbers);
    tcase_add_test(tests, names_of_numbers);
    tcase_add_test(tests, versions);
    tcase_add_test(tests, digest_lengths);
    suite_add_tcase(suite, tests);
    return suite;
}
