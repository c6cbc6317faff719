#include "lib/admin/span.h"

#include <check.h>

#define SUITE(name) Suite *name##_suite(void);
#include "tests/unit/suites.h"
#undef SUITE

static const struct {
    long long number;
    const char *text;
} spans[] =
    {
        {-5, "0 seconds"},           {0, "0 seconds"},     {1, "1 second"},
        {119, "119 seconds"},        {120, "2 minutes"},   {7199, "119 minutes"},
        {7200, "2 hours"},           {172799, "47 hours"}, {172800, "2 days"},
        {86400LL * 366, "366 days"},
},
  expiries[] = {
      {-400, "EXPIRED 400 days ago"}, {-1, "EXPIRED 1 day ago"},  {0, "EXPIRES today"},
      {1, "EXPIRES in 1 day"},        {13, "EXPIRES in 13 days"}, {14, "14 days left"},
      {825, "825 days left"},
};

START_TEST(test_span)
{
    char buf[64];
    struct text text = text_in(buf, sizeof buf);

    span_text(&text, spans[_i].number);
    ck_assert_str_eq(buf, spans[_i].text);
}
END_TEST

START_TEST(test_expiry)
{
    char buf[64];
    struct text text = text_in(buf, sizeof buf);

    span_expiry_text(&text, expiries[_i].number);
    ck_assert_str_eq(buf, expiries[_i].text);
}
END_TEST

Suite *span_suite(void)
{
    Suite *suite = suite_create("span");
    TCase *tcase = tcase_create("span");

    tcase_add_loop_test(tcase, test_span, 0, sizeof spans / sizeof spans[0]);
    tcase_add_loop_test(tcase, test_expiry, 0, sizeof expiries / sizeof expiries[0]);
    suite_add_tcase(suite, tcase);
    return suite;
}
