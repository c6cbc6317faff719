#include "lib/tls/handshake.h"

#include <check.h>
#include <string.h>

#include "lib/base/table.h"

#define SUITE(name) Suite *name##_suite(void);
#include "tests/unit/suites.h"
#undef SUITE

#define NUM(array) (sizeof(array) / sizeof((array)[0]))

static const char *const failure_words[] = {
    [HANDSHAKE_NO_CERTIFICATE_FITS] = "no-certificate-fits",
    [HANDSHAKE_NOT_TLS] = "not-tls",
    [HANDSHAKE_MALFORMED] = "malformed",
    [HANDSHAKE_HELLO_TOO_LARGE] = "hello-too-large",
    [HANDSHAKE_PROTOCOL_VERSION] = "protocol-version",
    [HANDSHAKE_CLIENT_ALERT] = "client-alert",
    [HANDSHAKE_ALPN] = "alpn",
    [HANDSHAKE_CLIENT_CERTIFICATE] = "client-certificate",
    [HANDSHAKE_TIMEOUT] = "timeout",
    [HANDSHAKE_CLIENT_GONE] = "client-gone",
    [HANDSHAKE_BACKEND_SPOKE] = "backend-spoke",
    [HANDSHAKE_INTERNAL] = "internal",
};
TABLE_HAS_EACH(failure_words, NUM_HANDSHAKE_FAILURES);

START_TEST(test_word)
{
    ck_assert_str_eq(handshake_failure_word((enum handshake_failure)_i), failure_words[_i]);
}
END_TEST

static const struct verdict unusable[] = {{.reason = VERDICT_NO_VERSION},
                                          {.reason = VERDICT_NO_SUITE}};
static const struct verdict too_old[] = {{.reason = VERDICT_NO_VERSION},
                                         {.reason = VERDICT_NO_VERSION}};

#define NO_ALERT HANDSHAKE_NO_ALERT
#define JUDGED(table)                                                                              \
    .header = {(const uint8_t *)"\x16\x03\x01\x02\x00", 5}, .hello = true, .verdicts = (table),    \
    .num = NUM(table)
#define BEGAN(bytes) .header = {(const uint8_t *)(bytes), 5}, NOTHING
#define NOTHING      .alert_received = NO_ALERT, .alert_sent = NO_ALERT

