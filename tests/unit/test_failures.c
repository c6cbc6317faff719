#include "tests/unit/failures_base.h"

/* --- shapes --------------------------------------------------------------------------------- */

#define TLS13_WITH(shares, more)                                                                   \
    HELLO("0303", "1301", EXT_VERSIONS("0304") EXT_GROUPS("001d 0017") EXT_SHARES(shares) more)
#define ONE_SHARE "001d[K20]"
#define SSLV2     "01 0301 0006 0000 0010 00002f 010080 "

static const struct {
    const char *name;
    const char *first;
    const char *second;
    bool same;
} shapes[] = {
    {"itself", WINDOWS_HELLO, WINDOWS_HELLO, true},
    {"another random", HELLO("0303", "002f", ""), "01{0303 K1f 77 <> [002f] <00> []}", true},
    {"a session id", HELLO("0303", "002f", ""), "01{0303 K20 <K20> [002f] <00> []}", true},
    {"another version", HELLO("0303", "002f", ""), HELLO("0301", "002f", ""), false},
    {"another suite", HELLO("0303", "002f", ""), HELLO("0303", "0035", ""), false},
    {"the suites in another order", HELLO("0303", "002f 0035", ""), HELLO("0303", "0035 002f", ""),
     false},
    {"another compression", HELLO("0303", "002f", ""), "01{0303 K20 <> [002f] <00 01> []}", false},
    {"compression in another order", "01{0303 K20 <> [002f] <00 01> []}",
     "01{0303 K20 <> [002f] <01 00> []}", false},
    {"GREASE suites", HELLO("0303", "0a0a 002f", ""), HELLO("0303", "002f fafa", ""), true},
    {"GREASE extensions", HELLO("0303", "002f", "1a1a[]" EXT_GROUPS("0017")),
     HELLO("0303", "002f", EXT_GROUPS("0017") "2a2a[00]"), true},
    {"GREASE groups", HELLO("0303", "002f", EXT_GROUPS("3a3a 0017")),
     HELLO("0303", "002f", EXT_GROUPS("4a4a 0017")), true},
    {"another group", HELLO("0303", "002f", EXT_GROUPS("0018")),
     HELLO("0303", "002f", EXT_GROUPS("0017")), false},
    {"GREASE schemes", HELLO("0303", "002f", EXT_SCHEMES("3a3a 0403")),
     HELLO("0303", "002f", EXT_SCHEMES("0403")), true},
    {"another scheme", HELLO("0303", "002f", EXT_SCHEMES("0403")),
     HELLO("0303", "002f", EXT_SCHEMES("0503")), false},
    {"GREASE schemes for certificates", HELLO("0303", "002f", EXT_CERT_SCHEMES("3a3a 0403")),
     HELLO("0303", "002f", EXT_CERT_SCHEMES("0403")), true},
    {"another scheme for certificates", HELLO("0303", "002f", EXT_CERT_SCHEMES("0403")),
     HELLO("0303", "002f", EXT_CERT_SCHEMES("0503")), false},
    {"GREASE versions", HELLO("0303", "1301", EXT_VERSIONS("9a9a 0304")),
     HELLO("0303", "1301", EXT_VERSIONS("0304")), true},
    {"another supported version", HELLO("0303", "1301", EXT_VERSIONS("0304")),
     HELLO("0303", "1301", EXT_VERSIONS("0304 0303")), false},
    {"an empty list is not its absence", HELLO("0303", "002f", EXT_GROUPS("0a0a")),
     HELLO("0303", "002f", ""), false},
    {"another key", TLS13_WITH(ONE_SHARE, ""), TLS13_WITH("001d[00 K1f]", ""), true},
    {"a GREASE key", TLS13_WITH(ONE_SHARE, ""), TLS13_WITH("0a0a[00]" ONE_SHARE, ""), true},
    {"a key of another group", TLS13_WITH(ONE_SHARE, ""), TLS13_WITH("0017[K20]", ""), false},
    {"another ticket", HELLO("0303", "002f", "0023[K10]"), HELLO("0303", "002f", "0023[K20]"),
     true},
    {"a ticket extension at all", HELLO("0303", "002f", "0023[]"), HELLO("0303", "002f", ""),
     false},
    {"another PSK", TLS13_WITH(ONE_SHARE, "002d[<01>] 0029[[[K10]00000000][<K20>]]"),
     TLS13_WITH(ONE_SHARE, "002d[<01>] 0029[[[K11]00000001][<K20>]]"), true},
    {"another padding", HELLO("0303", "002f", "0015[0000]"), HELLO("0303", "002f", "0015[00]"),
     true},
    {"another encrypted hello", HELLO("0303", "002f", "fe0d[0000]"),
     HELLO("0303", "002f", "fe0d[00]"), true},
    {"another cookie", TLS13_WITH(ONE_SHARE, "002c[[01]]"), TLS13_WITH(ONE_SHARE, "002c[[02]]"),
     true},
    {"extensions in another order",
     HELLO("0303", "002f", EXT_GROUPS("0017") "000b[<00>]" EXT_SCHEMES("0403") "0017[] 1234[05]"),
     HELLO("0303", "002f", "1234[05] 0017[]" EXT_SCHEMES("0403") EXT_GROUPS("0017") "000b[<00>]"),
     true},
    {"unknown extensions of one type in another order", HELLO("0303", "002f", "1234[01] 1234[02]"),
     HELLO("0303", "002f", "1234[02] 1234[01]"), false},
    {"an extension more", HELLO("0303", "002f", "0017[]"), HELLO("0303", "002f", "0017[] 1234[]"),
     false},
    {"another body", HELLO("0303", "002f", "1234[01]"), HELLO("0303", "002f", "1234[02]"), false},
    {"a longer body", HELLO("0303", "002f", "1234[01]"), HELLO("0303", "002f", "1234[0100]"),
     false},
    {"another server name", HELLO("0303", "002f", "0000[[00[61]]]"),
     HELLO("0303", "002f", "0000[[00[62]]]"), false},
    {"SSLv2, another challenge", SSLV2 "K10", SSLV2 "00 K0f", true},
    {"SSLv2, a session id", SSLV2 "K10", "01 0301 0006 0010 0010 00002f 010080 K10 K10", true},
    {"SSLv2, another spec", SSLV2 "K10", "01 0301 0006 0000 0010 00002f 020080 K10", false},
    {"SSLv2 and TLS", "01 0301 0003 0000 0010 00002f K10", HELLO("0301", "002f", ""), false},
    {"SSLv2 and TLS, byte for byte", "01 0301 0006 0000 0010 00002f 000003 K10",
     "01{0301 K20 <> [0000 2f00] <00 01 00> []}", false},
};

