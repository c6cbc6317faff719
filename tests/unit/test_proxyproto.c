#include "lib/net/proxyproto.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

#define SIGNATURE "0d0a0d0a000d0a515549540a"
#define IPV6_7    "20010db8000000000000000000000007"
#define MAPPED_7  "00000000000000000000ffffc0000207"
#define MAPPED_5  "00000000000000000000ffffcb007105"

#define NUM(array) (sizeof(array) / sizeof((array)[0]))

#define V4_V4                                                                                      \
    SIGNATURE "2111000c"                                                                           \
              "c0000207cb007105c03b0019"
#define V4_V4_LINE "PROXY TCP4 192.0.2.7 203.0.113.5 49211 25\r\n"
#define IPV6_MAX   "ffffffffffffffffffffffffffffffff"
#define TEXT_MAX   "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"

static const struct {
    const char *name;
    const char *client;
    const char *destination;
    const char *hex;  /* version 2 */
    const char *line; /* version 1 */
} rows[] = {
    {"IPv4", "192.0.2.7:49211", "203.0.113.5:25", V4_V4, V4_V4_LINE},
    {"IPv6", "[2001:db8::7]:49211", "[2001:db8::7]:25",
     SIGNATURE "21210024" IPV6_7 IPV6_7 "c03b0019",
     "PROXY TCP6 2001:db8::7 2001:db8::7 49211 25\r\n"},
    {"v4-mapped goes out as IPv4", "[::ffff:192.0.2.7]:49211", "[::ffff:203.0.113.5]:25", V4_V4,
     V4_V4_LINE},
    {"v4-mapped client only", "[::ffff:192.0.2.7]:49211", "203.0.113.5:25", V4_V4, V4_V4_LINE},
    {"v4-mapped destination only", "192.0.2.7:49211", "[::ffff:203.0.113.5]:25", V4_V4, V4_V4_LINE},
    {"IPv4 client, IPv6 destination", "192.0.2.7:1", "[2001:db8::7]:65535",
     SIGNATURE "21210024" MAPPED_7 IPV6_7 "0001ffff",
     "PROXY TCP6 ::ffff:192.0.2.7 2001:db8::7 1 65535\r\n"},
    {"IPv6 client, IPv4 destination", "[2001:db8::7]:256", "203.0.113.5:255",
     SIGNATURE "21210024" IPV6_7 MAPPED_5 "010000ff",
     "PROXY TCP6 2001:db8::7 ::ffff:203.0.113.5 256 255\r\n"},
    {"v4-mapped beside IPv6", "[::ffff:192.0.2.7]:0", "[2001:db8::7]:25",
     SIGNATURE "21210024" MAPPED_7 IPV6_7 "00000019",
     "PROXY TCP6 ::ffff:192.0.2.7 2001:db8::7 0 25\r\n"},
    {"the longest", "[" TEXT_MAX "]:65535", "[" TEXT_MAX "]:65535",
     SIGNATURE "21210024" IPV6_MAX IPV6_MAX "ffffffff",
     "PROXY TCP6 " TEXT_MAX " " TEXT_MAX " 65535 65535\r\n"},
};

static struct addr addr_of(const char *text)
{
    struct endpoint e;
    const char *why;

    ck_assert_int_eq(endpoint_parse(&e, text, &why), 0);
    return e.ip;
}

START_TEST(test_header)
{
    struct addr client = addr_of(rows[_i].client);
    struct addr destination = addr_of(rows[_i].destination);
    struct addr before[2] = {client, destination};
    uint8_t out[PROXYPROTO_V2_SIZE + 1];
    char hex[2 * PROXYPROTO_V2_SIZE + 1] = "";
    size_t len;

    memset(out, '#', sizeof out);
    len = proxyproto_v2(out, &client, &destination);
    ck_assert_uint_le(len, PROXYPROTO_V2_SIZE);
    for (size_t i = 0; i < len; i++) {
        snprintf(hex + 2 * i, 3, "%02x", out[i]);
    }
    ck_assert_msg(strcmp(hex, rows[_i].hex) == 0, "%s: %s", rows[_i].name, hex);
    ck_assert_msg(out[len] == '#', "%s: behind the header", rows[_i].name);
    ck_assert_msg(addr_equal(&client, &before[0]) && addr_equal(&destination, &before[1]),
                  "%s: arguments as they were", rows[_i].name);
}
END_TEST

/* The length field counts what stands behind the first 16 bytes. */
START_TEST(test_length)
{
    struct addr client = addr_of(rows[_i].client);
    struct addr destination = addr_of(rows[_i].destination);
    uint8_t out[PROXYPROTO_V2_SIZE];
    size_t len = proxyproto_v2(out, &client, &destination);

    ck_assert_msg((size_t)(out[14] << 8 | out[15]) == len - 16, "%s", rows[_i].name);
}
END_TEST

START_TEST(test_line)
{
    struct addr client = addr_of(rows[_i].client);
    struct addr destination = addr_of(rows[_i].destination);
    char out[PROXYPROTO_V1_SIZE + 1];
    size_t len;

    memset(out, '#', sizeof out);
    len = proxyproto_v1((uint8_t *)out, &client, &destination);
    ck_assert_uint_le(len, PROXYPROTO_V1_SIZE);
    ck_assert_msg(len == strlen(rows[_i].line) && memcmp(out, rows[_i].line, len) == 0, "%s: %.*s",
                  rows[_i].name, (int)len, out);
    ck_assert_msg(out[len] == '#', "%s: behind the header", rows[_i].name);
}
END_TEST

/* What is written is read again, a v4-mapped address as the IPv4 one that it stands for. */
START_TEST(test_back)
{
    struct addr client = addr_of(rows[_i].client);
    struct addr destination = addr_of(rows[_i].destination);
    uint8_t out[PROXYPROTO_MAX];
    size_t lens[] = {proxyproto_v2(out, &client, &destination), 0};

    for (size_t version = 0; version < NUM(lens); version++) {
        struct proxyproto header;
        const char *why = "none";
        struct addr from = client;
        struct addr to = destination;

        if (version == 1) {
            lens[1] = proxyproto_v1(out, &client, &destination);
        }
        addr_unmap(&from);
        addr_unmap(&to);
        ck_assert_msg(proxyproto_read(&header, bytes_of(out, lens[version]), &why) ==
                          PROXYPROTO_DONE,
                      "%s: %s", rows[_i].name, why);
        ck_assert_msg(!header.local && header.len == lens[version], "%s", rows[_i].name);
        ck_assert_msg(addr_equal(&header.client, &from), "%s: client", rows[_i].name);
        ck_assert_msg(addr_equal(&header.destination, &to), "%s: destination", rows[_i].name);
    }
}
END_TEST

Suite *proxyproto_suite(void);

Suite *proxyproto_suite(void)
{
    Suite *suite = suite_create("proxyproto");
    TCase *tcase = tcase_create("all");

    tcase_add_loop_test(tcase, test_header, 0, (int)NUM(rows));
    tcase_add_loop_test(tcase, test_length, 0, (int)NUM(rows));
    tcase_add_loop_test(tcase, test_line, 0, (int)NUM(rows));
    tcase_add_loop_test(tcase, test_back, 0, (int)NUM(rows));
    suite_add_tcase(suite, tcase);
    return suite;
}
