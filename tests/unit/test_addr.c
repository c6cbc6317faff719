#include "lib/net/addr.h"

#include <check.h>
#include <string.h>

/* The longest path of a unix-domain socket, and one byte more. */
#define PATH_10  "/234567890"
#define PATH_100 PATH_10 PATH_10 PATH_10 PATH_10 PATH_10 PATH_10 PATH_10 PATH_10 PATH_10 PATH_10
#define PATH_107 PATH_100 "/234567"

static const struct {
    const char *in;
    const char *out; /* as endpoint_text() writes it */
} good[] = {
    {"192.0.2.7:25", "192.0.2.7:25"},
    {"0.0.0.0:0", "0.0.0.0:0"},
    {"255.255.255.255:65535", "255.255.255.255:65535"},
    {"[::]:25", "[::]:25"},
    {"[2001:DB8:0:0::7]:587", "[2001:db8::7]:587"},
    {"[::ffff:192.0.2.7]:25", "[::ffff:192.0.2.7]:25"},
    {"[1111:2222:3333:4444:5555:6666:7777:8888]:1", "[1111:2222:3333:4444:5555:6666:7777:8888]:1"},
    {"unix:/run/x", "unix:/run/x"},
    {"unix:/with:colon:25", "unix:/with:colon:25"},
    {"unix:" PATH_107, "unix:" PATH_107},
};

START_TEST(test_endpoint)
{
    char out[ADDR_PATH_SIZE + 8];
    const char *why = NULL;
    struct endpoint e;

    ck_assert_msg(endpoint_parse(&e, good[_i].in, &why) == 0, "%s: %s", good[_i].in, why);
    endpoint_text(&e, out, sizeof out);
    ck_assert_msg(strcmp(out, good[_i].out) == 0, "%s: %s", good[_i].in, out);
    ck_assert_msg((e.ip.family == ADDR_NONE) == (e.path[0] != '\0'), "%s: one of both",
                  good[_i].in);
}
END_TEST

static const char *const bad[] = {
    "",
    ":",
    ":25",
    "192.0.2.7",
    "192.0.2.7:",
    "192.0.2.7:x",
    "192.0.2.7: 25",
    "192.0.2.7:25 ",
    "192.0.2.7:+25",
    "192.0.2.7:-1",
    "192.0.2.7:025",
    "192.0.2.7:00",
    "192.0.2.7:65536",
    "192.0.2.7:100000",
    "192.0.2.7:4294967321",
    "192.0.2:25",
    "192.0.2.256:25",
    "192.0.2.7.1:25",
    "192.0.2.07x:25",
    "localhost:25",
    "*:25",
    "2001:db8::7:25",
    "2001:db8::7",
    "[2001:db8::7]",
    "[2001:db8::7]25",
    "[2001:db8::7:25",
    "2001:db8::7]:25",
    "[]:25",
    "[:25",
    "]:25",
    "[192.0.2.7]:25",
    "[fe80::1%eth0]:25",
    "[2001:db8::g]:25",
    "[1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb]:1",
    "unix:",
    "unix:relative",
    "unix: /x",
    "unix:" PATH_107 "8",
};

START_TEST(test_endpoint_bad)
{
    const char *why = NULL;
    struct endpoint e;

    ck_assert_msg(endpoint_parse(&e, bad[_i], &why) == -1, "%s", bad[_i]);
    ck_assert_msg(why != NULL && why[0] != '\0', "%s: reason", bad[_i]);
}
END_TEST

START_TEST(test_fields)
{
    static const uint8_t v4[16] = {192, 0, 2, 7};
    static const uint8_t v6[16] = {0x20, 0x01, 0x0d, 0xb8, [15] = 7};
    struct endpoint e;
    const char *why;

    ck_assert_int_eq(endpoint_parse(&e, "192.0.2.7:587", &why), 0);
    ck_assert_int_eq(e.ip.family, ADDR_IPV4);
    ck_assert_uint_eq(e.ip.port, 587);
    ck_assert_mem_eq(e.ip.ip, v4, 16);
    ck_assert_str_eq(e.path, "");
    ck_assert_int_eq(endpoint_parse(&e, "[2001:db8::7]:25", &why), 0);
    ck_assert_int_eq(e.ip.family, ADDR_IPV6);
    ck_assert_mem_eq(e.ip.ip, v6, 16);
    ck_assert_int_eq(endpoint_parse(&e, "unix:/x", &why), 0);
    ck_assert_int_eq(e.ip.family, ADDR_NONE);
    ck_assert_str_eq(e.path, "/x");
}
END_TEST

static struct addr addr_of(const char *text)
{
    struct endpoint e;
    const char *why;

    ck_assert_int_eq(endpoint_parse(&e, text, &why), 0);
    return e.ip;
}

