#include "lib/base/hexdump.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define SUITE(name) Suite *name##_suite(void);
#include "tests/unit/suites.h"
#undef SUITE

#define NUM(array) (sizeof(array) / sizeof((array)[0]))

/* Most good rows are these bytes, or their beginning: two lines of sixteen and one of seven. Those
 * of the middle are letters, so that columns of characters look like hex. */
static const uint8_t bytes[] = {0x16, 0x03, 0x01, 0x00, 0xc8, 0x01, 0x00, 0x00, 0xc4, 0x03,
                                0x03, 0x61, 0x62, 0x63, 0x64, 0x65, 0x61, 0x62, 0x63, 0x64,
                                0x65, 0x66, 0x61, 0x62, 0x63, 0x64, 0x65, 0x66, 0x61, 0x62,
                                0x63, 0x64, 0x61, 0x62, 0x63, 0x64, 0x65, 0x66, 0x61};

static const struct {
    const char *name;
    const char *text;
    size_t len;
} rows[] = {
    {"stream", "16030100c8010000", 8},
    {"upper case", "16030100C8010000C4", 9},
    {"blanks", "16 03 01 00 c8", 5},
    {"lines", "16 03\r\n01 00\r\n\r\nc8\r\n", 5},
    {"colons", "16:03:01:00:c8", 5},
    {"dashes", "16-03-01-00-C8", 5},
    {"commas", "16,03,01,00,c8,", 5},
    {"0x", "0x16, 0x03 0X01 0x00;0xc8", 5},
    {"0x once", "0x16030100c8", 5},
    {"one digit behind 0x", "0x16, 0x3, 0x1, 0x0, 0xc8", 5},
    {"escapes", "\"\\x16\\x03\\x01\" \\\n\"\\x00\\xc8\"", 5},
    {"Python's bytes", "b'\\x16\\x03\\x01\\x00\\xc8'", 5},
    {"a string of bytes", "b\"\\x16\\x03\"\nb\"\\x01\\x00\"", 4},
    {"four digits a word", "1603 0100 c801 0000 c403", 10},
    {"byte order mark",
     "\xef\xbb\xbf"
     "16 03 01",
     3},
    {"no-break spaces",
     "16\xc2\xa0"
     "03\xc2\xa0"
     "01",
     3},
    {"quoted in a mail", "> 16 03 01\n> 00 c8", 5},
    {"a dump quoted in a mail that is quoted",
     "> > 0000   16 03 01 00 c8 01 00 00   ...\n> > 0008   c4 03 03 61   ...a\n", 12},
    {"array in C",
     "static const unsigned char peer0_0[5] = { /* Packet 4 */\n"
     "0x16, 0x03, 0x01, /* .. */\n0x00, 0xc8 };\nunsigned int peer0_0_len = 5;\n",
     5},
    {"array with comments",
     "/* dead beef\n * cafe */ x[] = { 0x16, /* 17\n * 18 */ 0x03, /**/ 0x01 /***/ };", 3},
    {"array with line comments", "x[] = {\n 0x16, // 17 18\n 0x03, # 19\n 0x01 };", 3},
    {"array in Go", "var hello = []byte{\n\t0x16, 0x03, 0x01,\n}", 3},
    {"two arrays", "char a[2] = { 0x16, 0x03 };\nchar b[1] = { 0x01 };", 3},
    {"line numbers", "1: 16 03\n2: 01 00\n3: c8", 5},
    {"line numbers with dots", "1. 16 03\n2. 01 00", 4},
    {"line numbers alone", "  1  16 03\n  2  01 00\n  3  c8", 5},
    {"line numbers in parentheses", "1) 16 03\n\n2) 01 00", 4},
    {"xxd",
     "00000000: 1603 0100 c801 0000 c403 0361 6263 6465  ...........abcde\n"
     "00000010: 6162 6364 6566 6162 6364 6566 6162 6364  abcdefabcdefabcd\n"
     "00000020: 6162 6364 6566 61                        abcdefa\n",
     39},
    {"xxd, last line full",
     "00000000: 1603 0100 c801 0000 c403 0361 6263 6465  ...........abcde\n"
     "00000010: 6162 6364 6566 6162 6364 6566 6162 6364  abcdefabcdefabcd\n",
     32},
    {"xxd, last line short by one",
     "00000000: 1603 0100 c801 0000 c403 0361 6263 6465  ...........abcde\n"
     "00000010: 6162 6364 6566 6162 6364 6566 6162 63    abcdefabcdefabc\n",
     31},
    {"xxd -c 8",
     "00000000: 1603 0100 c801 0000  ........\n"
     "00000008: c403 0361 6263 6465  ...abcde\n"
     "00000010: 6162                 ab\n",
     18},
    {"xxd -g 1",
     "00000000: 16 03 01 00 c8 01 00 00 c4 03 03 61 62 63 64 65  ...........abcde\n"
     "00000010: 61 62 63 64 65                                   abcde\n",
     21},
    {"xxd, one line", "00000000: 1603 0100 c801                           ......\n", 6},
    {"hexdump -C",
     "00000000  16 03 01 00 c8 01 00 00  c4 03 03 61 62 63 64 65  |...........abcde|\n"
     "00000010  61 62 63 64 65 66 61 62  63 64 65 66 61 62 63 64  |abcdefabcdefabcd|\n"
     "00000020  61 62 63 64 65 66 61                              |abcdefa|\n"
     "00000027\n",
     39},
    {"hexdump -C, last line of nine",
     "00000000  16 03 01 00 c8 01 00 00  c4 03 03 61 62 63 64 65  |...........abcde|\n"
     "00000010  61 62 63 64 65 66 61 62  63                       |abcdefabc|\n"
     "00000019\n",
     25},
    {"hexdump -C, last line of eight",
     "00000000  16 03 01 00 c8 01 00 00  c4 03 03 61 62 63 64 65  |...........abcde|\n"
     "00000010  61 62 63 64 65 66 61 62                           |abcdefab|",
     24},
    {"Wireshark",
     "0000   16 03 01 00 c8 01 00 00 c4 03 03 61 62 63 64 65   ...........abcde\n"
     "0010   61 62 63 64 65 66 61 62 63 64 65 66 61 62 63 64   abcdefabcdefabcd\n"
     "0020   61 62 63 64 65 66 61                              abcdefa\n",
     39},
    {"Wireshark without characters",
     "0000   16 03 01 00 c8 01 00 00 c4 03 03 61 62 63 64 65\n"
     "0010   61 62 63 64 65\n",
     21},
    {"Wireshark's pane",
     "0000  16 03 01 00 c8 01 00 00  c4 03 03 61 62 63 64 65   ........ ...abcde\n"
     "0010  61 62 63 64 65 66 61 62  63 64                     abcdefab cd\n",
     26},
    {"tcpdump -X",
     "12:00:00.000000 IP 192.0.2.7.49211 > 203.0.113.5.25: Flags [P.], length 39\n"
     "\t0x0000:  1603 0100 c801 0000 c403 0361 6263 6465  ...........abcde\n"
     "\t0x0010:  6162 6364 6566 6162 6364 6566 6162 6364  abcdefabcdefabcd\n"
     "\t0x0020:  6162 6364 6566 61                        abcdefa\n",
     39},
    {"s_client -debug",
     "write to 0x55 [0x66] (39 bytes => 39 (0x27))\n"
     "0000 - 16 03 01 00 c8 01 00 00-c4 03 03 61 62 63 64 65   ...........abcde\n"
     "0010 - 61 62 63 64 65 66 61 62-63 64 65 66 61 62 63 64   abcdefabcdefabcd\n"
     "0020 - 61 62 63 64 65 66 61                              abcdefa\n",
     39},
    {"od -t x1",
     "0000000 16 03 01 00 c8 01 00 00 c4 03 03 61 62 63 64 65\n"
     "0000020 61 62 63 64 65 66 61 62 63 64 65 66 61 62 63 64\n"
     "0000040 61 62 63 64 65 66 61\n0000047\n",
     39},
    {"od -A d",
     "0000000 16 03 01 00 c8 01 00 00 c4 03 03 61 62 63 64 65\n"
     "0000016 61 62 63 64 65 66 61 62 63 64 65 66 61 62 63 64\n"
     "0000032 61 62\n0000034\n",
     34},
    {"a last line that is not padded",
     "0000  16 03 01 00 c8 01 00 00  ........\n0008  c4 03 03  abc\n", 11},
    {"columns made by tabs", "0000\t16 03 01 00\t....\n0004\tc8 01\tab\n", 6},
    {"byte order mark before a dump",
     "\xef\xbb\xbf"
     "0000  16 03 01 00   ....\n0004  c8   .\n",
     5},
    {"two dumps", "0000  16 03 01 00   ....\n\n0000  c8 01 00 00   ....\n", 8},
    {"a dump that begins later",
     "0040  16 03 01 00 c8 01 00 00 c4 03 03 61 62 63 64 65   ...........abcde\n"
     "0050  61 62 63                                          abc\n",
     19},
    {"nothing", "", 0},
};

