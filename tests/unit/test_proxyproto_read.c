#include "lib/net/proxyproto.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

#define SUITE(name) Suite *name##_suite(void);
#include "tests/unit/suites.h"
#undef SUITE

#define NUM(array) (sizeof(array) / sizeof((array)[0]))

#define SIGNATURE "0d0a0d0a000d0a515549540a"
#define IPV6_7    "20010db8000000000000000000000007"
#define MAPPED_7  "00000000000000000000ffffc0000207"
#define ENDS_4    "c0000207cb007105c03b0019"
#define ENDS_6    IPV6_7 IPV6_7 "c03b0019"

#define TEXT_MAX "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"
#define FILL_10  "0123456789"
#define FILL_40  FILL_10 FILL_10 FILL_10 FILL_10

/* Bytes that may stand behind a header; none of them may change what is read. */
static const char *const behind[] = {"EHLO x\r\n", "\r\n",         "\n", "PROXY TCP4 ",
                                     " ",          "\x16\x03\x01", "x"};

struct input {
    uint8_t bytes[2 * PROXYPROTO_MAX];
    size_t len;
};

/* A line as it stands, or, without a blank in it, the hexadecimal form of its bytes; `zeros` bytes
 * follow. */
static struct input input_of(const char *text, size_t zeros)
{
    struct input in = {.len = strlen(text)};

    if (strchr(text, ' ') != NULL) {
        memcpy(in.bytes, text, in.len);
        return in;
    }
    in.len /= 2;
    for (size_t i = 0; i < in.len; i++) {
        unsigned byte;

        ck_assert_int_eq(sscanf(text + 2 * i, "%2x", &byte), 1);
        in.bytes[i] = (uint8_t)byte;
    }
    in.len += zeros;
    return in;
}

static struct addr addr_of(const char *text)
{
    struct endpoint e;
    const char *why;

    ck_assert_int_eq(endpoint_parse(&e, text, &why), 0);
    return e.ip;
}

static const struct {
    const char *in;
    size_t zeros;
    const char *client; /* NULL: LOCAL */
    const char *destination;
} good[] = {
    {"PROXY TCP4 192.0.2.7 203.0.113.5 49211 25\r\n", 0, "192.0.2.7:49211", "203.0.113.5:25"},
    {"PROXY TCP4 255.255.255.255 0.0.0.0 65535 0\r\n", 0, "255.255.255.255:65535", "0.0.0.0:0"},
    {"PROXY TCP6 2001:db8::7 2001:DB8:0::9 1 25\r\n", 0, "[2001:db8::7]:1", "[2001:db8::9]:25"},
    {"PROXY TCP6 ::ffff:192.0.2.7 ::FFFF:cb00:7105 1 25\r\n", 0, "192.0.2.7:1", "203.0.113.5:25"},
    {"PROXY TCP6 ::ffff:192.0.2.7 2001:db8::7 1 25\r\n", 0, "192.0.2.7:1", "[2001:db8::7]:25"},
    {"PROXY TCP6 " TEXT_MAX " " TEXT_MAX " 65535 65535\r\n", 0, "[" TEXT_MAX "]:65535",
     "[" TEXT_MAX "]:65535"},
    {SIGNATURE "2111000c" ENDS_4, 0, "192.0.2.7:49211", "203.0.113.5:25"},
    {SIGNATURE "21210024" ENDS_6, 0, "[2001:db8::7]:49211", "[2001:db8::7]:25"},
    {SIGNATURE "21210024" MAPPED_7 IPV6_7 "00010019", 0, "192.0.2.7:1", "[2001:db8::7]:25"},
    {SIGNATURE "21110013" ENDS_4 "04000400000000", 0, "192.0.2.7:49211", "203.0.113.5:25"},
    /* TLVs that are no TLVs, and as many as there may be. */
    {SIGNATURE "2111000e" ENDS_4 "ffff", 0, "192.0.2.7:49211", "203.0.113.5:25"},
    {SIGNATURE "21110208" ENDS_4, 508, "192.0.2.7:49211", "203.0.113.5:25"},
    {SIGNATURE "21210208" ENDS_6, 484, "[2001:db8::7]:49211", "[2001:db8::7]:25"},
    {SIGNATURE "20000000", 0, NULL, NULL},
    {SIGNATURE "2011000c" ENDS_4, 0, NULL, NULL},
    {SIGNATURE "20110000", 0, NULL, NULL},
    {SIGNATURE "20ff0003010203", 0, NULL, NULL},
    {SIGNATURE "20000208", 520, NULL, NULL},
};

