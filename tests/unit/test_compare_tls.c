#include "tests/unit/compare_base.h"

#include <check.h>

#define SUITE(name) Suite *name##_suite(void);
#include "tests/unit/suites.h"
#undef SUITE

#define NONE     "tls = \"none\""
#define ENCRYPT  "tls = \"encrypt\""
#define IMPLICIT "tls = \"implicit\""
#define ASK      "client_certificate = \"ask\" client_ca = \"ca.pem\""
#define REQUIRE  "client_certificate = \"require\" client_ca = \"ca.pem\""

#define LEVEL(level) "smtpd_tls_security_level = " level "\n"
#define WRAPPED      "smtpd_tls_wrappermode = yes\n"
#define SASL         "smtpd_sasl_auth_enable = yes\n"
#define ASKED        "smtpd_tls_ask_ccert = yes\n"
#define REQUIRED     "smtpd_tls_req_ccert = yes\n"

#define SHUT_OUT "clients without TLS are shut out"
#define UNSAFE   "mail without TLS is accepted"
#define NO_STARTTLS                                                                                \
    {                                                                                              \
        "smtpd_discard_ehlo_keywords", COMPARE_LOST, "STARTTLS is offered"                         \
    }

static const struct compare_row levels[] = {
    {.name = "level: may", .found = {{"smtpd_tls_security_level", COMPARE_EQUAL, "tls = \"may\""}}},
    {.name = "level: may, and none now",
     .options = NONE,
     .found = {{"smtpd_tls_security_level", COMPARE_FAIL, "TLS is no longer offered"}}},
    {.name = "level: may, and encrypt now",
     .options = ENCRYPT,
     .found = {{"smtpd_tls_security_level", COMPARE_STRICTER, SHUT_OUT}}},
    {.name = "level: may, and implicit now",
     .options = IMPLICIT,
     .found = {{"smtpd_tls_security_level", COMPARE_STRICTER, "do not begin with TLS"}}},
    {.name = "level: none",
     .today = LEVEL("none"),
     .options = NONE,
     .found = {{"smtpd_tls_security_level", COMPARE_EQUAL, "tls = \"none\""}}},
    {.name = "level: none, and may now",
     .today = LEVEL("none"),
     .found = {{"smtpd_tls_security_level", COMPARE_EQUAL, "which is new"}}},
    {.name = "level: none, and encrypt now",
     .today = LEVEL("none"),
     .options = ENCRYPT,
     .found = {{"smtpd_tls_security_level", COMPARE_STRICTER, SHUT_OUT}}},
    {.name = "level: none, and implicit now",
     .today = LEVEL("none"),
     .options = IMPLICIT,
     .found = {{"smtpd_tls_security_level", COMPARE_STRICTER, "do not begin with TLS"}}},
    {.name = "level: encrypt",
     .today = LEVEL("encrypt"),
     .options = ENCRYPT,
     .found = {{"smtpd_tls_security_level", COMPARE_EQUAL, "tls = \"encrypt\""}}},
    {.name = "level: encrypt, and none now",
     .today = LEVEL("encrypt"),
     .options = NONE,
     .found = {{"smtpd_tls_security_level", COMPARE_FAIL, UNSAFE}}},
    {.name = "level: encrypt, and may now",
     .today = LEVEL("encrypt"),
     .found = {{"smtpd_tls_security_level", COMPARE_FAIL, "demands TLS: tls = \"encrypt\""}}},
    {.name = "level: encrypt, and implicit now",
     .today = LEVEL("encrypt"),
     .options = IMPLICIT,
     .found = {{"smtpd_tls_security_level", COMPARE_STRICTER, "do not begin with TLS"}}},
    {.name = "level: wrappermode",
     .today = WRAPPED,
     .options = IMPLICIT,
     .found = {{"smtpd_tls_wrappermode", COMPARE_EQUAL, "tls = \"implicit\""}}},
    {.name = "level: wrappermode with encrypt",
     .today = WRAPPED LEVEL("encrypt"),
     .options = IMPLICIT,
     .found = {{"smtpd_tls_wrappermode", COMPARE_EQUAL, "tls = \"implicit\""}}},
    {.name = "level: wrappermode, and none now",
     .today = WRAPPED,
     .options = NONE,
     .found = {{"smtpd_tls_wrappermode", COMPARE_FAIL, UNSAFE}}},
    {.name = "level: wrappermode, and may now",
     .today = WRAPPED,
     .found = {{"smtpd_tls_wrappermode", COMPARE_FAIL, "demands TLS: tls = \"implicit\""}}},
    {.name = "level: wrappermode, and encrypt now",
     .today = WRAPPED,
     .options = ENCRYPT,
     .found = {{"smtpd_tls_wrappermode", COMPARE_STRICTER, "clients that begin with TLS"}}},

    /* Words that count as encrypt, and the old names. */
    {.name = "level: dane", .today = LEVEL("dane"), .options = ENCRYPT},
    {.name = "level: dane-only", .today = LEVEL("dane-only"), .options = ENCRYPT},
    {.name = "level: fingerprint", .today = LEVEL("fingerprint"), .options = ENCRYPT},
    {.name = "level: verify", .today = LEVEL("verify"), .options = ENCRYPT},
    {.name = "level: secure", .today = LEVEL("SECURE"), .options = ENCRYPT},
    {.name = "level: May", .today = LEVEL("May")},
    {.name = "level: nothing",
     .today = LEVEL(""),
     .options = NONE,
     .found = {{"smtpd_tls_security_level", COMPARE_EQUAL, NULL}}},
    {.name = "level: use_tls",
     .today = LEVEL("") "smtpd_use_tls = yes\n",
     .found = {{"smtpd_use_tls", COMPARE_EQUAL, "tls = \"may\""}}},
    {.name = "level: enforce_tls",
     .today = LEVEL("") "smtpd_enforce_tls = yes\nsmtpd_use_tls = yes\n",
     .found = {{"smtpd_enforce_tls", COMPARE_FAIL, UNSAFE}}},
    {.name = "level: enforce_tls does not count with a level",
     .today = "smtpd_enforce_tls = yes\n",
     .found = {{"smtpd_tls_security_level", COMPARE_EQUAL, "tls = \"may\""}}},
    {.name = "level: use_tls does not count with none",
     .today = LEVEL("none") "smtpd_use_tls = yes\n",
     .options = NONE},

    /* STARTTLS that nobody is offered. */
    {.name = "level: may without STARTTLS",
     .today = "smtpd_discard_ehlo_keywords = dsn, STARTTLS\n",
     .options = NONE,
     .found = {{"smtpd_tls_security_level", COMPARE_EQUAL, "tls = \"none\""},
               {"smtpd_discard_ehlo_keywords", COMPARE_EQUAL, "tls = \"none\""}}},
    {.name = "level: may without STARTTLS, and may now",
     .today = "smtpd_discard_ehlo_keywords = starttls\n",
     .found = {{"smtpd_tls_security_level", COMPARE_EQUAL, "which is new"}, NO_STARTTLS}},
    {.name = "level: may without STARTTLS, and encrypt now",
     .today = "smtpd_discard_ehlo_keywords = starttls\n",
     .options = ENCRYPT,
     .found = {{"smtpd_tls_security_level", COMPARE_STRICTER, SHUT_OUT}, NO_STARTTLS}},

    /* postscreen's own level. */
    {.name = "level: postscreen's",
     .screened = true,
     .screens = true,
     .today = "postscreen_tls_security_level = encrypt\n",
     .found = {{"postscreen_tls_security_level", COMPARE_FAIL, "demands TLS: tls = \"encrypt\""}}},
    {.name = "level: that of the smtpd behind postscreen, which takes the mail",
     .screened = true,
     .screens = true,
     .today = LEVEL("encrypt"),
     .found = {{"smtpd_tls_security_level", COMPARE_FAIL, "demands TLS: tls = \"encrypt\""}}},
    {.name = "level: postscreen has none, and the smtpd behind it offers TLS",
     .screened = true,
     .screens = true,
     .today = "postscreen_tls_security_level = none\n",
     .options = "tls = \"none\"",
     .found = {{"smtpd_tls_security_level", COMPARE_FAIL, "TLS is no longer offered"}}},
    {.name = "level: nothing begins with TLS behind a postscreen",
     .screened = true,
     .screens = true,
     .today = WRAPPED,
     .found = {{"postscreen_tls_security_level", COMPARE_EQUAL, "tls = \"may\""}}},
    {.name = "level: postscreen's old name",
     .screened = true,
     .screens = true,
     .today = "postscreen_tls_security_level = \npostscreen_enforce_tls = yes\n",
     .options = ENCRYPT,
     .found = {{"postscreen_tls_security_level", COMPARE_EQUAL, "tls = \"encrypt\""}}},
};

