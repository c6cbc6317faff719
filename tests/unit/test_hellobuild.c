#include "lib/tls/hellobuild.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "lib/tls/names.h"
#include "tests/unit/hello_text.h"

#define SUITE(name) Suite *name##_suite(void);
#include "tests/unit/suites.h"
#undef SUITE

#define NUM(array) (sizeof(array) / sizeof((array)[0]))

/* A list that is there. */
#define IDS(...)                                                                                   \
    {                                                                                              \
        .ids = (const uint16_t[]){__VA_ARGS__},                                                    \
        .num = sizeof((const uint16_t[]){__VA_ARGS__}) / sizeof(uint16_t), .present = true         \
    }

#define ZEROS8  "0000000000000000"
#define ZEROS32 ZEROS8 ZEROS8 ZEROS8 ZEROS8

/* The bytes of these are known. The random of a message is 32 zeros. */
static const struct {
    const char *name;
    struct hello_lists lists;
    const char *text; /* hello_text notation */
} exact[] = {
    {"no extension block",
     {.legacy_version = 0x0301, .suites = IDS(0x002f, 0x000a)},
     "01{0301" ZEROS32 "<> [002f 000a] <00>}"},
    {"fields without an order",
     {.legacy_version = 0x0303,
      .suites = IDS(0xc02b),
      .groups = IDS(0x0017),
      .schemes = IDS(0x0403, 0x0401),
      .cert_schemes = IDS(0x0401),
      .versions = IDS(0x0303),
      .sni = "a.b"},
     "01{0303" ZEROS32 "<> [c02b] <00> [0000[[00[612e62]]]" EXT_GROUPS("0017")
         EXT_SCHEMES("0403 0401") EXT_VERSIONS("0303") EXT_CERT_SCHEMES("0401") "]}"},
    {"an order, with extensions that have no field",
     {.legacy_version = 0x0303,
      .suites = IDS(0xc02b),
      .groups = IDS(0x0017),
      .schemes = IDS(0x0403),
      .extensions = IDS(0xff01, 13, 23, 5, 45, 11)},
     "01{0303" ZEROS32 "<> [c02b] <00> [ff01[00]" EXT_SCHEMES(
         "0403") "0017[] 0005[01 0000 0000] 002d[<01>] 000b[<00>]" EXT_GROUPS("0017") "]}"},
    {"a type in the order whose field is absent",
     {.legacy_version = 0x0303,
      .suites = IDS(0xc02b),
      .extensions = IDS(0, 10, 13, 16, 43, 50, 51)},
     "01{0303" ZEROS32 "<> [c02b] <00>}"},
    {"a list that is there and empty",
     {.legacy_version = 0x0303, .suites = IDS(0xc02b), .groups = {.present = true}},
     "01{0303" ZEROS32 "<> [c02b] <00> [" EXT_GROUPS("") "]}"},
    {"ALPN",
     {.legacy_version = 0x0303,
      .suites = IDS(0xc02b),
      .alpn = {.data = (const uint8_t *)"\4smtp", .len = 5}},
     "01{0303" ZEROS32 "<> [c02b] <00> [0010[[<736d7470>]]]}"},
    {"shares of X25519 and X448",
     {.legacy_version = 0x0303, .suites = IDS(0x1301), .shares = IDS(0x001d, 0x001e)},
     "01{0303" ZEROS32 "<> [1301] <00> [" EXT_SHARES(
         "001d[09" ZEROS8 ZEROS8 ZEROS8
         "00000000000000] 001e[05" ZEROS8 ZEROS8 ZEROS8 ZEROS8 ZEROS8 ZEROS8
         "00000000000000]") "]}"},
    {"a share of a group that has no known length",
     {.legacy_version = 0x0303, .suites = IDS(0x1301), .shares = IDS(0x9999)},
     "01{0303" ZEROS32 "<> [1301] <00> [" EXT_SHARES("9999[00]") "]}"},
    {"SSLv2 format",
     {.sslv2 = true,
      .legacy_version = 0x0301,
      .suites = IDS(0x0004, 0x002f),
      .sslv2_kinds = (const uint32_t[]){0x0700c0, 0x010080},
      .num_sslv2_kinds = 2,
      .groups = IDS(0x0017)},
     "01 0301 000c 0000 0020 0700c0 010080 000004 00002f" ZEROS32},
};

START_TEST(exact_bytes)
{
    uint8_t out[1024];
    size_t len;
    uint8_t *expected = hello_text(exact[_i].text, &len);
    size_t got = hello_build(&exact[_i].lists, out, sizeof out);

    ck_assert_msg(got == len, "%s: %zu bytes, not %zu", exact[_i].name, got, len);
    ck_assert_msg(memcmp(out, expected, len) == 0, "%s", exact[_i].name);
    free(expected);
}
END_TEST

