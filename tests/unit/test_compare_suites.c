#include "tests/unit/compare_base.h"

#include <check.h>

#define SUITE(name) Suite *name##_suite(void);
#include "tests/unit/suites.h"
#undef SUITE

#define CIPHERS(...)                                                                               \
    &(const struct compare_ciphers)                                                                \
    {                                                                                              \
        .known = true, __VA_ARGS__                                                                 \
    }
#define NO_CIPHERS                                                                                 \
    &(const struct compare_ciphers)                                                                \
    {                                                                                              \
        .known = false, .opened = "A", .groups = "x448"                                            \
    }

#define ENCRYPT  "tls = \"encrypt\""
#define IMPLICIT "tls = \"implicit\""

#define LEVEL(level) "smtpd_tls_security_level = " level "\n"
#define WRAPPED      "smtpd_tls_wrappermode = yes\n"

static const struct compare_row suites[] = {
    /* Versions. */
    {.name = "versions: more than are set",
     .today = "smtpd_tls_protocols = >=TLSv1.2\n",
     .ciphers = CIPHERS(.today = 12),
     .found = {{"smtpd_tls_protocols", COMPARE_FAIL, "allows versions that"}}},
    {.name = "versions: more than Postfix's own",
     .ciphers = CIPHERS(.today = 12),
     .found = {{"smtpd_tls_protocols", COMPARE_EQUAL, "allows versions that"}}},
    {.name = "versions: fewer",
     .ciphers = CIPHERS(.now = 12),
     .found = {{"smtpd_tls_protocols", COMPARE_STRICTER, "\"opportunistic\" lacks versions"}}},
    {.name = "versions: others",
     .today = "smtpd_tls_protocols = TLSv1.1\n",
     .ciphers = CIPHERS(.today = 2, .now = 12),
     .found = {{"smtpd_tls_protocols", COMPARE_FAIL, NULL},
               {"smtpd_tls_protocols", COMPARE_STRICTER, NULL}}},
    {.name = "versions: the mandatory ones hold",
     .today = LEVEL("encrypt") "smtpd_tls_mandatory_protocols = >=TLSv1.2\n",
     .options = ENCRYPT,
     .ciphers = CIPHERS(.today = 12),
     .found = {{"smtpd_tls_mandatory_protocols", COMPARE_FAIL, "\"modern\" allows"}}},
    {.name = "versions: the mandatory ones hold in wrappermode",
     .today = WRAPPED "smtpd_tls_protocols = >=TLSv1.2\n",
     .options = IMPLICIT,
     .ciphers = CIPHERS(.today = 12)},
    {.name = "versions: without TLS today", .today = LEVEL("none"), .ciphers = CIPHERS(.now = 12)},

    /* Suites. */
    {.name = "suites: not known",
     .ciphers = NO_CIPHERS,
     .found = {{"smtpd_tls_ciphers", COMPARE_NOT_JUDGED, "libssl cannot read"}}},
    {.name = "suites: not known, and not of interest",
     .today = LEVEL("none"),
     .ciphers = NO_CIPHERS},
    {.name = "suites: more than Postfix's own", .ciphers = CIPHERS(.opened = "AES128-SHA")},
    {.name = "suites: more than are set",
     .today = "smtpd_tls_exclude_ciphers = kRSA\n",
     .ciphers = CIPHERS(.opened = "AES128-SHA"),
     .found = {{"smtpd_tls_exclude_ciphers", COMPARE_FAIL, "refuses: AES128-SHA"}}},
    {.name = "suites: more than a list of the administrator's",
     .today = LEVEL("encrypt") "tls_medium_cipherlist = kEECDH\n",
     .options = ENCRYPT,
     .ciphers = CIPHERS(.opened = "AES128-SHA"),
     .found = {{"tls_medium_cipherlist", COMPARE_FAIL, "refuses: AES128-SHA"}}},
    {.name = "suites: fewer, and nobody needs them",
     .ciphers = CIPHERS(.closed = "SEED-SHA"),
     .found = {{"smtpd_tls_ciphers", COMPARE_STRICTER,
                "lacks suites of today's service: SEED-SHA"}}},
    {.name = "suites: fewer, and somebody needs them",
     .ciphers = CIPHERS(.closed = "SEED-SHA", .clients = "exchange-2010"),
     .found = {{"smtpd_tls_ciphers", COMPARE_STRICTER,
                "shuts out clients of today's service: "
                "exchange-2010"}}},
    {.name = "suites: without a certificate",
     .ciphers = CIPHERS(.today_anonymous = true),
     .found = {{"smtpd_tls_ciphers", COMPARE_STRICTER, "unmatched = \"anonymous\""}}},
    {.name = "suites: without a certificate, in both",
     .find = "{ \"a\", \"b\" }",
     .replace = "{ \"a\", \"b\" } unmatched = \"anonymous\"",
     .ciphers = CIPHERS(.today_anonymous = true)},
    {.name = "suites: without a certificate, in one set only",
     .find = "listener \"mx\" {\n    address = { \"0.0.0.0:25\", \"[::]:25\" }\n",
     .replace = "certificate_set \"t\" { certificates = \"b\" unmatched = \"anonymous\" }\n"
                "listener \"mx\" {\n    address = \"0.0.0.0:25\"\n",
     .two_sets = true,
     .ciphers = CIPHERS(.today_anonymous = true),
     .found = {{"smtpd_tls_ciphers", COMPARE_STRICTER, "unmatched = \"anonymous\""}}},
    {.name = "groups: fewer",
     .ciphers = CIPHERS(.groups = "x448"),
     .found = {{"smtpd_tls_eecdh_grade", COMPARE_STRICTER, "lacks groups of today's: x448"}}},

    /* Tickets. */
    {.name = "tickets: in neither",
     .today = "tls_ssl_options = NO_TICKET\n",
     .more = "tickets = false\n"},
    {.name = "tickets: new",
     .today = "tls_ssl_options = no_ticket, NO_COMPRESSION\n",
     .found = {{"tls_ssl_options", COMPARE_LOST, "tickets = false"}}},
    {.name = "tickets: new, as there was no cipher for them",
     .today = "tls_session_ticket_cipher = \n",
     .found = {{"tls_ssl_options", COMPARE_LOST, "tickets = false"}}},
    {.name = "tickets: new, as nothing was kept",
     .today = "smtpd_tls_session_cache_timeout = 0\n",
     .found = {{"tls_ssl_options", COMPARE_LOST, "tickets = false"}}},
    {.name = "tickets: none any more",
     .more = "tickets = false\n",
     .found = {{"tls_ssl_options", COMPARE_LOST, "a full handshake"}}},
    {.name = "tickets: without TLS today", .today = LEVEL("none"), .more = "tickets = false\n"},
    {.name = "options: what posternd always does",
     .today = "tls_ssl_options = NO_RENEGOTIATION, no_compression\n"},
    {.name = "options: another",
     .today = "tls_ssl_options = NO_RENEGOTIATION, PRIORITIZE_CHACHA\n",
     .found = {{"tls_ssl_options", COMPARE_LOST, "cannot express: PRIORITIZE_CHACHA"}}},
    {.name = "options: in bits",
     .today = "tls_ssl_options = 0x4000\n",
     .found = {{"tls_ssl_options", COMPARE_LOST, "cannot express: 0x4000"}}},
};

START_TEST(test_suites)
{
    compare_row_check(&suites[_i]);
}
END_TEST

Suite *compare_suites_suite(void)
{
    Suite *suite = suite_create("compare_suites");
    TCase *tcase = tcase_create("compare_suites");

    tcase_add_loop_test(tcase, test_suites, 0, (int)NUM(suites));
    suite_add_tcase(suite, tcase);
    return suite;
}
