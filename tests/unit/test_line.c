#include "lib/smtp/line.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define SUITE(name) Suite *name##_suite(void);
#include "tests/unit/suites.h"
#undef SUITE

static const struct take_row {
    const char *name;
    const char *in;
    size_t max;
    enum line_result result;
    const char *line;
    const char *rest;
} take_rows[] = {
    {"nothing", "", 8, LINE_MORE, "", ""},
    {"an incomplete line", "250 a\r", 8, LINE_MORE, "", "250 a\r"},
    {"a line", "250\r\n", 8, LINE_DONE, "250\r\n", ""},
    {"the first of two", "a\r\nb\r\n", 8, LINE_DONE, "a\r\n", "b\r\n"},
    {"LF alone ends a line", "a\nb", 8, LINE_DONE, "a\n", "b"},
    {"CR alone does not", "a\rb\n", 8, LINE_DONE, "a\rb\n", ""},
    {"an empty line", "\nb", 8, LINE_DONE, "\n", "b"},
    {"as long as allowed", "123456\r\n", 8, LINE_DONE, "123456\r\n", ""},
    {"one byte too long", "1234567\r\n", 8, LINE_BAD, "", "1234567\r\n"},
    {"full and not ended", "12345678", 8, LINE_BAD, "", "12345678"},
    {"one byte before full", "1234567", 8, LINE_MORE, "", "1234567"},
};

START_TEST(take)
{
    const struct take_row *row = &take_rows[_i];
    struct bytes in = bytes_of(row->in, strlen(row->in));
    struct bytes line = bytes_of("", 0);
    enum line_result result = line_take(&in, row->max, &line);

    ck_assert_msg(result == row->result, "%s", row->name);
    ck_assert_msg(line.len == strlen(row->line) && memcmp(line.data, row->line, line.len) == 0,
                  "%s: the line", row->name);
    ck_assert_msg(in.len == strlen(row->rest) && memcmp(in.data, row->rest, in.len) == 0,
                  "%s: the rest", row->name);
}
END_TEST

static const struct content_row {
    const char *name;
    const char *line;
    const char *content;
} content_rows[] = {
    {"CRLF", "a b\r\n", "a b"}, {"LF", "a\n", "a"},
    {"CRCRLF", "a\r\r\n", "a"}, {"CR inside stays", "a\rb\n", "a\rb"},
    {"no end", "a\r", "a\r"},   {"only an end", "\r\n", ""},
    {"nothing", "", ""},
};

START_TEST(content)
{
    const struct content_row *row = &content_rows[_i];
    struct bytes got = line_content(bytes_of(row->line, strlen(row->line)));

    ck_assert_msg(got.len == strlen(row->content) && memcmp(got.data, row->content, got.len) == 0,
                  "%s", row->name);
}
END_TEST

START_TEST(span)
{
    bool ended;

    ck_assert_uint_eq(line_span(bytes_of("ab\nc", 4), &ended), 3);
    ck_assert(ended);
    ck_assert_uint_eq(line_span(bytes_of("abc", 3), &ended), 3);
    ck_assert(!ended);
    ck_assert_uint_eq(line_span(bytes_of(NULL, 0), &ended), 0);
    ck_assert(!ended);
}
END_TEST

Suite *line_suite(void)
{
    Suite *suite = suite_create("line");
    TCase *tcase = tcase_create("line");

    tcase_add_loop_test(tcase, take, 0, sizeof take_rows / sizeof take_rows[0]);
    tcase_add_loop_test(tcase, content, 0, sizeof content_rows / sizeof content_rows[0]);
    tcase_add_test(tcase, span);
    suite_add_tcase(suite, tcase);
    return suite;
}
