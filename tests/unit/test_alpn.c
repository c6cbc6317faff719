#include "lib/tls/alpn.h"

#include <check.h>
#include <string.h>

#define NUM(array) (sizeof(array) / sizeof((array)[0]))

/* A name with its length in front: of 1 to 9 bytes, in a literal. */
#define H2   "\x02h2"
#define HTTP "\x08http/1.1"
#define SMTP "\x04smtp"
#define FOO                                                                                        \
    "\x03"                                                                                         \
    "foo"
#define GREASE "\x02\x1a\x1a"

static const struct {
    const char *name;
    const char *list;
    enum alpn_answer guard;
    enum alpn_answer strict;
} lists[] = {
    {"none", "", ALPN_SILENT, ALPN_SILENT},
    {"smtp", SMTP, ALPN_SELECT, ALPN_SELECT},
    {"smtp last", H2 HTTP FOO SMTP, ALPN_SELECT, ALPN_SELECT},
    {"smtp first", SMTP H2, ALPN_SELECT, ALPN_SELECT},
    {"a browser", H2 HTTP, ALPN_REFUSE, ALPN_REFUSE},
    {"another service behind an unknown one", FOO H2, ALPN_REFUSE, ALPN_REFUSE},
    {"an unknown one behind another service", H2 FOO, ALPN_REFUSE, ALPN_REFUSE},
    {"an unknown one", FOO, ALPN_SILENT, ALPN_REFUSE},
    {"GREASE", GREASE, ALPN_SILENT, ALPN_SILENT},
    {"GREASE of all kinds", "\x02\x0a\x0a\x02\x7a\x7a\x02\xfa\xfa", ALPN_SILENT, ALPN_SILENT},
    {"GREASE and smtp", GREASE SMTP, ALPN_SELECT, ALPN_SELECT},
    {"GREASE and another service", GREASE H2, ALPN_REFUSE, ALPN_REFUSE},
    {"GREASE and an unknown one", GREASE FOO, ALPN_SILENT, ALPN_REFUSE},
    {"no GREASE: two unlike bytes", "\x02\x1a\x2a", ALPN_SILENT, ALPN_REFUSE},
    {"no GREASE: other bytes", "\x02\x1b\x1b", ALPN_SILENT, ALPN_REFUSE},
    {"no GREASE: one byte", "\x01\x1a", ALPN_SILENT, ALPN_REFUSE},
    {"no GREASE: three bytes", "\x03\x1a\x1a\x1a", ALPN_SILENT, ALPN_REFUSE},
    {"more than smtp", "\x05smtps", ALPN_SILENT, ALPN_REFUSE},
    {"less than smtp", "\x03smt", ALPN_SILENT, ALPN_REFUSE},
    {"SMTP in capitals", "\x04SMTP", ALPN_SILENT, ALPN_REFUSE},
    {"smtp behind a torn name", "\x09" SMTP, ALPN_SILENT, ALPN_SILENT},
    {"another service before a torn name", H2 "\x09x", ALPN_REFUSE, ALPN_REFUSE},
};

START_TEST(answers)
{
    struct bytes list = bytes_of(lists[_i].list, strlen(lists[_i].list));

    ck_assert_msg(alpn_judge(ALPN_GUARD, list) == lists[_i].guard, "guard: %s", lists[_i].name);
    ck_assert_msg(alpn_judge(ALPN_STRICT, list) == lists[_i].strict, "strict: %s", lists[_i].name);
    ck_assert_msg(alpn_judge(ALPN_IGNORE, list) == ALPN_SILENT, "ignore: %s", lists[_i].name);
}
END_TEST

/* One name alone: whether guard takes it for another service's. */
static const struct {
    const char *name;
    bool refused;
} names[] = {
    {"h2", true},          {"h2c", true},         {"h3", true},
    {"h3-29", true},       {"http/0.9", true},    {"http/1.0", true},
    {"http/1.1", true},    {"spdy/3.1", true},    {"imap", true},
    {"pop3", true},        {"managesieve", true}, {"ftp", true},
    {"xmpp-client", true}, {"xmpp-server", true}, {"irc", true},
    {"nntp", true},        {"nnsp", true},        {"mqtt", true},
    {"dot", true},         {"doq", true},         {"coap", true},
    {"co", true},          {"acme-tls/1", true},  {"ssh", true},
    {"ssh/2.0", true},     {"stun.turn", true},   {"stun.nat-discovery", true},
    {"webrtc", true},      {"c-webrtc", true},    {"sip/2", true},
    {"ntske/1", true},     {"sunrpc", true},      {"smb", true},
    {"tds/8.0", true},     {"dicom", true},       {"postgresql", true},
    {"radius/1.0", true},  {"radius/1.1", true},  {"ldap", true},
    {"EoQ", true},         {"n-pamp/2", true},    {"netperfmeter/data", true},
    {"snifq/1", true},     {"h2x", false},        {"h", false},
    {"http", false},       {"httpx/1", false},    {"imaps", false},
    {"xmpp", false},       {"H2", false},         {"IMAP", false},
    {"c", false},          {"dots", false},       {"lmtp", false},
    {"submission", false}, {"x h2", false},
};

START_TEST(services)
{
    char list[64];
    size_t len = strlen(names[_i].name);
    enum alpn_answer answer;

    list[0] = (char)len;
    memcpy(list + 1, names[_i].name, len);
    answer = alpn_judge(ALPN_GUARD, bytes_of(list, len + 1));
    ck_assert_msg(answer == (names[_i].refused ? ALPN_REFUSE : ALPN_SILENT), "%s", names[_i].name);
}
END_TEST

static const struct {
    const char *name;
    const char *list;
    const char *shown;
} shown[] = {
    {"none", "", ""},
    {"one", H2, "h2"},
    {"two", H2 HTTP, "h2,http/1.1"},
    {"GREASE is left out", GREASE H2 GREASE FOO, "h2,foo"},
    {"escaped",
     "\x05"
     "a,b\n ",
     "a\\x2cb\\x0a\\x20"},
    {"a quotation mark", "\x01\"", "\\x22"},
    {"cut at a torn name", H2 "\x09x", "h2"},
    {"as long as can be",
     "\x18"
     "abcdefghijklmnopqrstuvwx",
     "abcdefghijklmnopqrstuvwx"},
    {"too long",
     "\x19"
     "abcdefghijklmnopqrstuvwxy",
     "abcdefghijklmnopqrstuvwx..."},
    {"eight", FOO FOO FOO FOO FOO FOO FOO FOO, "foo,foo,foo,foo,foo,foo,foo,foo"},
    {"nine", FOO FOO FOO FOO FOO FOO FOO FOO H2, "foo,foo,foo,foo,foo,foo,foo,foo,..."},
};

START_TEST(words)
{
    char buf[256];
    struct text t = text_in(buf, sizeof buf);

    alpn_names(&t, bytes_of(shown[_i].list, strlen(shown[_i].list)));
    ck_assert_msg(strcmp(buf, shown[_i].shown) == 0, "%s: %s", shown[_i].name, buf);
}
END_TEST

Suite *alpn_suite(void);

Suite *alpn_suite(void)
{
    Suite *suite = suite_create("alpn");
    TCase *tests = tcase_create("alpn");

    tcase_add_loop_test(tests, answers, 0, NUM(lists));
    tcase_add_loop_test(tests, services, 0, NUM(names));
    tcase_add_loop_test(tests, words, 0, NUM(shown));
    suite_add_tcase(suite, tests);
    return suite;
}