static const struct {
    const char *name;
    struct handshake_seen seen;
    enum handshake_failure reason;
} rows[] = {
    {"what we refused comes before the client's alert",
     {JUDGED(unusable), .alpn_refused = true, .alert_received = 40, .alert_sent = 120},
     HANDSHAKE_ALPN},
    {"the client's alert comes before its certificate",
     {JUDGED(unusable), .usable = true, .client_certificate = true, .alert_received = 0,
      .alert_sent = NO_ALERT},
     HANDSHAKE_CLIENT_ALERT},
    {"the client's alert comes before its bytes",
     {.header = {(const uint8_t *)"EHLO ", 5}, .alert_received = 40, .alert_sent = NO_ALERT},
     HANDSHAKE_CLIENT_ALERT},
    {"text", {BEGAN("EHLO ")}, HANDSHAKE_NOT_TLS},
    {"a record of TLS", {BEGAN("\x16\x03\x01\x02\x00")}, HANDSHAKE_MALFORMED},
    {"the first type of a record", {BEGAN("\x14\x03\x01\x02\x00")}, HANDSHAKE_MALFORMED},
    {"the last type of a record", {BEGAN("\x17\x03\x01\x02\x00")}, HANDSHAKE_MALFORMED},
    {"below the types of records", {BEGAN("\x13\x03\x01\x02\x00")}, HANDSHAKE_NOT_TLS},
    {"above the types of records", {BEGAN("\x18\x03\x01\x02\x00")}, HANDSHAKE_NOT_TLS},
    {"a record of another major version", {BEGAN("\x16\x04\x01\x02\x00")}, HANDSHAKE_NOT_TLS},
    {"an SSLv2-format hello", {BEGAN("\x80\x2e\x01\x03\x01")}, HANDSHAKE_MALFORMED},
    {"another SSLv2-format message", {BEGAN("\x80\x2e\x02\x03\x01")}, HANDSHAKE_NOT_TLS},
    {"no bytes at all", {NOTHING}, HANDSHAKE_MALFORMED},
    {"a hello was read from it", {BEGAN("EHLO "), .hello = true}, HANDSHAKE_MALFORMED},
    {"too large",
     {.header = {(const uint8_t *)"EHLO ", 5},
      .too_large = true,
      .alert_received = NO_ALERT,
      .alert_sent = 70},
     HANDSHAKE_HELLO_TOO_LARGE},
    {"no memory for the hello", {BEGAN("EHLO "), .out_of_memory = true}, HANDSHAKE_INTERNAL},
    {"the client's certificate comes before our verdicts",
     {JUDGED(too_old), .client_certificate = true, NOTHING},
     HANDSHAKE_CLIENT_CERTIFICATE},
    {"libssl's alert about the version comes before our verdicts",
     {JUDGED(unusable), .alert_received = NO_ALERT, .alert_sent = 70},
     HANDSHAKE_PROTOCOL_VERSION},
    {"a fallback is about the version",
     {JUDGED(unusable), .usable = true, .alert_received = NO_ALERT, .alert_sent = 86},
     HANDSHAKE_PROTOCOL_VERSION},
    {"no certificate in any version",
     {JUDGED(too_old), .alert_received = NO_ALERT, .alert_sent = 40},
     HANDSHAKE_PROTOCOL_VERSION},
    {"one certificate has a version",
     {JUDGED(unusable), .alert_received = NO_ALERT, .alert_sent = 40},
     HANDSHAKE_NO_CERTIFICATE_FITS},
    {"no certificate fits, whatever alert libssl has for it",
     {JUDGED(unusable), .alert_received = NO_ALERT, .alert_sent = 80},
     HANDSHAKE_NO_CERTIFICATE_FITS},
    {"our decoder could not read it",
     {JUDGED(unusable), .malformed = true, .alert_received = NO_ALERT, .alert_sent = 40},
     HANDSHAKE_MALFORMED},
    {"libssl could not decode it",
     {JUDGED(unusable), .alert_received = NO_ALERT, .alert_sent = 50},
     HANDSHAKE_MALFORMED},
    {"libssl found an illegal parameter",
     {JUDGED(unusable), .alert_received = NO_ALERT, .alert_sent = 47},
     HANDSHAKE_MALFORMED},
    {"a certificate fits, but libssl says that none does",
     {JUDGED(unusable), .usable = true, .alert_received = NO_ALERT, .alert_sent = 40},
     HANDSHAKE_NO_CERTIFICATE_FITS},
    {"a certificate fits, and libssl failed by itself",
     {JUDGED(unusable), .usable = true, .alert_received = NO_ALERT, .alert_sent = 80},
     HANDSHAKE_INTERNAL},
    {"it served, but says that the security is too low",
     {JUDGED(unusable), .served = true, .alert_received = NO_ALERT, .alert_sent = 71},
     HANDSHAKE_NO_CERTIFICATE_FITS},
    {"it served, and has no alert", {JUDGED(too_old), .served = true, NOTHING}, HANDSHAKE_INTERNAL},
    {"it served, and failed by itself",
     {JUDGED(unusable), .served = true, .alert_received = NO_ALERT, .alert_sent = 80},
     HANDSHAKE_INTERNAL},
    {"it served, and what followed was wrong",
     {JUDGED(unusable), .served = true, .alert_received = NO_ALERT, .alert_sent = 10},
     HANDSHAKE_MALFORMED},
};

START_TEST(test_failure)
{
    enum handshake_failure reason = handshake_failure_of(&rows[_i].seen);

    ck_assert_msg(reason == rows[_i].reason, "%s: %s", rows[_i].name,
                  handshake_failure_word(reason));
}
END_TEST

static const struct {
    const char *data;
    const char *like;
} not_tls[] = {
    {"GET / HTTP/1.1\r\n", "HTTP request"}, {"get /", "HTTP request"},
    {"PRI * HTTP/2.0", "HTTP request"},     {"GET", "plain text"},
    {"EHLO x\r\n", "SMTP command"},         {"quit", "SMTP command"},
    {"\t\v hello ~\r\n", "plain text"},     {"hello\x7f", "unknown bytes"},
    {"hello\x0e", "unknown bytes"},         {"hello\x08", "unknown bytes"},
    {"hello\xc3\xa4", "unknown bytes"},
};

START_TEST(test_looks_like)
{
    ck_assert_str_eq(handshake_looks_like(bytes_of(not_tls[_i].data, strlen(not_tls[_i].data))),
                     not_tls[_i].like);
}
END_TEST

Suite *handshake_suite(void)
{
    Suite *suite = suite_create("handshake");
    TCase *tcase = tcase_create("handshake");

    tcase_add_loop_test(tcase, test_word, 0, NUM_HANDSHAKE_FAILURES);
    tcase_add_loop_test(tcase, test_failure, 0, (int)NUM(rows));
    tcase_add_loop_test(tcase, test_looks_like, 0, (int)NUM(not_tls));
    suite_add_tcase(suite, tcase);
    return suite;
}
