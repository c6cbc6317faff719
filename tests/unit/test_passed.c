#include "lib/net/passed.h"

#include <check.h>
#include <string.h>

#define SUITE(name) Suite *name##_suite(void);
#include "tests/unit/suites.h"
#undef SUITE

static const struct {
    const char *text;
    uint64_t max;
    uint64_t number;
    bool good;
} numbers[] = {
    {"0", 0, 0, true},
    {"1", 0, 0, false},
    {"9", 5, 0, false},
    {"4096", 4096, 4096, true},
    {"4097", 4096, 0, false},
    {"40960", 4096, 0, false},
    {"007", 4096, 7, true},
    {"", 4096, 0, false},
    {"-1", 4096, 0, false},
    {"+1", 4096, 0, false},
    {" 1", 4096, 0, false},
    {"1 ", 4096, 0, false},
    {"1x", 4096, 0, false},
    {"0x1", 4096, 0, false},
    {":", 4096, 0, false},
    {"/", 4096, 0, false},
    {"18446744073709551615", UINT64_MAX, UINT64_MAX, true},
    {"18446744073709551616", UINT64_MAX, 0, false},
    {"99999999999999999999", UINT64_MAX, 0, false},
};

START_TEST(test_numbers)
{
    uint64_t number = 0;

    ck_assert_int_eq(passed_number(numbers[_i].text, numbers[_i].max, &number), numbers[_i].good);
    if (numbers[_i].good) {
        ck_assert_msg(number == numbers[_i].number, "%s", numbers[_i].text);
    }
}
END_TEST

START_TEST(test_names)
{
    const char *names = "l-1::tickets";
    char name[PASSED_NAME_SIZE];

    passed_name(&names, name);
    ck_assert_str_eq(name, "l-1");
    passed_name(&names, name);
    ck_assert_str_eq(name, "");
    passed_name(&names, name);
    ck_assert_str_eq(name, "tickets");
    passed_name(&names, name);
    ck_assert_str_eq(name, "");
}
END_TEST

START_TEST(test_long_name)
{
    char text[2 * PASSED_NAME_SIZE];
    const char *names = text;
    char name[PASSED_NAME_SIZE];

    memset(text, 'n', sizeof text);
    text[sizeof text - 4] = ':';
    text[sizeof text - 1] = '\0';
    passed_name(&names, name);
    ck_assert_uint_eq(strlen(name), PASSED_NAME_SIZE - 1);
    passed_name(&names, name);
    ck_assert_str_eq(name, "nn");
}
END_TEST

static const struct {
    const char *name;
    uint64_t serial;
    bool good;
} serials[] = {
    {"l-1", 1, true},   {"l-4711", 4711, true},
    {"l-0", 0, true},   {"l-18446744073709551614", UINT64_MAX - 1, true},
    {"l-01", 0, false}, {"l-18446744073709551615", 0, false},
    {"l-", 0, false},   {"l-x", 0, false},
    {"l-1x", 0, false}, {"l--1", 0, false},
    {"m-1", 0, false},  {"1", 0, false},
    {"", 0, false},     {"tickets", 0, false},
};

START_TEST(test_serials)
{
    uint64_t serial = 0;
    char name[PASSED_NAME_SIZE];

    ck_assert_int_eq(passed_serial(serials[_i].name, &serial), serials[_i].good);
    if (serials[_i].good) {
        ck_assert_msg(serial == serials[_i].serial, "%s", serials[_i].name);
        passed_listener_name(serial, name, sizeof name);
        ck_assert_str_eq(name, serials[_i].name);
    }
}
END_TEST

Suite *passed_suite(void)
{
    Suite *suite = suite_create("passed");
    TCase *tcase = tcase_create("passed");

    tcase_add_loop_test(tcase, test_numbers, 0, (int)(sizeof numbers / sizeof numbers[0]));
    tcase_add_test(tcase, test_names);
    tcase_add_test(tcase, test_long_name);
    tcase_add_loop_test(tcase, test_serials, 0, (int)(sizeof serials / sizeof serials[0]));
    suite_add_tcase(suite, tcase);
    return suite;
}
