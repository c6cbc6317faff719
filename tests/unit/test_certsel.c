#include "lib/tls/certsel.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/hello_text.h"

#define SUITE(name) Suite *name##_suite(void);
#include "tests/unit/suites.h"
#undef SUITE

#define NUM(array) (sizeof(array) / sizeof((array)[0]))

/* --- certificates and profiles ------------------------------------------------------------------
 */

static const struct certsel_certificate p256 = {KEY_ECDSA, 0x0017, 256,   true,  0x0503,
                                                NULL,      0,      false, false, true};
static const struct certsel_certificate p256_no_sign = {KEY_ECDSA, 0x0017, 256,   false, 0x0401,
                                                        NULL,      0,      false, false, true};
static const struct certsel_certificate p256_by_nobody = {KEY_ECDSA, 0x0017, 256,   true,  0,
                                                          NULL,      0,      false, false, true};
static const struct certsel_certificate compressed = {KEY_ECDSA, 0x0017, 256,  true,  0x0503,
                                                      NULL,      0,      true, false, true};
static const struct certsel_certificate p384 = {KEY_ECDSA, 0x0018, 384,   true,  0x0403,
                                                NULL,      0,      false, false, true};
static const struct certsel_certificate p521 = {KEY_ECDSA, 0x0019, 521,   true,  0x0807,
                                                NULL,      0,      false, false, true};
static const struct certsel_certificate secp256k1 = {KEY_ECDSA, 0x0016, 256,   true,  0x0401,
                                                     NULL,      0,      false, false, true};
static const struct certsel_certificate no_curve = {KEY_ECDSA, 0, 256,   true,  0x0401,
                                                    NULL,      0, false, false, true};
static const struct certsel_certificate rsa = {KEY_RSA, 0, 2048,  true,  0x0401,
                                               NULL,    0, false, false, true};
static const struct certsel_certificate rsa_no_sign = {KEY_RSA, 0, 2048,  false, 0x0401,
                                                       NULL,    0, false, false, true};
static const struct certsel_certificate rsa_by_pss = {KEY_RSA, 0, 2048,  true,  0x0805,
                                                      NULL,    0, false, false, true};
static const struct certsel_certificate rsa_by_sm2 = {KEY_RSA, 0, 2048,  true,  0x0708,
                                                      NULL,    0, false, false, true};
static const struct certsel_certificate rsa1024 = {KEY_RSA, 0, 1024,  true,  0x0401,
                                                   NULL,    0, false, false, true};
static const struct certsel_certificate rsa1040 = {KEY_RSA, 0, 1040,  true,  0x0401,
                                                   NULL,    0, false, false, true};
static const struct certsel_certificate pss = {KEY_RSA_PSS, 0, 2048,  true,  0x0809,
                                               NULL,        0, false, false, true};
static const struct certsel_certificate pss1024 = {KEY_RSA_PSS, 0, 1024,  true,  0x0401,
                                                   NULL,        0, false, false, true};
static const struct certsel_certificate ed25519 = {KEY_ED25519, 0, 256,   true,  0x0401,
                                                   NULL,        0, false, false, true};
static const struct certsel_certificate ed448 = {KEY_ED448, 0, 456,   true,  0x0401,
                                                 NULL,      0, false, false, true};

static const uint16_t suites[] = {0x1302, 0x1303, 0x1301, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0xc02b,
                                  0xc02f, 0xc024, 0xc028, 0xc023, 0xc027, 0xc00a, 0xc014, 0xc009,
                                  0xc013, 0x009d, 0x009c, 0x003d, 0x003c, 0x0035, 0x002f, 0x009f,
                                  0x009e, 0x0039, 0x0033, 0x00a8, 0xeeee};
static const uint16_t anonymous_suites[] = {0xc018, 0x0034, 0xc02b, 0x002f};
static const uint16_t groups[] = {0x001d, 0x0017, 0x0018, 0x0019, 0x001e};
static const uint16_t odd_groups[] = {0x0100, 0x001a, 0xeeee, 0x0018};
static const uint16_t schemes[] = {0x0403, 0x0503, 0x0603, 0x0807, 0x0808, 0x0809, 0x080b,
                                   0x0804, 0x0805, 0x0806, 0x0401, 0x0501, 0x0601, 0x0303,
                                   0x0301, 0x0203, 0x0201, 0x0202, 0xeeee};
static const uint16_t few_schemes[] = {0x0503, 0x0804, 0x0401};

#define PROFILE(min, max, level, suites, groups, schemes)                                          \
    {                                                                                              \
        min, max, level, suites, NUM(suites), groups, NUM(groups), schemes, NUM(schemes),          \
        {                                                                                          \
            0                                                                                      \
        }                                                                                          \
    }

static const struct certsel_profile all = PROFILE(0x0301, 0x0304, 0, suites, groups, schemes);
/* As `all`, with another libssl. */
#define OF_LIBSSL(...)                                                                             \
    {                                                                                              \
        0x0301, 0x0304, 0, suites, NUM(suites), groups, NUM(groups), schemes, NUM(schemes),        \
            {__VA_ARGS__},                                                                         \
    }

static const struct certsel_profile old_libssl = OF_LIBSSL(.reads_point_formats = true);
static const struct certsel_profile all_shares = OF_LIBSSL(.checks_all_shares = true);
static const struct certsel_profile own_groups = OF_LIBSSL(.prefers_own_groups = true);
static const struct certsel_profile newer_shares =
    OF_LIBSSL(.checks_all_shares = true, .prefers_own_groups = true);
