#include "lib/base/hex.h"

#include <check.h>
#include <string.h>

Suite *hex_suite(void);

START_TEST(test_value)
{
    static const char digits[] = "0123456789abcdef";

    for (unsigned c = 0; c < 256; c++) {
        const char *lower = c == 0 ? NULL : memchr(digits, (int)c, 16);
        const char *upper = c < 'A' || c > 'F' ? NULL : memchr(digits, (int)(c | 0x20), 16);
        const char *at = lower != NULL ? lower : upper;

        ck_assert_int_eq(hex_value((uint8_t)c), at == NULL ? -1 : (int)(at - digits));
    }
}
END_TEST

START_TEST(test_add)
{
    static const uint8_t data[] = {0x00, 0x0a, 0xb1, 0xff};
    char buf[64];
    struct text t = text_in(buf, sizeof buf);

    hex_add(&t, bytes_of(data, sizeof data));
    ck_assert_str_eq(buf, "000ab1ff");
    hex_add(&t, bytes_of(data, 0));
    ck_assert_str_eq(buf, "000ab1ff");
    t = text_in(buf, sizeof buf);
    hex_add_fingerprint(&t, bytes_of(data, sizeof data));
    ck_assert_str_eq(buf, "00:0A:B1:FF");
}
END_TEST

/* Longer than what is written at a time, and cut where there is no room. */
START_TEST(test_long)
{
    uint8_t data[1000];
    uint8_t back[sizeof data];
    char buf[2 * sizeof data + 1];
    struct text t = text_in(buf, sizeof buf);
    size_t len;

    for (size_t i = 0; i < sizeof data; i++) {
        data[i] = (uint8_t)(i * 7);
    }
    hex_add(&t, bytes_of(data, sizeof data));
    ck_assert(!t.cut && t.len == 2 * sizeof data);
    ck_assert(hex_read(bytes_of(buf, t.len), back, sizeof back, &len));
    ck_assert_uint_eq(len, sizeof data);
    ck_assert_int_eq(memcmp(data, back, len), 0);
    ck_assert(!hex_read(bytes_of(buf, t.len), back, sizeof back - 1, &len));
    ck_assert_uint_eq(len, 0);
    t = text_in(buf, 100);
    hex_add(&t, bytes_of(data, sizeof data));
    ck_assert(t.cut && t.len == 99);
}
END_TEST

static const struct {
    const char *text;
    bool good;
} texts[] = {
    {"", true},      {"00", true},          {"fF", true},  {"0", false},       {"000", false},
    {"0g", false},   {"g0", false},         {"0x", false}, {" 0", false},      {"0:0:", false},
    {"00 0", false}, {"0a0b0c0d0e", false}, {"-1", false}, {"0a0B0c0D", true},
};

START_TEST(test_read)
{
    uint8_t out[4];
    size_t len = 17;
    const char *text = texts[_i].text;

    ck_assert_msg(hex_read(bytes_of(text, strlen(text)), out, sizeof out, &len) == texts[_i].good,
                  "\"%s\"", text);
    ck_assert_uint_eq(len, texts[_i].good ? strlen(text) / 2 : 0);
}
END_TEST

Suite *hex_suite(void)
{
    Suite *suite = suite_create("hex");
    TCase *tcase = tcase_create("all");

    tcase_add_test(tcase, test_value);
    tcase_add_test(tcase, test_add);
    tcase_add_test(tcase, test_long);
    tcase_add_loop_test(tcase, test_read, 0, sizeof texts / sizeof texts[0]);
    suite_add_tcase(suite, tcase);
    return suite;
}
