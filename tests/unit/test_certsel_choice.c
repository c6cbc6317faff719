#include "lib/tls/certsel.h"

#include <check.h>
#include <stdlib.h>

#include "tests/unit/hello_text.h"

#define SUITE(name) Suite *name##_suite(void);
#include "tests/unit/suites.h"
#undef SUITE

#define NUM(array) (sizeof(array) / sizeof((array)[0]))

static const struct certsel_certificate p256 = {KEY_ECDSA, 0x0017, 256,   true,  0x0503,
                                                NULL,      0,      false, false, true};
static const struct certsel_certificate p384 = {KEY_ECDSA, 0x0018, 384,   true,  0x0403,
                                                NULL,      0,      false, false, true};
static const struct certsel_certificate rsa = {KEY_RSA, 0, 2048,  true,  0x0401,
                                               NULL,    0, false, false, true};

static const uint16_t suites[] = {0x1301, 0xc02b, 0xc02f, 0x002f};
static const uint16_t groups[] = {0x001d, 0x0017, 0x0018, 0x0019, 0x001e};
static const uint16_t schemes[] = {0x0403, 0x0503, 0x0603, 0x0807, 0x0808,
                                   0x0804, 0x0805, 0x0806, 0x0401};
static const struct certsel_profile all = {0x0301, 0x0304,      0,       suites,       NUM(suites),
                                           groups, NUM(groups), schemes, NUM(schemes), {0}};

#define MOST "0403 0503 0603 0807 0808 0809 0804 0401"
#define TLS13(extensions)                                                                          \
    HELLO("0303", "1301",                                                                          \
          EXT_VERSIONS("0304") EXT_GROUPS("001d") extensions EXT_SHARES("001d[K20]"))

/* --- the choice ---------------------------------------------------------------------------------
 */

START_TEST(first_usable_wins)
{
    const struct certsel_certificate *set[] = {&p384, &rsa, &p256};
    struct verdict verdicts[3];
    struct hello hello;
    uint8_t *bytes = hello_decode_text(WINDOWS_HELLO, &hello);

    ck_assert_int_eq(certsel_choose(&all, set, 3, &hello, verdicts), 1);
    ck_assert_int_eq(verdicts[0].reason, VERDICT_CURVE_NOT_IN_GROUPS);
    ck_assert_int_eq(verdicts[1].reason, VERDICT_USABLE);
    ck_assert_int_eq(verdicts[2].reason, VERDICT_USABLE);
    ck_assert_uint_eq(verdicts[2].suite, 0xc02b);
    ck_assert_int_eq(certsel_choose(&all, set, 1, &hello, verdicts), -1);
    ck_assert_int_eq(certsel_choose(&all, set, 0, &hello, verdicts), -1);
    free(bytes);
}
END_TEST

/* --- faults --------------------------------------------------------------------------------- */

static const struct certsel_certificate agrees = {KEY_ECDSA, 0x0017, 256,   false, 0x0503,
                                                  NULL,      0,      false, false, true};
static const struct certsel_certificate enciphers = {KEY_RSA, 0, 2048,  false, 0x0401,
                                                     NULL,    0, false, false, true};
static const struct certsel_certificate certifies = {KEY_RSA, 0, 2048,  false, 0x0401,
                                                     NULL,    0, false, false, false};
static const struct certsel_certificate written = {KEY_ECDSA, 0x0017, 256,   true, 0x0503,
                                                   NULL,      0,      false, true, true};

#define TLS12(suites) HELLO("0303", suites, EXT_GROUPS("0017") EXT_SCHEMES("0403 0401"))

static const struct {
    const char *name;
    const struct certsel_certificate *certificate;
    const char *hello;
    enum verdict_reason reason;
    enum verdict_fault fault;
} fault_rows[] = {
    {"none", &p256, TLS13(EXT_SCHEMES(MOST)), VERDICT_USABLE, FAULT_NONE},
    {"no signature in TLS 1.3", &agrees, TLS13(EXT_SCHEMES(MOST)), VERDICT_USABLE, FAULT_KEY_USAGE},
    {"an ECDSA key that may not sign before", &agrees, TLS12("c02b"), VERDICT_KEY_USAGE,
     FAULT_NONE},
    {"RSA that may only decipher, in TLS 1.3", &enciphers, TLS13(EXT_SCHEMES(MOST)), VERDICT_USABLE,
     FAULT_KEY_ENCIPHERMENT_ONLY},
    {"... with ECDHE", &enciphers, TLS12("c02f"), VERDICT_USABLE, FAULT_KEY_ENCIPHERMENT_ONLY},
    {"... with RSA", &enciphers, TLS12("002f"), VERDICT_USABLE, FAULT_NONE},
    {"RSA that may neither, with ECDHE", &certifies, TLS12("c02f"), VERDICT_USABLE,
     FAULT_KEY_USAGE},
    {"an explicit curve in TLS 1.3", &written, TLS13(EXT_SCHEMES(MOST)), VERDICT_USABLE,
     FAULT_EXPLICIT_PARAMETERS},
    {"... and before", &written, TLS12("c02b"), VERDICT_USABLE, FAULT_EXPLICIT_PARAMETERS},
    {"nothing of what is not usable", &written, TLS12("c02f"), VERDICT_NO_SUITE, FAULT_NONE},
};

