#include "lib/admin/factsheader.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

Suite *factsheader_suite(void);

#define NAME "X-Postern-TLS"
#define HOST "mail.example.org"

static struct record tls_record(void)
{
    return (struct record){.known = true,
                           .session = "4Zk2m1QyTz",
                           .listener = "mx",
                           .tls = true,
                           .facts = {.protocol = "TLSv1.3",
                                     .cipher = "TLS_AES_256_GCM_SHA384",
                                     .bits = 256,
                                     .certificate = "p256",
                                     .sni = "mail.example.org"}};
}

static const char *written(const struct record *record, const char *tag, bool fold)
{
    static char buf[FACTSHEADER_SIZE];
    struct text t = text_in(buf, sizeof buf);

    factsheader_write(&t, NAME, HOST, record, tag, fold);
    ck_assert(!t.cut);
    return buf;
}

START_TEST(test_tls)
{
    struct record record = tls_record();

    ck_assert_str_eq(written(&record, NULL, false),
                     HOST "; version=TLSv1.3; cipher=TLS_AES_256_GCM_SHA384; bits=256; "
                          "certificate=p256; client_certificate=none; session=4Zk2m1QyTz");
}
END_TEST

START_TEST(test_folded)
{
    struct record record = tls_record();

    ck_assert_str_eq(written(&record, NULL, true),
                     HOST "; version=TLSv1.3;\n\tcipher=TLS_AES_256_GCM_SHA384; bits=256; "
                          "certificate=p256;\n\tclient_certificate=none; session=4Zk2m1QyTz");
}
END_TEST

START_TEST(test_plaintext)
{
    struct record record = {.known = true, .session = "4Zk2m1QyTz"};

    ck_assert_str_eq(written(&record, NULL, true), HOST "; none; session=4Zk2m1QyTz");
}
END_TEST

/* Nothing that may be left in the record is told. */
START_TEST(test_unknown)
{
    struct record record = tls_record();

    record.known = false;
    ck_assert_str_eq(written(&record, NULL, true), HOST "; unknown");
}
END_TEST

START_TEST(test_client)
{
    struct record record = tls_record();

    record.facts.client.trust = TLS_TRUST_TRUSTED;
    snprintf(record.facts.client.fingerprint, sizeof record.facts.client.fingerprint, "AB:CD");
    snprintf(record.facts.client.subject, sizeof record.facts.client.subject, "mx.partner.example");
    ck_assert_str_eq(written(&record, NULL, false),
                     HOST "; version=TLSv1.3; cipher=TLS_AES_256_GCM_SHA384; bits=256; "
                          "certificate=p256; client_certificate=trusted; client_fingerprint=AB:CD; "
                          "client_name=\"mx.partner.example\"; session=4Zk2m1QyTz");
    record.facts.client.trust = TLS_TRUST_UNTRUSTED;
    ck_assert_ptr_nonnull(strstr(written(&record, NULL, false), "client_certificate=untrusted; "));
}
END_TEST

static const struct {
    const char *name;
    const char *in;
    const char *out;
} words[] = {
    {"plain", "A b, c=d; e", "A b, c=d; e"},
    {"quote", "a\"; session=x", "a%22; session=x"},
    {"backslash", "a\\", "a%5C"},
    {"percent", "100%", "100%25"},
    {"line ends", "a\r\nX-Spam: no", "a%0D%0AX-Spam: no"},
    {"UTF-8", "\xc3\xbc", "%C3%BC"},
    {"DEL", "\x7f", "%7F"},
    {"nothing", "", ""},
};

/* No word of anybody ends its field. */
START_TEST(test_escaped)
{
    struct record record = tls_record();
    char expected[256];

    record.facts.client.trust = TLS_TRUST_UNTRUSTED;
    snprintf(record.facts.client.subject, sizeof record.facts.client.subject, "%s", words[_i].in);
    snprintf(expected, sizeof expected, "client_name=\"%s\"; session=4Zk2m1QyTz; tag=\"%s\"",
             words[_i].out, words[_i].out);
    ck_assert_msg(strstr(written(&record, words[_i].in, false), expected) != NULL, "%s: %s",
                  words[_i].name, written(&record, words[_i].in, false));
}
END_TEST