START_TEST(test_good)
{
    struct input in = input_of(good[_i].in, good[_i].zeros);
    size_t len = in.len;

    for (size_t i = 0; i < NUM(behind) + 1; i++) {
        struct proxyproto header;
        const char *why = "none";

        in.len = len;
        if (i < NUM(behind)) {
            memcpy(in.bytes + len, behind[i], strlen(behind[i]));
            in.len += strlen(behind[i]);
        }
        ck_assert_msg(proxyproto_read(&header, bytes_of(in.bytes, in.len), &why) == PROXYPROTO_DONE,
                      "%s: %s", good[_i].in, why);
        ck_assert_msg(header.len == len, "%s: %zu of %zu bytes", good[_i].in, header.len, len);
        ck_assert_msg(header.local == (good[_i].client == NULL), "%s: LOCAL", good[_i].in);
        if (header.local) {
            ck_assert_int_eq(header.client.family, ADDR_NONE);
            ck_assert_int_eq(header.destination.family, ADDR_NONE);
        } else {
            struct addr client = addr_of(good[_i].client);
            struct addr destination = addr_of(good[_i].destination);

            ck_assert_msg(addr_equal(&header.client, &client), "%s: client", good[_i].in);
            ck_assert_msg(addr_equal(&header.destination, &destination), "%s: destination",
                          good[_i].in);
        }
    }
}
END_TEST

static enum proxyproto_result read_start(const struct input *in, size_t len, const char **why)
{
    /* Exactly as long as what is read, so that reading behind it is seen by a sanitizer. */
    uint8_t bytes[2 * PROXYPROTO_MAX];
    uint8_t *start = bytes + sizeof bytes - len;
    struct proxyproto header;

    memcpy(start, in->bytes, len);
    return proxyproto_read(&header, bytes_of(start, len), why);
}

START_TEST(test_truncated)
{
    struct input in = input_of(good[_i].in, good[_i].zeros);
    const char *why = NULL;

    for (size_t len = 0; len < in.len; len++) {
        ck_assert_msg(read_start(&in, len, &why) == PROXYPROTO_MORE, "%s: %zu bytes", good[_i].in,
                      len);
    }
}
END_TEST

#define ELSE    "not a PROXY header"
#define FAMILY  "version 1: an address is not one of its family"
#define PORT    "version 1: a port is not a number up to 65535"
#define CRLF    "version 1: the line does not end in CRLF"
#define WORD    "version 1: neither TCP4 nor TCP6"
#define UNKNOWN "version 1: UNKNOWN does not say who the client is"
#define REST    "version 1: something after the last port"
#define LINE    "version 1: no line end within 107 bytes"
#define COMMAND "neither version 2's PROXY nor its LOCAL"
#define TCP     "version 2: neither TCP over IPv4 nor over IPv6"
#define SHORT   "version 2: too short for its addresses"
#define LONG    "version 2: longer than 536 bytes"

