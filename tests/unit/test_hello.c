#include "lib/tls/hello.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/hello_text.h"

#define SUITE(name) Suite *name##_suite(void);
#include "tests/unit/suites.h"
#undef SUITE

#define NUM(array) (sizeof(array) / sizeof((array)[0]))

/* Every kind of extension at once. */
#define FULL_HELLO                                                                                 \
    "01{0303 K20 <0102> [0a0a 1301 c02b 00ff] <00> ["                                              \
    "1a1a[] 0000[[00[61622e6578]]] 0017[] ff01[<>] " EXT_GROUPS(                                   \
        "2a2a 001d 0017") "000b[<00>] "                                                            \
                          "0023[] 0010[[<736d7470><61>]] 0005[01 [] []] " EXT_SCHEMES(             \
                              "0403 0804") "0012[] " EXT_CERT_SCHEMES("0401")                      \
                              EXT_SHARES("2a2a[00] 001d[K20]") "002d[<01>] " EXT_VERSIONS(         \
                                  "3a3a 0304 0303") "002f[[[30 <3100>]]] 0001[03] 0015[0000] "     \
                                                    "0029[[[aabb] 00000000] [<K20>]]"              \
                                                    "]}"

/* --- the frame ---------------------------------------------------------------------------------
 */

static const struct {
    const char *name;
    const char *text;
    const char *why; /* NULL: good */
} rows[] = {
    {"the Windows sender", WINDOWS_HELLO, NULL},
    {"every extension", FULL_HELLO, NULL},
    {"no extension block", "01{0301 K20 <> [002f] <00>}", NULL},
    {"an empty extension block", "01{0301 K20 <> [002f] <00> []}", NULL},
    {"a session id of 32 bytes", "01{0301 K20 <K20> [002f] <00>}", NULL},
    {"null is the second compression method", "01{0301 K20 <> [002f] <0100>}", NULL},
    {"nothing", "", "not a ClientHello"},
    {"a ServerHello", "02{0301 K20 <> [002f] <00>}", "not a ClientHello"},
    {"only a type", "01", "not a ClientHello"},
    {"a short message", "01 00002a 0301 K20 <> [002f] <00>", "the length of the message is wrong"},
    {"a long message", "01{0301 K20 <> [002f] <00>} 00", "the length of the message is wrong"},
    {"an empty body", "01{}", "the message is too short"},
    {"no random", "01{0301}", "the message is too short"},
    {"no session id", "01{0301 K20}", "the message is too short"},
    {"the session id overruns", "01{0301 K20 02 00}", "the message is too short"},
    {"a session id of 33 bytes", "01{0301 K20 <K21> [002f] <00>}",
     "session_id is longer than 32 bytes"},
    {"no suites", "01{0301 K20 <>}", "the list of cipher suites overruns the message"},
    {"the suites overrun", "01{0301 K20 <> 0004 002f}",
     "the list of cipher suites overruns the message"},
    {"an empty list of suites", "01{0301 K20 <> [] <00>}",
     "the list of cipher suites is empty or of odd length"},
    {"an odd list of suites", "01{0301 K20 <> [002f00] <00>}",
     "the list of cipher suites is empty or of odd length"},
    {"no compression methods", "01{0301 K20 <> [002f]}",
     "the list of compression methods overruns the message"},
    {"the compression methods overrun", "01{0301 K20 <> [002f] 0200}",
     "the list of compression methods overruns the message"},
    {"an empty list of compression methods", "01{0301 K20 <> [002f] <>}",
     "the null compression method is missing"},
    {"without the null compression method", "01{0301 K20 <> [002f] <01>}",
     "the null compression method is missing"},
    {"half a length of extensions", "01{0301 K20 <> [002f] <00> 00}",
     "the extension block does not end with the message"},
    {"the extension block overruns", "01{0301 K20 <> [002f] <00> 0001}",
     "the extension block does not end with the message"},
    {"bytes behind the extension block", "01{0301 K20 <> [002f] <00> [0017[]] 00}",
     "the extension block does not end with the message"},
    {"a torn extension", HELLO("0303", "c02b", "000a 0004 0002"),
     "an extension overruns the extension block"},
};