START_TEST(fault_row)
{
    struct hello hello;
    uint8_t *bytes = hello_decode_text(fault_rows[_i].hello, &hello);
    struct verdict v = certsel_judge(&all, fault_rows[_i].certificate, &hello);

    ck_assert_msg(v.reason == fault_rows[_i].reason && v.fault == fault_rows[_i].fault, "%s: %s %s",
                  fault_rows[_i].name, verdict_word(v.reason), fault_word(v.fault));
    free(bytes);
}
END_TEST

START_TEST(faults_rank_last)
{
    static const struct {
        const struct certsel_certificate *set[3];
        size_t num;
        int chosen;
    } tries[] = {
        {{&written, &p256, &rsa}, 3, 1}, {{&written, &enciphers, &rsa}, 3, 2},
        {{&enciphers, &written}, 2, 0},  {{&p384, &written, &enciphers}, 3, 0},
        {{&p256, &written}, 2, 0},
    };
    struct verdict verdicts[3];
    struct hello hello;
    uint8_t *bytes = hello_decode_text(TLS13(EXT_SCHEMES(MOST)), &hello);

    for (size_t i = 0; i < NUM(tries); i++) {
        ck_assert_int_eq(certsel_choose(&all, tries[i].set, tries[i].num, &hello, verdicts),
                         tries[i].chosen);
    }
    free(bytes);
}
END_TEST

START_TEST(fault_of_a_certificate)
{
    ck_assert_int_eq(certsel_fault(&p256), FAULT_NONE);
    ck_assert_int_eq(certsel_fault(&agrees), FAULT_KEY_USAGE);
    ck_assert_int_eq(certsel_fault(&enciphers), FAULT_KEY_ENCIPHERMENT_ONLY);
    ck_assert_int_eq(certsel_fault(&written), FAULT_EXPLICIT_PARAMETERS);
}
END_TEST

/* --- down to TLS 1.2 ------------------------------------------------------------------------ */

static const uint16_t tls13_suites[] = {0x1301};
static const struct certsel_profile only13 = {
    0x0304, 0x0304, 0, suites, NUM(suites), groups, NUM(groups), schemes, NUM(schemes), {0}};
static const struct certsel_profile no_suite = {0x0301, 0x0304,      0,       tls13_suites, 1,
                                                groups, NUM(groups), schemes, NUM(schemes), {0}};

#define BOTH_WITH(suites, versions, groups, schemes)                                               \
    HELLO("0303", suites,                                                                          \
          EXT_VERSIONS(versions) EXT_GROUPS(groups) EXT_SCHEMES(schemes) EXT_SHARES("001d[K20]"))
#define BOTH(schemes) BOTH_WITH("1301 c02f c02b 002f", "0304 0303", "001d 0017", schemes)

static const struct {
    const char *name;
    const struct certsel_profile *profile;
    const char *hello;
    const struct certsel_certificate *set[2];
    int chosen;
    uint16_t version; /* of the chosen one */
    enum verdict_reason first;
} cap_rows[] = {
    {"PKCS#1 only", &all, BOTH("0401"), {&p384, &rsa}, 1, 0x0303, VERDICT_CURVE_NOT_IN_GROUPS},
    {"a scheme of another curve",
     &all,
     BOTH_WITH("1301 c02b", "0304 0303", "001d 0018", "0403"),
     {&p384, &rsa},
     0,
     0x0303,
     VERDICT_USABLE},
    {"one fits in TLS 1.3",
     &all,
     BOTH("0401 0403"),
     {&rsa, &p256},
     1,
     0x0304,
     VERDICT_NO_SIGNATURE_SCHEME},
    {"only TLS 1.3 is offered",
     &all,
     BOTH_WITH("1301 c02f", "0304", "001d 0017", "0401"),
     {&rsa, &p256},
     -1,
     0,
     VERDICT_NO_SIGNATURE_SCHEME},
    {"only TLS 1.3 is allowed",
     &only13,
     BOTH("0401"),
     {&rsa, &p256},
     -1,
     0,
     VERDICT_NO_SIGNATURE_SCHEME},
    {"no suite in TLS 1.2",
     &no_suite,
     BOTH("0401"),
     {&rsa, &p256},
     -1,
     0,
     VERDICT_NO_SIGNATURE_SCHEME},
    {"nothing fits in TLS 1.2 either",
     &all,
     BOTH("0808"),
     {&rsa, &p256},
     -1,
     0,
     VERDICT_NO_SIGNATURE_SCHEME},
    {"another lack of TLS 1.3",
     &all,
     BOTH_WITH("1304 c02f", "0304 0303", "001d 0017", "0401"),
     {&rsa, &p256},
     -1,
     0,
     VERDICT_NO_SUITE},
    {"what TLS 1.3 calls malformed",
     &all,
     HELLO("0303", "1301 c02f",
           EXT_VERSIONS("0304 0303") EXT_GROUPS("001d 0017") EXT_SCHEMES("0401")
               EXT_SHARES("001d[K1f]")),
     {&rsa, &p256},
     -1,
     0,
     VERDICT_MALFORMED},
};

