#include "lib/tls/strength.h"

#include <check.h>
#include <stdlib.h>

#define SUITE(name) Suite *name##_suite(void);
#include "tests/unit/suites.h"
#undef SUITE

#define NUM(array) (sizeof(array) / sizeof((array)[0]))

static const struct {
    int level;
    unsigned bits;
} level_rows[] = {{-1, 0}, {0, 0}, {1, 80}, {2, 112}, {3, 128}, {4, 192}, {5, 256}, {6, 256}};

START_TEST(level_row)
{
    ck_assert_msg(strength_of_level(level_rows[_i].level) == level_rows[_i].bits, "level %d",
                  level_rows[_i].level);
}
END_TEST

static const struct {
    const char *name;
    struct certsel_certificate certificate;
    unsigned bits;
} key_rows[] = {
    {"RSA 512", {.kind = KEY_RSA, .bits = 512}, 0},
    {"RSA 919", {.kind = KEY_RSA, .bits = 919}, 0},
    {"RSA 920", {.kind = KEY_RSA, .bits = 920}, 80},
    {"RSA 1024", {.kind = KEY_RSA, .bits = 1024}, 80},
    {"RSA 1962", {.kind = KEY_RSA, .bits = 1962}, 80},
    {"RSA 1963", {.kind = KEY_RSA, .bits = 1963}, 112},
    {"RSA-PSS 2048", {.kind = KEY_RSA_PSS, .bits = 2048}, 112},
    {"RSA 2670", {.kind = KEY_RSA, .bits = 2670}, 112},
    {"RSA 2671", {.kind = KEY_RSA, .bits = 2671}, 128},
    {"RSA 6946", {.kind = KEY_RSA, .bits = 6946}, 128},
    {"RSA 6947", {.kind = KEY_RSA, .bits = 6947}, 192},
    {"RSA 13913", {.kind = KEY_RSA, .bits = 13913}, 192},
    {"RSA 13914", {.kind = KEY_RSA, .bits = 13914}, 256},
    {"P-256", {.kind = KEY_ECDSA, .curve = 0x0017, .bits = 256}, 128},
    {"P-384", {.kind = KEY_ECDSA, .curve = 0x0018, .bits = 384}, 192},
    {"P-521", {.kind = KEY_ECDSA, .curve = 0x0019, .bits = 521}, 256},
    {"EC of 159 bits", {.kind = KEY_ECDSA, .bits = 159}, 0},
    {"EC of 160 bits", {.kind = KEY_ECDSA, .bits = 160}, 80},
    {"EC of 239 bits", {.kind = KEY_ECDSA, .bits = 239}, 112},
    {"EC of 320 bits", {.kind = KEY_ECDSA, .bits = 320}, 128},
    {"Ed25519", {.kind = KEY_ED25519, .bits = 256}, 128},
    {"Ed448", {.kind = KEY_ED448, .bits = 456}, 224},
    {"ML-DSA-44", {.kind = KEY_MLDSA44, .bits = 10496}, 128},
    {"ML-DSA-65", {.kind = KEY_MLDSA65, .bits = 15616}, 192},
    {"ML-DSA-87", {.kind = KEY_MLDSA87, .bits = 20736}, 256},
};

START_TEST(key_row)
{
    unsigned bits = strength_of_key(&key_rows[_i].certificate);

    ck_assert_msg(bits == key_rows[_i].bits, "%s: %u", key_rows[_i].name, bits);
}
END_TEST

static const struct {
    uint16_t id;
    unsigned bits;
} scheme_rows[] = {{0x0201, 64},  {0x0203, 64},  {0x0301, 112}, {0x0403, 128},
                   {0x0805, 192}, {0x0601, 256}, {0x0807, 128}, {0x0808, 224},
                   {0x0101, 64},  {0x0904, 128}, {0x0905, 192}, {0x0906, 256}};

START_TEST(scheme_row)
{
    ck_assert_msg(strength_of_scheme(scheme_by_id(scheme_rows[_i].id)) == scheme_rows[_i].bits,
                  "%04x", scheme_rows[_i].id);
}
END_TEST

Suite *strength_suite(void)
{
    Suite *suite = suite_create("strength");
    TCase *tests = tcase_create("strength");

    tcase_add_loop_test(tests, level_row, 0, NUM(level_rows));
    tcase_add_loop_test(tests, key_row, 0, NUM(key_rows));
    tcase_add_loop_test(tests, scheme_row, 0, NUM(scheme_rows));
    suite_add_tcase(suite, tests);
    return suite;
}
