#include "tests/unit/failures_base.h"

#define SSLV2 "01 0301 0003 0000 0010 00002f K10"
#define SMALL HELLO("0303", "002f", "0000[[00[61]]]")

/* The store as text; the caller frees it. */
static char *written(void)
{
    size_t size = failures_text_size(&store);
    char *buf = malloc(size);
    struct text text;

    ck_assert_ptr_nonnull(buf);
    text = text_in(buf, size);
    failures_write(&store, &text);
    ck_assert(!text.cut);
    return buf;
}

static int read_back(const char *text, size_t len, unsigned *line, const char **why)
{
    /* In memory of its own size: a sanitizer sees every step beyond it. */
    char *copy = malloc(len > 0 ? len : 1);
    int result;

    ck_assert_ptr_nonnull(copy);
    memcpy(copy, text, len);
    empty();
    result = failures_read(&store, bytes_of(copy, len), line, why);
    free(copy);
    return result;
}

START_TEST(test_text)
{
    char *text;

    empty();
    ck_assert(add_as(SMALL, "192.0.2.1:1000", HANDSHAKE_CLIENT_ALERT, NOW));
    ck_assert(add_as(SMALL, "[2001:db8::1]:25", HANDSHAKE_CLIENT_ALERT, NOW + 1));
    text = written();
    ck_assert_ptr_eq(strstr(text,
                            "postern failures 1 entries=1 last_id=1\n"
                            "1 client-alert tls first=1763900000 last=1763900001 count=2 "
                            "clients=[2001:db8::1]:25,192.0.2.1:1000 listener=mx-1.a_b ja4=" JA4
                            " hello=01000035"),
                     text);
    free(text);
    empty();
}
END_TEST

START_TEST(test_text_and_back)
{
    char *first;
    char *second;
    unsigned line;
    const char *why;

    empty();
    ck_assert(add(SSLV2, "192.0.2.1:1", NOW));
    ck_assert(add(SMALL, "192.0.2.9:9", NOW));
    ck_assert(add(WINDOWS_HELLO, "192.0.2.1:1", NOW));
    ck_assert(add(WINDOWS_HELLO, "[::1]:65535", NOW + 1));
    ck_assert(add_as(WINDOWS_HELLO, "192.0.2.7:0", HANDSHAKE_CLIENT_ALERT, NOW + 2));
    store.entries[0]->ja4[0] = '\0';
    store.entries[0]->count = INT64_MAX / 100;
    first = written();
    ck_assert_msg(read_back(first, strlen(first), &line, &why) == 0, "%u: %s", line, why);
    ck_assert_uint_eq(store.num, 4);
    ck_assert_uint_eq(store.last_id, 4);
    second = written();
    ck_assert_str_eq(first, second);
    ck_assert_uint_eq(store.entries[3]->sni.len, 16);
    ck_assert_int_eq(memcmp(store.entries[3]->sni.data, "mail.example.org", 16), 0);
    /* Entries that were read are found again by their shapes. */
    ck_assert(add(WINDOWS_HELLO, "192.0.2.3:1", NOW));
    ck_assert(add(SSLV2, "192.0.2.3:1", NOW));
    ck_assert_uint_eq(store.num, 4);
    free(first);
    free(second);
    empty();
}
END_TEST

START_TEST(test_largest)
{
    static uint8_t raw[HELLO_SIZE_MAX];
    size_t head = 4 + 2 + 32 + 2;
    size_t suites = sizeof raw - head - 2 - 2;
    struct failure_event event = {
        .hello = bytes_of(raw, sizeof raw), .listener = "", .ja4 = JA4 JA4};
    char *text;
    unsigned line;
    const char *why;

    empty();
    raw[0] = 1;
    raw[2] = (uint8_t)((sizeof raw - 4) >> 8);
    raw[3] = (uint8_t)(sizeof raw - 4);
    raw[4] = raw[5] = 3;
    raw[head - 2] = 1; /* a session id of one byte makes the length even */
    raw[head] = (uint8_t)(suites >> 8);
    raw[head + 1] = (uint8_t)suites;
    raw[head + 2 + suites] = 1;
    event.client = address("[2001:db8:1111:2222:3333:4444:5555:6666]:65535");
    for (unsigned i = 0; i < 3; i++) {
        event.client.ip[15] = (uint8_t)i;
        ck_assert(failures_add(&store, &event, INT64_MAX / 2));
    }
    text = written();
    ck_assert_msg(read_back(text, strlen(text), &line, &why) == 0, "%s", why);
    ck_assert_uint_eq(store.num, 1);
    ck_assert_uint_eq(store.entries[0]->hello.len, HELLO_SIZE_MAX);
    ck_assert_uint_eq(strlen(store.entries[0]->ja4), FAILURES_JA4_SIZE - 1);
    free(text);
    empty();
}
END_TEST

