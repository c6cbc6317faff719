#include "lib/tls/hellotext.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/hello_text.h"

#define SUITE(name) Suite *name##_suite(void);
#include "tests/unit/suites.h"
#undef SUITE

#define NUM(array) (sizeof(array) / sizeof((array)[0]))

/* A small hello: a handshake message of 4 + 0x2b bytes. */
#define MESSAGE   "01{0303 K20 <> [c02b c02f] <00>}"
#define BODY_HEAD "0303 K20 <> 0004 c02b"
#define BODY_TAIL "c02f <00>"
#define SSLV2     "01 0301 0006 0000 0010 00000a 00002f K10"

#define IPV4(total) "45 00" total "1c46 4000 40 06 0000 c0000207 cb007105"
#define TCP         "c03b 0019 00000001 00000001 50 18 ffff 0000 0000"
#define ETHERNET    "020000000001 020000000002 0800"

static const struct {
    const char *name;
    const char *bytes;
    enum hellotext_kind kind;
    const char *message;
    size_t left;
} hellos[] = {
    {"record", "16 0301 [" MESSAGE "]", HELLOTEXT_HANDSHAKE, MESSAGE, 0},
    {"SSL 3.0 record", "16 0300 [" MESSAGE "]", HELLOTEXT_HANDSHAKE, MESSAGE, 0},
    {"message", MESSAGE, HELLOTEXT_HANDSHAKE, MESSAGE, 0},
    {"message in two records", "16 0301 [01 00002b " BODY_HEAD "] 16 0303 [" BODY_TAIL "]",
     HELLOTEXT_HANDSHAKE, MESSAGE, 0},
    {"header torn over records",
     "16 0301 [01] 16 0301 [0000] 16 0301 [] 16 0301 [2b " BODY_HEAD "] 16 0301 [" BODY_TAIL "]",
     HELLOTEXT_HANDSHAKE, MESSAGE, 0},
    {"another record behind it", "16 0301 [" MESSAGE "] 14 0303 [01]", HELLOTEXT_HANDSHAKE, MESSAGE,
     6},
    {"another message behind it", "16 0301 [" MESSAGE "] 16 0303 [10 {00}]", HELLOTEXT_HANDSHAKE,
     MESSAGE, 10},
    {"another message in the record", "16 0301 [" MESSAGE "10 {00}]", HELLOTEXT_HANDSHAKE, MESSAGE,
     5},
    {"bytes behind the message", MESSAGE "0e {}", HELLOTEXT_HANDSHAKE, MESSAGE, 4},
    {"record cut behind the message", "16 0301 0100" MESSAGE, HELLOTEXT_HANDSHAKE, MESSAGE, 0},
    {"SSLv2 record", "801f" SSLV2, HELLOTEXT_SSLV2, SSLV2, 0},
    {"bytes behind the SSLv2 record", "801f" SSLV2 "1603", HELLOTEXT_SSLV2, SSLV2, 2},
    {"SSLv2 message", SSLV2, HELLOTEXT_SSLV2, SSLV2, 0},
    {"SSLv2 itself", "801c 01 0002 0003 0000 0010 010080 K10", HELLOTEXT_SSLV2,
     "01 0002 0003 0000 0010 010080 K10", 0},
    {"malformed, but a hello", "16 0301 [01{0303 00}]", HELLOTEXT_HANDSHAKE, "01{0303 00}", 0},
    {"in a frame", ETHERNET IPV4("005c") TCP "16 0301 [" MESSAGE "]", HELLOTEXT_HANDSHAKE, MESSAGE,
     0},
    {"behind SMTP",
     IPV4("002e") TCP "323230200d0a" IPV4("0028") TCP IPV4("002e") TCP "53544152540a" IPV4("005c")
         TCP "16 0301 [" MESSAGE "]" IPV4("0028") TCP,
     HELLOTEXT_HANDSHAKE, MESSAGE, 0},
    {"behind SMTP, in one stream", "32323020 6d78 0d0a 5354415254544c53 0d0a 16 0301 [" MESSAGE "]",
     HELLOTEXT_HANDSHAKE, MESSAGE, 0},
    {"SSLv2 behind SMTP", "32323020 6d78 0a 801f" SSLV2 "1603", HELLOTEXT_SSLV2, SSLV2, 2},
    {"SSLv2 in a packet", IPV4("0049") TCP "801f" SSLV2, HELLOTEXT_SSLV2, SSLV2, 0},
    {"in two packets", IPV4("002b") TCP "16 0301" IPV4("0059") TCP "[" MESSAGE "]",
     HELLOTEXT_HANDSHAKE, MESSAGE, 0},
};