static const struct {
    const char *in;
    size_t at; /* with how many bytes it is known; 0: with all of them */
    const char *why;
} bad[] = {
    {"EHLO client.example.test\r\n", 1, ELSE},
    {" PROXY TCP4 192.0.2.7 203.0.113.5 1 25\r\n", 1, ELSE},
    {"proxy TCP4 192.0.2.7 203.0.113.5 1 25\r\n", 1, ELSE},
    {"PROXy TCP4 192.0.2.7 203.0.113.5 1 25\r\n", 5, ELSE},
    {"PROXY\tTCP4 192.0.2.7 203.0.113.5 1 25\r\n", 6, ELSE},
    {"PROXY\r\n ", 6, ELSE},
    {"160301", 1, ELSE},
    {"00", 1, ELSE},
    {"0d0a0d0a000d0b", 7, ELSE},
    {"0d0a0d0a000d0a515549540b", 12, ELSE},
    {"PROXY \r\n", 0, WORD},
    {"PROXY tcp4 192.0.2.7 203.0.113.5 1 25\r\n", 0, WORD},
    {"PROXY TCP 192.0.2.7 203.0.113.5 1 25\r\n", 0, WORD},
    {"PROXY TCP4x 192.0.2.7 203.0.113.5 1 25\r\n", 0, WORD},
    {"PROXY UDP4 192.0.2.7 203.0.113.5 1 25\r\n", 0, WORD},
    {"PROXY  TCP4 192.0.2.7 203.0.113.5 1 25\r\n", 0, WORD},
    {"PROXY unknown\r\n", 0, WORD},
    {"PROXY UNKNOWN\r\n", 0, UNKNOWN},
    {"PROXY UNKNOWN 192.0.2.7 203.0.113.5 1 25\r\n", 0, UNKNOWN},
    {"PROXY TCP4\r\n", 0, FAMILY},
    {"PROXY TCP4 \r\n", 0, FAMILY},
    {"PROXY TCP4 192.0.2.7\r\n", 0, FAMILY},
    {"PROXY TCP4  192.0.2.7 203.0.113.5 1 25\r\n", 0, FAMILY},
    {"PROXY TCP4 192.0.2.7  203.0.113.5 1 25\r\n", 0, FAMILY},
    {"PROXY TCP4 192.0.2.7\t203.0.113.5 1 25\r\n", 0, FAMILY},
    {"PROXY TCP4 2001:db8::7 2001:db8::9 1 25\r\n", 0, FAMILY},
    {"PROXY TCP4 ::ffff:192.0.2.7 203.0.113.5 1 25\r\n", 0, FAMILY},
    {"PROXY TCP4 192.0.2.7 2001:db8::9 1 25\r\n", 0, FAMILY},
    {"PROXY TCP6 192.0.2.7 203.0.113.5 1 25\r\n", 0, FAMILY},
    {"PROXY TCP6 [2001:db8::7] 2001:db8::9 1 25\r\n", 0, FAMILY},
    {"PROXY TCP6 fe80::1%eth0 2001:db8::9 1 25\r\n", 0, FAMILY},
    {"PROXY TCP6 2001:db8:::7 2001:db8::9 1 25\r\n", 0, FAMILY},
    {"PROXY TCP4 192.0.2 203.0.113.5 1 25\r\n", 0, FAMILY},
    {"PROXY TCP4 192.0.2.007 203.0.113.5 1 25\r\n", 0, FAMILY},
    {"PROXY TCP4 192.0.2.256 203.0.113.5 1 25\r\n", 0, FAMILY},
    {"PROXY TCP4 0x7f.0.0.1 203.0.113.5 1 25\r\n", 0, FAMILY},
    {"PROXY TCP4 2130706433 203.0.113.5 1 25\r\n", 0, FAMILY},
    {"PROXY TCP4 localhost 203.0.113.5 1 25\r\n", 0, FAMILY},
    {"PROXY TCP4 192.0.2.7 203.0.113.5\r\n", 0, PORT},
    {"PROXY TCP4 192.0.2.7 203.0.113.5 1\r\n", 0, PORT},
    {"PROXY TCP4 192.0.2.7 203.0.113.5 1 \r\n", 0, PORT},
    {"PROXY TCP4 192.0.2.7 203.0.113.5  1 25\r\n", 0, PORT},
    {"PROXY TCP4 192.0.2.7 203.0.113.5 1  25\r\n", 0, PORT},
    {"PROXY TCP4 192.0.2.7 203.0.113.5 01 25\r\n", 0, PORT},
    {"PROXY TCP4 192.0.2.7 203.0.113.5 1 00\r\n", 0, PORT},
    {"PROXY TCP4 192.0.2.7 203.0.113.5 65536 25\r\n", 0, PORT},
    {"PROXY TCP4 192.0.2.7 203.0.113.5 1 4294967321\r\n", 0, PORT},
    {"PROXY TCP4 192.0.2.7 203.0.113.5 -1 25\r\n", 0, PORT},
    {"PROXY TCP4 192.0.2.7 203.0.113.5 +1 25\r\n", 0, PORT},
    {"PROXY TCP4 192.0.2.7 203.0.113.5 0x1 25\r\n", 0, PORT},
    {"PROXY TCP4 192.0.2.7 203.0.113.5 1 25\r\r\n", 0, PORT},
    {"PROXY TCP4 192.0.2.7 203.0.113.5 1 25 \r\n", 0, REST},
    {"PROXY TCP4 192.0.2.7 203.0.113.5 1 25 x\r\n", 0, REST},
    {"PROXY TCP4 192.0.2.7 203.0.113.5 1 25\n", 0, CRLF},
    {"PROXY TCP4 192.0.2.7 203.0.113.5 1 25\r \n", 0, CRLF},
    {"PROXY \n", 0, CRLF},
    {"PROXY " FILL_40 FILL_40 FILL_10 FILL_10 "\r\n", 107, LINE},
    {SIGNATURE "1111000c" ENDS_4, 16, COMMAND},
    {SIGNATURE "3111000c" ENDS_4, 16, COMMAND},
    {SIGNATURE "0111000c" ENDS_4, 16, COMMAND},
    {SIGNATURE "2211000c" ENDS_4, 16, COMMAND},
    {SIGNATURE "2f11000c" ENDS_4, 16, COMMAND},
    {SIGNATURE "2100000c" ENDS_4, 16, TCP},
    {SIGNATURE "21000000", 16, TCP},
    {SIGNATURE "2101000c" ENDS_4, 16, TCP},
    {SIGNATURE "2110000c" ENDS_4, 16, TCP},
    {SIGNATURE "2112000c" ENDS_4, 16, TCP},
    {SIGNATURE "21220024" ENDS_6, 16, TCP},
    {SIGNATURE "21200024" ENDS_6, 16, TCP},
    {SIGNATURE "213100d8", 16, TCP},
    {SIGNATURE "213200d8", 16, TCP},
    {SIGNATURE "21410024" ENDS_6, 16, TCP},
    {SIGNATURE "21110000", 16, SHORT},
    {SIGNATURE "2111000b" ENDS_4, 16, SHORT},
    {SIGNATURE "21210023" ENDS_6, 16, SHORT},
    {SIGNATURE "2121000c" ENDS_4, 16, SHORT},
    {SIGNATURE "21110209" ENDS_4, 16, LONG},
    {SIGNATURE "2111ffff" ENDS_4, 16, LONG},
    {SIGNATURE "20000209", 16, LONG},
    {SIGNATURE "2000ffff", 16, LONG},
};

