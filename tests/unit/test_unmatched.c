#include "lib/tls/unmatched.h"

#include <check.h>
#include <stdlib.h>

#include "tests/unit/hello_text.h"

#define NUM(array) (sizeof(array) / sizeof((array)[0]))

static const struct certsel_certificate p256 = {KEY_ECDSA, 0x0017, 256,   true,  0x0503,
                                                NULL,      0,      false, false, true};
static const struct certsel_certificate p384 = {KEY_ECDSA, 0x0018, 384,   true,  0x0503,
                                                NULL,      0,      false, false, true};
static const struct certsel_certificate p521 = {KEY_ECDSA, 0x0019, 521,   true,  0x0503,
                                                NULL,      0,      false, false, true};
static const struct certsel_certificate unsigned_p384 = {KEY_ECDSA, 0x0018, 384,   false, 0x0503,
                                                         NULL,      0,      false, false, true};
static const struct certsel_certificate rsa = {KEY_RSA, 0, 2048,  true,  0x0401,
                                               NULL,    0, false, false, true};

static const uint16_t suites[] = {0x1301, 0xc02b, 0xc02f, 0xc009, 0x002f};
static const uint16_t anonymous_suites[] = {0xc018, 0xc019, 0x00a6, 0x0034};
static const uint16_t groups[] = {0x001d, 0x0017, 0x0018, 0x0019};
static const uint16_t schemes[] = {0x0403, 0x0503, 0x0603, 0x0804, 0x0401, 0x0203, 0x0201};
static const uint16_t no_p384[] = {0x0403, 0x0804, 0x0401};

#define PROFILE(min, max, level, suites, schemes)                                                  \
    {                                                                                              \
        min, max, level, suites, NUM(suites), groups, NUM(groups), schemes, NUM(schemes),          \
        {                                                                                          \
            0                                                                                      \
        }                                                                                          \
    }

static const struct certsel_profile all = PROFILE(0x0301, 0x0304, 0, suites, schemes);
static const struct certsel_profile modern = PROFILE(0x0303, 0x0304, 2, suites, schemes);
static const struct certsel_profile few = PROFILE(0x0301, 0x0304, 0, suites, no_p384);

#define TLS12(suites, groups, schemes)                                                             \
    HELLO("0303", suites, EXT_GROUPS(groups) EXT_SCHEMES(schemes))
#define TLS13_OR_12(suites, groups, schemes)                                                       \
    HELLO("0303", suites,                                                                          \
          EXT_VERSIONS("0304 0303") EXT_GROUPS(groups) EXT_SCHEMES(schemes)                        \
              EXT_SHARES("001d[K20]"))

/* --- try-anyway ----------------------------------------------------------------------------- */

enum { SET_MAX = 3 };