/* Rows with bytes of their own. */
static const struct {
    const char *name;
    const char *text;
    size_t len;
    const char *bytes;
} others[] = {
    {"s_client -msg",
     ">>> TLS 1.0, RecordHeader [length 0005]\n    16 03 01 00 c8\n"
     ">>> TLS 1.3, Handshake [length 0131], ClientHello\n    01 00 00 c4 03 03\n",
     11, "\x16\x03\x01\x00\xc8\x01\x00\x00\xc4\x03\x03"},
    {"numbers that are bytes", "01 16\n03 01", 4, "\x01\x16\x03\x01"},
    {"hex that looks like an offset", "1603 0100\n0000 c403\n", 8, "\x16\x03\x01\0\0\0\xc4\x03"},
    {"hexdump -C with repeated lines",
     "00000000  16 03 01 00                                       |....|\n"
     "00000004  00 01 00 01                                       |....|\n*\n"
     "0000000c  61 62                                             |ab|\n0000000e\n",
     14, "\x16\x03\x01\0\0\x01\0\x01\0\x01\0\x01\x61\x62"},
    {"Wireshark's Follow",
     "    00000000  32 32 30 20 6d 0d 0a                              220 m..\n"
     "00000000  53 54 41 0d 0a                                    STA..\n"
     "    00000007  32 32 30 20 61 62 0d 0a                           220 ab..\n"
     "00000005  16 03 01 00 c8 01 00 00  c4 03 03 61 62 63 64 65   ........ ...abcde\n"
     "00000015  61 62 63                                          abc\n"
     "    0000000F  16 03                                             ..\n",
     41,
     "220 m\r\nSTA\r\n220 ab\r\n\x16\x03\x01\0\xc8\x01\0\0\xc4\x03\x03"
     "abcdeabc\x16\x03"},
    {"a side that ends with a full line",
     "    0000  32 32 30 0a                                       220.\n"
     "0000  16 03 01 00 c8 01 00 00  c4 03 03 61 62 63 64 65   ........ ...abcde\n"
     "    0004  32 33                                             23\n",
     22,
     "220\n\x16\x03\x01\0\xc8\x01\0\0\xc4\x03\x03"
     "abcde"
     "23"},
    {"the first line without the blanks of the others",
     "0000  16 03 01 00 c8 01 00 00  ........\n    0008  c4 03 03 61 62 63 64 65  ...abcde\n"
     "    0010  61 ab\n",
     18,
     "\x16\x03\x01\0\xc8\x01\0\0\xc4\x03\x03"
     "abcdea\xab"},
    {"repeated lines at the end", "0000  16 03 01 00\n0004  61 62 63 64\n*\n000c\n", 12,
     "\x16\x03\x01\0\x61\x62\x63\x64\x61\x62\x63\x64"},
};