#define ZEROS     "00000000000000000000000000000000"
#define ONE_HELLO "010000290303" ZEROS ZEROS "000002002f0100"
#define HEAD(num) "postern failures 1 entries=" num " last_id=9\n"
#define GOOD(id)                                                                                   \
    id " no-certificate-fits tls first=1 last=2 count=3 clients=192.0.2.1:4 listener=mx ja4= "     \
       "hello=" ONE_HELLO "\n"
#define ENTRY(line) HEAD("1") line "\n"

static const struct {
    const char *name;
    const char *text;
    unsigned line; /* 0: good */
    const char *why;
} texts[] = {
    {"empty", HEAD("0"), 0, NULL},
    {"one", HEAD("1") GOOD("1"), 0, NULL},
    {"two", HEAD("2") GOOD("9") GOOD("3"), 0, NULL},
    {"nothing", "", 1, "not a list of failures"},
    {"no line end", "postern failures 1 entries=0 last_id=0", 1, "not a list of failures"},
    {"another version", "postern failures 2 entries=0 last_id=0\n", 1, "not a list of failures"},
    {"too many", HEAD("501"), 1, "not a list of failures"},
    {"behind the first line", "postern failures 1 entries=0 last_id=0 \n", 1,
     "not a list of failures"},
    {"one is missing", HEAD("2") GOOD("1"), 3, "the text ends too early"},
    {"one more", HEAD("1") GOOD("1") GOOD("2"), 3, "more entries than the first line says"},
    {"id 0", HEAD("1") GOOD("0"), 2, "the id is out of range or there twice"},
    {"id beyond the last", HEAD("1") GOOD("10"), 2, "the id is out of range or there twice"},
    {"id twice", HEAD("2") GOOD("1") GOOD("1"), 3, "the id is out of range or there twice"},
    {"another reason",
     ENTRY("1 timeout tls first=1 last=2 count=3 clients=192.0.2.1:4 listener=mx ja4= "
           "hello=" ONE_HELLO),
     2, "not an entry"},
    {"another format",
     ENTRY("1 client-alert quic first=1 last=2 count=3 clients=192.0.2.1:4 listener=mx ja4= "
           "hello=" ONE_HELLO),
     2, "not an entry"},
    {"TLS as SSLv2",
     ENTRY("1 client-alert sslv2 first=1 last=2 count=3 clients=192.0.2.1:4 listener=mx ja4= "
           "hello=" ONE_HELLO),
     2, "not a complete hello"},
    {"count 0",
     ENTRY("1 client-alert tls first=1 last=2 count=0 clients=192.0.2.1:4 listener=mx ja4= "
           "hello=" ONE_HELLO),
     2, "the count is 0"},
    {"a number too large",
     ENTRY("1 client-alert tls first=1 last=99223372036854775808 count=1 clients=192.0.2.1:4 "
           "listener=mx ja4= "
           "hello=" ONE_HELLO),
     2, "not an entry"},
    {"a leading zero",
     ENTRY("1 client-alert tls first=01 last=2 count=1 clients=192.0.2.1:4 listener=mx ja4= "
           "hello=" ONE_HELLO),
     2, "not an entry"},
    {"no number",
     ENTRY("1 client-alert tls first= last=2 count=1 clients=192.0.2.1:4 listener=mx ja4= "
           "hello=" ONE_HELLO),
     2, "not an entry"},
    {"no client",
     ENTRY("1 client-alert tls first=1 last=2 count=1 clients= listener=mx ja4= hello=" ONE_HELLO),
     2, "not an entry"},
    {"four clients",
     ENTRY("1 client-alert tls first=1 last=2 count=1 "
           "clients=192.0.2.1:4,192.0.2.2:4,192.0.2.3:4,192.0.2.4:4 listener=mx ja4= "
           "hello=" ONE_HELLO),
     2, "not an entry"},
    {"a socket as client",
     ENTRY("1 client-alert tls first=1 last=2 count=1 clients=unix:/x listener=mx ja4= "
           "hello=" ONE_HELLO),
     2, "not an entry"},
    {"an odd fingerprint",
     ENTRY("1 client-alert tls first=1 last=2 count=1 clients=192.0.2.1:4 listener=mx ja4=a\x1b "
           "hello=" ONE_HELLO),
     2, "not an entry"},
    {"an odd listener",
     ENTRY("1 client-alert tls first=1 last=2 count=1 clients=192.0.2.1:4 listener=m\x1bx ja4= "
           "hello=" ONE_HELLO),
     2, "not an entry"},
    {"a listener's name that is too long",
     ENTRY("1 client-alert tls first=1 last=2 count=1 clients=192.0.2.1:4 listener=" ZEROS ZEROS
           " ja4= hello=" ONE_HELLO),
     2, "not an entry"},
    {"no hello",
     ENTRY("1 client-alert tls first=1 last=2 count=1 clients=192.0.2.1:4 listener=mx ja4= hello="),
     2, "not a complete hello"},
    {"half a byte",
     ENTRY("1 client-alert tls first=1 last=2 count=1 clients=192.0.2.1:4 listener=mx ja4= "
           "hello=" ONE_HELLO "0"),
     2, "not a complete hello"},
    {"a byte more",
     ENTRY("1 client-alert tls first=1 last=2 count=1 clients=192.0.2.1:4 listener=mx ja4= "
           "hello=" ONE_HELLO "00"),
     2, "not a complete hello"},
    {"no hex",
     ENTRY("1 client-alert tls first=1 last=2 count=1 clients=192.0.2.1:4 listener=mx ja4= "
           "hello=010000290303g0000000000000000000000000000000" ZEROS "000002002f0100"),
     2, "not a complete hello"},
    {"hex in upper case",
     ENTRY("1 client-alert tls first=1 last=2 count=1 clients=192.0.2.1:4 listener=mx ja4= "
           "hello=0100002903030A000000000000000000000000000000" ZEROS "000002002f0100"),
     2, "not a complete hello"},
};