static const struct certsel_profile brainpool = OF_LIBSSL(.knows_brainpool_schemes = true);
static const struct certsel_profile compression = OF_LIBSSL(.reads_compress_certificate = true);
static const struct certsel_profile twice = OF_LIBSSL(.knows_server_certificate_type = true);
static const struct certsel_profile modern = PROFILE(0x0303, 0x0304, 2, suites, groups, schemes);
static const struct certsel_profile level1 = PROFILE(0x0301, 0x0304, 1, suites, groups, schemes);
static const struct certsel_profile level3 = PROFILE(0x0301, 0x0304, 3, suites, groups, schemes);
static const struct certsel_profile level4 = PROFILE(0x0301, 0x0304, 4, suites, groups, schemes);
static const struct certsel_profile only12 = PROFILE(0x0302, 0x0303, 0, suites, groups, schemes);
static const struct certsel_profile odd = PROFILE(0x0301, 0x0304, 0, suites, odd_groups, schemes);
static const struct certsel_profile odd_newer = {
    .min_version = 0x0301,
    .max_version = 0x0304,
    .suites = suites,
    .num_suites = NUM(suites),
    .groups = odd_groups,
    .num_groups = NUM(odd_groups),
    .schemes = schemes,
    .num_schemes = NUM(schemes),
    .libssl = {.checks_all_shares = true, .prefers_own_groups = true},
};
static const struct certsel_profile few = PROFILE(0x0301, 0x0304, 0, suites, groups, few_schemes);
static const struct certsel_profile anonymous =
    PROFILE(0x0301, 0x0304, 0, anonymous_suites, groups, schemes);

/* --- hellos --------------------------------------------------------------------------------------
 */

/* One ECDHE suite each for ECDSA and RSA of TLS 1.0, of TLS 1.2, static RSA, DHE. */
#define SUITES "c009 c013 c02b c02f 002f 0033"
#define MOST   "0403 0503 0603 0807 0808 0809 0804 0401"

#define SHARE EXT_SHARES("001d[K20]")

#define TLS10(suites, extensions) HELLO("0301", suites, extensions)
#define TLS12(suites, groups, schemes)                                                             \
    HELLO("0303", suites, EXT_GROUPS(groups) EXT_SCHEMES(schemes))
#define TLS13_WITH(suites, groups, schemes, more)                                                  \
    HELLO("0303", suites, EXT_VERSIONS("0304") EXT_GROUPS(groups) EXT_SCHEMES(schemes) more)
#define POINTS(formats)                                                                            \
    HELLO("0303", SUITES, EXT_GROUPS("0017") EXT_SCHEMES("0403 0401") "000b[<" formats ">]")
#define TLS13(groups, schemes) TLS13_WITH("1301", groups, schemes, SHARE)

#define SSLV2(version, specs) "01 " version " 0009 0000 0010 " specs " K10"

#define USABLE(version, suite, group, scheme)                                                      \
    {                                                                                              \
        VERDICT_USABLE, version, suite, group, scheme, 0, false                                    \
    }
#define NOT(reason)                                                                                \
    {                                                                                              \
        VERDICT_##reason, 0, 0, 0, 0, 0, false                                                     \
    }