/* How a row is written before it is read. */
enum form { BINARY, STREAM, SPACED, DUMP, NUM_FORMS };

static size_t write_form(enum form form, const uint8_t *bytes, size_t len, char *out)
{
    size_t at = 0;

    if (form == BINARY) {
        memcpy(out, bytes, len);
        return len;
    }
    for (size_t i = 0; i < len; i++) {
        if (form == DUMP && i % 16 == 0) {
            at += (size_t)sprintf(out + at, "%s%04zx  ", i > 0 ? "   cafe\n" : "", i);
        }
        at += (size_t)sprintf(out + at, form == STREAM ? "%02x" : "%02x ", bytes[i]);
    }
    return at;
}

START_TEST(hello_found)
{
    static uint8_t room[HELLOTEXT_SIZE_MAX];
    size_t len;
    size_t message_len;
    uint8_t *bytes = hello_text(hellos[_i].bytes, &len);
    uint8_t *message = hello_text(hellos[_i].message, &message_len);

    for (int form = 0; form < NUM_FORMS; form++) {
        char *in = malloc(len * 4 + 64);
        size_t in_len = write_form((enum form)form, bytes, len, in);
        struct hellotext found;

        in = realloc(in, in_len);
        hellotext_read(&found, bytes_of(in, in_len), room);
        ck_assert_msg(found.kind == hellos[_i].kind, "%s, form %d: %s", hellos[_i].name, form,
                      found.why);
        ck_assert_msg(found.why[0] == '\0', "%s, form %d: %s", hellos[_i].name, form, found.why);
        ck_assert_msg(found.message.len == message_len && found.left == hellos[_i].left,
                      "%s, form %d: %zu, %zu left", hellos[_i].name, form, found.message.len,
                      found.left);
        ck_assert_msg(memcmp(found.message.data, message, message_len) == 0, "%s, form %d",
                      hellos[_i].name, form);
        free(in);
    }
    free(bytes);
    free(message);
}
END_TEST

