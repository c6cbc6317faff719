#include "lib/net/clientkey.h"

#include <check.h>

#define SUITE(name) Suite *name##_suite(void);
#include "tests/unit/suites.h"
#undef SUITE

#define NUM(array) (sizeof(array) / sizeof((array)[0]))

static const uint8_t secret[SIPHASH_KEY_SIZE] = "sixteen bytes..";

static struct addr addr_of(const char *text)
{
    struct addr a;

    ck_assert_msg(addr_parse(&a, text), "%s", text);
    return a;
}

static const struct {
    const char *one;
    const char *other;
    bool same;
} pairs[] = {
    {"192.0.2.7", "192.0.2.7", true},
    {"192.0.2.7", "192.0.2.6", false},
    {"192.0.2.7", "64.0.2.7", false},
    {"192.0.2.7", "::ffff:192.0.2.7", true},
    {"192.0.2.7", "::192.0.2.7", false},
    {"2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff", true},
    {"2001:db8:1:2::1", "2001:db8:1:3::1", false},
    {"2001:db8:1:2::1", "2001:db9:1:2::1", false},
    {"2001:db8:1:2::1", "a001:db8:1:2::1", false},
    {"0.0.0.0", "::", false},
};

START_TEST(test_key)
{
    struct addr a = addr_of(pairs[_i].one);
    struct addr b = addr_of(pairs[_i].other);
    struct client_key key_a;
    struct client_key key_b;

    b.port = 4711;
    key_a = client_key_of(&a);
    key_b = client_key_of(&b);
    ck_assert_msg(client_key_equal(&key_a, &key_b) == pairs[_i].same, "%s and %s", pairs[_i].one,
                  pairs[_i].other);
    ck_assert_msg((client_key_hash(secret, &key_a) == client_key_hash(secret, &key_b)) ==
                      pairs[_i].same,
                  "%s and %s", pairs[_i].one, pairs[_i].other);
}
END_TEST

Suite *clientkey_suite(void)
{
    Suite *suite = suite_create("clientkey");
    TCase *tcase = tcase_create("clientkey");

    tcase_add_loop_test(tcase, test_key, 0, (int)NUM(pairs));
    suite_add_tcase(suite, tcase);
    return suite;
}