static const struct compare_row passwords[] = {
    {.name = "auth: nobody logs in", .options = "auth_before_tls = true"},
    {.name = "auth: before TLS, in neither",
     .today = SASL "smtpd_tls_auth_only = yes\n",
     .found = {{"smtpd_tls_auth_only", COMPARE_EQUAL, "auth_before_tls = false"}}},
    {.name = "auth: before TLS, in both", .today = SASL, .options = "auth_before_tls = true"},
    {.name = "auth: plaintext is taken",
     .today = SASL "smtpd_tls_auth_only = yes\n",
     .options = "auth_before_tls = true",
     .found = {{"smtpd_tls_auth_only", COMPARE_FAIL, "auth_before_tls = false"}}},
    {.name = "auth: plaintext is taken where TLS was demanded",
     .today = SASL LEVEL("encrypt"),
     .options = "auth_before_tls = true",
     .found = {{"smtpd_tls_auth_only", COMPARE_FAIL, "accepted in plaintext"},
               {"smtpd_tls_security_level", COMPARE_FAIL, UNSAFE}}},
    {.name = "auth: plaintext is taken where TLS came first",
     .today = SASL WRAPPED,
     .options = "auth_before_tls = true",
     .found = {{"smtpd_tls_auth_only", COMPARE_FAIL, "accepted in plaintext"},
               {"smtpd_tls_wrappermode", COMPARE_FAIL, UNSAFE}}},
    {.name = "auth: plaintext is not taken any more",
     .today = SASL,
     .found = {{"smtpd_tls_auth_only", COMPARE_STRICTER, "auth_before_tls = true accepts them"}}},
    {.name = "auth: the listener demands TLS",
     .today = SASL "smtpd_tls_auth_only = yes\n",
     .options = ENCRYPT " auth_before_tls = true",
     .found = {{"smtpd_tls_auth_only", COMPARE_EQUAL, NULL},
               {"smtpd_tls_security_level", COMPARE_STRICTER, SHUT_OUT}}},
    {.name = "auth: TLS is demanded in both", .today = SASL LEVEL("encrypt"), .options = ENCRYPT},
    {.name = "auth: set without effect",
     .today = "smtpd_tls_auth_only = yes\n",
     .options = "auth_before_tls = true"},

    /* Whether clients can log in at all. */
    {.name = "sasl: Dovecot does not learn of TLS",
     .today = SASL "smtpd_sasl_type = dovecot\n" LEVEL("encrypt"),
     .options = ENCRYPT,
     .found = {{"smtpd_sasl_type", COMPARE_LOST, "%{secured}"}}},
    {.name = "sasl: Dovecot without AUTH", .today = "smtpd_sasl_type = dovecot\n"},
    {.name = "sasl: nobody can log in",
     .today = SASL LEVEL("encrypt"),
     .options = ENCRYPT,
     .behind = "smtpd_sasl_auth_enable = no\n",
     .found = {{"smtpd_sasl_auth_enable", COMPARE_STRICTER, "nobody can log in"}}},
    {.name = "sasl: new",
     .behind = SASL,
     .found = {{"smtpd_sasl_auth_enable", COMPARE_FAIL, "clients can log in, which is new"}}},
    {.name = "sasl: none for plaintext, which may not use it",
     .today = SASL "smtpd_tls_auth_only = yes\n",
     .behind = "smtpd_sasl_auth_enable = no\n",
     .secured = ""},
    {.name = "sasl: none for plaintext, which might use it",
     .today = SASL,
     .options = "auth_before_tls = true",
     .behind = "smtpd_sasl_auth_enable = no\n",
     .secured = "",
     .found = {{"smtpd_sasl_auth_enable", COMPARE_STRICTER, "nobody can log in"}}},
    {.name = "sasl: none for TLS",
     .today = SASL "smtpd_tls_auth_only = yes\n",
     .secured = "smtpd_sasl_auth_enable = no\n",
     .found = {{"smtpd_sasl_auth_enable", COMPARE_STRICTER, "nobody can log in"}}},
    {.name = "sasl: new for TLS",
     .secured = SASL,
     .found = {{"smtpd_sasl_auth_enable", COMPARE_FAIL, "which is new"}}},

    /* Which mechanisms. */
    {.name = "options: those for TLS, on one service",
     .today = SASL "smtpd_tls_auth_only = yes\n"
                   "smtpd_sasl_security_options = noanonymous, noplaintext\n"},
    {.name = "options: in another order",
     .today = SASL "smtpd_tls_auth_only = yes\n"
                   "smtpd_sasl_tls_security_options = noanonymous, noplaintext\n",
     .behind = "smtpd_sasl_security_options = NOPLAINTEXT noanonymous\n"},
    {.name = "options: a word is missing",
     .today = SASL "smtpd_tls_auth_only = yes\n"
                   "smtpd_sasl_tls_security_options = noanonymous, noplaintext\n",
     .behind = "smtpd_sasl_security_options = noanonymous\n",
     .found = {{"smtpd_sasl_security_options", COMPARE_FAIL, "sessions under TLS"}}},
    {.name = "options: a word more",
     .today = SASL "smtpd_tls_auth_only = yes\n",
     .behind = "smtpd_sasl_security_options = noanonymous, noplaintext\n",
     .found = {{"smtpd_sasl_security_options", COMPARE_STRICTER, "sessions under TLS"}}},
    {.name = "options: nobody logs in", .behind = "smtpd_sasl_security_options = noplaintext\n"},
    {.name = "options: one service for both, which differ",
     .today = SASL "smtpd_sasl_security_options = noanonymous, noplaintext\n",
     .options = "auth_before_tls = true",
     .found = {{"smtpd_sasl_security_options", COMPARE_FAIL, "sessions without TLS"}}},
    {.name = "options: a service for each",
     .today = SASL "smtpd_sasl_security_options = noanonymous, noplaintext\n",
     .options = "auth_before_tls = true",
     .behind = "smtpd_sasl_security_options = noanonymous, noplaintext\n",
     .secured = ""},
    {.name = "options: each has the other's",
     .today = SASL "smtpd_sasl_security_options = noanonymous, noplaintext\n",
     .options = "auth_before_tls = true",
     .secured = "smtpd_sasl_security_options = noanonymous, noplaintext\n",
     .found = {{"smtpd_sasl_security_options", COMPARE_STRICTER, "sessions under TLS"},
               {"smtpd_sasl_security_options", COMPARE_FAIL, "sessions without TLS"}}},
    {.name = "options: the listener has no TLS",
     .today = SASL LEVEL("none") "smtpd_sasl_tls_security_options = noplaintext\n",
     .options = NONE " auth_before_tls = true",
     .behind = "smtpd_sasl_security_options = noanonymous\n"},
};

