#include "lib/net/hostname.h"

#include <check.h>
#include <string.h>

Suite *hostname_suite(void);

#define TEN   "a-cdefghij"
#define SIXTY TEN TEN TEN TEN TEN TEN
#define LABEL SIXTY "123"

static const struct {
    const char *name;
    bool good;
} rows[] = {
    {"a", true},
    {"MX1.Example.org", true},
    {"4.example", true},
    {"xn--bcher-kva.example", true},
    {LABEL ".example", true},
    {LABEL "4.example", false},
    {LABEL "." LABEL "." LABEL "." TEN TEN TEN TEN TEN TEN "1", true},
    {LABEL "." LABEL "." LABEL "." TEN TEN TEN TEN TEN TEN "12", false},
    {"", false},
    {".", false},
    {".example", false},
    {"example.", false},
    {"a..b", false},
    {"-a.example", false},
    {"a-.example", false},
    {"a_b.example", false},
    {"*.example", false},
    {"a b", false},
    {"b\xc3\xbc"
     "cher.example",
     false},
};

START_TEST(test_good)
{
    ck_assert_msg(hostname_is_good(rows[_i].name, strlen(rows[_i].name)) == rows[_i].good, "%s",
                  rows[_i].name);
}
END_TEST

/* Only the bytes that are given count. */
START_TEST(test_part)
{
    ck_assert(hostname_is_good("a.b..", 3));
    ck_assert(!hostname_is_good("a.b", 2));
    ck_assert(!hostname_is_good("a\0b", 3));
}
END_TEST

START_TEST(test_lower)
{
    char name[] = "@AZ[`az{\xc3\x84Q";

    hostname_to_lower(name, sizeof name - 2);
    ck_assert_str_eq(name, "@az[`az{\xc3\x84Q");
}
END_TEST

Suite *hostname_suite(void)
{
    Suite *suite = suite_create("hostname");
    TCase *tests = tcase_create("hostname");

    tcase_add_loop_test(tests, test_good, 0, (int)(sizeof rows / sizeof rows[0]));
    tcase_add_test(tests, test_part);
    tcase_add_test(tests, test_lower);
    suite_add_tcase(suite, tests);
    return suite;
}