START_TEST(row)
{
    size_t len;
    uint8_t *bytes = hello_text(rows[_i].text, &len);
    const char *why = "unset";
    struct hello hello;
    enum hello_result result = hello_decode(&hello, bytes_of(bytes, len), &why);

    if (rows[_i].why == NULL) {
        ck_assert_msg(result == HELLO_DONE, "%s: %s", rows[_i].name, why);
    } else {
        ck_assert_msg(result == HELLO_BAD && strcmp(why, rows[_i].why) == 0, "%s: %s",
                      rows[_i].name, why != NULL ? why : "good");
    }
    free(bytes);
}
END_TEST

START_TEST(too_long)
{
    static uint8_t bytes[HELLO_SIZE_MAX + 1];
    struct hello hello;
    const char *why;

    for (size_t len = HELLO_SIZE_MAX; len <= HELLO_SIZE_MAX + 1; len++) {
        bytes[0] = 1;
        ck_assert_int_eq(hello_decode(&hello, bytes_of(bytes, len), &why), HELLO_BAD);
        ck_assert_int_eq(strcmp(why, "the message is too long") == 0, len > HELLO_SIZE_MAX);
        ck_assert_int_eq(hello_decode_sslv2(&hello, bytes_of(bytes, len), &why), HELLO_BAD);
        ck_assert_int_eq(strcmp(why, "the message is too long") == 0, len > HELLO_SIZE_MAX);
    }
}
END_TEST

/* --- what is read ------------------------------------------------------------------------------
 */

static void expect_list(const char *name, const struct id_list *list, const uint16_t *ids,
                        size_t num)
{
    ck_assert_msg(list->present && list->num == num, "%s: %zu entries", name, list->num);
    for (size_t i = 0; i < num; i++) {
        ck_assert_msg(id_at(list, i) == ids[i], "%s: entry %zu is %04x", name, i, id_at(list, i));
        ck_assert(id_list_has(list, ids[i]));
    }
    ck_assert(!id_list_has(list, 0xeeee));
}

static void expect_bytes(struct bytes b, const char *expected, size_t len)
{
    ck_assert_uint_eq(b.len, len);
    ck_assert_mem_eq(b.data, expected, len);
}

START_TEST(full_hello)
{
    size_t len;
    uint8_t *bytes = hello_text(FULL_HELLO, &len);
    struct hello hello;
    const char *why;

    ck_assert_int_eq(hello_decode(&hello, bytes_of(bytes, len), &why), HELLO_DONE);
    ck_assert(!hello.sslv2);
    ck_assert_uint_eq(hello.legacy_version, 0x0303);
    expect_bytes(hello.session_id, "\x01\x02", 2);
    expect_bytes(hello.compression, "\0", 1);
    expect_list("suites", &hello.suites, (uint16_t[]){0x0a0a, 0x1301, 0xc02b, 0x00ff}, 4);
    expect_list("versions", &hello.versions, (uint16_t[]){0x3a3a, 0x0304, 0x0303}, 3);
    expect_list("groups", &hello.groups, (uint16_t[]){0x2a2a, 0x001d, 0x0017}, 3);
    expect_list("schemes", &hello.schemes, (uint16_t[]){0x0403, 0x0804}, 2);
    expect_list("cert_schemes", &hello.cert_schemes, (uint16_t[]){0x0401}, 1);
    ck_assert(hello.has_key_share && hello.has_sni && hello.has_alpn && hello.has_ca_names);
    ck_assert_uint_eq(hello.key_share.len, 2 + 2 + 1 + 2 + 2 + 32);
    expect_bytes(hello.sni, "ab.ex", 5);
    expect_bytes(hello.alpn,
                 "\x04smtp\x01"
                 "a",
                 7);
    expect_bytes(hello.ca_names, "\x00\x04\x30\x02\x31\x00", 6);
    ck_assert_ptr_eq(hello.extensions.data + hello.extensions.len, bytes + len);
    ck_assert_mem_eq(hello.extensions.data, "\x1a\x1a\0\0\0\0", 6);
    free(bytes);
}
END_TEST

