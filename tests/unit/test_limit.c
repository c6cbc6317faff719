#include "lib/net/limit.h"

#include <check.h>

#define SUITE(name) Suite *name##_suite(void);
#include "tests/unit/suites.h"
#undef SUITE

START_TEST(test_so_many)
{
    struct limit limit = {0};

    for (unsigned i = 0; i < 3; i++) {
        ck_assert(limit_take(&limit, 3));
    }
    ck_assert(!limit.full.over);
    ck_assert(!limit_take(&limit, 3));
    ck_assert_uint_eq(limit.count, 3);
    ck_assert(limit.full.over);
    limit_release(&limit);
    ck_assert(limit_take(&limit, 3));
    ck_assert_uint_eq(limit.count, 3);
}
END_TEST

START_TEST(test_no_limit)
{
    struct limit limit = {0};

    for (unsigned i = 0; i < 100; i++) {
        ck_assert(limit_take(&limit, 0));
    }
    ck_assert_uint_eq(limit.count, 100);
    ck_assert(!limit.full.over);
}
END_TEST

static const struct {
    unsigned max;
    unsigned spare; /* with so many there is room again */
} rooms[] = {{1, 0}, {2, 1}, {9, 8}, {10, 8}, {20, 17}, {100, 89}, {1000, 899}};

START_TEST(test_room_again)
{
    unsigned max = rooms[_i].max;
    struct limit limit = {0};

    while (limit_take(&limit, max)) {
    }
    while (limit.count > 0) {
        limit_release(&limit);
        ck_assert_msg(limit.full.over == (limit.count > rooms[_i].spare), "%u of %u", limit.count,
                      max);
    }
}
END_TEST

/* Each asks with the limit of its own configuration: a lower one ends nobody, and holds for the
 * next. */
START_TEST(test_another_limit)
{
    struct limit limit = {0};

    for (unsigned i = 0; i < 10; i++) {
        ck_assert(limit_take(&limit, 10));
    }
    ck_assert(!limit_take(&limit, 5));
    ck_assert_uint_eq(limit.count, 10);
    for (unsigned i = 0; i < 5; i++) {
        limit_release(&limit);
        ck_assert(limit.full.over);
    }
    ck_assert(!limit_take(&limit, 5));
    ck_assert(limit_take(&limit, 6));
    ck_assert_uint_eq(limit.max, 6);
}
END_TEST

/* The next configuration has no limit: the last one's is no longer reached. */
START_TEST(test_limit_removed)
{
    struct limit limit = {0};

    while (limit_take(&limit, 10)) {
    }
    ck_assert(limit.full.over);
    ck_assert(limit_take(&limit, 0));
    limit_release(&limit);
    ck_assert_uint_eq(limit.count, 10);
    ck_assert(!limit.full.over);
}
END_TEST

Suite *limit_suite(void)
{
    Suite *suite = suite_create("limit");
    TCase *tcase = tcase_create("limit");

    tcase_add_test(tcase, test_so_many);
    tcase_add_test(tcase, test_no_limit);
    tcase_add_loop_test(tcase, test_room_again, 0, (int)(sizeof rooms / sizeof rooms[0]));
    tcase_add_test(tcase, test_another_limit);
    tcase_add_test(tcase, test_limit_removed);
    suite_add_tcase(suite, tcase);
    return suite;
}