/* Long words are cut between characters, and all the rest is still there. */
START_TEST(test_cut)
{
    struct record record = tls_record();
    char tag[400];
    const char *at;

    memset(tag, '%', sizeof tag - 1);
    tag[sizeof tag - 1] = '\0';
    at = strstr(written(&record, tag, false), "; tag=\"");
    ck_assert_ptr_nonnull(at);
    ck_assert_str_eq(at + strlen(at) - 4, "%25\"");
    ck_assert_uint_eq(strlen(at), strlen("; tag=\"\"") + FACTSHEADER_TAG_MAX / 3 * 3);
}
END_TEST

static void fill(char *field, size_t size)
{
    memset(field, 'x', size - 1);
    field[size - 1] = '\0';
}

static size_t longest_line(const char *text)
{
    size_t longest = 0;

    while (*text != '\0') {
        size_t len = strcspn(text, "\n");

        longest = len > longest ? len : longest;
        text += len + (text[len] == '\n');
    }
    return longest;
}

/* The longest header that there can be is whole, and has no line over RFC 5322's limit. */
START_TEST(test_longest)
{
    struct record record = tls_record();
    char host[254];
    char name[64];
    char tag[300];
    char buf[FACTSHEADER_SIZE];

    fill(record.facts.protocol, sizeof record.facts.protocol);
    fill(record.facts.cipher, sizeof record.facts.cipher);
    fill(record.facts.certificate, sizeof record.facts.certificate);
    fill(record.facts.client.fingerprint, sizeof record.facts.client.fingerprint);
    memset(record.facts.client.subject, 1, sizeof record.facts.client.subject - 1);
    memset(tag, 1, sizeof tag - 1);
    tag[sizeof tag - 1] = '\0';
    fill(host, sizeof host);
    fill(name, sizeof name);
    record.facts.bits = 100000;
    record.facts.client.trust = TLS_TRUST_UNTRUSTED;
    for (int fold = 0; fold <= 1; fold++) {
        struct text t = text_in(buf, sizeof buf);

        factsheader_write(&t, name, host, &record, tag, fold == 1);
        ck_assert(!t.cut);
        ck_assert_ptr_nonnull(strstr(buf, "session=4Zk2m1QyTz"));
        ck_assert_uint_le(strlen(name) + 2 + longest_line(buf), 998);
    }
    ck_assert_uint_le(longest_line(buf), 400);
}
END_TEST

static const struct {
    const char *found;
    bool ours;
} names[] = {
    {"X-Postern-TLS", true},
    {"x-postern-tls", true},
    {"X-POSTERN-TLS ", true},
    {"X-Postern-TLS\t", true},
    {"X-Postern-TLS \t", true},
    {"X-Postern-TLS2", false},
    {"X-Postern-TL", false},
    {" X-Postern-TLS", false},
    {"X-Postern_TLS", false},
    {"", false},
    {" ", false},
};

START_TEST(test_is)
{
    ck_assert_msg(factsheader_is(NAME, names[_i].found, strlen(names[_i].found)) == names[_i].ours,
                  "\"%s\"", names[_i].found);
}
END_TEST

Suite *factsheader_suite(void)
{
    Suite *suite = suite_create("factsheader");
    TCase *tests = tcase_create("factsheader");

    tcase_add_test(tests, test_tls);
    tcase_add_test(tests, test_folded);
    tcase_add_test(tests, test_plaintext);
    tcase_add_test(tests, test_unknown);
    tcase_add_test(tests, test_client);
    tcase_add_loop_test(tests, test_escaped, 0, (int)(sizeof words / sizeof words[0]));
    tcase_add_test(tests, test_cut);
    tcase_add_test(tests, test_longest);
    tcase_add_loop_test(tests, test_is, 0, (int)(sizeof names / sizeof names[0]));
    suite_add_tcase(suite, tests);
    return suite;
}
