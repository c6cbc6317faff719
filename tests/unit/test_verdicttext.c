#include "lib/tls/verdicttext.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/hello_text.h"

#define SUITE(name) Suite *name##_suite(void);
#include "tests/unit/suites.h"
#undef SUITE

#define NUM(array) (sizeof(array) / sizeof((array)[0]))

static const struct certsel_profile profile = {.min_version = 0x0303, .max_version = 0x0304};
static const struct certsel_profile old_libssl = {
    .min_version = 0x0303, .max_version = 0x0304, .libssl = {.reads_point_formats = true}};

static const struct certsel_certificate p384 = {KEY_ECDSA, 0x0018, 384,   true,  0x0503,
                                                NULL,      0,      false, false, true};
static const struct certsel_certificate rsa = {KEY_RSA, 0, 2048,  true,  0x0401,
                                               NULL,    0, false, false, true};
static const struct certsel_certificate odd = {KEY_RSA, 0, 1024,  true,  0,
                                               NULL,    0, false, false, true};

#define OLD  "01{0301 K20 <> [002f 0035 00ff 5600] <00>}"
#define MANY HELLO("0303", "1a1a c02b c02f c023 c027 c013 009d 009c 003d 003c", "")
#define TWELVE                                                                                     \
    HELLO("0303", "c02b",                                                                          \
          EXT_GROUPS("2a2a 0017 9999") EXT_SCHEMES("0403") EXT_CERT_SCHEMES("0403 0804"))
#define SHARES(shares)                                                                             \
    HELLO("0303", "1301",                                                                          \
          EXT_VERSIONS("0304") EXT_GROUPS("001d 0017") EXT_SCHEMES("0403") EXT_SHARES(shares))

