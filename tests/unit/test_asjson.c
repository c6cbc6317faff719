#include "lib/admin/asjson.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

Suite *asjson_suite(void);

static const struct record full = {
    .known = true,
    .session = "4Zk2m1QyTz",
    .client = {ADDR_IPV4, 49211, {192, 0, 2, 7}},
    .destination = {ADDR_IPV6, 25, {0x20, 0x01, 0x0d, 0xb8, [15] = 5}},
    .listener = "mx",
    .tls = true,
    .facts = {.protocol = "TLSv1.2",
              .cipher = "ECDHE-ECDSA-AES128-GCM-SHA256",
              .bits = 128,
              .algorithm_bits = 128,
              .key_exchange = "ECDHE (P-256)",
              .certificate = "p256",
              .fault = "key-usage",
              .sni = "Mail.Example.org",
              .capped = true,
              .client = {.trust = TLS_TRUST_UNTRUSTED,
                         .subject = "client \xc3\xa9",
                         .issuer = "A CA",
                         .fingerprint = "AB:CD",
                         .key_fingerprint = "EF:01",
                         .error = "self-signed certificate"}},
};

#define SESSION                                                                                    \
    "{\"session\":\"4Zk2m1QyTz\",\"client\":\"192.0.2.7\",\"client_port\":49211,"                  \
    "\"destination\":\"2001:db8::5\",\"destination_port\":25,\"listener\":\"mx\",\"tls\":"

static char *dumped(const struct record *record)
{
    json_t *object = asjson_record(record);
    char *text = json_dumps(object, JSON_COMPACT);

    ck_assert_ptr_nonnull(text);
    json_decref(object);
    return text;
}

static void tells(const struct record *record, const char *want)
{
    char *text = dumped(record);

    ck_assert_str_eq(text, want);
    free(text);
}

static void ends(const struct record *record, const char *want)
{
    char *text = dumped(record);

    ck_assert_uint_ge(strlen(text), strlen(want));
    ck_assert_str_eq(text + strlen(text) - strlen(want), want);
    free(text);
}

START_TEST(test_record)
{
    struct record record = full;

    tells(&record,
          SESSION "true,\"protocol\":\"TLSv1.2\",\"cipher\":\"ECDHE-ECDSA-AES128-GCM-SHA256\","
                  "\"bits\":128,\"algorithm_bits\":128,\"key_exchange\":\"ECDHE (P-256)\","
                  "\"certificate\":\"p256\",\"fault\":\"key-usage\",\"sni\":\"Mail.Example.org\","
                  "\"capped\":true,\"reused\":false,\"client_certificate\":\"untrusted\","
                  "\"client_name\":\"client \xc3\xa9\",\"client_issuer\":\"A CA\","
                  "\"client_fingerprint\":\"AB:CD\",\"client_key_fingerprint\":\"EF:01\","
                  "\"client_error\":\"self-signed certificate\"}");
    record.facts.client.error[0] = '\0';
    ends(&record, "\"client_key_fingerprint\":\"EF:01\",\"client_error\":\"\"}");
    record.facts.client.trust = TLS_TRUST_NONE;
    record.facts.key_exchange[0] = record.facts.fault[0] = record.facts.sni[0] = '\0';
    tells(&record,
          SESSION "true,\"protocol\":\"TLSv1.2\",\"cipher\":\"ECDHE-ECDSA-AES128-GCM-SHA256\","
                  "\"bits\":128,\"algorithm_bits\":128,\"key_exchange\":null,"
                  "\"certificate\":\"p256\",\"fault\":null,\"sni\":null,"
                  "\"capped\":true,\"reused\":false,\"client_certificate\":\"none\"}");
    record.tls = false;
    tells(&record, SESSION "false}");
    record.known = false;
    tells(&record, "{}");
}
END_TEST

/* What is told is read as it was. */
START_TEST(test_back)
{
    for (int trust = TLS_TRUST_NONE; trust < NUM_TLS_TRUSTS; trust++) {
        struct record record = full;
        struct record back = {.listener = "old"};
        json_t *object;
        char *first;

        record.facts.client.trust = (enum tls_trust)trust;
        object = asjson_record(&record);
        ck_assert(asjson_read_record(object, &back));
        json_decref(object);
        ck_assert(back.known && back.tls);
        ck_assert(addr_equal(&back.client, &record.client));
        ck_assert_int_eq(back.facts.client.trust, trust);
        first = dumped(&record);
        tells(&back, first);
        free(first);
    }
}
END_TEST