static const struct compare_row certificates[] = {
    /* A client's. */
    {.name = "ask: the same",
     .today = ASKED,
     .options = ASK,
     .found = {{"smtpd_tls_ask_ccert", COMPARE_EQUAL, "client_certificate = \"ask\""}}},
    {.name = "ask: more than that",
     .today = ASKED LEVEL("encrypt"),
     .options = ENCRYPT " " REQUIRE,
     .found = {{"smtpd_tls_ask_ccert", COMPARE_EQUAL, "client_certificate = \"require\""},
               {"smtpd_tls_req_ccert", COMPARE_STRICTER, "without a certificate are shut out"}}},
    {.name = "ask: nobody is asked",
     .today = ASKED,
     .found = {{"smtpd_tls_ask_ccert", COMPARE_LOST, "client_certificate = \"ask\""}}},
    {.name = "ask: without TLS", .today = ASKED LEVEL("none")},
    {.name = "require: the same",
     .today = REQUIRED LEVEL("encrypt"),
     .options = ENCRYPT " " REQUIRE,
     .found = {{"smtpd_tls_req_ccert", COMPARE_EQUAL, "client_certificate = \"require\""}}},
    {.name = "require: from the first byte",
     .today = REQUIRED WRAPPED,
     .options = IMPLICIT " " REQUIRE,
     .found = {{"smtpd_tls_req_ccert", COMPARE_EQUAL, NULL}}},
    {.name = "require: only asked for",
     .today = REQUIRED LEVEL("encrypt"),
     .options = ENCRYPT " " ASK,
     .found = {{"smtpd_tls_req_ccert", COMPARE_FAIL, "tls = \"encrypt\""}}},
    {.name = "require: not asked for",
     .today = REQUIRED WRAPPED,
     .options = IMPLICIT,
     .found = {{"smtpd_tls_req_ccert", COMPARE_FAIL, "tls = \"implicit\""}}},
    {.name = "require: Postfix takes no notice of it", .today = REQUIRED},
    {.name = "require: the smtpd behind a postscreen",
     .screened = true,
     .screens = true,
     .today = REQUIRED LEVEL("encrypt"),
     .options = ENCRYPT,
     .found = {{"smtpd_tls_req_ccert", COMPARE_FAIL, "tls = \"encrypt\""}}},
    {.name = "require: nor does a postscreen",
     .screened = true,
     .screens = true,
     .today = REQUIRED "postscreen_tls_security_level = encrypt\n",
     .options = ENCRYPT},
    {.name = "require: the service behind would",
     .today = REQUIRED LEVEL("encrypt"),
     .options = ENCRYPT " " REQUIRE,
     .behind = REQUIRED,
     .found = {{"smtpd_tls_req_ccert", COMPARE_FAIL, "must have \"no\""}}},

    /* Who says that it is good. */
    {.name = "authorities: nobody is asked",
     .files = &(const struct compare_files){.certificates = "", .names = ""}},
    {.name = "authorities: cannot be read",
     .today = ASKED,
     .options = ASK,
     .files = &(const struct compare_files){.certificates = "", .names = ""},
     .found = {{"smtpd_tls_CAfile", COMPARE_NOT_JUDGED, "cannot be read"}}},
    {.name = "authorities: more, and certificates are asked for",
     .today = ASKED,
     .options = ASK,
     .files = &(const struct compare_files){"", "", "Evil CA", ""},
     .found = {{"smtpd_tls_CAfile", COMPARE_LOST, "does not trust: Evil CA"}}},
    {.name = "authorities: more, and certificates are demanded",
     .today = REQUIRED LEVEL("encrypt"),
     .options = ENCRYPT " " REQUIRE,
     .files = &(const struct compare_files){"", "", "Evil CA", ""},
     .found = {{"smtpd_tls_CAfile", COMPARE_FAIL, "does not trust: Evil CA"}}},
    {.name = "authorities: fewer",
     .today = ASKED,
     .options = ASK,
     .files = &(const struct compare_files){"", "", "", "Good CA"},
     .found = {{"smtpd_tls_CAfile", COMPARE_STRICTER,
                "lacks authorities of today's service: "
                "Good CA"}}},
    {.name = "authorities: both",
     .today = ASKED,
     .options = ASK,
     .files = &(const struct compare_files){"", "", "Evil CA", "Good CA"},
     .found = {{"smtpd_tls_CAfile", COMPARE_LOST, "Evil CA"},
               {"smtpd_tls_CAfile", COMPARE_STRICTER, "Good CA"}}},
    {.name = "authorities: posternd does not ask",
     .today = ASKED,
     .files = &(const struct compare_files){"", "", "Evil CA", "Good CA"},
     .found = {{"smtpd_tls_ask_ccert", COMPARE_LOST, NULL}}},

    /* How far they may be away: posternd takes as many as Postfix's 9. */
    {.name = "depth: nobody is asked", .today = "smtpd_tls_ccert_verifydepth = 1\n"},
    {.name = "depth: Postfix's own",
     .today = ASKED,
     .main_cf = ASKED "smtpd_tls_ccert_verifydepth = 9\n",
     .options = ASK},
    {.name = "depth: smaller, and certificates are asked for",
     .today = ASKED "smtpd_tls_ccert_verifydepth = 1\n",
     .options = ASK,
     .found = {{"smtpd_tls_ccert_verifydepth", COMPARE_LOST, "longer chains"}}},
    {.name = "depth: smaller, and certificates are demanded",
     .today = REQUIRED LEVEL("encrypt") "smtpd_tls_ccert_verifydepth = 8\n",
     .options = ENCRYPT " " REQUIRE,
     .found = {{"smtpd_tls_ccert_verifydepth", COMPARE_FAIL, "longer chains"}}},
    {.name = "depth: greater",
     .today = ASKED "smtpd_tls_ccert_verifydepth = 10\n",
     .options = ASK,
     .found = {{"smtpd_tls_ccert_verifydepth", COMPARE_STRICTER, "chains of more than"}}},

    /* Its fingerprint. */
    {.name = "fingerprints: the same", .today = ASKED, .options = ASK},
    {.name = "fingerprints: nobody is asked", .today = "smtpd_tls_fingerprint_digest = md5\n"},
    {.name = "fingerprints: others",
     .today = ASKED "smtpd_tls_fingerprint_digest = md5\n",
     .options = ASK,
     .found = {{"smtpd_tls_fingerprint_digest", COMPARE_LOST, "those of md5"}}},

    /* The server's. */
    {.name = "certificates: served",
     .today = "smtpd_tls_chain_files = /a.pem\n",
     .found = {{"smtpd_tls_chain_files", COMPARE_EQUAL, "serves today's certificates"}}},
    {.name = "certificates: by the old names",
     .today = "smtpd_tls_cert_file = /a.pem\nsmtpd_tls_eccert_file = /e.pem\n",
     .found = {{"smtpd_tls_cert_file", COMPARE_EQUAL, "serves today's certificates"}}},
    {.name = "certificates: another",
     .today = "smtpd_tls_cert_file = /a.pem\n",
     .files = &(const struct compare_files){"/a.pem", "", "", ""},
     .found = {{"smtpd_tls_cert_file", COMPARE_LOST, "today's certificate: /a.pem"}}},
    {.name = "certificates: another of a curve",
     .today = "smtpd_tls_eccert_file = /e.pem\n",
     .files = &(const struct compare_files){"/e.pem", "", "", ""},
     .found = {{"smtpd_tls_eccert_file", COMPARE_LOST, "/e.pem"}}},
    {.name = "certificates: cannot be read",
     .today = "smtpd_tls_chain_files = /a.pem\n",
     .files = &(const struct compare_files){NULL, "", "", ""},
     .found = {{"smtpd_tls_chain_files", COMPARE_NOT_JUDGED, "cannot be read"}}},
    {.name = "certificates: none are named",
     .files = &(const struct compare_files){NULL, "", "", ""}},
    {.name = "certificates: none are wanted",
     .today = "smtpd_tls_cert_file = none\n",
     .files = &(const struct compare_files){NULL, "", "", ""}},
    {.name = "certificates: without TLS today",
     .today = LEVEL("none") "smtpd_tls_cert_file = /a.pem\n",
     .files = &(const struct compare_files){"/a.pem", "", "", ""}},
    {.name = "certificates: without TLS now",
     .today = "smtpd_tls_cert_file = /a.pem\n",
     .options = NONE,
     .files = &(const struct compare_files){"/a.pem", "", "", ""},
     .found = {{"smtpd_tls_security_level", COMPARE_FAIL, NULL}}},
    {.name = "names: the same",
     .today = "tls_server_sni_maps = hash:/etc/sni\n",
     .found = {{"tls_server_sni_maps", COMPARE_EQUAL, "those of certificate_sets"}}},
    {.name = "names: missing",
     .today = "tls_server_sni_maps = hash:/etc/sni\n",
     .files = &(const struct compare_files){"", "mx.example.net", "", ""},
     .found = {{"tls_server_sni_maps", COMPARE_LOST, "these names: mx.example.net"}}},
    {.name = "names: cannot be read",
     .today = "tls_server_sni_maps = ldap:sni\n",
     .files = &(const struct compare_files){"", NULL, "", ""},
     .found = {{"tls_server_sni_maps", COMPARE_NOT_JUDGED, "cannot be read"}}},
    {.name = "names: no table", .files = &(const struct compare_files){"", NULL, "", ""}},
    {.name = "names: without TLS today",
     .today = LEVEL("none") "tls_server_sni_maps = ldap:sni\n",
     .files = &(const struct compare_files){"", NULL, "", ""}},
    {.name = "names: without TLS now",
     .today = "tls_server_sni_maps = ldap:sni\n",
     .options = NONE,
     .files = &(const struct compare_files){"", NULL, "", ""},
     .found = {{"smtpd_tls_security_level", COMPARE_FAIL, NULL}}},
};