static const struct {
    const char *name;
    const char *text;
    const char *why;
} mistakes[] = {
    {"a word", "16 03 hello", "line 1: \"hello\" is not hex"},
    {"a word on a line", "16 03\n01 00\nz1", "line 3: \"z1\" is not hex"},
    {"odd digits", "16 03 0", "line 1: an odd number of hex digits"},
    {"one line is not numbered", "1 1603", "line 1: an odd number of hex digits"},
    {"odd stream", "16030", "line 1: an odd number of hex digits"},
    {"nothing behind 0x", "\\x", "line 1: an odd number of hex digits"},
    {"a mark", "16 03 $", "line 1: \"$\" is not hex"},
    {"a control character", "16 \x1b 03", "line 1: \"\\x1b\" is not hex"},
    {"decimal in an array", "x = { 22, 3, 1 }", "line 1: an odd number of hex digits"},
    {"lines left out",
     "00000000: 1603 0100 c801 0000 c403 0361 6263 6465  ...........abcde\n"
     "00000010: 6162 6364 6566 6162 6364 6566 6162 6364  abcdefabcdefabcd\n"
     "00000040: 6162                                     ab\n",
     "line 2: the dump omits bytes after this line"},
    {"lines left out behind a remark",
     "0000  16 03 01 00   ....\n0004  16 03 01 00   ....\n[...]\n0010  16 03 01 00   ....\n",
     "line 3: the dump omits bytes after this line"},
    {"lines of one side left out",
     "    0000  16 03 01 00\n0000  16 03 01 00\n0004  c8 01\n    0008  c8 01\n",
     "line 1: the dump omits bytes after this line"},
    {"an offset alone", "0000  16 03 01 00\n0004  16 03 01 00\n\nx\n0010\n",
     "line 4: the dump omits bytes after this line"},
    {"too many repeated lines", "0000  16 03 01 00\n0004  16 03 01 00\n*\n1000\n",
     "line 2: more than 64 bytes"},
    {"too many bytes",
     "16030100c801000016030100c801000016030100c801000016030100c8010000\n"
     "16030100c801000016030100c801000016030100c801000016030100c8010000\n0x1",
     "line 3: more than 64 bytes"},
    {"bytes left out",
     "0000  16 03 01 00 c8 01 00 00 c4 03 03 61 62 63 64 65\n"
     "0010  61 62 63 ..\n"
     "0020  61 62 63 64\n",
     "line 2: the dump omits bytes after this line"},
};