static const struct {
    const char *name;
    const struct certsel_profile *profile;
    const struct certsel_certificate *set[SET_MAX];
    const char *hello;
    int want;
    unsigned forbidden; /* bits of those that may not be tried */
} tries[] = {
    {"the Windows sender", &all, {&p384}, WINDOWS_HELLO, 0, 0},
    {"the Windows sender, level 2", &modern, {&p384}, WINDOWS_HELLO, 0, 0},
    {"switched off", &all, {&p384}, WINDOWS_HELLO, -1, 1},
    {"the first of two", &all, {&p521, &p384}, WINDOWS_HELLO, 0, 0},
    {"the first that may be tried", &all, {&p521, &p384}, WINDOWS_HELLO, 1, 1},
    {"something fits", &all, {&p384, &rsa}, WINDOWS_HELLO, -1, 0},
    {"something else fits, first", &all, {&rsa, &p384}, WINDOWS_HELLO, -1, 0},
    {"RSA is never tried", &all, {&rsa, &p384}, TLS12("c02b", "0017", "0403"), 1, 0},
    {"only RSA", &all, {&rsa}, TLS12("c02b", "0017", "0403"), -1, 0},
    {"P-256 for a client of P-384", &all, {&p256}, TLS12("c02b", "0018", "0403"), 0, 0},
    {"a client with X25519 alone", &all, {&p384}, TLS12("c02b", "001d", "0403"), 0, 0},
    {"unknown groups in front", &all, {&p384}, TLS12("c02b", "0a0a eeee 0017", "0403"), 0, 0},
    {"no ECDSA scheme", &all, {&p384}, TLS12("c02b c02f", "0017", "0401"), -1, 0},
    {"no signature_algorithms",
     &all,
     {&p384},
     HELLO("0303", "c02b c009", EXT_GROUPS("0017")),
     -1,
     0},
    {"TLS 1.0 with signature_algorithms",
     &all,
     {&p384},
     HELLO("0301", "c009", EXT_GROUPS("0017") EXT_SCHEMES("0403")),
     0,
     0},
    {"TLS 1.0 without", &all, {&p384}, HELLO("0301", "c009", EXT_GROUPS("0017")), -1, 0},
    {"no ECDSA suite", &all, {&p384}, TLS12("c02f 002f", "0017", "0403"), -1, 0},
    {"no group in common", &all, {&p384}, TLS12("c02b", "0016", "0403"), -1, 0},
    {"no supported_groups", &all, {&p384}, HELLO("0303", "c02b", EXT_SCHEMES("0403")), -1, 0},
    {"may not sign", &all, {&unsigned_p384}, WINDOWS_HELLO, -1, 0},
    {"may not sign, the next may", &all, {&unsigned_p384, &p521}, WINDOWS_HELLO, 1, 0},
    {"leaf's signature unwelcome",
     &all,
     {&p384},
     HELLO("0303", "c02b", EXT_GROUPS("0017") EXT_SCHEMES("0403") EXT_CERT_SCHEMES("0401")),
     -1,
     0},
    {"TLS 1.3 is never tried", &all, {&p384}, TLS13_OR_12("1301 c02b", "001d 0017", "0403"), -1, 0},
    {"a profile without TLS 1.3 for this curve",
     &few,
     {&p384},
     TLS13_OR_12("1301 c02b", "001d 0017", "0403"),
     0,
     0},
    {"the same, without a suite of TLS 1.3",
     &few,
     {&p384},
     TLS13_OR_12("c02b", "0017", "0403"),
     0,
     0},
    {"a fallback", &all, {&p384}, TLS12("c02b 5600", "0017", "0403"), -1, 0},
};

START_TEST(test_try)
{
    const struct certsel_certificate *const *set = tries[_i].set;
    struct verdict verdicts[SET_MAX];
    bool may_try[SET_MAX];
    struct hello hello;
    uint8_t *bytes = hello_decode_text(tries[_i].hello, &hello);
    size_t num = 0;
    int got;

    while (num < SET_MAX && set[num] != NULL) {
        may_try[num] = (tries[_i].forbidden >> num & 1) == 0;
        num++;
    }
    (void)certsel_choose(tries[_i].profile, set, num, &hello, verdicts);
    got = unmatched_try_anyway(tries[_i].profile, set, may_try, num, &hello, verdicts);
    ck_assert_msg(got == tries[_i].want, "%s: %d", tries[_i].name, got);
    free(bytes);
}
END_TEST

/* --- anonymous ------------------------------------------------------------------------------ */

static const struct certsel_profile anonymous =
    PROFILE(0x0301, 0x0303, 0, anonymous_suites, schemes);
static const struct certsel_profile anonymous12 =
    PROFILE(0x0303, 0x0303, 0, anonymous_suites, schemes);
static const struct certsel_profile only12 = PROFILE(0x0301, 0x0303, 0, suites, schemes);

#define SSLV2(version, specs) "01 " version " 0006 0000 0010 " specs " K10"

