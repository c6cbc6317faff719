#include "lib/base/pace.h"

#include <check.h>

#define SUITE(name) Suite *name##_suite(void);
#include "tests/unit/suites.h"
#undef SUITE

#define SECOND ((int64_t)1000)

START_TEST(test_lines_of_a_minute)
{
    struct pace p = {0};

    ck_assert_uint_eq(pace_note(&p, 2, 5 * SECOND), 1);
    ck_assert_uint_eq(pace_note(&p, 2, 30 * SECOND), 1);
    for (int i = 0; i < 7; i++) {
        ck_assert_uint_eq(pace_note(&p, 2, 65 * SECOND - 1), 0);
    }
    /* The minute began with its first line; in the next one there are two again. */
    ck_assert_uint_eq(pace_note(&p, 2, 65 * SECOND), 8);
    ck_assert_uint_eq(pace_note(&p, 2, 65 * SECOND), 1);
    ck_assert_uint_eq(pace_note(&p, 2, 66 * SECOND), 0);
    ck_assert_uint_eq(pace_note(&p, 2, 125 * SECOND - 1), 0);
    ck_assert_uint_eq(pace_note(&p, 2, 125 * SECOND), 3);
}
END_TEST

START_TEST(test_pace_from_the_first_moment)
{
    struct pace p = {0};

    ck_assert_uint_eq(pace_note(&p, 1, 0), 1);
    ck_assert_uint_eq(pace_note(&p, 1, 0), 0);
    ck_assert_uint_eq(pace_note(&p, 1, 59999), 0);
    ck_assert_uint_eq(pace_note(&p, 1, 60000), 3);
}
END_TEST

Suite *pace_suite(void)
{
    Suite *suite = suite_create("pace");
    TCase *tcase = tcase_create("pace");

    tcase_add_test(tcase, test_lines_of_a_minute);
    tcase_add_test(tcase, test_pace_from_the_first_moment);
    suite_add_tcase(suite, tcase);
    return suite;
}