START_TEST(cap_row)
{
    struct verdict verdicts[2];
    struct hello hello;
    uint8_t *bytes = hello_decode_text(cap_rows[_i].hello, &hello);
    int chosen = certsel_choose(cap_rows[_i].profile, cap_rows[_i].set, 2, &hello, verdicts);
    bool capped = chosen >= 0 && cap_rows[_i].version == 0x0303;

    ck_assert_msg(chosen == cap_rows[_i].chosen, "%s: %d", cap_rows[_i].name, chosen);
    ck_assert_msg(chosen < 0 || verdicts[chosen].version == cap_rows[_i].version, "%s",
                  cap_rows[_i].name);
    ck_assert_msg(verdicts[0].reason == cap_rows[_i].first, "%s: %s", cap_rows[_i].name,
                  verdict_word(verdicts[0].reason));
    ck_assert_msg(verdicts[0].capped == capped && verdicts[1].capped == capped, "%s",
                  cap_rows[_i].name);
    free(bytes);
}
END_TEST

/* --- what would have fitted ----------------------------------------------------------------------
 */

enum {
    P256 = 1u << FIT_ECDSA_P256,
    RSA = 1u << FIT_RSA,
    P384 = 1u << FIT_ECDSA_P384,
    P521 = 1u << FIT_ECDSA_P521,
    ED25519 = 1u << FIT_ED25519,
};

static const struct {
    const char *name;
    const char *hello;
    unsigned fits;
} fit_rows[] = {
    {"the Windows sender", WINDOWS_HELLO, P256 | RSA},
    {"TLS 1.3 with all", TLS13(EXT_SCHEMES(MOST)), P256 | RSA | P384 | P521 | ED25519},
    {"only P-384", HELLO("0303", "c02b", EXT_GROUPS("0018") EXT_SCHEMES("0503")), P384},
    {"only P-521", HELLO("0303", "c02b", EXT_GROUPS("0019") EXT_SCHEMES("0603")), P521},
    {"only Ed25519", HELLO("0303", "c02b", EXT_GROUPS("001d") EXT_SCHEMES("0807")), ED25519},
    {"leaves signed with RSA", TLS13(EXT_SCHEMES(MOST) EXT_CERT_SCHEMES("0401")), RSA | ED25519},
    {"leaves signed with P-384", TLS13(EXT_SCHEMES(MOST) EXT_CERT_SCHEMES("0503")),
     P256 | P384 | P521},
    {"RSA of 2048 bits is large enough", TLS13(EXT_SCHEMES("0806")), RSA},
    {"nothing", HELLO("0303", "00a8", EXT_GROUPS("001d") EXT_SCHEMES("0403")), 0},
    {"RSA in TLS 1.2", BOTH("0401"), RSA},
};

START_TEST(fit_row)
{
    struct hello hello;
    uint8_t *bytes = hello_decode_text(fit_rows[_i].hello, &hello);
    unsigned fits = certsel_would_fit(&all, &hello);

    ck_assert_msg(fits == fit_rows[_i].fits, "%s: %02x", fit_rows[_i].name, fits);
    free(bytes);
}
END_TEST

START_TEST(words)
{
    static const char *const verdicts[] = {"usable",
                                           "no-version",
                                           "no-suite",
                                           "no-shared-group",
                                           "curve-not-in-groups",
                                           "no-signature-scheme",
                                           "leaf-signature",
                                           "key-usage",
                                           "key-too-small",
                                           "ca-names",
                                           "malformed"};
    static const char *const fits[] = {"ecdsa-p256", "rsa", "ecdsa-p384", "ecdsa-p521", "ed25519"};
    static const char *const faults[] = {"", "key-usage", "key-encipherment-only",
                                         "explicit-parameters"};

    for (unsigned i = 0; i <= VERDICT_MALFORMED; i++) {
        ck_assert_str_eq(verdict_word(i), verdicts[i]);
    }
    for (unsigned i = 0; i < NUM_FITS; i++) {
        ck_assert_str_eq(fit_word(i), fits[i]);
    }
    for (unsigned i = 0; i <= FAULT_EXPLICIT_PARAMETERS; i++) {
        ck_assert_str_eq(fault_word(i), faults[i]);
    }
}
END_TEST

Suite *certsel_choice_suite(void)
{
    Suite *suite = suite_create("certsel_choice");
    TCase *tests = tcase_create("certsel_choice");

    tcase_add_test(tests, first_usable_wins);
    tcase_add_loop_test(tests, fault_row, 0, NUM(fault_rows));
    tcase_add_test(tests, faults_rank_last);
    tcase_add_test(tests, fault_of_a_certificate);
    tcase_add_loop_test(tests, cap_row, 0, NUM(cap_rows));
    tcase_add_loop_test(tests, fit_row, 0, NUM(fit_rows));
    tcase_add_test(tests, words);
    suite_add_tcase(suite, tests);
    return suite;
}