START_TEST(test_shape)
{
    empty();
    ck_assert_msg(add(shapes[_i].first, "192.0.2.1:1", NOW), "%s: the first", shapes[_i].name);
    ck_assert_msg(add(shapes[_i].second, "192.0.2.1:1", NOW), "%s: the second", shapes[_i].name);
    ck_assert_msg(store.num == (shapes[_i].same ? 1U : 2U), "%s: %zu entries", shapes[_i].name,
                  store.num);
    /* And back again: it is neither the order nor the latest that counts. */
    ck_assert(add(shapes[_i].first, "192.0.2.1:1", NOW));
    ck_assert_msg(store.num == (shapes[_i].same ? 1U : 2U), "%s: again", shapes[_i].name);
    empty();
}
END_TEST

/* --- entries -------------------------------------------------------------------------------- */

START_TEST(test_entry)
{
    const struct failure *entry;
    uint8_t *raw;
    size_t len;

    empty();
    ck_assert(add(WINDOWS_HELLO, "192.0.2.1:1000", NOW));
    ck_assert(add(WINDOWS_HELLO, "[2001:db8::1]:2000", NOW + 5));
    ck_assert_uint_eq(store.num, 1);
    entry = failures_find(&store, 1);
    ck_assert_ptr_nonnull(entry);
    ck_assert_int_eq(entry->reason, HANDSHAKE_NO_CERTIFICATE_FITS);
    ck_assert_int_eq(entry->first, NOW);
    ck_assert_int_eq(entry->last, NOW + 5);
    ck_assert_uint_eq(entry->count, 2);
    ck_assert_uint_eq(entry->num_clients, 2);
    ck_assert_int_eq(entry->clients[0].family, ADDR_IPV6);
    ck_assert_uint_eq(entry->clients[0].port, 2000);
    ck_assert_int_eq(entry->clients[1].family, ADDR_IPV4);
    ck_assert_str_eq(entry->ja4, JA4);
    ck_assert_str_eq(entry->listener, "mx-1.a_b");
    ck_assert(!entry->sslv2);
    ck_assert_uint_eq(entry->sni.len, 16);
    ck_assert_int_eq(memcmp(entry->sni.data, "mail.example.org", 16), 0);
    raw = hello_text(WINDOWS_HELLO, &len);
    ck_assert_uint_eq(entry->hello.len, len);
    ck_assert_int_eq(memcmp(entry->hello.data, raw, len), 0);
    free(raw);
    ck_assert_ptr_null(failures_find(&store, 2));
    ck_assert_ptr_null(failures_find(&store, 0));
    empty();
}
END_TEST