/* Reads into memory of just the size that is told, so that a sanitizer sees every step beyond it.
 */
static bool read_text(const char *text, size_t size, uint8_t **out, size_t *len, struct text *why)
{
    size_t text_len = strlen(text);
    uint8_t *in = malloc(text_len + 1);
    bool done;

    memcpy(in, text, text_len + 1);
    *out = malloc(size);
    in = realloc(in, text_len > 0 ? text_len : 1);
    done = hexdump_read(bytes_of(in, text_len), *out, size, len, why);
    free(in);
    return done;
}

static void expect_bytes(const char *name, const char *text, const void *expected,
                         size_t expected_len)
{
    char buf[200];
    struct text why = text_in(buf, sizeof buf);
    uint8_t *out;
    size_t len;

    ck_assert_msg(read_text(text, expected_len + 1, &out, &len, &why), "%s: %s", name, buf);
    ck_assert_msg(len == expected_len, "%s: %zu bytes", name, len);
    ck_assert_msg(memcmp(out, expected, len) == 0, "%s", name);
    free(out);
}

START_TEST(good)
{
    expect_bytes(rows[_i].name, rows[_i].text, bytes, rows[_i].len);
}
END_TEST

START_TEST(other)
{
    expect_bytes(others[_i].name, others[_i].text, others[_i].bytes, others[_i].len);
}
END_TEST

START_TEST(bad)
{
    char buf[200];
    struct text why = text_in(buf, sizeof buf);
    uint8_t *out;
    size_t len;

    ck_assert_msg(!read_text(mistakes[_i].text, 64, &out, &len, &why), "%s", mistakes[_i].name);
    ck_assert_msg(strcmp(buf, mistakes[_i].why) == 0, "%s: %s", mistakes[_i].name, buf);
    free(out);
}
END_TEST

static void add_dump_line(struct text *dump, size_t at, size_t width, size_t total)
{
    text_addf(dump, "%08zx:", at);
    for (size_t i = at; i < at + width; i++) {
        if (i < total) {
            text_addf(dump, " %02x", bytes[i]);
        } else {
            text_add(dump, "   ");
        }
    }
    text_add(dump, "  ");
    for (size_t i = at; i < at + width && i < total; i++) {
        text_addf(dump, "%c", bytes[i] > ' ' && bytes[i] < 0x7f ? bytes[i] : '.');
    }
    text_add(dump, "\n");
}

/* Every width of line, every length of the last one, in the form of xxd -g 1. */
START_TEST(every_width)
{
    for (size_t width = 4; width <= 39; width++) {
        for (size_t total = 1; total <= sizeof bytes; total++) {
            char buf[200];
            char text[8192];
            struct text dump = text_in(text, sizeof text);
            struct text why = text_in(buf, sizeof buf);
            uint8_t *out;
            size_t len;

            for (size_t at = 0; at < total; at += width) {
                add_dump_line(&dump, at, width, total);
            }
            ck_assert(!dump.cut);
            ck_assert_msg(read_text(text, total + width, &out, &len, &why), "%s\n%s", buf, text);
            if (total > width || width <= 16) {
                ck_assert_msg(len == total, "%zu of %zu:\n%s", len, total, text);
                ck_assert_mem_eq(out, bytes, total);
            }
            free(out);
        }
    }
}
END_TEST

Suite *hexdump_suite(void)
{
    Suite *suite = suite_create("hexdump");
    TCase *tests = tcase_create("hexdump");

    tcase_add_loop_test(tests, good, 0, NUM(rows));
    tcase_add_loop_test(tests, other, 0, NUM(others));
    tcase_add_loop_test(tests, bad, 0, NUM(mistakes));
    tcase_add_test(tests, every_width);
    suite_add_tcase(suite, tests);
    return suite;
}
