#include "lib/tls/ja4.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/hello_text.h"

#define SUITE(name) Suite *name##_suite(void);
#include "tests/unit/suites.h"
#undef SUITE

#define NUM(array) (sizeof(array) / sizeof((array)[0]))

/* Extensions of which JA4 looks at the number only. */
#define SNI    "0000[[00[612e6578]]]"
#define ALPN   "0010[[<6832><687474702f312e31>]]"
#define SHARES EXT_SHARES("001d[K20]")

/* The example of the specification ("JA4.md", FoxIO), with GREASE in every list. */
#define SPEC_SUITES                                                                                \
    "1a1a 1301 1302 1303 c02b c02f c02c c030 cca9 cca8 c013 c014 009c 009d 002f 0035"
#define SPEC_SCHEMES "0403 0804 0401 0503 0805 0501 0806 0601"
#define SPEC                                                                                       \
    HELLO("0303", SPEC_SUITES,                                                                     \
          "3a3a[]"                                                                                 \
          "001b[]" SNI SHARES ALPN "4469[]"                                                        \
          "0017[]"                                                                                 \
          "002d[<01>]" EXT_SCHEMES(                                                                \
              "fafa" SPEC_SCHEMES) "0005[01 [] []]"                                                \
                                   "0023[]"                                                        \
                                   "0012[]" EXT_VERSIONS(                                          \
                                       "4a4a 0304 0303") "ff01[<>]"                                \
                                                         "000b[<00>]" EXT_GROUPS(                  \
                                                             "001d 0017") "0015[]")

/* The same without signature_algorithms, which TLS 1.2 allows. */
#define NO_SCHEMES HELLO("0303", "c02f", "000b[<00>]" EXT_GROUPS("0017"))

static const struct {
    const char *name;
    const char *hello;
    const char *head;
    const char *suites;
    const char *extensions;
} rows[] = {
    {"example of the specification", SPEC, "t13d1516h2",
     "002f,0035,009c,009d,1301,1302,1303,c013,c014,c02b,c02c,c02f,c030,cca8,cca9",
     "0005,000a,000b,000d,0012,0015,0017,001b,0023,002b,002d,0033,4469,ff01_"
     "0403,0804,0401,0503,0805,0501,0806,0601"},
    {"no signature_algorithms", NO_SCHEMES, "t12i010200", "c02f", "000a,000b"},
    {"no extensions", "01{0302 K20 <> [002f 00ff] <00>}", "t11i020000", "002f,00ff", ""},
    {"only server_name and ALPN", HELLO("0301", "002f", SNI ALPN), "t10d0102h2", "002f", ""},
    {"signals and private suites count", HELLO("0303", "5600 fe00 00ff c02f", ""), "t12i040000",
     "00ff,5600,c02f,fe00", ""},
    {"a suite twice", HELLO("0303", "c02f 002f c02f", ""), "t12i030000", "002f,c02f,c02f", ""},
    {"only GREASE", HELLO("0303", "0a0a fafa", "1a1a[]"), "t12i000000", "", ""},
    {"SSL 3.0", HELLO("0300", "000a", ""), "ts3i010000", "000a", ""},
    {"unknown version", HELLO("0305", "000a", ""), "t00i010000", "000a", ""},
    {"highest of supported_versions", HELLO("0303", "1301", EXT_VERSIONS("0302 0304 0303")),
     "t13i010100", "1301", "002b"},
    {"unknown highest of supported_versions", HELLO("0303", "1301", EXT_VERSIONS("7f1c 0303")),
     "t00i010100", "1301", "002b"},
    {"supported_versions below the version", HELLO("0303", "1301", EXT_VERSIONS("0302")),
     "t11i010100", "1301", "002b"},
    {"SSLv2 format", "01 0301 0009 0000 0010 00000a 010080 00002f K10", "t10i020000", "000a,002f",
     ""},
    {"SSLv2 itself", "01 0002 0003 0000 0010 010080 K10", "ts2i000000", "", ""},
};

START_TEST(fingerprint)
{
    static char room[JA4_TEXT_SIZE];
    char head[JA4_HEAD_SIZE];
    struct hello hello;
    uint8_t *bytes = hello_decode_text(rows[_i].hello, &hello);
    struct text t;

    ja4_head(&hello, head);
    ck_assert_msg(strcmp(head, rows[_i].head) == 0, "%s: %s", rows[_i].name, head);
    t = text_in(room, sizeof room);
    ja4_suites(&hello, &t);
    ck_assert_msg(strcmp(room, rows[_i].suites) == 0, "%s: %s", rows[_i].name, room);
    t = text_in(room, sizeof room);
    ja4_extensions(&hello, &t);
    ck_assert_msg(strcmp(room, rows[_i].extensions) == 0, "%s: %s", rows[_i].name, room);
    free(bytes);
}
END_TEST