START_TEST(test_read)
{
    const char *why;
    unsigned line;
    int result = read_back(texts[_i].text, strlen(texts[_i].text), &line, &why);

    if (texts[_i].line == 0) {
        ck_assert_msg(result == 0, "%s: line %u: %s", texts[_i].name, line, why);
        ck_assert_msg(store.last_id == 9, "%s: ids begin again", texts[_i].name);
    } else {
        ck_assert_msg(result == -1 && line == texts[_i].line && strcmp(why, texts[_i].why) == 0,
                      "%s: %d, line %u: %s", texts[_i].name, result, line, why);
        ck_assert_msg(store.num == 0 && store.last_id == 0, "%s: not empty", texts[_i].name);
    }
    empty();
}
END_TEST

/* No text that was cut anywhere is taken for a whole one. */
START_TEST(test_read_cut)
{
    static const char text[] = HEAD("2") GOOD("7") GOOD("3");
    const char *why;
    unsigned line;

    for (size_t len = 0; len < sizeof text - 1; len++) {
        ck_assert_msg(read_back(text, len, &line, &why) == -1, "%zu bytes", len);
    }
    ck_assert_int_eq(read_back(text, sizeof text - 1, &line, &why), 0);
    ck_assert_uint_eq(store.num, 2);
    empty();
}
END_TEST

Suite *failures_text_suite(void);

Suite *failures_text_suite(void)
{
    Suite *suite = suite_create("failures_text");
    TCase *tcase = tcase_create("all");

    tcase_add_test(tcase, test_text);
    tcase_add_test(tcase, test_text_and_back);
    tcase_add_test(tcase, test_largest);
    tcase_add_loop_test(tcase, test_read, 0, sizeof texts / sizeof texts[0]);
    tcase_add_test(tcase, test_read_cut);
    suite_add_tcase(suite, tcase);
    return suite;
}