static const struct {
    const char *hello;
    const struct certsel_certificate *certificate;
    struct verdict verdict;
    const char *text;
} rows[] = {
    {TWELVE,
     &p384,
     {VERDICT_USABLE, 0x0303, 0xc02b, 0x0017, 0x0403, 0, false},
     "TLSv1.2 ECDHE-ECDSA-AES128-GCM-SHA256, secp256r1, ecdsa_secp256r1_sha256"},
    {OLD, &rsa, {VERDICT_USABLE, 0x0301, 0x002f, 0, 0, 0, false}, "TLSv1 AES128-SHA"},
    {OLD,
     &rsa,
     {VERDICT_USABLE, 0x0301, 0x002f, 0, 0, FAULT_KEY_USAGE, false},
     "TLSv1 AES128-SHA; some clients refuse it, its keyUsage lacks digitalSignature"},
    {OLD,
     &rsa,
     {VERDICT_USABLE, 0x0301, 0x002f, 0, 0, FAULT_KEY_ENCIPHERMENT_ONLY, false},
     "TLSv1 AES128-SHA; some clients refuse it, its keyUsage allows keyEncipherment but no "
     "signature"},
    {OLD,
     &rsa,
     {VERDICT_USABLE, 0x0301, 0x002f, 0, 0, FAULT_EXPLICIT_PARAMETERS, false},
     "TLSv1 AES128-SHA; some clients refuse it, its curve is given by parameters, not by name"},
    {OLD,
     &rsa,
     {.reason = VERDICT_NO_VERSION},
     "the client offers up to TLSv1 and says that it tried a higher one before "
     "(TLS_FALLBACK_SCSV); the listener allows TLSv1.2 to TLSv1.3"},
    {HELLO("0303", "002f", EXT_VERSIONS("1a1a 0302 0301 7f1c")),
     &rsa,
     {.reason = VERDICT_NO_VERSION},
     "the client offers TLSv1.1 TLSv1 0x7f1c; the listener allows TLSv1.2 to TLSv1.3"},
    {OLD,
     &p384,
     {.reason = VERDICT_NO_SUITE},
     "no cipher suite that both sides have works with its key (ECDSA P-384); the client's suites: "
     "AES128-SHA "
     "AES256-SHA"},
    {MANY,
     &rsa,
     {.reason = VERDICT_NO_SUITE},
     "no cipher suite that both sides have works with its key (RSA 2048 bits); the client's "
     "suites: "
     "ECDHE-ECDSA-AES128-GCM-SHA256 ECDHE-RSA-AES128-GCM-SHA256 ECDHE-ECDSA-AES128-SHA256 "
     "ECDHE-RSA-AES128-SHA256 ECDHE-RSA-AES128-SHA AES256-GCM-SHA384 AES128-GCM-SHA256 "
     "AES256-SHA256 ..."},
    {TWELVE,
     &rsa,
     {.reason = VERDICT_NO_SHARED_GROUP},
     "the two sides have no group in common; the client's supported_groups: secp256r1 0x9999"},
    {OLD,
     &rsa,
     {.reason = VERDICT_NO_SHARED_GROUP},
     "the two sides have no group in common; the client's supported_groups: not sent"},
    {WINDOWS_HELLO,
     &p384,
     {.reason = VERDICT_CURVE_NOT_IN_GROUPS},
     "its key is on secp384r1; the client's supported_groups: secp256r1"},
    {TWELVE,
     &rsa,
     {.reason = VERDICT_NO_SIGNATURE_SCHEME},
     "no signature scheme that both sides have fits its key (RSA 2048 bits); the client's "
     "signature_algorithms: "
     "ecdsa_secp256r1_sha256"},
    {TWELVE,
     &rsa,
     {.reason = VERDICT_LEAF_SIGNATURE},
     "its own signature is rsa_pkcs1_sha256; the client's signature_algorithms_cert: "
     "ecdsa_secp256r1_sha256 rsa_pss_rsae_sha256"},
    {TWELVE,
     &odd,
     {.reason = VERDICT_LEAF_SIGNATURE},
     "its own signature is not of a TLS scheme; the client's signature_algorithms_cert: "
     "ecdsa_secp256r1_sha256 rsa_pss_rsae_sha256"},
    {TWELVE, &p384, {.reason = VERDICT_KEY_USAGE}, "its keyUsage does not allow it to sign"},
    {TWELVE,
     &odd,
     {.reason = VERDICT_KEY_TOO_SMALL},
     "its key (RSA 1024 bits) is too small for the security level of the profile, or for every "
     "signature scheme that both sides have"},
    {TWELVE,
     &p384,
     {.reason = VERDICT_CA_NAMES},
     "no CA of its chain is among the client's certificate_authorities"},
    {TWELVE, &p384, {.reason = VERDICT_MALFORMED}, "the hello is malformed"},
    {SHARES("001d[K20] 0017[K41]"), &p384, {.reason = VERDICT_MALFORMED}, "the hello is malformed"},
    {SHARES("001d[K20] 11ec[01]"),
     &p384,
     {.reason = VERDICT_MALFORMED},
     "the hello is malformed: its key_share has X25519MLKEM768, which its supported_groups lack"},
    {SHARES("001d[K20] 0017[K40]"),
     &p384,
     {.reason = VERDICT_MALFORMED},
     "the hello is malformed: its key_share for secp256r1 has 64 bytes, not 65"},
    /* of two faults, the first */
    {SHARES("0017[K40] 11ec[01]"),
     &p384,
     {.reason = VERDICT_MALFORMED},
     "the hello is malformed: its key_share for secp256r1 has 64 bytes, not 65"},
};

START_TEST(point_formats_are_told_of_an_old_libssl)
{
    static const struct {
        const struct certsel_profile *profile;
        const struct certsel_certificate *certificate;
        const char *text;
    } tries[] = {
        {&old_libssl, &p384, "the hello is malformed: its ec_point_formats lack \"uncompressed\""},
        {&old_libssl, &rsa, "the hello is malformed"},
        {&profile, &p384, "the hello is malformed"},
    };
    const struct verdict verdict = {.reason = VERDICT_MALFORMED};
    struct hello hello;
    uint8_t *bytes = hello_decode_text(HELLO("0303", "c02b", "000b[<01>]"), &hello);

    for (size_t i = 0; i < NUM(tries); i++) {
        char buf[VERDICT_TEXT_SIZE];
        struct text text = text_in(buf, sizeof buf);

        verdict_text(&text, tries[i].profile, tries[i].certificate, &hello, &verdict);
        ck_assert_str_eq(buf, tries[i].text);
    }
    free(bytes);
}
END_TEST