/* The first two rows, and those with more than one byte, are the examples of the specification. */
static const struct {
    const char *name;
    const char *list;
    const char *expected;
} alpn_rows[] = {
    {"h2", "<6832>", "h2"},
    {"http/1.1", "<687474702f312e31>", "h1"},
    {"smtp", "<736d7470> <6832>", "sp"},
    {"one character", "<78>", "xx"},
    {"upper case and a digit", "<5a39>", "Z9"},
    {"the ends of the letters", "<617a>", "az"},
    {"the first digit and letter", "<3041>", "0A"},
    {"ab", "<ab>", "ab"},
    {"20", "<20>", "20"},
    {"abcd", "<abcd>", "ad"},
    {"2061", "<2061>", "21"},
    {"30ab", "<30ab>", "3b"},
    {"6120", "<6120>", "60"},
    {"3031abcd", "<3031abcd>", "3d"},
    {"30abcd31", "<30abcd31>", "01"},
    {"before the digits", "<2f2f>", "2f"},
    {"behind the digits", "<3a3a>", "3a"},
    {"between the letters", "<405b>", "4b"},
    {"behind the letters", "<607b>", "6b"},
};

START_TEST(alpn_characters)
{
    char text[256];
    char expected[JA4_HEAD_SIZE];
    char head[JA4_HEAD_SIZE];
    struct hello hello;
    uint8_t *bytes;

    snprintf(text, sizeof text, "01{0303 K20 <> [c02f] <00> [0010[[%s]]]}", alpn_rows[_i].list);
    snprintf(expected, sizeof expected, "t12i0101%s", alpn_rows[_i].expected);
    bytes = hello_decode_text(text, &hello);
    ja4_head(&hello, head);
    ck_assert_msg(strcmp(head, expected) == 0, "%s: %s", alpn_rows[_i].name, head);
    free(bytes);
}
END_TEST

/* The longest hello: nothing is lost, counts stop at 99, and the text has room. */
START_TEST(longest_hello)
{
    enum { SUITES = (HELLO_SIZE_MAX - 44) / 2 };
    static uint8_t bytes[HELLO_SIZE_MAX];
    static char room[JA4_TEXT_SIZE];
    static const uint8_t front[] = {1, 0, (HELLO_SIZE_MAX - 4) >> 8, (HELLO_SIZE_MAX - 4) & 0xff,
                                    3, 3};
    struct text t = text_in(room, sizeof room);
    char head[JA4_HEAD_SIZE];
    struct hello hello;
    const char *why;
    size_t at = 39;

    memcpy(bytes, front, sizeof front);
    bytes[at++] = (uint8_t)(SUITES * 2 >> 8);
    bytes[at++] = (uint8_t)(SUITES * 2);
    for (size_t i = 0; i < SUITES; i++) {
        uint16_t id = (uint16_t)(0x8000 - i);

        bytes[at++] = (uint8_t)(id >> 8);
        bytes[at++] = (uint8_t)id;
    }
    bytes[at] = 1;
    ck_assert_int_eq(hello_decode(&hello, bytes_of(bytes, sizeof bytes - 1), &why), HELLO_BAD);
    bytes[3]--;
    ck_assert_int_eq(hello_decode(&hello, bytes_of(bytes, sizeof bytes - 1), &why), HELLO_DONE);
    ja4_head(&hello, head);
    ck_assert_str_eq(head, "t12i990000");
    ja4_suites(&hello, &t);
    ck_assert(!t.cut);
    for (size_t i = 5; i < t.len; i += 5) {
        ck_assert(memcmp(room + i, room + i - 5, 4) >= 0 && room[i - 1] == ',');
    }
}
END_TEST

Suite *ja4_suite(void)
{
    Suite *suite = suite_create("ja4");
    TCase *tests = tcase_create("ja4");

    tcase_add_loop_test(tests, fingerprint, 0, NUM(rows));
    tcase_add_loop_test(tests, alpn_characters, 0, NUM(alpn_rows));
    tcase_add_test(tests, longest_hello);
    suite_add_tcase(suite, tests);
    return suite;
}
