#include "lib/net/claim.h"

#include <check.h>
#include <string.h>

#define SUITE(name) Suite *name##_suite(void);
#include "tests/unit/suites.h"
#undef SUITE

#define NUM(array) (sizeof(array) / sizeof((array)[0]))

#define UNSPECIFIED "it claims an unspecified address"
#define LOOPBACK    "it claims a loopback address"
#define MULTICAST   "it claims a multicast address"
#define LINK_LOCAL  "it claims a link-local address"
#define OWN         "it claims an address of this host"
#define UPSTREAM    "it claims an address of accept_proxy_from"

/* What all rows are held against. */
static const char *const own[] = {"0.0.0.0:25", "[::]:25", "203.0.113.5:25", "[2001:db8:5::5]:465",
                                  "[::ffff:203.0.113.6]:25"};
static const char *const upstreams[] = {"198.51.100.8/30", "203.0.113.128/25", "2001:db8:9::/64",
                                        "::ffff:198.51.100.77/128"};

/* The destination that the header names, and our end of the connection. */
#define DESTINATION "203.0.113.80:25"
#define LOCAL       "10.0.0.2:25"

static const struct {
    const char *client;
    const char *why; /* NULL: nothing is wrong with it */
} rows[] = {
    {"192.0.2.7:49211", NULL},
    {"192.0.2.7:0", NULL},
    {"10.1.2.3:1", NULL},
    {"[2001:db8::7]:1", NULL},
    {"[fd00::7]:1", NULL},
    {"[::ffff:192.0.2.7]:1", NULL},
    {"0.0.0.0:1", UNSPECIFIED},
    {"0.0.0.1:1", UNSPECIFIED},
    {"0.255.255.255:1", UNSPECIFIED},
    {"1.0.0.0:1", NULL},
    {"[::]:1", UNSPECIFIED},
    {"[::ffff:0.0.0.0]:1", UNSPECIFIED},
    {"[::2]:1", NULL},
    {"127.0.0.1:1", LOOPBACK},
    {"127.255.255.255:1", LOOPBACK},
    {"126.255.255.255:1", NULL},
    {"128.0.0.1:1", NULL},
    {"[::1]:1", LOOPBACK},
    {"[::ffff:127.0.0.1]:1", LOOPBACK},
    {"224.0.0.1:1", MULTICAST},
    {"239.255.255.255:1", MULTICAST},
    {"223.255.255.255:1", NULL},
    {"240.0.0.1:1", NULL},
    {"255.255.255.255:1", MULTICAST},
    {"255.255.255.254:1", NULL},
    {"[ff02::1]:1", MULTICAST},
    {"[ff00::]:1", MULTICAST},
    {"[feff::1]:1", NULL},
    {"[::ffff:224.0.0.1]:1", MULTICAST},
    {"[fe80::1]:1", LINK_LOCAL},
    {"[febf:ffff::1]:1", LINK_LOCAL},
    {"[fe7f::1]:1", NULL},
    {"[fec0::1]:1", NULL},
    {"254.128.0.1:1", NULL},
    {"203.0.113.5:25", OWN},
    {"203.0.113.5:49211", OWN},
    {"[::ffff:203.0.113.5]:1", OWN},
    {"203.0.113.4:25", NULL},
    {"203.0.113.6:1", OWN},
    {"[2001:db8:5::5]:1", OWN},
    {"[2001:db8:5::6]:1", NULL},
    {DESTINATION, OWN},
    {"203.0.113.80:1", OWN},
    {"[::ffff:203.0.113.80]:1", OWN},
    {LOCAL, OWN},
    {"10.0.0.2:1", OWN},
    {"198.51.100.8:1", UPSTREAM},
    {"198.51.100.11:1", UPSTREAM},
    {"198.51.100.12:1", NULL},
    {"[::ffff:198.51.100.8]:1", UPSTREAM},
    {"198.51.100.77:1", UPSTREAM},
    {"203.0.113.128:1", UPSTREAM},
    {"203.0.113.127:1", NULL},
    {"[2001:db8:9::ffff]:1", UPSTREAM},
    {"[2001:db8:9:1::]:1", NULL},
};

static struct addr addr_of(const char *text)
{
    struct endpoint e;
    const char *why;

    ck_assert_int_eq(endpoint_parse(&e, text, &why), 0);
    return e.ip;
}

static const char *fault_of(const char *client, const char *destination, const char *local,
                            bool is_host)
{
    struct addr addresses[NUM(own)];
    struct prefix networks[NUM(upstreams)];
    struct claim_rules rules = {addresses, NUM(own), networks, NUM(upstreams)};
    struct claim claim = {addr_of(client), addr_of(destination), addr_of(local), is_host};
    const char *why;

    for (size_t i = 0; i < NUM(own); i++) {
        addresses[i] = addr_of(own[i]);
    }
    for (size_t i = 0; i < NUM(upstreams); i++) {
        ck_assert_int_eq(prefix_parse(&networks[i], upstreams[i], &why), 0);
    }
    return claim_fault(&rules, &claim);
}

START_TEST(test_fault)
{
    const char *fault = fault_of(rows[_i].client, DESTINATION, LOCAL, false);

    if (rows[_i].why == NULL) {
        ck_assert_msg(fault == NULL, "%s: %s", rows[_i].client, fault);
    } else {
        ck_assert_msg(fault != NULL, "%s may be claimed", rows[_i].client);
        ck_assert_msg(strcmp(fault, rows[_i].why) == 0, "%s: %s", rows[_i].client, fault);
    }
}
END_TEST

/* The other side of a comparison may be v4-mapped, too. */
START_TEST(test_mapped_ends)
{
    ck_assert_str_eq(fault_of("192.0.2.7:1", "[::ffff:192.0.2.7]:25", LOCAL, false), OWN);
    ck_assert_str_eq(fault_of("192.0.2.7:1", DESTINATION, "[::ffff:192.0.2.7]:25", false), OWN);
    ck_assert_str_eq(fault_of("[2001:db8::7]:1", "[2001:db8::7]:25", LOCAL, false), OWN);
}
END_TEST

START_TEST(test_host)
{
    ck_assert_str_eq(fault_of("192.0.2.7:1", DESTINATION, LOCAL, true), OWN);
}
END_TEST

START_TEST(test_nothing)
{
    struct claim_rules none = {0};
    struct claim claim = {0};

    ck_assert_str_eq(claim_fault(&none, &claim), UNSPECIFIED);
    claim.client = addr_of("192.0.2.7:1");
    ck_assert_ptr_null(claim_fault(&none, &claim));
}
END_TEST

Suite *claim_suite(void)
{
    Suite *suite = suite_create("claim");
    TCase *tcase = tcase_create("all");

    tcase_add_loop_test(tcase, test_fault, 0, (int)NUM(rows));
    tcase_add_test(tcase, test_mapped_ends);
    tcase_add_test(tcase, test_host);
    tcase_add_test(tcase, test_nothing);
    suite_add_tcase(suite, tcase);
    return suite;
}