static const struct {
    const char *name;
    const char *bytes; /* hello_text's notation */
    const char *why;
} others[] = {
    {"ServerHello", "16 0303 [02 {0303 K20 <> c02b 00}]", "a ServerHello"},
    {"ServerHello message", "02 {0303 K20 <> c02b 00}", "a ServerHello"},
    {"Certificate message", "0b {{}}", "a server's Certificate message"},
    {"Certificate", "16 0303 [0b {{}}]", "a server's Certificate message"},
    {"another message", "16 0303 [10 {41}]", "a TLS handshake message that is not a ClientHello"},
    {"alert", "15 0303 [0228]", "a TLS alert (level 2, description 40)"},
    {"encrypted alert", "15 0303 [K20]", "a TLS alert"},
    {"ChangeCipherSpec", "14 0303 [01]", "a TLS ChangeCipherSpec"},
    {"application data", "17 0303 [K20]", "encrypted TLS data"},
    {"header of a record", "16 0301 00c8", "the first bytes of a TLS record"},
    {"empty record", "16 0301 []", "the first bytes of a TLS record"},
    {"two bytes of a message", "16 0301 [01 00]", "the first bytes of a TLS record"},
    {"torn message", "01 00002b 0303 00", "the beginning of a ClientHello: 7 of its 47 bytes"},
    {"torn record", "16 0301 002f 01 00002b 0303",
     "the beginning of a ClientHello: 6 of its 47 bytes"},
    {"torn SSLv2 record", "801f 01 0301 0006 0000 0010 00",
     "the beginning of a ClientHello: 10 of its 31 bytes"},
    {"a second record of another type", "16 0301 [01 00002b 0303] 15 0301 [0228]",
     "the beginning of a ClientHello: 6 of its 47 bytes"},
    {"a second message that is a ServerHello", "16 0301 [01] 16 0301 0000",
     "the first bytes of a TLS record"},
    {"DTLS", "16 feff 0000 0000000000000000 0001 01", "a DTLS record"},
    {"pcap", "d4c3b2a1 0200 0400", "a capture file (pcap): give only the bytes of the ClientHello"},
    {"pcap, other byte order", "a1b2c3d4 0002 0004",
     "a capture file (pcap): give only the bytes of the ClientHello"},
    {"pcapng", "0a0d0d0a 00000000",
     "a capture file (pcapng): give only the bytes of the ClientHello"},
    {"DER", "30 82 0100 30 82", "a DER file, perhaps a certificate"},
    {"gzip", "1f8b 0800", "a gzip file"},
    {"swapped", "0316 0001 01c8 0000",
     "a TLS record with its bytes in swapped pairs (hexdump without -C?)"},
    {"a packet without data", IPV4("0028") TCP, "a TCP packet without data"},
    {"a packet with SMTP", IPV4("002e") TCP "45484c4f2061", "SMTP"},
    {"an alert in a packet", IPV4("002f") TCP "15 0303 [0228]",
     "a TLS alert (level 2, description 40)"},
    {"a ServerHello in a packet", IPV4("0031") TCP "16 0303 [02 000000]", "a ServerHello"},
    {"SMTP in hex", "3232 3020 6d61696c 00", "SMTP (a server's banner or reply)"},
    {"a torn hello behind SMTP", "32323020 6d78 0a 16 0301 002f 01 00002b 0303",
     "the beginning of a ClientHello: 6 of its 47 bytes"},
    {"an alert behind SMTP", "32323020 6d78 0a 15 0303 [0228]",
     "SMTP (a server's banner or reply)"},
    {"a hello in the middle of a line", "32323020 16 0301 [" MESSAGE "]",
     "SMTP (a server's banner or reply)"},
    {"a hello behind what is no text", "00 0a 16 0301 [" MESSAGE "]",
     "bytes that are neither a TLS record nor a handshake message"},
    {"zeros", "00000000 00000000", "bytes that are neither a TLS record nor a handshake message"},
    {"one byte", "16", "bytes that are neither a TLS record nor a handshake message"},
    {"SSLv2 lengths that do not add up", "01 0301 0006 0000 0010 00000a",
     "bytes that are neither a TLS record nor a handshake message"},
    {"a message of no version", "01 000002 0703",
     "bytes that are neither a TLS record nor a handshake message"},
    {"SSLv2 record that ends before the hello in it", "8000 01 0301 ffff ff39 809c f8ff 0a08",
     "bytes that are neither a TLS record nor a handshake message"},
    {"SSLv2 without a hello in it", "801f 02 0301 0006 0000 0010 00000a 00002f",
     "bytes that are neither a TLS record nor a handshake message"},
};

static const struct {
    const char *name;
    const char *text;
    const char *why;
} texts[] = {
    {"nothing", "", "empty"},
    {"blanks", " \r\n\t\n", "empty"},
    {"HTTP", "GET / HTTP/1.1\r\nHost: mail\r\n\r\n", "HTTP"},
    {"HTTP reply", "HTTP/1.0 400 Bad Request\r\n", "HTTP"},
    {"SMTP command", "ehlo client.example.test\r\n", "SMTP"},
    {"SMTP banner", "220 mail.example.test ESMTP\r\n", "SMTP (a server's banner or reply)"},
    {"SMTP banner of several lines", "220-mail\r\n220 x\r\n", "SMTP (a server's banner or reply)"},
    {"IMAP", "* OK ready\r\n", "IMAP"},
    {"POP3", "+OK ready\r\n", "POP3"},
    {"SSH", "SSH-2.0-OpenSSH_9.2\r\n", "SSH"},
    {"PEM", "-----BEGIN CERTIFICATE-----\nMIIB\n", "a PEM file (CERTIFICATE)"},
    {"PEM key", "\n-----BEGIN EC PRIVATE KEY-----\n", "a PEM file (EC PRIVATE KEY)"},
    {"PEM with anything in it", "-----BEGIN \xff=X-----\n", "a PEM file (\\xff\\x3dX)"},
    {"base64", "FgMBAgABAAH8AwM=", "base64, perhaps of a TLS record (decode it with base64 -d)"},
    {"a sentence", "I have no idea.", "text that is not hex: line 1: \"I\" is not hex"},
    {"a word in hex", "16 03 01\n00 xx", "text that is not hex: line 2: \"xx\" is not hex"},
    {"no hex at all", "-- , --", "text without any hex"},
};

