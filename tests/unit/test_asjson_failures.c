#include "lib/admin/asjson.h"
#include "tests/unit/failures_base.h"

#define SSLV2 "01 0301 0003 0000 0010 00002f K10"
#define SMALL HELLO("0303", "002f", "0000[[00[61]]]")

/* The store as text; the caller frees it. */
static char *written(void)
{
    size_t size = asjson_failures_size(&store);
    char *buf = malloc(size);
    struct text text;

    ck_assert_ptr_nonnull(buf);
    text = text_in(buf, size);
    ck_assert(asjson_write_failures(&store, &text));
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
    result = asjson_read_failures(&store, bytes_of(copy, len), line, why);
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
    ck_assert_ptr_eq(
        strstr(text,
               "{\"format\":\"postern failures 2\",\"entries\":1,\"last_id\":1}\n"
               "{\"id\":1,\"reason\":\"client-alert\",\"first\":1763900000,\"last\":1763900001,"
               "\"count\":2,\"listener\":\"mx-1.a_b\",\"ja4\":\"" JA4 "\","
               "\"clients\":[\"2001:db8::1\",\"192.0.2.1\"],\"sni\":\"a\",\"sslv2\":false,"
               "\"hello\":\"01000035"),
        text);
    free(text);
    empty();
}
END_TEST

/* What is told of all failures at once has no hellos. */
START_TEST(test_without_hello)
{
    json_t *object;

    empty();
    ck_assert(add(SSLV2, "192.0.2.1:1", NOW));
    store.entries[0]->ja4[0] = '\0';
    object = asjson_failure(store.entries[0], false);
    ck_assert_ptr_null(json_object_get(object, "hello"));
    ck_assert_ptr_null(json_object_get(object, "sslv2"));
    ck_assert(json_is_null(json_object_get(object, "ja4")));
    ck_assert(json_is_null(json_object_get(object, "sni")));
    json_decref(object);
    object = asjson_failure(store.entries[0], true);
    ck_assert(json_is_true(json_object_get(object, "sslv2")));
    ck_assert_uint_eq(json_string_length(json_object_get(object, "hello")),
                      2 * store.entries[0]->hello.len);
    json_decref(object);
    empty();
}
END_TEST

