#include "lib/net/prefix.h"

#include <check.h>
#include <string.h>

#define SUITE(name) Suite *name##_suite(void);
#include "tests/unit/suites.h"
#undef SUITE

#define NUM(array) (sizeof(array) / sizeof((array)[0]))

static const struct {
    const char *in;
    const char *out; /* as prefix_text() writes it */
} good[] = {
    {"192.0.2.0/24", "192.0.2.0/24"},
    {"192.0.2.7", "192.0.2.7/32"},
    {"192.0.2.7/32", "192.0.2.7/32"},
    {"192.0.2.128/25", "192.0.2.128/25"},
    {"0.0.0.0/0", "0.0.0.0/0"},
    {"2001:db8::/32", "2001:db8::/32"},
    {"[2001:DB8::]/32", "2001:db8::/32"},
    {"[::1]", "::1/128"},
    {"::1", "::1/128"},
    {"::/0", "::/0"},
    {"2001:db8:8000::/33", "2001:db8:8000::/33"},
    {"::ffff:192.0.2.0/120", "192.0.2.0/24"},
    {"::ffff:0.0.0.0/96", "0.0.0.0/0"},
    {"::/80", "::/80"},
};

START_TEST(test_good)
{
    char out[PREFIX_TEXT_SIZE];
    const char *why = NULL;
    struct prefix p;

    ck_assert_msg(prefix_parse(&p, good[_i].in, &why) == 0, "%s: %s", good[_i].in, why);
    ck_assert_msg(strcmp(prefix_text(&p, out), good[_i].out) == 0, "%s: %s", good[_i].in, out);
}
END_TEST

static const char *const bad[] = {
    "",
    "/",
    "/24",
    "192.0.2.0/",
    "192.0.2.0/33",
    "192.0.2.0/024",
    "192.0.2.0/-1",
    "192.0.2.0/+8",
    "192.0.2.0/ 8",
    "192.0.2.0/8/8",
    "192.0.2.0/24x",
    "192.0.2.0/1000",
    "192.0.2/24",
    "[192.0.2.0]/24",
    "[]",
    "[::1",
    "::1]",
    "2001:db8::/129",
    "fe80::1%eth0",
    "localhost",
    "192.0.2.1/24",
    "192.0.2.129/25",
    "2001:db8::1/64",
    "2001:db8:4000::/33",
    "1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb",
};

START_TEST(test_bad)
{
    const char *why = NULL;
    struct prefix p;

    ck_assert_msg(prefix_parse(&p, bad[_i], &why) != 0, "%s: taken", bad[_i]);
    ck_assert_ptr_nonnull(why);
}
END_TEST

static const struct {
    const char *prefix;
    const char *address;
    bool inside;
} contained[] = {
    {"192.0.2.0/24", "192.0.2.0:1", true},
    {"192.0.2.0/24", "192.0.2.255:65535", true},
    {"192.0.2.0/24", "192.0.3.0:0", false},
    {"192.0.2.0/24", "[::ffff:192.0.2.9]:1", true},
    {"192.0.2.0/24", "[2001:db8::1]:1", false},
    {"192.0.2.128/25", "192.0.2.127:1", false},
    {"192.0.2.128/25", "192.0.2.200:1", true},
    {"0.0.0.0/0", "203.0.113.9:1", true},
    {"0.0.0.0/0", "[::1]:1", false},
    {"::/0", "[2001:db8::1]:1", true},
    {"::/0", "192.0.2.7:1", false},
    {"2001:db8::/33", "[2001:db8:7fff::1]:1", true},
    {"2001:db8::/33", "[2001:db8:8000::1]:1", false},
    {"::1", "[::1]:9", true},
    {"::1", "[::2]:9", false},
    {"::ffff:192.0.2.0/120", "192.0.2.1:9", true},
};

START_TEST(test_contains)
{
    const char *why = NULL;
    struct prefix p;
    struct endpoint e;

    ck_assert_int_eq(prefix_parse(&p, contained[_i].prefix, &why), 0);
    ck_assert_int_eq(endpoint_parse(&e, contained[_i].address, &why), 0);
    ck_assert_msg(prefix_contains(&p, &e.ip) == contained[_i].inside, "%s in %s",
                  contained[_i].address, contained[_i].prefix);
}
END_TEST

START_TEST(test_any)
{
    const char *why = NULL;
    struct prefix p[2];
    struct endpoint in;
    struct endpoint out;

    ck_assert_int_eq(prefix_parse(&p[0], "192.0.2.0/24", &why), 0);
    ck_assert_int_eq(prefix_parse(&p[1], "2001:db8::/32", &why), 0);
    ck_assert_int_eq(endpoint_parse(&in, "[2001:db8::1]:25", &why), 0);
    ck_assert_int_eq(endpoint_parse(&out, "[2001:db9::1]:25", &why), 0);
    ck_assert(prefix_any_contains(p, NUM(p), &in.ip));
    ck_assert(!prefix_any_contains(p, 1, &in.ip));
    ck_assert(!prefix_any_contains(p, NUM(p), &out.ip));
    ck_assert(!prefix_any_contains(NULL, 0, &in.ip));
}
END_TEST

static const struct {
    const char *prefix;
    const char *first;
} firsts[] = {
    {"192.0.2.0/24", "192.0.2.1"},         {"10.0.0.0/8", "10.0.0.1"},
    {"192.0.2.128/25", "192.0.2.129"},     {"192.0.2.4/30", "192.0.2.5"},
    {"192.0.2.4/31", "192.0.2.4"},         {"192.0.2.5", "192.0.2.5"},
    {"2001:db8::/32", "2001:db8::1"},      {"2001:db8::4/126", "2001:db8::5"},
    {"2001:db8::4/127", "2001:db8::4"},    {"2001:db8::7", "2001:db8::7"},
    {"::ffff:192.0.2.0/120", "192.0.2.1"},
};

START_TEST(test_first)
{
    const char *why = NULL;
    char text[ADDR_TEXT_SIZE];
    struct addr first;
    struct prefix p;

    ck_assert_int_eq(prefix_parse(&p, firsts[_i].prefix, &why), 0);
    first = prefix_first(&p);
    ck_assert_str_eq(addr_text(&first, text), firsts[_i].first);
    ck_assert(prefix_contains(&p, &first));
}
END_TEST

Suite *prefix_suite(void)
{
    Suite *suite = suite_create("prefix");
    TCase *tcase = tcase_create("prefix");

    tcase_add_loop_test(tcase, test_good, 0, (int)NUM(good));
    tcase_add_loop_test(tcase, test_bad, 0, (int)NUM(bad));
    tcase_add_loop_test(tcase, test_contains, 0, (int)NUM(contained));
    tcase_add_test(tcase, test_any);
    tcase_add_loop_test(tcase, test_first, 0, (int)NUM(firsts));
    suite_add_tcase(suite, tcase);
    return suite;
}
