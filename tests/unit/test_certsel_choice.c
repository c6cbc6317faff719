#include "lib/tls/certsel.h"

#include <check.h>
#include <stdlib.h>

#include "tests/unit/hello_text.h"

#define SUITE(name) Suite *name##_suite(void);
#include "tests/unit/suites.h"
#undef SUITE

#define NUM(array) (sizeof(array) / sizeof((array)[0]))

static const struct certsel_certificate p256 = {KEY_ECDSA, 0x0017, 256, true,
                                                0x0503,    NULL,   0,   false};
static const struct certsel_certificate p384 = {KEY_ECDSA, 0x0018, 384, true,
                                                0x0403,    NULL,   0,   false};
static const struct certsel_certificate rsa = {KEY_RSA, 0, 2048, true, 0x0401, NULL, 0, false};

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

    for (unsigned i = 0; i <= VERDICT_MALFORMED; i++) {
        ck_assert_str_eq(verdict_word(i), verdicts[i]);
    }
    for (unsigned i = 0; i < NUM_FITS; i++) {
        ck_assert_str_eq(fit_word(i), fits[i]);
    }
}
END_TEST

Suite *certsel_choice_suite(void)
{
    Suite *suite = suite_create("certsel_choice");
    TCase *tests = tcase_create("certsel_choice");

    tcase_add_test(tests, first_usable_wins);
    tcase_add_loop_test(tests, fit_row, 0, NUM(fit_rows));
    tcase_add_test(tests, words);
    suite_add_tcase(suite, tests);
    return suite;
}
