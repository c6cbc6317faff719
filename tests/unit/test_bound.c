#include "lib/base/bound.h"

#include <check.h>
#include <stdlib.h>

#define SUITE(name) Suite *name##_suite(void);
#include "tests/unit/suites.h"
#undef SUITE

#define NUM(array) (sizeof(array) / sizeof((array)[0]))
#define SECOND     ((int64_t)1000)

struct step {
    int64_t at; /* in seconds */
    int set;    /* 1: crossed, 0: left, -1: only asked */
    enum bound_line line;
    unsigned crossed;
};

static const struct step quiet[] = {
    {0, 0, BOUND_SILENT, 0},     {0, 1, BOUND_CROSSED, 1},    {0, 1, BOUND_SILENT, 0},
    {0, 0, BOUND_LEFT, 0},       {0, -1, BOUND_SILENT, 0},    {500, -1, BOUND_SILENT, 0},
    {501, 1, BOUND_CROSSED, 1},  {9000, -1, BOUND_SILENT, 0}, {9000, 0, BOUND_LEFT, 0},
    {9999, -1, BOUND_SILENT, 0},
};

static const struct step flaps_and_is_left[] = {
    {10, 1, BOUND_CROSSED, 1}, {11, 0, BOUND_LEFT, 0},   {12, 1, BOUND_SILENT, 0},
    {13, 0, BOUND_SILENT, 0},  {14, 1, BOUND_SILENT, 0}, {15, 0, BOUND_SILENT, 0},
    {70, -1, BOUND_SILENT, 0}, {71, -1, BOUND_LEFT, 2},  {500, -1, BOUND_SILENT, 0},
};

static const struct step flaps_and_stays[] = {
    {10, 1, BOUND_CROSSED, 1},  {11, 0, BOUND_LEFT, 0},     {12, 1, BOUND_SILENT, 0},
    {13, 0, BOUND_SILENT, 0},   {14, 1, BOUND_SILENT, 0},   {69, -1, BOUND_SILENT, 0},
    {70, -1, BOUND_CROSSED, 2}, {500, -1, BOUND_SILENT, 0}, {501, 0, BOUND_LEFT, 0},
};

static const struct step flaps_for_long[] = {
    {0, 1, BOUND_CROSSED, 1},
    {1, 0, BOUND_LEFT, 0},
    {2, 1, BOUND_SILENT, 0},
    {3, 0, BOUND_SILENT, 0},
    {59, 1, BOUND_SILENT, 0},
    {60, 0, BOUND_SILENT, 0},
    {60, 1, BOUND_CROSSED, 3},
    {60, 0, BOUND_SILENT, 0},
    {61, -1, BOUND_LEFT, 0},
    {62, 1, BOUND_SILENT, 0},
    {119, 0, BOUND_SILENT, 0},
    {121, -1, BOUND_LEFT, 1},
    /* Its own line was long ago. */
    {122, 1, BOUND_CROSSED, 1},
    {123, 0, BOUND_SILENT, 0},
    {181, -1, BOUND_LEFT, 0},
};

static const struct step crossed_again_while_its_end_was_withheld[] = {
    {0, 1, BOUND_CROSSED, 1},    {50, 0, BOUND_LEFT, 0},   {60, 1, BOUND_CROSSED, 1},
    {61, 0, BOUND_SILENT, 0},    {62, 1, BOUND_SILENT, 0}, {119, -1, BOUND_SILENT, 0},
    {120, -1, BOUND_CROSSED, 1}, {121, 0, BOUND_LEFT, 0},
};

#define STORY(name)                                                                                \
    {                                                                                              \
#name, name, NUM(name)                                                                     \
    }

static const struct {
    const char *name;
    const struct step *steps;
    size_t num;
} stories[] = {
    STORY(quiet),
    STORY(flaps_and_is_left),
    STORY(flaps_and_stays),
    STORY(flaps_for_long),
    STORY(crossed_again_while_its_end_was_withheld),
};

START_TEST(test_stories)
{
    struct bound b = {0};

    for (size_t i = 0; i < stories[_i].num; i++) {
        const struct step *step = &stories[_i].steps[i];
        struct bound_news news;

        if (step->set >= 0) {
            bound_set(&b, step->set);
            ck_assert(b.over == (step->set == 1));
        }
        news = bound_news(&b, step->at * SECOND);
        ck_assert_msg(news.line == step->line && news.crossed == step->crossed,
                      "%s, step %zu: %d crossed=%u", stories[_i].name, i, (int)news.line,
                      news.crossed);
    }
}
END_TEST

/* Whatever happens: each line once a minute; the counts add up; the last line is the truth. */
START_TEST(test_any_flapping)
{
    struct bound b = {0};
    int64_t said_at[] = {-PACE_MINUTE, -PACE_MINUTE, -PACE_MINUTE};
    enum bound_line last = BOUND_LEFT;
    unsigned crossed = 0, told = 0;
    int64_t now = 0;

    srand(1);
    for (int i = 0; i < 100000; i++) {
        bool over = rand() % 2 == 0;
        struct bound_news news;

        now += rand() % 1000 == 0 ? rand() % 200000 : rand() % 100;
        crossed += over && !b.over;
        bound_set(&b, over);
        news = bound_news(&b, now);
        told += news.crossed;
        if (news.line != BOUND_SILENT) {
            ck_assert_int_ge(now - said_at[news.line], PACE_MINUTE);
            said_at[news.line] = now;
            last = news.line;
        }
        if (last != (over ? BOUND_CROSSED : BOUND_LEFT)) {
            ck_assert_int_lt(now - said_at[over ? BOUND_CROSSED : BOUND_LEFT], PACE_MINUTE);
        }
    }
    told += bound_news(&b, now + PACE_MINUTE).crossed;
    ck_assert_uint_eq(told, crossed);
}
END_TEST

Suite *bound_suite(void)
{
    Suite *suite = suite_create("bound");
    TCase *tcase = tcase_create("bound");

    tcase_add_loop_test(tcase, test_stories, 0, (int)NUM(stories));
    tcase_add_test(tcase, test_any_flapping);
    suite_add_tcase(suite, tcase);
    return suite;
}
