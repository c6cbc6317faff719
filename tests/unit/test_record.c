#include "lib/admin/record.h"

#include <check.h>
#include <string.h>

Suite *record_suite(void);

START_TEST(test_client_words)
{
    static const struct {
        const char *word;
        enum record_client client;
    } words[] = {
        {"none", RECORD_CLIENT_NONE},
        {"untrusted", RECORD_CLIENT_UNTRUSTED},
        {"trusted", RECORD_CLIENT_TRUSTED},
    };

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        ck_assert_int_eq(record_client_of(words[i].word), words[i].client);
        ck_assert_str_eq(record_client_word(words[i].client), words[i].word);
    }
}
END_TEST

/* Whatever else is said, no certificate is trusted for it. */
START_TEST(test_client_unknown_word)
{
    static const char *const words[] = {"", "Trusted", "trusted ", "yes", NULL};

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        ck_assert_int_eq(record_client_of(words[i]), RECORD_CLIENT_NONE);
    }
}
END_TEST

START_TEST(test_version)
{
    ck_assert_uint_eq(record_version("SSLv3"), 0x0300);
    ck_assert_uint_eq(record_version("TLSv1"), 0x0301);
    ck_assert_uint_eq(record_version("TLSv1.1"), 0x0302);
    ck_assert_uint_eq(record_version("TLSv1.2"), 0x0303);
    ck_assert_uint_eq(record_version("TLSv1.3"), 0x0304);
    ck_assert_uint_eq(record_version("TLSv1.4"), 0);
    ck_assert_uint_eq(record_version("tlsv1.3"), 0);
    ck_assert_uint_eq(record_version(""), 0);
}
END_TEST

Suite *record_suite(void)
{
    Suite *suite = suite_create("record");
    TCase *tests = tcase_create("record");

    tcase_add_test(tests, test_client_words);
    tcase_add_test(tests, test_client_unknown_word);
    tcase_add_test(tests, test_version);
    suite_add_tcase(suite, tests);
    return suite;
}