static const struct row {
    const char *name;
    const struct certsel_profile *profile;
    const struct certsel_certificate *certificate;
    const char *hello;
    struct verdict expected;
} rows[] = {
    /* The story. */
    {"the Windows sender, P-384", &all, &p384, WINDOWS_HELLO, NOT(CURVE_NOT_IN_GROUPS)},
    {"the Windows sender, P-256", &all, &p256, WINDOWS_HELLO,
     USABLE(0x0303, 0xc02b, 0x0017, 0x0403)},
    {"the Windows sender, RSA", &all, &rsa, WINDOWS_HELLO, USABLE(0x0303, 0xc02f, 0x0017, 0x0401)},
    {"the Windows sender, P-521", &all, &p521, WINDOWS_HELLO, NOT(CURVE_NOT_IN_GROUPS)},
    {"the Windows sender, Ed25519", &all, &ed25519, WINDOWS_HELLO, NOT(NO_SIGNATURE_SCHEME)},
    {"the Windows sender, level 2", &modern, &p256, WINDOWS_HELLO,
     USABLE(0x0303, 0xc02b, 0x0017, 0x0403)},

    /* Versions. */
    {"TLS 1.0", &all, &rsa, TLS10(SUITES, EXT_GROUPS("0017")), USABLE(0x0301, 0xc013, 0x0017, 0)},
    {"TLS 1.1", &all, &rsa, HELLO("0302", SUITES, EXT_GROUPS("0017")),
     USABLE(0x0302, 0xc013, 0x0017, 0)},
    {"SSL 3", &all, &rsa, HELLO("0300", SUITES, ""), NOT(NO_VERSION)},
    {"TLS 1.0 below the profile", &modern, &rsa, TLS10(SUITES, ""), NOT(NO_VERSION)},
    {"TLS 1.1 just below the profile", &modern, &rsa, HELLO("0302", SUITES, ""), NOT(NO_VERSION)},
    {"TLS 1.3 above the profile", &only12, &rsa, TLS13("001d", MOST), NOT(NO_VERSION)},
    {"TLS 1.3 without the extension is TLS 1.2", &all, &rsa,
     HELLO("0304", SUITES, EXT_GROUPS("001d") EXT_SCHEMES("0401")),
     USABLE(0x0303, 0xc02f, 0x001d, 0x0401)},
    {"a legacy version of the future", &all, &rsa,
     HELLO("7f1c", SUITES, EXT_GROUPS("001d") EXT_SCHEMES("0401")),
     USABLE(0x0303, 0xc02f, 0x001d, 0x0401)},
    {"the highest version of the list", &all, &p256,
     HELLO("0303", "c009 c02b 1301",
           EXT_VERSIONS("0a0a 0302 0304 0303") EXT_GROUPS("001d 0017") EXT_SCHEMES("0403") SHARE),
     USABLE(0x0304, 0x1301, 0x001d, 0x0403)},
    {"the list counts, not legacy_version", &all, &p256,
     HELLO("0303", SUITES, EXT_VERSIONS("0302") EXT_GROUPS("001d 0017")),
     USABLE(0x0302, 0xc009, 0x001d, 0)},
    {"a list of strangers", &all, &p256, HELLO("0303", SUITES, EXT_VERSIONS("0300 0a0a 0305")),
     NOT(NO_VERSION)},
    {"an empty list", &all, &p256, HELLO("0303", SUITES, EXT_VERSIONS("") EXT_GROUPS("0017")),
     NOT(NO_VERSION)},
    {"a list and SSL 3", &all, &p256,
     HELLO("0300", "1301", EXT_VERSIONS("0304") EXT_GROUPS("001d") EXT_SCHEMES("0403") SHARE),
     NOT(NO_VERSION)},
    {"no scheme for the curve: no TLS 1.3", &few, &p256,
     HELLO("0303", "c02b 1301",
           EXT_VERSIONS("0304 0303") EXT_GROUPS("001d 0017") EXT_SCHEMES("0403 0503") SHARE),
     USABLE(0x0303, 0xc02b, 0x001d, 0x0503)},
    {"no scheme for the curve: only TLS 1.3", &few, &p256, TLS13("001d", "0403 0503"),
     NOT(NO_VERSION)},
    {"no curve: no TLS 1.3", &all, &no_curve, TLS13("001d", "0403"), NOT(NO_VERSION)},
    {"TLS 1.0 at level 3", &level3, &p256, TLS10(SUITES, EXT_GROUPS("0017")), NOT(NO_VERSION)},
    {"TLS 1.1 at level 3", &level3, &p256, HELLO("0302", SUITES, EXT_GROUPS("0017")),
     NOT(NO_SIGNATURE_SCHEME)},
    {"TLS 1.1 at level 4", &level4, &p384, HELLO("0302", SUITES, EXT_GROUPS("0018")),
     NOT(NO_VERSION)},
    {"TLS 1.2 at level 4", &level4, &p384, TLS12(SUITES, "0018", "0503"),
     USABLE(0x0303, 0xc02b, 0x0018, 0x0503)},
    {"a fallback to TLS 1.2", &all, &p256, TLS12(SUITES "5600", "0017", "0403"), NOT(NO_VERSION)},
    {"a fallback to the best there is", &only12, &p256, TLS12(SUITES "5600", "0017", "0403"),
     USABLE(0x0303, 0xc02b, 0x0017, 0x0403)},
    {"TLS 1.3 with the fallback signal", &all, &p256,
     TLS13_WITH("1301 5600", "001d", "0403", SHARE), USABLE(0x0304, 0x1301, 0x001d, 0x0403)},

    /* The SSLv2 format. */
    {"SSLv2 format", &all, &rsa, SSLV2("0301", "010080 00002f 00c013"),
     USABLE(0x0301, 0x002f, 0, 0)},
    {"SSLv2 format, TLS 1.2", &all, &rsa, SSLV2("0303", "010080 00002f 00c013"),
     USABLE(0x0303, 0x002f, 0, 0)},
    {"SSLv2 format, ECDSA", &all, &p256, SSLV2("0301", "010080 00002f 00c009"),
     NOT(NO_SHARED_GROUP)},
    {"SSLv2 itself", &all, &rsa, SSLV2("0002", "010080 00002f 00c013"), NOT(NO_VERSION)},
    {"SSLv2 format of another world", &all, &rsa, SSLV2("0401", "010080 00002f 00c013"),
     NOT(NO_VERSION)},

    /* Suites before TLS 1.3. */
    {"our order of suites", &all, &rsa, TLS12("002f c02f c030", "0017", "0401"),
     USABLE(0x0303, 0xc030, 0x0017, 0x0401)},
    {"static RSA before DHE", &all, &rsa, TLS12("0033 002f", "0017", "0401"),
     USABLE(0x0303, 0x002f, 0, 0)},
    {"DHE", &all, &rsa, TLS12("0033", "0017", "0401"), USABLE(0x0303, 0x0033, 0, 0x0401)},
    {"TLS 1.2 suites in TLS 1.0", &all, &rsa, TLS10("c02f 009c", EXT_GROUPS("0017")),
     NOT(NO_SUITE)},
    {"TLS 1.3 suites in TLS 1.2", &all, &rsa, TLS12("1301 1302", "0017", "0401"), NOT(NO_SUITE)},
    {"only compressed points", &old_libssl, &p256, POINTS("01 02"), NOT(MALFORMED)},
    {"only compressed points, newer libssl", &all, &p256, POINTS("01 02"),
     USABLE(0x0303, 0xc02b, 0x0017, 0x0403)},
    {"only compressed points, RSA", &old_libssl, &rsa, POINTS("01 02"),
     USABLE(0x0303, 0xc02f, 0x0017, 0x0401)},
    {"all kinds of points", &old_libssl, &p256, POINTS("02 01 00"),
     USABLE(0x0303, 0xc02b, 0x0017, 0x0403)},
    {"a compressed key", &old_libssl, &compressed, POINTS("00 01"),
     USABLE(0x0303, 0xc02b, 0x0017, 0x0403)},
    {"a compressed key, uncompressed points", &old_libssl, &compressed, POINTS("00"),
     NOT(MALFORMED)},
    {"a compressed key, nothing said of points", &old_libssl, &compressed,
     TLS12(SUITES, "0017", "0403 0401"), USABLE(0x0303, 0xc02b, 0x0017, 0x0403)},
    {"the curve before the points", &old_libssl, &p384, POINTS("01"), NOT(CURVE_NOT_IN_GROUPS)},
    {"points in TLS 1.3", &old_libssl, &p256,
     TLS13_WITH("1301", "001d", "0403", SHARE "000b[<01>]"),
     USABLE(0x0304, 0x1301, 0x001d, 0x0403)},
    {"RSA suites, ECDSA key", &all, &p256, TLS12("c02f 002f 0033", "0017", "0403"), NOT(NO_SUITE)},
    {"ECDSA suites, RSA key", &all, &rsa, TLS12("c02b c009", "0017", "0401"), NOT(NO_SUITE)},
    {"PSK and unknown suites", &all, &rsa, TLS12("00a8 eeee 0a0a", "0017", "0401"), NOT(NO_SUITE)},
    {"no supported_groups, ECDSA", &all, &p256, HELLO("0303", SUITES, EXT_SCHEMES("0403")),
     NOT(NO_SHARED_GROUP)},
    {"no supported_groups, RSA", &all, &rsa, HELLO("0303", SUITES, EXT_SCHEMES("0401")),
     USABLE(0x0303, 0x002f, 0, 0)},
    {"no supported_groups, DHE", &all, &rsa, HELLO("0303", "c02f 0033", EXT_SCHEMES("0401")),
     USABLE(0x0303, 0x0033, 0, 0x0401)},
    {"no supported_groups, only ECDHE", &all, &rsa, HELLO("0303", "c02f", EXT_SCHEMES("0401")),
     NOT(NO_SHARED_GROUP)},
    {"groups of others only", &all, &rsa, TLS12("c02f", "0016 0100", "0401"), NOT(NO_SHARED_GROUP)},
    {"our order of groups", &all, &rsa, TLS12("c02f", "0018 0017 001d", "0401"),
     USABLE(0x0303, 0xc02f, 0x001d, 0x0401)},
    {"ffdhe2048 is for TLS 1.3", &odd, &rsa, TLS12("c02f", "0100 001a", "0401"),
     USABLE(0x0303, 0xc02f, 0x001a, 0x0401)},
    {"a group that the tables do not know", &odd, &rsa, TLS12("c02f", "eeee", "0401"),
     USABLE(0x0303, 0xc02f, 0xeeee, 0x0401)},
    {"an anonymous suite before ours", &anonymous, &rsa, TLS12("0034 002f", "0017", "0401"),
     NOT(NO_SUITE)},
    {"an anonymous ECDHE suite before ours", &anonymous, &p256, TLS12("c018 c02b", "0017", "0403"),
     NOT(NO_SUITE)},
    {"anonymous ECDHE without a group", &anonymous, &rsa,
     HELLO("0303", "c018 002f", EXT_SCHEMES("0401")), USABLE(0x0303, 0x002f, 0, 0)},
    {"only anonymous ECDHE without a group", &anonymous, &rsa,
     HELLO("0303", "c018", EXT_SCHEMES("0401")), NOT(NO_SUITE)},
    {"RSA-PSS cannot do static RSA", &all, &pss, TLS12("002f", "0017", "0809"), NOT(NO_SUITE)},

    /* Curves before TLS 1.3. */
    {"P-384 in groups, signed as 0403", &all, &p384, TLS12(SUITES, "0017 0018", "0403"),
     USABLE(0x0303, 0xc02b, 0x0017, 0x0403)},
    {"P-384 not in groups, TLS 1.0", &all, &p384, TLS10(SUITES, EXT_GROUPS("0017")),
     NOT(CURVE_NOT_IN_GROUPS)},
    {"the curve need not be ours", &all, &secp256k1, TLS12(SUITES, "001d 0016", "0403"),
     USABLE(0x0303, 0xc02b, 0x001d, 0x0403)},
    {"a curve without a number", &all, &no_curve, TLS12(SUITES, "001d 0000", "0403"),
     NOT(CURVE_NOT_IN_GROUPS)},
    {"Ed25519 needs no curve", &all, &ed25519, TLS12(SUITES, "0018", "0807"),
     USABLE(0x0303, 0xc02b, 0x0018, 0x0807)},
    {"Ed448", &all, &ed448, TLS12(SUITES, "0018", "0808"), USABLE(0x0303, 0xc02b, 0x0018, 0x0808)},

    /* Schemes before TLS 1.3. */
    {"our order of schemes", &all, &p256, TLS12(SUITES, "0017", "0603 0503 0403"),
     USABLE(0x0303, 0xc02b, 0x0017, 0x0403)},
    {"PSS before PKCS#1", &all, &rsa, TLS12(SUITES, "0017", "0401 0804"),
     USABLE(0x0303, 0xc02f, 0x0017, 0x0804)},
    {"no ECDSA scheme", &all, &p256, TLS12(SUITES, "0017", "0401 0804 0807"),
     NOT(NO_SIGNATURE_SCHEME)},
    {"no RSA scheme, static RSA", &all, &rsa, TLS12("002f", "0017", "0403 0809 0202"),
     NOT(NO_SIGNATURE_SCHEME)},
    {"a scheme that is not ours", &few, &p256, TLS12(SUITES, "0017", "0403"),
     NOT(NO_SIGNATURE_SCHEME)},
    {"SHA-1 and SHA-224 at level 0", &all, &p256, TLS12(SUITES, "0017", "0203 0303"),
     USABLE(0x0303, 0xc02b, 0x0017, 0x0303)},
    {"SHA-1 at level 1", &level1, &p256, TLS12(SUITES, "0017", "0203"), NOT(NO_SIGNATURE_SCHEME)},
    {"SHA-224 at level 1", &level1, &p256, TLS12(SUITES, "0017", "0303"),
     USABLE(0x0303, 0xc02b, 0x0017, 0x0303)},
    {"no schemes at level 0, ECDSA", &all, &p256, HELLO("0303", SUITES, EXT_GROUPS("0017")),
     USABLE(0x0303, 0xc02b, 0x0017, 0x0203)},
    {"no schemes at level 0, RSA", &all, &rsa, HELLO("0303", "c02f", EXT_GROUPS("0017")),
     USABLE(0x0303, 0xc02f, 0x0017, 0x0201)},
    {"no schemes at level 1", &level1, &rsa, HELLO("0303", "c02f", EXT_GROUPS("0017")),
     NOT(NO_SIGNATURE_SCHEME)},
    {"no schemes, SHA-1 is not ours", &few, &rsa, HELLO("0303", "c02f", EXT_GROUPS("0017")),
     NOT(NO_SIGNATURE_SCHEME)},
    {"no schemes, Ed25519", &all, &ed25519, HELLO("0303", SUITES, EXT_GROUPS("0017")),
     NOT(NO_SIGNATURE_SCHEME)},
    {"no schemes, RSA-PSS", &all, &pss, HELLO("0303", SUITES, EXT_GROUPS("0017")),
     NOT(NO_SIGNATURE_SCHEME)},
    {"schemes for certificates only", &all, &rsa,
     HELLO("0303", "c02f", EXT_GROUPS("0017") EXT_CERT_SCHEMES("0201 0401")),
     NOT(NO_SIGNATURE_SCHEME)},
    {"TLS 1.0 at level 1", &level1, &rsa, TLS10(SUITES, EXT_GROUPS("0017")),
     NOT(NO_SIGNATURE_SCHEME)},
    {"TLS 1.0 looks at no schemes", &few, &rsa,
     TLS10(SUITES, EXT_GROUPS("0017") EXT_SCHEMES("0403") EXT_CERT_SCHEMES("0503")),
     USABLE(0x0301, 0xc013, 0x0017, 0)},
    {"TLS 1.0, Ed25519", &all, &ed25519, TLS10(SUITES, EXT_GROUPS("0017")),
     NOT(NO_SIGNATURE_SCHEME)},
    {"TLS 1.1, RSA-PSS", &all, &pss, HELLO("0302", SUITES, EXT_GROUPS("0017")),
     NOT(NO_SIGNATURE_SCHEME)},
    {"TLS 1.2, RSA-PSS", &all, &pss, TLS12(SUITES, "0017", "0809"),
     USABLE(0x0303, 0xc02f, 0x0017, 0x0809)},
    {"TLS 1.2, RSA-PSS, only schemes of RSA", &all, &pss, TLS12(SUITES, "0017", "0804 0401"),
     NOT(NO_SIGNATURE_SCHEME)},
    {"TLS 1.2, RSA-PSS of 1024 bits", &all, &pss1024, TLS12(SUITES, "0017", "080b"),
     NOT(KEY_TOO_SMALL)},
    {"TLS 1.2, RSA of 1024 bits, PSS", &all, &rsa1024, TLS12(SUITES, "0017", "0806"),
     NOT(KEY_TOO_SMALL)},
    {"TLS 1.2, RSA of 1024 bits, PKCS#1 too", &all, &rsa1024, TLS12(SUITES, "0017", "0806 0601"),
     USABLE(0x0303, 0xc02f, 0x0017, 0x0601)},

    /* The certificate itself before TLS 1.3. */
    {"key usage, ECDSA", &all, &p256_no_sign, TLS12(SUITES, "0017", "0403"), NOT(KEY_USAGE)},
    {"key usage, ECDSA, TLS 1.0", &all, &p256_no_sign, TLS10(SUITES, EXT_GROUPS("0017")),
     NOT(KEY_USAGE)},
    {"key usage, RSA", &all, &rsa_no_sign, TLS12(SUITES, "0017", "0401"),
     USABLE(0x0303, 0xc02f, 0x0017, 0x0401)},
    {"the leaf's signature is not welcome", &all, &p256,
     HELLO("0303", SUITES,
           EXT_GROUPS("0017") EXT_SCHEMES("0403 0503") EXT_CERT_SCHEMES("0403 0501")),
     NOT(LEAF_SIGNATURE)},
    {"the leaf's signature is welcome", &all, &p256,
     HELLO("0303", SUITES, EXT_GROUPS("0017") EXT_SCHEMES("0403") EXT_CERT_SCHEMES("0a0a 0503")),
     USABLE(0x0303, 0xc02b, 0x0017, 0x0403)},
    {"the leaf's signature counts for static RSA", &all, &rsa,
     HELLO("0303", "002f", EXT_SCHEMES("0401") EXT_CERT_SCHEMES("0403")), NOT(LEAF_SIGNATURE)},
    {"the leaf's signature without the extension", &all, &p256, TLS12(SUITES, "0017", "0403"),
     USABLE(0x0303, 0xc02b, 0x0017, 0x0403)},

    /* TLS 1.3. */
    {"TLS 1.3", &all, &p256, TLS13("001d", "0403"), USABLE(0x0304, 0x1301, 0x001d, 0x0403)},
    {"TLS 1.3, our order of suites", &all, &rsa, TLS13_WITH("1301 1302", "001d", "0804", SHARE),
     USABLE(0x0304, 0x1302, 0x001d, 0x0804)},
    {"TLS 1.3, no suite of it", &all, &p256, TLS13_WITH(SUITES, "001d", "0403", SHARE),
     NOT(NO_SUITE)},
    {"TLS 1.3, groups do not limit the curve", &all, &p384, TLS13("001d", "0503"),
     USABLE(0x0304, 0x1301, 0x001d, 0x0503)},
    {"TLS 1.3, a scheme of another curve", &all, &p384, TLS13("001d 0017", "0403 0603"),
     NOT(NO_SIGNATURE_SCHEME)},
    {"TLS 1.3, P-521", &all, &p521, TLS13("001d", MOST), USABLE(0x0304, 0x1301, 0x001d, 0x0603)},
    {"TLS 1.3, SHA-1 and SHA-224", &all, &p256, TLS13("001d", "0203 0303"),
     NOT(NO_SIGNATURE_SCHEME)},
    {"TLS 1.3, PKCS#1", &all, &rsa, TLS13("001d", "0401 0601"), NOT(NO_SIGNATURE_SCHEME)},
    {"TLS 1.3, RSA with the scheme of RSA-PSS", &all, &rsa, TLS13("001d", "0809"),
     NOT(NO_SIGNATURE_SCHEME)},
    {"TLS 1.3, RSA-PSS", &all, &pss, TLS13("001d", "0804 0809"),
     USABLE(0x0304, 0x1301, 0x001d, 0x0809)},
    {"TLS 1.3, RSA-PSS with the scheme of RSA", &all, &pss, TLS13("001d", "0804"),
     NOT(NO_SIGNATURE_SCHEME)},
    {"TLS 1.3, Ed25519", &all, &ed25519, TLS13("001d", "0807"),
     USABLE(0x0304, 0x1301, 0x001d, 0x0807)},
    {"TLS 1.3, Ed448", &all, &ed448, TLS13("001d", "0808"), USABLE(0x0304, 0x1301, 0x001d, 0x0808)},
    {"TLS 1.3, Ed448 with the scheme of Ed25519", &all, &ed448, TLS13("001d", "0807"),
     NOT(NO_SIGNATURE_SCHEME)},
    {"TLS 1.3, no schemes", &all, &p256,
     HELLO("0303", "1301", EXT_VERSIONS("0304") EXT_GROUPS("001d") SHARE),
     NOT(NO_SIGNATURE_SCHEME)},
    {"TLS 1.3, RSA of 1024 bits and SHA-512", &all, &rsa1024, TLS13("001d", "0806"),
     NOT(KEY_TOO_SMALL)},
    {"TLS 1.3, RSA of 1040 bits and SHA-512", &all, &rsa1040, TLS13("001d", "0806"),
     USABLE(0x0304, 0x1301, 0x001d, 0x0806)},
    {"TLS 1.3, RSA of 1024 bits and a smaller digest too", &all, &rsa1024,
     TLS13("001d", "0806 0805"), USABLE(0x0304, 0x1301, 0x001d, 0x0805)},
    {"TLS 1.3 does not look at key usage", &all, &p256_no_sign, TLS13("001d", "0403"),
     USABLE(0x0304, 0x1301, 0x001d, 0x0403)},
    {"TLS 1.3, the leaf's signature is not welcome", &all, &p256,
     TLS13_WITH("1301", "001d", "0403 0503", EXT_CERT_SCHEMES("0403") SHARE), NOT(LEAF_SIGNATURE)},
    {"TLS 1.3, the leaf's PSS signature by either name", &all, &rsa_by_pss,
     TLS13_WITH("1301", "001d", "0804", EXT_CERT_SCHEMES("080a") SHARE),
     USABLE(0x0304, 0x1301, 0x001d, 0x0804)},
    {"TLS 1.3, the leaf's PSS signature by the other name", &all, &pss,
     TLS13_WITH("1301", "001d", "0809", EXT_CERT_SCHEMES("0804") SHARE),
     USABLE(0x0304, 0x1301, 0x001d, 0x0809)},
    {"TLS 1.3, the leaf's PSS signature with another digest", &all, &rsa_by_pss,
     TLS13_WITH("1301", "001d", "0804", EXT_CERT_SCHEMES("0809 0501") SHARE), NOT(LEAF_SIGNATURE)},
    {"TLS 1.3, a leaf's signature without a name", &all, &p256_by_nobody,
     TLS13_WITH("1301", "001d", "0403", EXT_CERT_SCHEMES("0403 0000") SHARE), NOT(LEAF_SIGNATURE)},
    {"TLS 1.3, a leaf's signature that libssl does not know", &all, &rsa_by_sm2,
     TLS13_WITH("1301", "001d", "0804", EXT_CERT_SCHEMES("0708") SHARE), NOT(LEAF_SIGNATURE)},
    {"TLS 1.3, an ECDSA signature by brainpool's name", &brainpool, &p384,
     TLS13_WITH("1301", "001d", "0503", EXT_CERT_SCHEMES("081a") SHARE),
     USABLE(0x0304, 0x1301, 0x001d, 0x0503)},
    {"TLS 1.3, brainpool's name with another digest", &brainpool, &p384,
     TLS13_WITH("1301", "001d", "0503", EXT_CERT_SCHEMES("081b 081c") SHARE), NOT(LEAF_SIGNATURE)},
    {"TLS 1.3, brainpool's name and an RSA signature", &brainpool, &rsa,
     TLS13_WITH("1301", "001d", "0804", EXT_CERT_SCHEMES("081a") SHARE), NOT(LEAF_SIGNATURE)},
    {"TLS 1.3, a libssl that does not know brainpool's name", &all, &p384,
     TLS13_WITH("1301", "001d", "0503", EXT_CERT_SCHEMES("081a") SHARE), NOT(LEAF_SIGNATURE)},
    {"TLS 1.2, an ECDSA signature by brainpool's name", &brainpool, &p256,
     HELLO("0303", SUITES, EXT_GROUPS("0017") EXT_SCHEMES("0403") EXT_CERT_SCHEMES("081b")),
     USABLE(0x0303, 0xc02b, 0x0017, 0x0403)},
    {"brainpool's name signs nothing of ours", &brainpool, &p256, TLS13("001d", "081a"),
     NOT(NO_SIGNATURE_SCHEME)},
    {"certificate_authorities of others", &all, &p256,
     TLS13_WITH("1301", "001d", "0403", "002f[[[30<3100>]]]" SHARE),
     USABLE(0x0304, 0x1301, 0x001d, 0x0403)},

    /* Groups of TLS 1.3. */
    {"the client's first share wins", &all, &p256,
     TLS13_WITH("1301", "0018 001d", "0403", EXT_SHARES("0018[K61] 001d[K20]")),
     USABLE(0x0304, 0x1301, 0x0018, 0x0403)},
    {"shares of others are skipped", &all, &p256,
     TLS13_WITH("1301", "2a2a 0016 001d", "0403", EXT_SHARES("2a2a[00] 0016[K41] 001d[K20]")),
     USABLE(0x0304, 0x1301, 0x001d, 0x0403)},
    {"no share of ours: our first group", &all, &p256,
     TLS13_WITH("1301", "0018 0017 0016", "0403", EXT_SHARES("0016[K41]")),
     USABLE(0x0304, 0x1301, 0x0017, 0x0403)},
    {"an empty list of shares", &all, &p256, TLS13_WITH("1301", "0018", "0403", EXT_SHARES("")),
     USABLE(0x0304, 0x1301, 0x0018, 0x0403)},
    {"no group of ours", &all, &p256, TLS13_WITH("1301", "0100", "0403", EXT_SHARES("")),
     NOT(NO_SHARED_GROUP)},
    {"no key_share", &all, &p256, TLS13_WITH("1301", "001d", "0403", ""), NOT(NO_SHARED_GROUP)},
    {"TLS 1.3 without supported_groups", &all, &p256,
     HELLO("0303", "1301", EXT_VERSIONS("0304") EXT_SCHEMES("0403") SHARE), NOT(NO_SHARED_GROUP)},
    {"ffdhe2048 in TLS 1.3", &odd, &p256, TLS13_WITH("1301", "0018 0100", "0403", EXT_SHARES("")),
     USABLE(0x0304, 0x1301, 0x0100, 0x0403)},
    {"brainpool is for TLS 1.2", &odd, &p256,
     TLS13_WITH("1301", "001a 0018", "0403", EXT_SHARES("001a[K41]")),
     USABLE(0x0304, 0x1301, 0x0018, 0x0403)},
    {"a share of a group not offered", &all, &p256,
     TLS13_WITH("1301", "0017", "0403", EXT_SHARES("001d[K20]")), NOT(MALFORMED)},
    {"a share of a group not offered behind a good one", &all, &p256,
     TLS13_WITH("1301", "0017", "0403", EXT_SHARES("0017[K41] 001d[K20]")),
     USABLE(0x0304, 0x1301, 0x0017, 0x0403)},
    {"a share of a group not offered behind a good one, all are looked at", &all_shares, &p256,
     TLS13_WITH("1301", "0017", "0403", EXT_SHARES("0017[K41] 001d[K20]")), NOT(MALFORMED)},
    {"a share of a stranger not offered behind a good one, all are looked at", &all_shares, &p256,
     TLS13_WITH("1301", "0017", "0403", EXT_SHARES("0017[K41] 11ec[01]")), NOT(MALFORMED)},
    {"shares of strangers, all are looked at", &all_shares, &p256,
     TLS13_WITH("1301", "11ec 2a2a 0017 001d", "0403", EXT_SHARES("2a2a[00] 0017[K41] 11ec[01]")),
     USABLE(0x0304, 0x1301, 0x0017, 0x0403)},
    {"the client's first share wins although all are looked at", &all_shares, &p256,
     TLS13_WITH("1301", "0018 001d", "0403", EXT_SHARES("0018[K61] 001d[K20]")),
     USABLE(0x0304, 0x1301, 0x0018, 0x0403)},
    {"the share for our first group wins", &own_groups, &p256,
     TLS13_WITH("1301", "0018 0017 001d", "0403", EXT_SHARES("0018[K61] 001d[K20] 0017[K41]")),
     USABLE(0x0304, 0x1301, 0x001d, 0x0403)},
    {"a share that is there wins over a group that we prefer", &newer_shares, &p256,
     TLS13_WITH("1301", "0018 001d", "0403", EXT_SHARES("0018[K61]")),
     USABLE(0x0304, 0x1301, 0x0018, 0x0403)},
    {"no share of ours: our first group, newer libssl", &newer_shares, &p256,
     TLS13_WITH("1301", "11ec 0018 0017", "0403", EXT_SHARES("11ec[01]")),
     USABLE(0x0304, 0x1301, 0x0017, 0x0403)},
    {"an empty list of shares, newer libssl", &newer_shares, &p256,
     TLS13_WITH("1301", "0018 0017", "0403", EXT_SHARES("")),
     USABLE(0x0304, 0x1301, 0x0017, 0x0403)},
    {"a group twice: its first share counts, which is too short", &newer_shares, &p256,
     TLS13_WITH("1301", "0017", "0403", EXT_SHARES("0017[K40] 0017[K41]")), NOT(MALFORMED)},
    {"a group twice: its first share counts", &newer_shares, &p256,
     TLS13_WITH("1301", "0017", "0403", EXT_SHARES("0017[K41] 0017[K40]")),
     USABLE(0x0304, 0x1301, 0x0017, 0x0403)},
    {"the length of a share that is not taken", &newer_shares, &p256,
     TLS13_WITH("1301", "0017 001d", "0403", EXT_SHARES("0017[K40] 001d[K20]")),
     USABLE(0x0304, 0x1301, 0x001d, 0x0403)},
    {"a share for a group of older versions is not the best", &odd_newer, &p256,
     TLS13_WITH("1301", "001a 0018", "0403", EXT_SHARES("001a[K41] 0018[K61]")),
     USABLE(0x0304, 0x1301, 0x0018, 0x0403)},
    {"a share that is too short", &all, &p256,
     TLS13_WITH("1301", "0017", "0403", EXT_SHARES("0017[K40]")), NOT(MALFORMED)},
    {"a share of a group that the tables do not know", &odd, &p256,
     TLS13_WITH("1301", "eeee", "0403", EXT_SHARES("eeee[00]")),
     USABLE(0x0304, 0x1301, 0xeeee, 0x0403)},
    {"X25519 at level 4", &level4, &p384, TLS13("001d", "0503"), NOT(NO_SHARED_GROUP)},
    {"a HelloRetryRequest at level 4", &level4, &p384, TLS13("001d 0018", "0503"),
     USABLE(0x0304, 0x1301, 0x0018, 0x0503)},

    /* Faults of one version. */
    {"two compression methods in TLS 1.3", &all, &p256,
     "01{0303 K20 <> [1301] <0001> [" EXT_VERSIONS("0304") EXT_GROUPS("001d") EXT_SCHEMES("0403")
         SHARE "]}",
     NOT(MALFORMED)},
    {"two compression methods in TLS 1.2", &all, &p256,
     "01{0303 K20 <> [c02b] <0100> [" EXT_GROUPS("0017") EXT_SCHEMES("0403") "]}",
     USABLE(0x0303, 0xc02b, 0x0017, 0x0403)},
    {"a torn key_share in TLS 1.2", &all, &p256,
     HELLO("0303", SUITES, EXT_GROUPS("0017") EXT_SCHEMES("0403") "0033[00]"),
     USABLE(0x0303, 0xc02b, 0x0017, 0x0403)},
    {"a torn key_share in TLS 1.3", &all, &p256, TLS13_WITH("1301", "001d", "0403", "0033[00]"),
     NOT(MALFORMED)},

    {"a broken compress_certificate", &compression, &p256,
     TLS13_WITH("1301", "001d", "0403", "001b[<>]" SHARE), NOT(MALFORMED)},
    {"a broken compress_certificate, older libssl", &all, &p256,
     TLS13_WITH("1301", "001d", "0403", "001b[<>]" SHARE), USABLE(0x0304, 0x1301, 0x001d, 0x0403)},
    {"server_certificate_type twice", &twice, &p256,
     HELLO("0303", SUITES, EXT_GROUPS("0017") EXT_SCHEMES("0403") "0014[<02>] 0014[<02>]"),
     NOT(MALFORMED)},
    {"server_certificate_type twice, older libssl", &all, &p256,
     HELLO("0303", SUITES, EXT_GROUPS("0017") EXT_SCHEMES("0403") "0014[<02>] 0014[<02>]"),
     USABLE(0x0303, 0xc02b, 0x0017, 0x0403)},

    /* Keys below the level. */
    {"RSA of 1024 bits at level 2", &modern, &rsa1024, TLS12(SUITES, "0017", "0401"),
     NOT(KEY_TOO_SMALL)},
    {"RSA of 2048 bits at level 2", &modern, &rsa, TLS12(SUITES, "0017", "0401"),
     USABLE(0x0303, 0xc02f, 0x0017, 0x0401)},
    {"P-256 at level 4", &level4, &p256, TLS12(SUITES, "0017 0018", "0503"), NOT(KEY_TOO_SMALL)},
    {"SHA-256 at level 4", &level4, &p384, TLS12(SUITES, "0018", "0403"), NOT(NO_SIGNATURE_SCHEME)},
};

START_TEST(row)
{
    const struct row *r = &rows[_i];
    struct hello hello;
    uint8_t *bytes = hello_decode_text(r->hello, &hello);
    struct verdict v = certsel_judge(r->profile, r->certificate, &hello);

    ck_assert_msg(v.reason == r->expected.reason && v.version == r->expected.version &&
                      v.suite == r->expected.suite && v.group == r->expected.group &&
                      v.scheme == r->expected.scheme,
                  "%s: %s %04x %04x %04x %04x", r->name, verdict_word(v.reason), v.version, v.suite,
                  v.group, v.scheme);
    free(bytes);
}
END_TEST

Suite *certsel_suite(void)
{
    Suite *suite = suite_create("certsel");
    TCase *tests = tcase_create("certsel");

    tcase_add_loop_test(tests, row, 0, NUM(rows));
    suite_add_tcase(suite, tests);
    return suite;
}
