#include "lib/base/text.h"

#include <check.h>
#include <stdint.h>
#include <string.h>

static const struct {
    const char *name;
    const char *in;
    size_t len;
    size_t max;
    const char *out;
} escapes[] = {
    {"plain", "abcXYZ019._-:/+*", 16, 99, "abcXYZ019._-:/+*"},
    {"nothing", "", 0, 99, ""},
    {"blank", "a b", 3, 99, "a\\x20b"},
    {"quote", "a\"b", 3, 99, "a\\x22b"},
    {"backslash", "\\x41", 4, 99, "\\x5cx41"},
    {"equals sign", "a=b", 3, 99, "a\\x3db"},
    {"comma", "a,b", 3, 99, "a\\x2cb"},
    {"brackets", "[a]", 3, 99, "\\x5ba\\x5d"},
    {"line ends", "\r\n", 2, 99, "\\x0d\\x0a"},
    {"NUL", "a\0b", 3, 99, "a\\x00b"},
    {"DEL", "\x7f", 1, 99, "\\x7f"},
    {"lowest and highest that stand for themselves", "!~", 2, 99, "!~"},
    {"bytes above ASCII", "\x80\xff\xc3\xa9", 4, 99, "\\x80\\xff\\xc3\\xa9"},
    {"as many as allowed", "abc", 3, 3, "abc"},
    {"more than allowed", "abcd", 4, 3, "abc..."},
    {"none allowed", "a", 1, 0, "..."},
};

START_TEST(test_escaped)
{
    char buf[128];
    struct text t = text_in(buf, sizeof buf);

    text_escaped(&t, escapes[_i].in, escapes[_i].len, escapes[_i].max);
    ck_assert_msg(strcmp(buf, escapes[_i].out) == 0, "%s: %s", escapes[_i].name, buf);
    ck_assert_msg(t.len == strlen(buf), "%s: length", escapes[_i].name);
    ck_assert_msg(!t.cut, "%s: not cut", escapes[_i].name);
}
END_TEST

/* Every byte comes out as printable ASCII without the characters that separate fields. */
START_TEST(test_every_byte)
{
    uint8_t byte = (uint8_t)_i;
    char buf[16];
    struct text t = text_in(buf, sizeof buf);

    text_escaped(&t, &byte, 1, 1);
    ck_assert_msg(t.len == 1 || t.len == 4, "byte %d", _i);
    for (size_t i = 0; i < t.len; i++) {
        ck_assert_msg(buf[i] > ' ' && buf[i] < 0x7f, "byte %d", _i);
        ck_assert_msg(strchr("\"=,[]", buf[i]) == NULL, "byte %d", _i);
    }
}
END_TEST

/* Texts that meet the end of their buffer, by text_add() and text_addf(). */
static const struct {
    const char *name;
    size_t size;
    const char *first;
    const char *second;
    const char *out;
    bool cut;
} ends[] = {
    {"room left", 8, "abc", "def", "abcdef", false},
    {"just fits", 7, "abc", "def", "abcdef", false},
    {"one too many", 6, "abc", "def", "abcde", true},
    {"full before", 4, "abc", "def", "abc", true},
    {"full, and nothing comes", 4, "abc", "", "abc", false},
    {"first too long", 3, "abc", "", "ab", true},
    {"room for the NUL only", 1, "a", "b", "", true},
};

START_TEST(test_add)
{
    char buf[16];
    struct text t;

    memset(buf, '#', sizeof buf);
    t = text_in(buf, ends[_i].size);
    text_add(&t, ends[_i].first);
    text_add(&t, ends[_i].second);
    ck_assert_msg(strcmp(buf, ends[_i].out) == 0, "%s: %s", ends[_i].name, buf);
    ck_assert_msg(t.len == strlen(buf), "%s: length", ends[_i].name);
    ck_assert_msg(t.cut == ends[_i].cut, "%s: cut", ends[_i].name);
    ck_assert_msg(buf[ends[_i].size] == '#', "%s: behind the buffer", ends[_i].name);
}
END_TEST

START_TEST(test_addf)
{
    char buf[16];
    struct text t;

    memset(buf, '#', sizeof buf);
    t = text_in(buf, ends[_i].size);
    text_addf(&t, "%s", ends[_i].first);
    text_addf(&t, "%s", ends[_i].second);
    ck_assert_msg(strcmp(buf, ends[_i].out) == 0, "%s: %s", ends[_i].name, buf);
    ck_assert_msg(t.len == strlen(buf), "%s: length", ends[_i].name);
    ck_assert_msg(t.cut == ends[_i].cut, "%s: cut", ends[_i].name);
    ck_assert_msg(buf[ends[_i].size] == '#', "%s: behind the buffer", ends[_i].name);
}
END_TEST

START_TEST(test_escaped_end)
{
    char buf[16];
    struct text t = text_in(buf, 7);

    memset(buf + 7, '#', sizeof buf - 7);
    text_escaped(&t, "ab\n\n", 4, 99);
    ck_assert_str_eq(buf, "ab\\x0a");
    ck_assert(t.cut);
    ck_assert_uint_eq((unsigned char)buf[7], '#');
}
END_TEST

START_TEST(test_addf_formats)
{
    char buf[64];
    struct text t = text_in(buf, sizeof buf);

    text_add(&t, "a");
    text_addf(&t, " %d/%d %04x %.2f", 128, 256, 0x1fU, 1.415);
    ck_assert_str_eq(buf, "a 128/256 001f 1.42");
}
END_TEST

Suite *text_suite(void);

Suite *text_suite(void)
{
    Suite *suite = suite_create("text");
    TCase *tcase = tcase_create("all");

    tcase_add_loop_test(tcase, test_escaped, 0, sizeof escapes / sizeof escapes[0]);
    tcase_add_loop_test(tcase, test_every_byte, 0, 256);
    tcase_add_loop_test(tcase, test_add, 0, sizeof ends / sizeof ends[0]);
    tcase_add_loop_test(tcase, test_addf, 0, sizeof ends / sizeof ends[0]);
    tcase_add_test(tcase, test_escaped_end);
    tcase_add_test(tcase, test_addf_formats);
    suite_add_tcase(suite, tcase);
    return suite;
}