static const struct {
    const char *name;
    const struct certsel_profile *listener;
    const struct certsel_profile *profile;
    const char *hello;
    struct verdict want;
    bool tried;
} anonymous_rows[] = {
    {"DHE",
     &all,
     &anonymous,
     HELLO("0303", "c02b 0034", ""),
     {VERDICT_USABLE, 0x0303, 0x0034, 0, 0, 0, false},
     true},
    {"DHE and a group in common",
     &all,
     &anonymous,
     TLS12("0034", "0017", "0403"),
     {VERDICT_USABLE, 0x0303, 0x0034, 0, 0, 0, false},
     true},
    {"ECDHE first",
     &all,
     &anonymous,
     TLS12("0034 c019", "0018", "0403"),
     {VERDICT_USABLE, 0x0303, 0xc019, 0x0018, 0, 0, false},
     true},
    {"ECDHE without a group",
     &all,
     &anonymous,
     TLS12("0034 c019", "0016", "0403"),
     {VERDICT_USABLE, 0x0303, 0x0034, 0, 0, 0, false},
     true},
    {"only ECDHE without a group",
     &all,
     &anonymous,
     TLS12("c019", "0016", "0403"),
     {.reason = VERDICT_NO_SUITE},
     false},
    {"none offered", &all, &anonymous, WINDOWS_HELLO, {.reason = VERDICT_NO_SUITE}, false},
    {"TLS 1.0",
     &all,
     &anonymous,
     HELLO("0301", "00a6 0034", ""),
     {VERDICT_USABLE, 0x0301, 0x0034, 0, 0, 0, false},
     true},
    {"TLS 1.2 suite in TLS 1.0",
     &all,
     &anonymous,
     HELLO("0301", "00a6", ""),
     {.reason = VERDICT_NO_SUITE},
     false},
    {"version below the profile",
     &modern,
     &anonymous12,
     HELLO("0301", "0034", ""),
     {.reason = VERDICT_NO_VERSION},
     false},
    {"TLS 1.3 left aside",
     &all,
     &anonymous,
     TLS13_OR_12("1301 c018", "001d", "0603"),
     {VERDICT_USABLE, 0x0303, 0xc018, 0x001d, 0, 0, false},
     true},
    {"only TLS 1.3",
     &all,
     &anonymous,
     HELLO("0303", "1301 c018", EXT_VERSIONS("0304") EXT_GROUPS("001d") EXT_SCHEMES("0403")),
     {.reason = VERDICT_NO_VERSION},
     false},
    {"no scheme in common",
     &all,
     &anonymous,
     TLS12("0034", "0017", "0807"),
     {.reason = VERDICT_NO_SIGNATURE_SCHEME},
     false},
    {"signature_algorithms_cert alone",
     &all,
     &anonymous,
     HELLO("0303", "0034", EXT_CERT_SCHEMES("0403")),
     {.reason = VERDICT_NO_SIGNATURE_SCHEME},
     false},
    {"no scheme in common in TLS 1.1",
     &all,
     &anonymous,
     HELLO("0302", "0034", EXT_SCHEMES("0807")),
     {VERDICT_USABLE, 0x0302, 0x0034, 0, 0, 0, false},
     true},
    {"malformed schemes",
     &all,
     &anonymous,
     HELLO("0303", "0034", "000d[[00]]"),
     {.reason = VERDICT_MALFORMED},
     false},
    {"SSLv2 format",
     &all,
     &anonymous,
     SSLV2("0301", "00002f 000034"),
     {VERDICT_USABLE, 0x0301, 0x0034, 0, 0, 0, false},
     true},
    {"a fallback",
     &all,
     &anonymous,
     HELLO("0303", "0034 5600", ""),
     {VERDICT_USABLE, 0x0303, 0x0034, 0, 0, 0, false},
     false},
    {"a fallback to the best there is",
     &only12,
     &anonymous,
     HELLO("0303", "0034 5600", ""),
     {VERDICT_USABLE, 0x0303, 0x0034, 0, 0, 0, false},
     true},
    {"a fallback too far",
     &only12,
     &anonymous,
     HELLO("0302", "0034 5600", ""),
     {.reason = VERDICT_NO_VERSION},
     false},
};

START_TEST(test_anonymous)
{
    const struct verdict *want = &anonymous_rows[_i].want;
    const char *name = anonymous_rows[_i].name;
    struct hello hello;
    uint8_t *bytes = hello_decode_text(anonymous_rows[_i].hello, &hello);
    struct verdict got = certsel_judge_anonymous(anonymous_rows[_i].profile, &hello);

    ck_assert_msg(got.reason == want->reason, "%s: %s", name, verdict_word(got.reason));
    ck_assert_msg(got.version == want->version && got.suite == want->suite &&
                      got.group == want->group && got.scheme == want->scheme,
                  "%s: %04x %04x %04x %04x", name, got.version, got.suite, got.group, got.scheme);
    ck_assert_msg(unmatched_anonymous(anonymous_rows[_i].listener, anonymous_rows[_i].profile,
                                      &hello) == anonymous_rows[_i].tried,
                  "%s", name);
    free(bytes);
}
END_TEST

Suite *unmatched_suite(void);

Suite *unmatched_suite(void)
{
    Suite *suite = suite_create("unmatched");
    TCase *tcase = tcase_create("all");

    tcase_add_loop_test(tcase, test_try, 0, NUM(tries));
    tcase_add_loop_test(tcase, test_anonymous, 0, NUM(anonymous_rows));
    suite_add_tcase(suite, tcase);
    return suite;
}