/* The latest hello is the one that is kept. */
START_TEST(test_latest_hello)
{
    empty();
    ck_assert(add(HELLO("0303", "002f", "0023[]"), "192.0.2.1:1", NOW));
    ck_assert(add(HELLO("0303", "002f", "0023[K30]"), "192.0.2.1:1", NOW));
    ck_assert_uint_eq(store.num, 1);
    ck_assert_uint_eq(store.entries[0]->hello.len, 4 + 2 + 32 + 1 + 4 + 2 + 2 + 4 + 0x30);
    ck_assert_uint_eq(store.entries[0]->sni.len, 0);
    empty();
}
END_TEST

START_TEST(test_reasons)
{
    empty();
    for (int reason = 0; reason <= HANDSHAKE_INTERNAL; reason++) {
        bool wanted = reason == HANDSHAKE_NO_CERTIFICATE_FITS || reason == HANDSHAKE_CLIENT_ALERT;

        ck_assert_msg(failures_wants((enum handshake_failure)reason) == wanted, "%d", reason);
        ck_assert_msg(add_as(WINDOWS_HELLO, "192.0.2.1:1", (enum handshake_failure)reason, NOW) ==
                          wanted,
                      "%d", reason);
    }
    ck_assert_uint_eq(store.num, 2);
    ck_assert_uint_eq(store.entries[0]->count, 1);
    ck_assert_uint_eq(store.entries[1]->count, 1);
    empty();
}
END_TEST

START_TEST(test_incomplete)
{
    uint8_t *raw;
    size_t len;

    empty();
    raw = hello_text(WINDOWS_HELLO, &len);
    for (size_t cut = 0; cut < len; cut++) {
        struct failure_event event = {.hello = bytes_of(raw, cut), .listener = "", .ja4 = ""};

        ck_assert_msg(!failures_add(&store, &event, NOW), "%zu bytes", cut);
    }
    free(raw);
    ck_assert(!add("01{0303 K20 <> [] <00> []}", "192.0.2.1:1", NOW));
    ck_assert_uint_eq(store.num, 0);
}
END_TEST

/* Clients of one entry, as they come, and which are kept, the latest first. */
static const struct {
    const char *name;
    const char *come[6];
    const char *kept[FAILURES_CLIENTS];
} clients[] = {
    {"one", {"192.0.2.1:1"}, {"192.0.2.1:1"}},
    {"its latest port", {"192.0.2.1:1", "192.0.2.1:2"}, {"192.0.2.1:2"}},
    {"three",
     {"192.0.2.1:1", "192.0.2.2:1", "192.0.2.3:1"},
     {"192.0.2.3:1", "192.0.2.2:1", "192.0.2.1:1"}},
    {"four",
     {"192.0.2.1:1", "192.0.2.2:1", "192.0.2.3:1", "192.0.2.4:1"},
     {"192.0.2.4:1", "192.0.2.3:1", "192.0.2.2:1"}},
    {"the first again",
     {"192.0.2.1:1", "192.0.2.2:1", "192.0.2.3:1", "192.0.2.1:9"},
     {"192.0.2.1:9", "192.0.2.3:1", "192.0.2.2:1"}},
    {"the middle again",
     {"192.0.2.1:1", "192.0.2.2:1", "192.0.2.3:1", "192.0.2.2:1"},
     {"192.0.2.2:1", "192.0.2.3:1", "192.0.2.1:1"}},
    {"families differ", {"192.0.2.1:1", "[c000:201::]:1"}, {"[c000:201::]:1", "192.0.2.1:1"}},
};