START_TEST(test_levels)
{
    compare_row_check(&levels[_i]);
}
END_TEST

START_TEST(test_passwords)
{
    compare_row_check(&passwords[_i]);
}
END_TEST

START_TEST(test_certificates)
{
    compare_row_check(&certificates[_i]);
}
END_TEST

/* What others ask. */
START_TEST(test_level)
{
    struct settings values = {0};

    ck_assert_int_eq(compare_level(&values, false), CONF_TLS_NONE);
    ck_assert_int_eq(compare_level(&values, true), CONF_TLS_NONE);
    ck_assert_int_eq(settings_read(&values, WRAPPED "postscreen_use_tls = yes\n"), 0);
    ck_assert_int_eq(compare_level(&values, false), CONF_TLS_IMPLICIT);
    ck_assert_int_eq(compare_level(&values, true), CONF_TLS_MAY);
    settings_free(&values);
    ck_assert(compare_is_mandatory(CONF_TLS_ENCRYPT));
    ck_assert(compare_is_mandatory(CONF_TLS_IMPLICIT));
    ck_assert(!compare_is_mandatory(CONF_TLS_MAY));
    ck_assert(!compare_is_mandatory(CONF_TLS_NONE));
}
END_TEST

Suite *compare_tls_suite(void)
{
    Suite *suite = suite_create("compare_tls");
    TCase *tcase = tcase_create("compare_tls");

    tcase_add_loop_test(tcase, test_levels, 0, (int)NUM(levels));
    tcase_add_loop_test(tcase, test_passwords, 0, (int)NUM(passwords));
    tcase_add_loop_test(tcase, test_certificates, 0, (int)NUM(certificates));
    tcase_add_test(tcase, test_level);
    suite_add_tcase(suite, tcase);
    return suite;
}