/* A line of the file is the object that is sent over the control socket. */
START_TEST(test_line)
{
    static const char *const hellos[] = {SMALL, SSLV2};

    for (size_t i = 0; i < 2; i++) {
        json_t *object;
        char *line;
        char *text;

        empty();
        ck_assert(add(hellos[i], "192.0.2.1:1", NOW));
        object = asjson_failure(store.entries[0], true);
        line = json_dumps(object, JSON_COMPACT);
        text = written();
        ck_assert_int_eq(strncmp(strchr(text, '\n') + 1, line, strlen(line)), 0);
        ck_assert_str_eq(strchr(text, '\n') + 1 + strlen(line), "\n");
        free(text);
        free(line);
        json_decref(object);
    }
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
#define HEAD(num) "{\"format\":\"postern failures 2\",\"entries\":" num ",\"last_id\":9}\n"
#define LINE(id, reason, first, count, clients, listener, ja4, sslv2, hello)                       \
    "{\"id\":" id ",\"reason\":\"" reason "\",\"first\":" first ",\"last\":2,\"count\":" count     \
    ",\"listener\":\"" listener "\",\"ja4\":" ja4 ",\"clients\":[" clients                         \
    "],\"sni\":null,\"sslv2\":" sslv2 ",\"hello\":\"" hello "\"}\n"
#define FIT           "no-certificate-fits"
#define HOST          "\"192.0.2.1\""
#define GOOD(id)      LINE(id, FIT, "1", "3", HOST, "mx", "null", "false", ONE_HELLO)
#define REASON(word)  HEAD("1") LINE("1", word, "1", "3", HOST, "mx", "null", "false", ONE_HELLO)
#define FIRST(time)   HEAD("1") LINE("1", FIT, time, "3", HOST, "mx", "null", "false", ONE_HELLO)
#define COUNT(num)    HEAD("1") LINE("1", FIT, "1", num, HOST, "mx", "null", "false", ONE_HELLO)
#define CLIENTS(list) HEAD("1") LINE("1", FIT, "1", "3", list, "mx", "null", "false", ONE_HELLO)
#define NAMED(name)   HEAD("1") LINE("1", FIT, "1", "3", HOST, name, "null", "false", ONE_HELLO)
#define PRINT(ja4)    HEAD("1") LINE("1", FIT, "1", "3", HOST, "mx", ja4, "false", ONE_HELLO)
#define SSL2(flag)    HEAD("1") LINE("1", FIT, "1", "3", HOST, "mx", "null", flag, ONE_HELLO)
#define HELLO_HEX(h)  HEAD("1") LINE("1", FIT, "1", "3", HOST, "mx", "null", "false", h)

static const char not_a_list[] = "not a list of failures";
static const char not_one[] = "not a failure";
static const char no_hello[] = "not a complete hello";
static const char bad_id[] = "the id is out of range or there twice";

static const struct {
    const char *name;
    const char *text;
    unsigned line; /* 0: good */
    const char *why;
} texts[] = {
    {"empty", HEAD("0"), 0, NULL},
    {"one", HEAD("1") GOOD("1"), 0, NULL},
    {"two", HEAD("2") GOOD("9") GOOD("3"), 0, NULL},
    {"a fingerprint", PRINT("\"" JA4 "\""), 0, NULL},
    {"nothing", "", 1, not_a_list},
    {"no line end", "{\"format\":\"postern failures 2\",\"entries\":0,\"last_id\":0}", 1,
     not_a_list},
    {"another version", "{\"format\":\"postern failures 3\",\"entries\":0,\"last_id\":0}\n", 1,
     not_a_list},
    {"the version before JSON", "postern failures 1 entries=0 last_id=0\n", 1, not_a_list},
    {"no object", "[]\n", 1, not_a_list},
    {"no number of entries", "{\"format\":\"postern failures 2\",\"last_id\":0}\n", 1, not_a_list},
    {"no last id", "{\"format\":\"postern failures 2\",\"entries\":0}\n", 1, not_a_list},
    {"a last id below 0", "{\"format\":\"postern failures 2\",\"entries\":0,\"last_id\":-1}\n", 1,
     not_a_list},
    {"too many", HEAD("501"), 1, not_a_list},
    {"fewer than none", HEAD("-1"), 1, not_a_list},
    {"one is missing", HEAD("2") GOOD("1"), 3, "the text ends too early"},
    {"one more", HEAD("1") GOOD("1") GOOD("2"), 3, "more entries than the first line says"},
    {"id 0", HEAD("1") GOOD("0"), 2, bad_id},
    {"id beyond the last", HEAD("1") GOOD("10"), 2, bad_id},
    {"id twice", HEAD("2") GOOD("1") GOOD("1"), 3, bad_id},
    {"id below 0", HEAD("1") GOOD("-1"), 2, not_one},
    {"id as a text", HEAD("1") GOOD("\"1\""), 2, not_one},
    {"a key twice", HEAD("1") GOOD("1,\"id\":1"), 2, not_one},
    {"no JSON", HEAD("1") "{\n", 2, not_one},
    {"a line without an end", HEAD("1") "{}", 2, "the text ends too early"},
    {"a key that is missing",
     HEAD("1") "{\"id\":1,\"reason\":\"" FIT
               "\",\"last\":2,\"count\":3,\"listener\":\"mx\",\"ja4\":null,"
               "\"clients\":[" HOST "],\"sslv2\":false,\"hello\":\"" ONE_HELLO "\"}\n",
     2, not_one},
    {"an empty line", HEAD("1") "\n", 2, not_one},
    {"an empty object", HEAD("1") "{}\n", 2, not_one},
    {"a reason that is not kept", REASON("timeout"), 2, not_one},
    {"no reason", REASON("other"), 2, not_one},
    {"count 0", COUNT("0"), 2, "the count is 0"},
    {"a fraction", COUNT("1.5"), 2, not_one},
    {"a number too large", FIRST("99223372036854775808"), 2, not_one},
    {"no number", FIRST("null"), 2, not_one},
    {"no client", CLIENTS(""), 2, not_one},
    {"four clients", CLIENTS(HOST "," HOST "," HOST "," HOST), 2, not_one},
    {"a client's port", CLIENTS("\"192.0.2.1:4\""), 2, not_one},
    {"a client that is no text", CLIENTS("1"), 2, not_one},
    {"an odd fingerprint", PRINT("\"a\\u001b\""), 2, not_one},
    {"a fingerprint that is too long", PRINT("\"" ZEROS "00000000\""), 2, not_one},
    {"an odd listener", NAMED("m\\u001bx"), 2, not_one},
    {"a listener's name that is too long", NAMED(ZEROS ZEROS), 2, not_one},
    {"TLS as SSLv2", SSL2("true"), 2, no_hello},
    {"a number as a flag", SSL2("0"), 2, not_one},
    {"no hello", HELLO_HEX(""), 2, no_hello},
    {"half a byte", HELLO_HEX(ONE_HELLO "0"), 2, no_hello},
    {"a byte more", HELLO_HEX(ONE_HELLO "00"), 2, no_hello},
    {"no hex", HELLO_HEX("010000290303g0000000000000000000000000000000" ZEROS "000002002f0100"), 2,
     no_hello},
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

Suite *asjson_failures_suite(void);

Suite *asjson_failures_suite(void)
{
    Suite *suite = suite_create("asjson_failures");
    TCase *tcase = tcase_create("all");

    tcase_add_test(tcase, test_text);
    tcase_add_test(tcase, test_without_hello);
    tcase_add_test(tcase, test_line);
    tcase_add_test(tcase, test_text_and_back);
    tcase_add_test(tcase, test_largest);
    tcase_add_loop_test(tcase, test_read, 0, sizeof texts / sizeof texts[0]);
    tcase_add_test(tcase, test_read_cut);
    suite_add_tcase(suite, tcase);
    return suite;
}