START_TEST(test_clients)
{
    const struct failure *entry;
    size_t num = 0;

    empty();
    for (size_t i = 0; i < 6 && clients[_i].come[i] != NULL; i++) {
        ck_assert(add(WINDOWS_HELLO, clients[_i].come[i], NOW));
    }
    entry = store.entries[0];
    ck_assert_ptr_nonnull(entry);
    while (num < FAILURES_CLIENTS && clients[_i].kept[num] != NULL) {
        struct addr expected = address(clients[_i].kept[num]);

        ck_assert_msg(num < entry->num_clients && addr_equal(&entry->clients[num], &expected),
                      "%s: %zu", clients[_i].name, num);
        num++;
    }
    ck_assert_msg(entry->num_clients == num, "%s: %zu clients", clients[_i].name,
                  entry->num_clients);
    empty();
}
END_TEST

/* --- bounds --------------------------------------------------------------------------------- */

/* A hello of a shape of its own for each number. */
static bool add_number(unsigned number, int64_t now)
{
    char text[200];

    snprintf(text, sizeof text, HELLO("0303", "002f", "%s[%08x]"), "1234", number);
    return add(text, "192.0.2.1:1", now);
}

START_TEST(test_oldest_goes_first)
{
    empty();
    for (unsigned i = 0; i < FAILURES_MAX; i++) {
        ck_assert(add_number(i, NOW));
    }
    ck_assert_uint_eq(store.num, FAILURES_MAX);
    /* The first has come again: now the second is the one that came longest ago. */
    ck_assert(add_number(0, NOW + 1));
    ck_assert_uint_eq(store.num, FAILURES_MAX);
    ck_assert(add_number(FAILURES_MAX, NOW + 1));
    ck_assert_uint_eq(store.num, FAILURES_MAX);
    ck_assert_ptr_nonnull(failures_find(&store, 1));
    ck_assert_ptr_null(failures_find(&store, 2));
    ck_assert_ptr_nonnull(failures_find(&store, 3));
    ck_assert_ptr_nonnull(failures_find(&store, FAILURES_MAX + 1));
    empty();
}
END_TEST

START_TEST(test_expiry)
{
    empty();
    ck_assert(add_number(1, NOW));
    ck_assert(add_number(2, NOW + 1));
    ck_assert_uint_eq(failures_expire(&store, NOW + FAILURES_KEEP), 0);
    ck_assert_uint_eq(failures_expire(&store, NOW + FAILURES_KEEP + 1), 1);
    ck_assert_ptr_null(failures_find(&store, 1));
    ck_assert_ptr_nonnull(failures_find(&store, 2));
    /* What comes again stays, and keeps its beginning. */
    ck_assert(add_number(2, NOW + FAILURES_KEEP));
    ck_assert_uint_eq(failures_expire(&store, NOW + FAILURES_KEEP + 100), 0);
    ck_assert_int_eq(store.entries[0]->first, NOW + 1);
    /* An event makes room by itself, also behind an entry from the future. */
    empty();
    ck_assert(add_number(1, NOW + 100 * FAILURES_KEEP));
    ck_assert(add_number(2, NOW));
    ck_assert(add_number(3, NOW + FAILURES_KEEP + 1));
    ck_assert_uint_eq(store.num, 2);
    ck_assert_ptr_null(failures_find(&store, 2));
    empty();
}
END_TEST

START_TEST(test_ids)
{
    empty();
    ck_assert(add_number(1, NOW));
    ck_assert(add_number(2, NOW));
    failures_clear(&store);
    ck_assert_uint_eq(store.num, 0);
    ck_assert(add_number(1, NOW));
    ck_assert_ptr_nonnull(failures_find(&store, 3));
    empty();
}
END_TEST

Suite *failures_suite(void);

Suite *failures_suite(void)
{
    Suite *suite = suite_create("failures");
    TCase *tcase = tcase_create("all");

    tcase_add_loop_test(tcase, test_shape, 0, sizeof shapes / sizeof shapes[0]);
    tcase_add_test(tcase, test_entry);
    tcase_add_test(tcase, test_latest_hello);
    tcase_add_test(tcase, test_reasons);
    tcase_add_test(tcase, test_incomplete);
    tcase_add_loop_test(tcase, test_clients, 0, sizeof clients / sizeof clients[0]);
    tcase_add_test(tcase, test_oldest_goes_first);
    tcase_add_test(tcase, test_expiry);
    tcase_add_test(tcase, test_ids);
    suite_add_tcase(suite, tcase);
    return suite;
}