static const struct {
    const char *in;
    const char *text;
    const char *unmapped;
    bool loopback;
} addresses[] = {
    {"127.0.0.1:1", "127.0.0.1", "127.0.0.1", true},
    {"127.255.255.255:1", "127.255.255.255", "127.255.255.255", true},
    {"126.255.255.255:1", "126.255.255.255", "126.255.255.255", false},
    {"128.0.0.1:1", "128.0.0.1", "128.0.0.1", false},
    {"0.0.0.0:1", "0.0.0.0", "0.0.0.0", false},
    {"[::1]:1", "::1", "::1", true},
    {"[::]:1", "::", "::", false},
    {"[::2]:1", "::2", "::2", false},
    {"[1::1]:1", "1::1", "1::1", false},
    {"[::ffff:127.0.0.1]:1", "::ffff:127.0.0.1", "127.0.0.1", true},
    {"[::ffff:192.0.2.7]:1", "::ffff:192.0.2.7", "192.0.2.7", false},
    {"[::fffe:127.0.0.1]:1", "::fffe:7f00:1", "::fffe:7f00:1", false},
    {"[1::ffff:127.0.0.1]:1", "1::ffff:7f00:1", "1::ffff:7f00:1", false},
    {"[::127.0.0.1]:1", "::127.0.0.1", "::127.0.0.1", false},
};

START_TEST(test_address)
{
    struct addr a = addr_of(addresses[_i].in);
    char text[ADDR_TEXT_SIZE];

    ck_assert_msg(strcmp(addr_text(&a, text), addresses[_i].text) == 0, "%s: %s", addresses[_i].in,
                  text);
    ck_assert_msg(addr_is_loopback(&a) == addresses[_i].loopback, "%s: loopback", addresses[_i].in);
    addr_unmap(&a);
    ck_assert_msg(strcmp(addr_text(&a, text), addresses[_i].unmapped) == 0, "%s: unmapped %s",
                  addresses[_i].in, text);
    ck_assert_msg(a.port == 1, "%s: port", addresses[_i].in);
}
END_TEST

static const struct {
    const char *in;
    bool unspecified;
} unspecified[] = {
    {"0.0.0.0:25", true}, {"[::]:25", true},          {"0.0.0.1:25", false},
    {"[::1]:25", false},  {"[::ffff:0:0]:25", false}, {"[100::]:25", false},
};

START_TEST(test_unspecified)
{
    struct addr a = addr_of(unspecified[_i].in);

    ck_assert_msg(addr_is_unspecified(&a) == unspecified[_i].unspecified, "%s", unspecified[_i].in);
}
END_TEST

START_TEST(test_unmapped_is_whole)
{
    struct addr mapped = addr_of("[::ffff:192.0.2.7]:25");
    struct addr plain = addr_of("192.0.2.7:25");

    ck_assert(!addr_equal(&mapped, &plain));
    addr_unmap(&mapped);
    ck_assert(addr_equal(&mapped, &plain));
}
END_TEST

/* Mapping and unmapping leave the same address; one of IPv6 is not mapped. */
START_TEST(test_mapped)
{
    struct addr plain = addr_of("192.0.2.7:25");
    struct addr mapped = addr_of("[::ffff:192.0.2.7]:25");
    struct addr a = plain;

    addr_map(&a);
    ck_assert(addr_equal(&a, &mapped));
    addr_map(&a);
    ck_assert(addr_equal(&a, &mapped));
    addr_unmap(&a);
    ck_assert(addr_equal(&a, &plain));
}
END_TEST

START_TEST(test_none)
{
    struct addr none = {0};
    char text[ADDR_TEXT_SIZE];

    ck_assert_str_eq(addr_text(&none, text), "unknown");
    ck_assert(!addr_is_loopback(&none));
}
END_TEST

START_TEST(test_equal)
{
    struct addr a = addr_of("[2001:db8::7]:25");
    struct addr same = addr_of("[2001:0db8::0007]:25");
    struct addr port = addr_of("[2001:db8::7]:26");
    struct addr other = addr_of("[2001:db8::8]:25");
    struct addr v4 = addr_of("1.2.3.4:25");
    struct addr v6 = addr_of("[102:304::]:25");

    ck_assert(addr_equal(&a, &same));
    ck_assert(!addr_equal(&a, &port));
    ck_assert(addr_same_ip(&a, &port));
    ck_assert(!addr_same_ip(&a, &other));
    ck_assert(!addr_same_ip(&v4, &v6));
    ck_assert(!addr_equal(&a, &other));
    ck_assert(!addr_equal(&v4, &v6));
}
END_TEST

Suite *addr_suite(void);

Suite *addr_suite(void)
{
    Suite *suite = suite_create("addr");
    TCase *tcase = tcase_create("all");

    tcase_add_loop_test(tcase, test_endpoint, 0, sizeof good / sizeof good[0]);
    tcase_add_loop_test(tcase, test_endpoint_bad, 0, sizeof bad / sizeof bad[0]);
    tcase_add_loop_test(tcase, test_address, 0, sizeof addresses / sizeof addresses[0]);
    tcase_add_loop_test(tcase, test_unspecified, 0, sizeof unspecified / sizeof unspecified[0]);
    tcase_add_test(tcase, test_fields);
    tcase_add_test(tcase, test_unmapped_is_whole);
    tcase_add_test(tcase, test_mapped);
    tcase_add_test(tcase, test_none);
    tcase_add_test(tcase, test_equal);
    suite_add_tcase(suite, tcase);
    return suite;
}