START_TEST(room)
{
    size_t len;
    uint8_t *expected = hello_text(exact[_i].text, &len);

    /* Memory of just the size, so that a sanitizer sees a step beyond it. */
    for (size_t size = 0; size <= len; size++) {
        uint8_t *out = malloc(size > 0 ? size : 1);
        size_t got = hello_build(&exact[_i].lists, out, size);

        ck_assert_msg(got == (size < len ? 0 : len), "%s: %zu bytes in room for %zu",
                      exact[_i].name, got, size);
        free(out);
    }
    free(expected);
}
END_TEST

/* --- key shares ------------------------------------------------------------------------------ */

static const uint16_t share_groups[] = {0x0017, 0x0018, 0x0019, 0x001d, 0x001e, 0x0100, 0x11ec};

START_TEST(shares_have_their_length)
{
    struct hello_lists lists = {.legacy_version = 0x0303, .suites = IDS(0x1301)};
    const struct group *group = group_by_id(share_groups[_i]);
    uint8_t out[4096];
    struct hello hello;
    const char *why;
    uint16_t id;
    struct bytes key;
    size_t len;

    lists.shares = (struct hello_ids){.ids = &share_groups[_i], .num = 1, .present = true};
    len = hello_build(&lists, out, sizeof out);
    ck_assert_int_eq(hello_decode(&hello, bytes_of(out, len), &why), HELLO_DONE);
    ck_assert(hello.has_key_share);
    ck_assert(bytes_u16(&hello.key_share, &id));
    ck_assert(bytes_vec16(&hello.key_share, &key));
    ck_assert_uint_eq(id, share_groups[_i]);
    ck_assert_uint_eq(key.len, group->share);
    ck_assert_uint_eq(hello.key_share.len, 0);
    if (group->id >= 0x0017 && group->id <= 0x0019) {
        ck_assert_uint_eq(key.data[0], 4);
        ck_assert_uint_ne(key.data[key.len - 1], 0);
    }
}
END_TEST

/* --- lists that are too long ----------------------------------------------------------------- */

static const uint16_t many[40000];

static const struct {
    const char *name;
    struct hello_lists lists;
    bool fits;
} long_lists[] = {
    {"127 versions", {.versions = {many, 127, true}}, true},
    {"128 versions", {.versions = {many, 128, true}}, false},
    {"32767 suites", {.suites = {many, 32767, true}}, true},
    {"32768 suites", {.suites = {many, 32768, true}}, false},
    {"32768 groups", {.groups = {many, 32768, true}}, false},
    {"32766 groups", {.groups = {many, 32766, true}}, false},
    {"21845 suites in SSLv2 format", {.sslv2 = true, .suites = {many, 21845, true}}, true},
    {"21846 suites in SSLv2 format", {.sslv2 = true, .suites = {many, 21846, true}}, false},
};

START_TEST(too_long)
{
    uint8_t *out = malloc(200000);
    size_t len = hello_build(&long_lists[_i].lists, out, 200000);

    ck_assert_msg((len > 0) == long_lists[_i].fits, "%s", long_lists[_i].name);
    free(out);
}
END_TEST

/* --- usual bodies ---------------------------------------------------------------------------- */

/* libssl takes what is written for the extensions that it knows. */
START_TEST(usual_bodies_are_well_formed)
{
    const uint16_t newest = TLS13;
    static const uint16_t types[] = {1, 5, 11, 17, 18, 21, 22, 23, 27, 28, 35, 45, 49, 0xff01};
    struct hello_lists lists = {.legacy_version = 0x0303,
                                .suites = IDS(0x1301, 0xc02b),
                                .groups = IDS(0x001d, 0x0017),
                                .schemes = IDS(0x0403),
                                .versions = IDS(0x0304, 0x0303),
                                .shares = IDS(0x001d),
                                .extensions = {types, NUM(types), true}};
    uint8_t out[4096];
    struct hello hello;
    const char *why = "";
    size_t len = hello_build(&lists, out, sizeof out);

    ck_assert_int_eq(hello_decode(&hello, bytes_of(out, len), &why), HELLO_DONE);
    for (uint16_t version = TLS10; version <= newest; version++) {
        ck_assert_msg(hello_check(&hello, &newest_libssl, version, &why) == HELLO_DONE, "%04x: %s",
                      version, why);
    }
}
END_TEST

Suite *hellobuild_suite(void)
{
    Suite *suite = suite_create("hellobuild");
    TCase *tcase = tcase_create("hellobuild");

    tcase_add_loop_test(tcase, exact_bytes, 0, (int)NUM(exact));
    tcase_add_loop_test(tcase, room, 0, (int)NUM(exact));
    tcase_add_loop_test(tcase, shares_have_their_length, 0, (int)NUM(share_groups));
    tcase_add_loop_test(tcase, too_long, 0, (int)NUM(long_lists));
    tcase_add_test(tcase, usual_bodies_are_well_formed);
    suite_add_tcase(suite, tcase);
    return suite;
}