START_TEST(absent_is_not_empty)
{
    size_t len;
    uint8_t *bytes =
        hello_text("01{0301 K20 <> [002f] <00> [" EXT_VERSIONS("") "0000[[00[]]]]}", &len);
    struct hello hello;
    const char *why;

    ck_assert_int_eq(hello_decode(&hello, bytes_of(bytes, len), &why), HELLO_DONE);
    ck_assert(hello.versions.present && hello.versions.num == 0);
    ck_assert(hello.has_sni && hello.sni.len == 0);
    ck_assert(!hello.groups.present && !hello.schemes.present && !hello.cert_schemes.present);
    ck_assert(!hello.has_key_share && !hello.has_alpn && !hello.has_ca_names);
    free(bytes);
}
END_TEST

/* --- the SSLv2 format --------------------------------------------------------------------------
 */

static const struct {
    const char *name;
    const char *text;
    const char *why; /* NULL: good */
} sslv2_rows[] = {
    {"good", "01 0301 0006 0000 0010 00002f 010080 K10", NULL},
    {"with a session id", "01 0301 0003 0010 0010 00002f K10 K10", NULL},
    {"no challenge", "01 0301 0003 0000 0000 00002f", NULL},
    {"nothing", "", "not a ClientHello"},
    {"another type", "02 0301 0003 0000 0010 00002f K10", "not a ClientHello"},
    {"torn lengths", "01 0301 0003 0000 00", "the message is too short"},
    {"a session id of 33 bytes", "01 0301 0003 0021 0010 00002f K21 K10",
     "session_id is longer than 32 bytes"},
    {"the specs overrun", "01 0301 0006 0000 0000 00002f",
     "the lengths do not add up to the message"},
    {"the session id overruns", "01 0301 0003 0010 0000 00002f",
     "the lengths do not add up to the message"},
    {"the challenge overruns", "01 0301 0003 0000 0010 00002f K0f",
     "the lengths do not add up to the message"},
    {"bytes behind the challenge", "01 0301 0003 0000 0010 00002f K11",
     "the lengths do not add up to the message"},
    {"no specs", "01 0301 0000 0000 0010 K10",
     "the list of cipher specs is empty or not of whole specs"},
    {"two thirds of a spec", "01 0301 0005 0000 0010 00002f 0000 K10",
     "the list of cipher specs is empty or not of whole specs"},
};

START_TEST(sslv2_row)
{
    size_t len;
    uint8_t *bytes = hello_text(sslv2_rows[_i].text, &len);
    const char *why = "unset";
    struct hello hello;
    enum hello_result result = hello_decode_sslv2(&hello, bytes_of(bytes, len), &why);

    if (sslv2_rows[_i].why == NULL) {
        ck_assert_msg(result == HELLO_DONE, "%s: %s", sslv2_rows[_i].name, why);
    } else {
        ck_assert_msg(result == HELLO_BAD && strcmp(why, sslv2_rows[_i].why) == 0, "%s: %s",
                      sslv2_rows[_i].name, why != NULL ? why : "good");
    }
    free(bytes);
}
END_TEST

START_TEST(sslv2_fields)
{
    size_t len;
    uint8_t *bytes = hello_text("01 0302 0009 0002 0010 00002f 010080 000035 abcd K10", &len);
    struct hello hello;
    const char *why;

    ck_assert_int_eq(hello_decode_sslv2(&hello, bytes_of(bytes, len), &why), HELLO_DONE);
    ck_assert(hello.sslv2);
    ck_assert_uint_eq(hello.legacy_version, 0x0302);
    expect_list("suites", &hello.suites, (uint16_t[]){0x002f, 0x0000, 0x0035}, 3);
    expect_bytes(hello.session_id, "\xab\xcd", 2);
    expect_bytes(hello.compression, "\0", 1);
    ck_assert_uint_eq(hello.extensions.len, 0);
    ck_assert(!hello.groups.present && !hello.schemes.present && !hello.versions.present);
    free(bytes);
}
END_TEST

/* --- never beyond the end ----------------------------------------------------------------------
 */

/* Reads all that was decoded, so that a sanitizer sees a view that reaches too far. */
static void touch(const struct hello *hello)
{
    const struct id_list *lists[] = {&hello->suites, &hello->versions, &hello->groups,
                                     &hello->schemes, &hello->cert_schemes};
    const struct bytes views[] = {hello->session_id, hello->compression, hello->extensions,
                                  hello->key_share,  hello->sni,         hello->alpn,
                                  hello->ca_names};
    unsigned sum = 0;
    const char *why;

    for (size_t i = 0; i < NUM(lists); i++) {
        for (size_t j = 0; j < lists[i]->num; j++) {
            sum += id_at(lists[i], j);
        }
    }
    for (size_t i = 0; i < NUM(views); i++) {
        for (size_t j = 0; j < views[i].len; j++) {
            sum += views[i].data[j];
        }
    }
    for (uint16_t version = 0x0301; version <= 0x0304; version++) {
        sum += hello_check(hello, &newest_libssl, version, &why) == HELLO_DONE;
    }
    ck_assert_uint_ne(sum, UINT32_MAX);
}

