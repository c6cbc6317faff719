#include "lib/base/siphash.h"

#include <check.h>

#define SUITE(name) Suite *name##_suite(void);
#include "tests/unit/suites.h"
#undef SUITE

#define NUM(array) (sizeof(array) / sizeof((array)[0]))

/* Key 00 01 ... 0f, input 00 01 02 ... of this length. The one of 15 bytes is the paper's example
 * (appendix A), the others `openssl mac -macopt size:8 SIPHASH` says. */
static const struct {
    size_t len;
    uint64_t hash;
} vectors[] = {
    {0, 0x726fdb47dd0e0e31},  {1, 0x74f839c593dc67fd},  {7, 0xab0200f58b01d137},
    {8, 0x93f5f5799a932462},  {9, 0x9e0082df0ba9e4b0},  {15, 0xa129ca6149be45e5},
    {16, 0x3f2acc7f57c29bdb}, {63, 0x958a324ceb064572},
};

START_TEST(test_vectors)
{
    uint8_t key[SIPHASH_KEY_SIZE];
    uint8_t input[64];

    for (size_t i = 0; i < sizeof input; i++) {
        input[i] = (uint8_t)i;
        key[i % sizeof key] = (uint8_t)(i % sizeof key);
    }
    ck_assert_uint_eq(siphash(key, input, vectors[_i].len), vectors[_i].hash);
}
END_TEST

START_TEST(test_key_counts)
{
    uint8_t key[SIPHASH_KEY_SIZE] = {0};
    uint64_t without = siphash(key, "x", 1);

    for (size_t i = 0; i < sizeof key; i++) {
        key[i] = 1;
        ck_assert_uint_ne(siphash(key, "x", 1), without);
        key[i] = 0;
    }
}
END_TEST

Suite *siphash_suite(void)
{
    Suite *suite = suite_create("siphash");
    TCase *tcase = tcase_create("siphash");

    tcase_add_loop_test(tcase, test_vectors, 0, (int)NUM(vectors));
    tcase_add_test(tcase, test_key_counts);
    suite_add_tcase(suite, tcase);
    return suite;
}