START_TEST(test_bad)
{
    struct input in = input_of(bad[_i].in, 0);
    size_t at = bad[_i].at != 0 ? bad[_i].at : in.len;

    for (size_t len = 0; len <= in.len; len++) {
        const char *why = NULL;
        enum proxyproto_result result = read_start(&in, len, &why);

        ck_assert_msg(result == (len < at ? PROXYPROTO_MORE : PROXYPROTO_BAD),
                      "%s: %d with %zu bytes", bad[_i].in, result, len);
        ck_assert_msg(len < at || strcmp(why, bad[_i].why) == 0, "%s: %s", bad[_i].in, why);
    }
}
END_TEST

/* A byte of zero ends no line. */
START_TEST(test_zero)
{
    static const char line[] = "PROXY TCP4 192.0.2.7 203.0.113.5 1 25\0x\r\n";
    struct proxyproto header;
    const char *why = NULL;

    ck_assert_int_eq(proxyproto_read(&header, bytes_of(line, sizeof line - 1), &why),
                     PROXYPROTO_BAD);
    ck_assert_str_eq(why, "version 1: a zero byte in the line");
}
END_TEST

/* The longest line that there may be is read, and with a byte more it is none. */
START_TEST(test_line_length)
{
    struct input in = {.len = PROXYPROTO_V1_SIZE};
    const char *why = NULL;

    memset(in.bytes, 'x', sizeof in.bytes);
    memcpy(in.bytes, "PROXY ", 6);
    in.bytes[PROXYPROTO_V1_SIZE - 2] = '\r';
    in.bytes[PROXYPROTO_V1_SIZE - 1] = '\n';
    ck_assert_int_eq(read_start(&in, in.len, &why), PROXYPROTO_BAD);
    ck_assert_str_eq(why, WORD);
    in.bytes[PROXYPROTO_V1_SIZE - 1] = '\r';
    in.bytes[PROXYPROTO_V1_SIZE] = '\n';
    ck_assert_int_eq(read_start(&in, in.len + 1, &why), PROXYPROTO_BAD);
    ck_assert_str_eq(why, LINE);
}
END_TEST

Suite *proxyproto_read_suite(void)
{
    Suite *suite = suite_create("proxyproto_read");
    TCase *tcase = tcase_create("all");

    tcase_add_loop_test(tcase, test_good, 0, (int)NUM(good));
    tcase_add_loop_test(tcase, test_truncated, 0, (int)NUM(good));
    tcase_add_loop_test(tcase, test_bad, 0, (int)NUM(bad));
    tcase_add_test(tcase, test_zero);
    tcase_add_test(tcase, test_line_length);
    suite_add_tcase(suite, tcase);
    return suite;
}
