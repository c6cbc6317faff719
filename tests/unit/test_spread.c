#include "lib/net/spread.h"

#include <check.h>

#define SUITE(name) Suite *name##_suite(void);
#include "tests/unit/suites.h"
#undef SUITE

enum { SOCKETS_MAX = 20, WORKERS_MAX = 9 };

/* Every worker has one, every socket has one; no socket is shared where there are enough. */
START_TEST(test_everybody_has_one)
{
    for (size_t num = 1; num <= SOCKETS_MAX; num++) {
        for (unsigned workers = 1; workers <= WORKERS_MAX; workers++) {
            unsigned served[SOCKETS_MAX] = {0};

            for (unsigned w = 0; w < workers; w++) {
                size_t count = spread_count(num, workers, w);

                ck_assert_uint_ge(count, 1);
                for (size_t i = 0; i < count; i++) {
                    size_t at = spread_at(num, workers, w, i);

                    ck_assert_uint_lt(at, num);
                    served[at]++;
                }
            }
            for (size_t at = 0; at < num; at++) {
                ck_assert_uint_ge(served[at], 1);
                ck_assert_msg(num < workers || served[at] == 1, "%zu sockets, %u workers", num,
                              workers);
            }
        }
    }
}
END_TEST

START_TEST(test_which_worker_has_which)
{
    /* Five sockets, two workers: 0 2 4 and 1 3. */
    ck_assert_uint_eq(spread_count(5, 2, 0), 3);
    ck_assert_uint_eq(spread_count(5, 2, 1), 2);
    ck_assert_uint_eq(spread_at(5, 2, 0, 2), 4);
    ck_assert_uint_eq(spread_at(5, 2, 1, 1), 3);
    /* Two sockets, five workers: 0 1 0 1 0. */
    for (unsigned w = 0; w < 5; w++) {
        ck_assert_uint_eq(spread_count(2, 5, w), 1);
        ck_assert_uint_eq(spread_at(2, 5, w, 0), w % 2);
    }
}
END_TEST

Suite *spread_suite(void)
{
    Suite *suite = suite_create("spread");
    TCase *tcase = tcase_create("spread");

    tcase_add_test(tcase, test_everybody_has_one);
    tcase_add_test(tcase, test_which_worker_has_which);
    suite_add_tcase(suite, tcase);
    return suite;
}