/* Bytes of a client that are no UTF-8 are escaped, and never longer than who reads them has room.
 */
START_TEST(test_no_utf8)
{
    struct record record = full;
    struct record back;
    json_t *object;

    memset(record.facts.client.subject, 0xff, sizeof record.facts.client.subject - 1);
    object = asjson_record(&record);
    ck_assert_uint_eq(json_string_length(json_object_get(object, "client_name")),
                      sizeof record.facts.client.subject - 1);
    ck_assert(asjson_read_record(object, &back));
    json_decref(object);
    ck_assert_uint_eq(strspn(back.facts.client.subject, "\\xf"),
                      sizeof back.facts.client.subject - 1);
}
END_TEST

#define TLS_ONLY(rest) "{\"tls\":true" rest "}"

static const struct {
    const char *name;
    const char *text;
    bool good;
} texts[] = {
    {"nothing is told", "{}", true},
    {"a key of another release", TLS_ONLY(",\"other\":[]"), true},
    {"null is no text", TLS_ONLY(",\"sni\":null"), true},
    {"no object", "[]", false},
    {"a number as a text", TLS_ONLY(",\"protocol\":1"), false},
    {"a text as a number", TLS_ONLY(",\"bits\":\"128\""), false},
    {"a number below 0", TLS_ONLY(",\"bits\":-1"), false},
    {"a number that is too large", TLS_ONLY(",\"bits\":2147483648"), false},
    {"the largest number", TLS_ONLY(",\"bits\":2147483647"), true},
    {"a number as a flag", "{\"tls\":1}", false},
    {"an unknown word", TLS_ONLY(",\"client_certificate\":\"Trusted\""), false},
    {"no word", TLS_ONLY(",\"client_certificate\":null"), false},
    {"no address", "{\"client\":\"localhost\",\"client_port\":25}", false},
    {"an address without a port", "{\"client\":\"192.0.2.1\"}", false},
    {"a port that is too large", "{\"client\":\"192.0.2.1\",\"client_port\":65536}", false},
    {"what follows TLS does not matter without it", "{\"tls\":false,\"bits\":\"128\"}", true},
};

/* Nothing is believed of a record of which a part cannot be. */
START_TEST(test_read)
{
    json_t *object = json_loads(texts[_i].text, 0, NULL);
    struct record record = full;

    ck_assert_ptr_nonnull(object);
    ck_assert_msg(asjson_read_record(object, &record) == texts[_i].good, "%s", texts[_i].name);
    ck_assert_msg(record.known == texts[_i].good, "%s", texts[_i].name);
    ck_assert_str_eq(record.session, "");
    ck_assert_int_eq(record.facts.client.trust, TLS_TRUST_NONE);
    ck_assert(texts[_i].good || !record.tls);
    json_decref(object);
}
END_TEST

/* Another release of posternd may have more room for it. */
START_TEST(test_long_text)
{
    json_t *object = json_loads(TLS_ONLY(",\"protocol\":\"0123456789abcdef\""), 0, NULL);
    struct record record;

    ck_assert(asjson_read_record(object, &record));
    ck_assert_str_eq(record.facts.protocol, "0123456789abcde");
    json_decref(object);
}
END_TEST

START_TEST(test_no_memory)
{
    struct record record = full;

    ck_assert(!asjson_read_record(NULL, &record));
    ck_assert(!record.known);
}
END_TEST

Suite *asjson_suite(void)
{
    Suite *suite = suite_create("asjson");
    TCase *tcase = tcase_create("all");

    tcase_add_test(tcase, test_record);
    tcase_add_test(tcase, test_back);
    tcase_add_test(tcase, test_no_utf8);
    tcase_add_loop_test(tcase, test_read, 0, sizeof texts / sizeof texts[0]);
    tcase_add_test(tcase, test_long_text);
    tcase_add_test(tcase, test_no_memory);
    suite_add_tcase(suite, tcase);
    return suite;
}