START_TEST(clause)
{
    char buf[VERDICT_TEXT_SIZE];
    struct text text = text_in(buf, sizeof buf);
    struct hello hello;
    uint8_t *bytes = hello_decode_text(rows[_i].hello, &hello);

    verdict_text(&text, &profile, rows[_i].certificate, &hello, &rows[_i].verdict);
    ck_assert_str_eq(buf, rows[_i].text);
    ck_assert(!text.cut);
    free(bytes);
}
END_TEST

/* Eight of the longest names of each list fit. */
START_TEST(clause_fits)
{
    static const char longest[] =
        "c060 c061 c050 c051 c052 c053 c05c c05d c060 c061"; /* ARIA with long names */
    char hello_bytes[512];
    char buf[VERDICT_TEXT_SIZE];
    struct text text = text_in(buf, sizeof buf);
    struct verdict verdict = {.reason = VERDICT_NO_SUITE};
    struct text from = text_in(hello_bytes, sizeof hello_bytes);
    struct hello hello;
    uint8_t *bytes;

    text_addf(&from, "01{0303 K20 <> [%s] <00>}", longest);
    bytes = hello_decode_text(hello_bytes, &hello);
    verdict_text(&text, &profile, &rsa, &hello, &verdict);
    ck_assert(!text.cut);
    ck_assert_str_eq(buf + strlen(buf) - 4, " ...");
    free(bytes);
}
END_TEST

static const struct {
    struct certsel_certificate certificate;
    const char *text;
} keys[] = {
    {{.kind = KEY_RSA, .bits = 3072}, "RSA 3072 bits"},
    {{.kind = KEY_RSA_PSS, .bits = 2048}, "RSA-PSS 2048 bits"},
    {{.kind = KEY_ECDSA, .curve = 0x0017}, "ECDSA P-256"},
    {{.kind = KEY_ECDSA, .curve = 0x0019}, "ECDSA P-521"},
    {{.kind = KEY_ECDSA, .curve = 0x9999}, "ECDSA on an unknown curve"},
    {{.kind = KEY_ED25519}, "Ed25519"},
    {{.kind = KEY_ED448}, "Ed448"},
};

START_TEST(key)
{
    char buf[64];
    struct text text = text_in(buf, sizeof buf);

    key_text(&text, &keys[_i].certificate);
    ck_assert_str_eq(buf, keys[_i].text);
}
END_TEST

static const struct {
    uint16_t id;
    const char *version;
    const char *suite;
} numbers[] = {
    {0x0300, "SSLv3", "0x0300"},      {0x0304, "TLSv1.3", "0x0304"},
    {0x0305, "0x0305", "0x0305"},     {0x02ff, "0x02ff", "0x02ff"},
    {0x002f, "0x002f", "AES128-SHA"}, {0x001e, "0x001e", "TLS_KRB5_WITH_DES_CBC_SHA"},
};

START_TEST(number)
{
    char buf[64];
    struct text text = text_in(buf, sizeof buf);

    version_text(&text, numbers[_i].id);
    ck_assert_str_eq(buf, numbers[_i].version);
    text = text_in(buf, sizeof buf);
    suite_text(&text, numbers[_i].id);
    ck_assert_str_eq(buf, numbers[_i].suite);
}
END_TEST

Suite *verdicttext_suite(void)
{
    Suite *suite = suite_create("verdicttext");
    TCase *tcase = tcase_create("verdicttext");

    tcase_add_loop_test(tcase, clause, 0, (int)NUM(rows));
    tcase_add_test(tcase, point_formats_are_told_of_an_old_libssl);
    tcase_add_test(tcase, clause_fits);
    tcase_add_loop_test(tcase, key, 0, (int)NUM(keys));
    tcase_add_loop_test(tcase, number, 0, (int)NUM(numbers));
    suite_add_tcase(suite, tcase);
    return suite;
}
