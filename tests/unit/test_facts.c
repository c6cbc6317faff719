#include "lib/tls/facts.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

Suite *facts_suite(void);

static const struct {
    const char *key_exchange;
    const char *group;
    const char *text;
} exchanges[] = {
    {"ECDHE", "P-256", "ECDHE (P-256)"},
    {"ECDHE", "X25519", "X25519"}, /* stands for itself */
    {"ECDHE", "X448", "X448"},
    {"", "X25519MLKEM768", "X25519MLKEM768"}, /* as does a hybrid */
    {"DHE", "", "DHE"},
    {"RSA", "", "RSA"},
    {"", "", ""},
};

START_TEST(test_key_exchange)
{
    struct tls_facts facts = {.key_exchange = "old"};

    facts_set_key_exchange(&facts, exchanges[_i].key_exchange, exchanges[_i].group);
    ck_assert_str_eq(facts.key_exchange, exchanges[_i].text);
}
END_TEST

START_TEST(test_sni)
{
    struct tls_facts facts = {.sni = "old"};

    facts_set_sni(&facts, bytes_of("Mail.example.org", 16));
    ck_assert_str_eq(facts.sni, "Mail.example.org");
    facts_set_sni(&facts, bytes_of("a b=c\n", 6));
    ck_assert_str_eq(facts.sni, "a\\x20b\\x3dc\\x0a");
    facts_set_sni(&facts, bytes_of(NULL, 0));
    ck_assert_str_eq(facts.sni, "");
}
END_TEST

/* The longest host name is whole; what is longer is cut between characters, and says so. */
START_TEST(test_sni_long)
{
    struct tls_facts facts;
    char name[600];

    memset(name, 'a', sizeof name);
    facts_set_sni(&facts, bytes_of(name, 255));
    ck_assert_uint_eq(strlen(facts.sni), 255);
    ck_assert_uint_eq(strspn(facts.sni, "a"), 255);
    facts_set_sni(&facts, bytes_of(name, 256));
    ck_assert_uint_eq(strspn(facts.sni, "a"), 252);
    ck_assert_str_eq(facts.sni + 252, "...");
    memset(name, '\n', sizeof name);
    facts_set_sni(&facts, bytes_of(name, sizeof name));
    ck_assert_str_eq(facts.sni + 248, "\\x0a...");
}
END_TEST

START_TEST(test_trust_words)
{
    ck_assert_str_eq(facts_trust_word(TLS_TRUST_NONE), "none");
    ck_assert_str_eq(facts_trust_word(TLS_TRUST_UNTRUSTED), "untrusted");
    ck_assert_str_eq(facts_trust_word(TLS_TRUST_TRUSTED), "trusted");
}
END_TEST

Suite *facts_suite(void)
{
    Suite *suite = suite_create("facts");
    TCase *tcase = tcase_create("all");

    tcase_add_loop_test(tcase, test_key_exchange, 0, sizeof exchanges / sizeof exchanges[0]);
    tcase_add_test(tcase, test_sni);
    tcase_add_test(tcase, test_sni_long);
    tcase_add_test(tcase, test_trust_words);
    suite_add_tcase(suite, tcase);
    return suite;
}