/* Decodes a copy that ends where its memory ends. */
static enum hello_result decode_copy(const uint8_t *bytes, size_t len, bool sslv2)
{
    uint8_t *copy = malloc(len > 0 ? len : 1);
    struct hello hello;
    enum hello_result result;
    const char *why;

    ck_assert_ptr_nonnull(copy);
    memcpy(copy, bytes, len);
    result = sslv2 ? hello_decode_sslv2(&hello, bytes_of(copy, len), &why)
                   : hello_decode(&hello, bytes_of(copy, len), &why);
    touch(&hello);
    free(copy);
    return result;
}

static const char *const whole[] = {
    FULL_HELLO,
    WINDOWS_HELLO,
    "01 0301 0009 0002 0010 00002f 010080 000035 abcd K10",
};

START_TEST(every_truncation_is_bad)
{
    bool sslv2 = _i == 2;
    size_t len;
    uint8_t *bytes = hello_text(whole[_i], &len);

    for (size_t cut = 0; cut < len; cut++) {
        ck_assert_int_eq(decode_copy(bytes, cut, sslv2), HELLO_BAD);
        /* The same with a length that is right, which leaves the inner lengths wrong; only where
         * the extension block would begin is the rest a hello of its own. */
        if (!sslv2 && cut >= 4) {
            bytes[2] = (uint8_t)((cut - 4) >> 8);
            bytes[3] = (uint8_t)(cut - 4);
            ck_assert_int_eq(decode_copy(bytes, cut, sslv2),
                             cut == (_i == 0 ? 53u : 67u) ? HELLO_DONE : HELLO_BAD);
            bytes[2] = (uint8_t)((len - 4) >> 8);
            bytes[3] = (uint8_t)(len - 4);
        }
    }
    ck_assert_int_eq(decode_copy(bytes, len, sslv2), HELLO_DONE);
    free(bytes);
}
END_TEST

START_TEST(random_damage)
{
    size_t len;
    uint8_t *bytes = hello_text(whole[_i], &len);
    uint8_t *damaged = malloc(len);
    uint32_t random = 2463534242u;

    ck_assert_ptr_nonnull(damaged);
    for (int round = 0; round < 20000; round++) {
        memcpy(damaged, bytes, len);
        for (int i = 0; i <= round % 4; i++) {
            random ^= random << 13;
            random ^= random >> 17;
            random ^= random << 5;
            damaged[random % len] = (uint8_t)(random >> 16);
        }
        (void)decode_copy(damaged, len, _i == 2);
    }
    free(damaged);
    free(bytes);
}
END_TEST

START_TEST(grease)
{
    size_t num = 0;

    for (unsigned id = 0; id <= UINT16_MAX; id++) {
        num += id_is_grease((uint16_t)id);
    }
    ck_assert_uint_eq(num, 16);
    ck_assert(id_is_grease(0x0a0a));
    ck_assert(id_is_grease(0xfafa));
    ck_assert(!id_is_grease(0x0a1a));
    ck_assert(!id_is_grease(0x0b0b));
}
END_TEST

Suite *hello_suite(void)
{
    Suite *suite = suite_create("hello");
    TCase *tests = tcase_create("hello");

    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, row, 0, NUM(rows));
    tcase_add_test(tests, too_long);
    tcase_add_test(tests, full_hello);
    tcase_add_test(tests, absent_is_not_empty);
    tcase_add_loop_test(tests, sslv2_row, 0, NUM(sslv2_rows));
    tcase_add_test(tests, sslv2_fields);
    tcase_add_loop_test(tests, every_truncation_is_bad, 0, NUM(whole));
    tcase_add_loop_test(tests, random_damage, 0, NUM(whole));
    tcase_add_test(tests, grease);
    suite_add_tcase(suite, tests);
    return suite;
}