static void expect_why(const char *name, const void *in, size_t len, const char *why)
{
    static uint8_t room[HELLOTEXT_SIZE_MAX];
    struct hellotext found;
    uint8_t *exact = malloc(len + 1);

    memcpy(exact, in, len);
    exact = realloc(exact, len > 0 ? len : 1);
    hellotext_read(&found, bytes_of(exact, len), room);
    ck_assert_msg(found.kind == HELLOTEXT_NONE, "%s", name);
    ck_assert_msg(strcmp(found.why, why) == 0, "%s: %s", name, found.why);
    free(exact);
}

START_TEST(something_else)
{
    size_t len;
    uint8_t *bytes = hello_text(others[_i].bytes, &len);
    char *hex = malloc(len * 4 + 64);

    expect_why(others[_i].name, bytes, len, others[_i].why);
    expect_why(others[_i].name, hex, write_form(SPACED, bytes, len, hex), others[_i].why);
    free(hex);
    free(bytes);
}
END_TEST

START_TEST(text_of_something_else)
{
    expect_why(texts[_i].name, texts[_i].text, strlen(texts[_i].text), texts[_i].why);
}
END_TEST

/* 64 KiB are read, one byte more is not; UTF-16 has zeros in it. */
START_TEST(limits)
{
    static uint8_t room[HELLOTEXT_SIZE_MAX];
    static uint8_t in[HELLOTEXT_SIZE_MAX + 1];
    struct hellotext found;
    size_t len;
    uint8_t *record = hello_text("16 0301 [" MESSAGE "]", &len);

    memcpy(in, record, len);
    hellotext_read(&found, bytes_of(in, HELLOTEXT_SIZE_MAX), room);
    ck_assert_int_eq(found.kind, HELLOTEXT_HANDSHAKE);
    ck_assert_uint_eq(found.left, HELLOTEXT_SIZE_MAX - len);
    hellotext_read(&found, bytes_of(in, HELLOTEXT_SIZE_MAX + 1), room);
    ck_assert_int_eq(found.kind, HELLOTEXT_NONE);
    ck_assert_str_eq(found.why, "longer than 64 KiB");
    memset(in, '6', HELLOTEXT_SIZE_MAX);
    expect_why("64 KiB of hex", in, HELLOTEXT_SIZE_MAX,
               "bytes that are neither a TLS record nor a handshake message");
    expect_why("UTF-16", "\xff\xfe\x31\x00\x36\x00", 6, "UTF-16 text: save it as plain text");
    free(record);
}
END_TEST

/* A capture may end anywhere, and any byte may be another. */
START_TEST(damage)
{
    static uint8_t room[HELLOTEXT_SIZE_MAX];
    size_t len;
    uint8_t *bytes = hello_text(hellos[_i].bytes, &len);
    struct hellotext found;

    for (size_t cut = 0; cut < len; cut++) {
        uint8_t *part = malloc(cut + 1);

        memcpy(part, bytes, cut);
        part = realloc(part, cut > 0 ? cut : 1);
        hellotext_read(&found, bytes_of(part, cut), room);
        ck_assert((found.kind == HELLOTEXT_NONE) == (found.why[0] != '\0'));
        free(part);
    }
    for (size_t i = 0; i < len * 256; i++) {
        uint8_t was = bytes[i / 256];

        bytes[i / 256] = (uint8_t)i;
        hellotext_read(&found, bytes_of(bytes, len), room);
        ck_assert((found.kind == HELLOTEXT_NONE) == (found.why[0] != '\0'));
        ck_assert(
            found.kind == HELLOTEXT_NONE ||
            (found.message.data >= room && found.message.data + found.message.len <= room + len));
        bytes[i / 256] = was;
    }
    free(bytes);
}
END_TEST

Suite *hellotext_suite(void)
{
    Suite *suite = suite_create("hellotext");
    TCase *tests = tcase_create("hellotext");

    tcase_add_loop_test(tests, hello_found, 0, NUM(hellos));
    tcase_add_loop_test(tests, something_else, 0, NUM(others));
    tcase_add_loop_test(tests, text_of_something_else, 0, NUM(texts));
    tcase_add_test(tests, limits);
    tcase_add_loop_test(tests, damage, 0, NUM(hellos));
    suite_add_tcase(suite, tests);
    return suite;
}
