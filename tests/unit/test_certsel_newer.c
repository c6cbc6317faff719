/* The choice with what came with OpenSSL 3.5: ML-DSA and the hybrid of X25519 and ML-KEM-768. */
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
static const struct certsel_certificate mldsa44 = {KEY_MLDSA44, 0, 10496, true,  0x0503,
                                                   NULL,        0, false, false, true};
static const struct certsel_certificate mldsa65 = {KEY_MLDSA65, 0, 15616, true,  0x0905,
                                                   NULL,        0, false, false, true};
static const struct certsel_certificate mldsa87 = {KEY_MLDSA87, 0, 20736, true,  0x0401,
                                                   NULL,        0, false, false, true};

static const uint16_t suites[] = {0x1301, 0xc02b, 0xc02f, 0x002f};
static const uint16_t groups[] = {0x11ec, 0x001d, 0x0017};
static const uint16_t schemes[] = {0x0905, 0x0906, 0x0904, 0x0403, 0x0804, 0x0401};

#define PROFILE(level)                                                                             \
    {                                                                                              \
        0x0303, 0x0304, level, suites, NUM(suites), groups, NUM(groups), schemes, NUM(schemes),    \
        {                                                                                          \
            0                                                                                      \
        }                                                                                          \
    }

static const struct certsel_profile all = PROFILE(0);
static const struct certsel_profile level4 = PROFILE(4);
static const struct certsel_profile level5 = PROFILE(5);

#define TLS12(groups, schemes)                                                                     \
    HELLO("0303", "c02b c02f 002f", EXT_GROUPS(groups) EXT_SCHEMES(schemes))
#define TLS13(groups, schemes, shares)                                                             \
    HELLO("0303", "1301",                                                                          \
          EXT_VERSIONS("0304") EXT_GROUPS(groups) EXT_SCHEMES(schemes) EXT_SHARES(shares))
#define X25519 "001d[K20]"

#define SIGNED_FOR(schemes)                                                                        \
    HELLO("0303", "1301",                                                                          \
          EXT_VERSIONS("0304") EXT_GROUPS("001d") EXT_SCHEMES("0905") EXT_CERT_SCHEMES(schemes)    \
              EXT_SHARES(X25519))

#define USABLE(version, suite, group, scheme)                                                      \
    {                                                                                              \
        VERDICT_USABLE, version, suite, group, scheme, 0, false                                    \
    }
#define NOT(reason_)                                                                               \
    {                                                                                              \
        .reason = VERDICT_##reason_                                                                \
    }

static const struct {
    const char *name;
    const struct certsel_profile *profile;
    const struct certsel_certificate *certificate;
    const char *hello;
    struct verdict expected;
} rows[] = {
    /* ML-DSA: TLS 1.3 only, and each kind of key its own scheme. */
    {"ML-DSA-44", &all, &mldsa44, TLS13("001d", "0905 0904", X25519),
     USABLE(0x0304, 0x1301, 0x001d, 0x0904)},
    {"ML-DSA-65", &all, &mldsa65, TLS13("001d", "0904 0906 0905", X25519),
     USABLE(0x0304, 0x1301, 0x001d, 0x0905)},
    {"ML-DSA-87", &all, &mldsa87, TLS13("001d", "0906", X25519),
     USABLE(0x0304, 0x1301, 0x001d, 0x0906)},
    {"ML-DSA-44 without its scheme", &all, &mldsa44, TLS13("001d", "0905 0906 0403 0804", X25519),
     NOT(NO_SIGNATURE_SCHEME)},
    {"ML-DSA-65 without its scheme", &all, &mldsa65, TLS13("001d", "0904 0906 0403 0804", X25519),
     NOT(NO_SIGNATURE_SCHEME)},
    {"ML-DSA-87 without its scheme", &all, &mldsa87, TLS13("001d", "0904 0905 0403 0804", X25519),
     NOT(NO_SIGNATURE_SCHEME)},
    {"ML-DSA-44 before TLS 1.3", &all, &mldsa44, TLS12("0017", "0904 0401"),
     NOT(NO_SIGNATURE_SCHEME)},
    {"ML-DSA-65 before TLS 1.3", &all, &mldsa65, TLS12("0017", "0905 0401"),
     NOT(NO_SIGNATURE_SCHEME)},
    {"ML-DSA-87 before TLS 1.3", &all, &mldsa87, TLS12("0017", "0906 0401"),
     NOT(NO_SIGNATURE_SCHEME)},
    {"ML-DSA at level 4", &level4, &mldsa44, TLS13("001d", "0904", X25519), NOT(KEY_TOO_SMALL)},
    {"a leaf signed by ML-DSA", &all, &mldsa65, SIGNED_FOR("0905"),
     USABLE(0x0304, 0x1301, 0x001d, 0x0905)},
    {"a leaf signed by another ML-DSA", &all, &mldsa65, SIGNED_FOR("0904"), NOT(LEAF_SIGNATURE)},

    /* The hybrid. */
    {"the hybrid's share", &all, &p256,
     TLS13("11ec 001d", "0403", "11ec[Kff Kff Kff Kff Kc4] 001d[K20]"),
     USABLE(0x0304, 0x1301, 0x11ec, 0x0403)},
    {"a share that is there before a hybrid that is not", &all, &p256,
     TLS13("11ec 001d", "0403", "001d[K20]"), USABLE(0x0304, 0x1301, 0x001d, 0x0403)},
    {"a retry for the hybrid", &all, &p256, TLS13("001d 11ec", "0403", ""),
     USABLE(0x0304, 0x1301, 0x11ec, 0x0403)},
    {"a hybrid's share that is too short", &all, &p256,
     TLS13("11ec 001d", "0403", "11ec[Kff Kff Kff Kff Kc3] 001d[K20]"), NOT(MALFORMED)},
    {"no hybrid before TLS 1.3", &all, &p256, TLS12("11ec 0017", "0403"),
     USABLE(0x0303, 0xc02b, 0x0017, 0x0403)},
    {"the hybrid is below level 5", &level5, &mldsa87,
     TLS13("11ec", "0906", "11ec[Kff Kff Kff Kff Kc4]"), NOT(NO_SHARED_GROUP)},
};

START_TEST(row)
{
    struct hello hello;
    uint8_t *bytes = hello_decode_text(rows[_i].hello, &hello);
    const struct verdict *want = &rows[_i].expected;
    struct verdict v = certsel_judge(rows[_i].profile, rows[_i].certificate, &hello);

    ck_assert_msg(v.reason == want->reason && v.version == want->version &&
                      v.suite == want->suite && v.group == want->group && v.scheme == want->scheme,
                  "%s: %s %04x %04x %04x %04x", rows[_i].name, verdict_word(v.reason), v.version,
                  v.suite, v.group, v.scheme);
    free(bytes);
}
END_TEST

Suite *certsel_newer_suite(void)
{
    Suite *suite = suite_create("certsel_newer");
    TCase *tests = tcase_create("certsel_newer");

    tcase_add_loop_test(tests, row, 0, NUM(rows));
    suite_add_tcase(suite, tests);
    return suite;
}
