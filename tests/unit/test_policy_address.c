#include "tests/unit/policy_base.h"

Suite *policy_address_suite(void);

/* What is known of an address. */
enum { NOTHING, LOCAL, DOMAIN, ALL };

static const struct {
    const char *in;
    const char *text;
    int typed;    /* as the client meant it */
    int resolved; /* as Postfix resolved it */
} addresses[] = {
    {"", "", ALL, ALL},
    {"anna@example.org", "anna@example.org", ALL, ALL},
    {"Anna@Example.ORG", "anna@example.org", ALL, ALL},
    {"anna@example.org.", "anna@example.org", ALL, ALL},
    {"az09.#$&'*+-/=?^_`{|}~@a-b_c.org", "az09.#$&'*+-/=?^_`{|}~@a-b_c.org", ALL, ALL},
    {".a..b.@example.org", ".a..b.@example.org", ALL, ALL},
    {"anna@1.2.example", "anna@1.2.example", ALL, ALL},
    /* operators, quotes, and nothing at all */
    {"anna%example.org@example.net", "anna%example.org@example.net", NOTHING, NOTHING},
    {"example.org!anna@example.net", "example.org!anna@example.net", NOTHING, NOTHING},
    {"anna@example.org@example.net", "anna@example.org@example.net", NOTHING, NOTHING},
    {"an na@example.org", "an na@example.org", NOTHING, NOTHING},
    {"anna\x7f@example.org", "anna\x7f@example.org", NOTHING, NOTHING},
    {"\"anna@example.org", "\"anna@example.org", NOTHING, NOTHING},
    {"\"@example.org", "\"@example.org", NOTHING, NOTHING},
    {"\"\"@example.org", "\"\"@example.org", NOTHING, NOTHING},
    {"\"an na\"@example.org", "\"an na\"@example.org", NOTHING, NOTHING},
    {"\"a%b\"@example.org", "\"a%b\"@example.org", NOTHING, NOTHING},
    {"@example.org", "@example.org", NOTHING, NOTHING},
    {"@", "@", NOTHING, NOTHING},
    {"anna@", "anna@", NOTHING, NOTHING},
    {"anna", "anna", NOTHING, NOTHING},
    {"anna%example.org", "anna%example.org", NOTHING, NOTHING},
    /* domains */
    {"anna@example", "anna@example", NOTHING, ALL},
    {"anna@example.", "anna@example", NOTHING, ALL},
    {"anna@example..", "anna@example.", NOTHING, NOTHING},
    {"anna@.", "anna@", NOTHING, NOTHING},
    {"anna@.example.org", "anna@.example.org", NOTHING, NOTHING},
    {"anna@example..org", "anna@example..org", NOTHING, NOTHING},
    {"anna@exa mple.org", "anna@exa mple.org", NOTHING, NOTHING},
    {"anna@[192.0.2.1]", "anna@[192.0.2.1]", NOTHING, NOTHING},
    {"anna@192.0.2.1", "anna@192.0.2.1", NOTHING, NOTHING},
    {"anna@example.1", "anna@example.1", NOTHING, NOTHING},
    {"anna@b\xc3\xbc"
     "cher.example",
     "anna@b\xc3\xbc"
     "cher.example",
     NOTHING, NOTHING},
    /* Unicode: case has more than ASCII's letters, and Postfix may fold it or not */
    {"\xc3\x84@Example.ORG", "\xc3\xa4@example.org", DOMAIN, ALL},
    {"gr\xc3\xb6\xc3\x9f@example.org",
     "gr\xc3\xb6"
     "ss@example.org",
     DOMAIN, ALL},
    {"o\xcc\x88@example.org", "o\xcc\x88@example.org", DOMAIN, ALL},
    {"u\xc5\xbf%x@example.org", "us%x@example.org", NOTHING, NOTHING},
    {"\xc3\x84@example", "\xc3\xa4@example", NOTHING, ALL},
    {"\xc3\x84", "\xc3\xa4", NOTHING, NOTHING},
    /* no UTF-8 */
    {"\xc4@example.org", "\xc4@example.org", DOMAIN, DOMAIN},
    {"a\xc3@example.org", "a\xc3@example.org", DOMAIN, DOMAIN},
    /* RFC 5321 section 4.5.1 */
    {"postmaster", "postmaster", LOCAL, LOCAL},
    {"PostMaster", "postmaster", LOCAL, LOCAL},
    {"postmaster1", "postmaster1", NOTHING, NOTHING},
    {"postmaste", "postmaste", NOTHING, NOTHING},
    {"postmaster@", "postmaster@", NOTHING, NOTHING},
};

static int known(const struct policy_address *address)
{
    return (address->local_known ? LOCAL : NOTHING) | (address->domain_known ? DOMAIN : NOTHING);
}

START_TEST(test_address)
{
    struct policy_address typed = read_address(addresses[_i].in, false);
    struct policy_address resolved = read_address(addresses[_i].in, true);

    ck_assert_str_eq(typed.text, addresses[_i].text);
    ck_assert_msg(known(&typed) == addresses[_i].typed, "typed %s", addresses[_i].in);
    ck_assert_str_eq(resolved.text, addresses[_i].text);
    ck_assert_msg(known(&resolved) == addresses[_i].resolved, "resolved %s", addresses[_i].in);
}
END_TEST

/* Postfix adds those that dots need; to the policy service it tells the client's own. */
START_TEST(test_quotes)
{
    static const char *const rows[][2] = {
        {"\"anna.\"@example.org", "anna.@example.org"},
        {"\"a\"@example.org", "a@example.org"},
        {"\".\xc3\xa4\"@example.org", ".\xc3\xa4@example.org"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct policy_address typed = read_address(rows[i][0], false);
        struct policy_address resolved = read_address(rows[i][0], true);

        ck_assert_str_eq(typed.text, rows[i][0]);
        ck_assert_int_eq(known(&typed), NOTHING);
        ck_assert_str_eq(resolved.text, rows[i][1]);
        ck_assert_int_eq(known(&resolved), ALL);
    }
}
END_TEST

START_TEST(test_nul)
{
    struct policy_address address;

    policy_address_read(&address, bytes_of("a\0b", 3), bytes_of("example.org", 11), true);
    ck_assert_int_eq(known(&address), NOTHING);
    policy_address_read(&address, bytes_of("a", 1), bytes_of("example.org\0", 12), true);
    ck_assert_int_eq(known(&address), NOTHING);
    policy_address_read(&address, bytes_of("\0", 1), (struct bytes){NULL, 0}, true);
    ck_assert_int_eq(known(&address), NOTHING);
}
END_TEST

/* However long a local part is, its domain is known if nothing in it is odd. */
START_TEST(test_long_local_part)
{
    char in[4 * POLICY_ADDRESS_SIZE];
    struct policy_address address;

    memset(in, 'a', sizeof in);
    memcpy(in + sizeof in - 13, "@Example.ORG", 13);
    address = read_address(in, false);
    ck_assert_str_eq(address.text, "@example.org");
    ck_assert_int_eq(known(&address), DOMAIN);
    address = read_address(in + 3 * POLICY_ADDRESS_SIZE, false);
    ck_assert_uint_eq(strlen(address.text), POLICY_ADDRESS_SIZE - 1);
    ck_assert_int_eq(known(&address), ALL);
    address = read_address(in + 3 * POLICY_ADDRESS_SIZE - 1, false);
    ck_assert_str_eq(address.text, "@example.org");
    ck_assert_int_eq(known(&address), DOMAIN);
    /* U+0390 has two bytes, and six when its case is folded. */
    memcpy(in + sizeof in - 15, "\xce\x90", 2);
    address = read_address(in + 3 * POLICY_ADDRESS_SIZE + 4, true);
    ck_assert_uint_eq(strlen(address.text), POLICY_ADDRESS_SIZE - 1);
    ck_assert_int_eq(known(&address), ALL);
    address = read_address(in + 3 * POLICY_ADDRESS_SIZE + 3, true);
    ck_assert_int_eq(known(&address), DOMAIN);
    in[7] = '%';
    address = read_address(in, false);
    ck_assert_uint_eq(strlen(address.text), POLICY_ADDRESS_SIZE - 1);
    ck_assert_int_eq(known(&address), NOTHING);
}
END_TEST

/* RFC 1035 section 2.3.4 */
START_TEST(test_long_domain)
{
    char in[4 * POLICY_ADDRESS_SIZE] = "a@";
    struct policy_address address;

    memset(in + 2, 'b', 253);
    address = read_address(in, true);
    ck_assert_int_eq(known(&address), ALL);
    in[255] = 'b';
    address = read_address(in, true);
    ck_assert_int_eq(known(&address), NOTHING);
    memset(in + 2, 'b', sizeof in - 3);
    address = read_address(in, true);
    ck_assert_uint_eq(strlen(address.text), POLICY_ADDRESS_SIZE - 1);
    ck_assert_int_eq(known(&address), NOTHING);
}
END_TEST

/* --- what becomes of a mail whose addresses are not plain --- */

#define ODD      "bert%example.org@mx.example.org"
#define UMLAUT   "b\xc3\xa4rt@example.org"
#define DAEMON   "mailer-daemon@example.org"
#define FOR_BERT "recipient=" BERT " tls reject"

static const struct {
    const char *policy;
    const char *record;
    const char *sender;
    const char *recipient;
    const char *word;
    unsigned line;
} rows[] = {
    /* every rule that can refuse it */
    {FOR_BERT, "plain", ANNA, ODD, "reject", 1},
    {"recipient=x.example tls reject", "plain", ANNA, ODD, "reject", 1},
    {"recipient=.x.example tls defer", "plain", ANNA, ODD, "defer", 1},
    {"recipient=" BERT " tls>=1.3 reject", "tls1.2", ANNA, ODD, "reject", 1},
    {FOR_BERT, "tls1.2", ANNA, ODD, "pass", 1},
    {FOR_BERT, "unknown", ANNA, ODD, "defer", 1},
    {"sender=" ANNA " tls reject", "plain", ODD, BERT, "reject", 1},
    {"sender=partner.example tls reject", "plain", ODD, BERT, "reject", 1},
    {"sender=<> tls reject", "plain", ODD, BERT, "reject", 1},
    {"sender=" ANNA " recipient=" BERT " tls reject", "plain", ODD, ODD, "reject", 1},
    /* but whose other conditions hold */
    {"client=192.0.2.8 " FOR_BERT, "plain", ANNA, ODD, "pass", 0},
    {"listener=two " FOR_BERT, "plain", ANNA, ODD, "pass", 0},
    {"sender=" BERT " " FOR_BERT, "plain", ANNA, ODD, "pass", 0},
    /* and none that takes it */
    {"recipient=" BERT " nothing\n* tls reject", "plain", ANNA, ODD, "reject", 2},
    {"recipient=" BERT " tls tag\n* tls reject", "plain", ANNA, ODD, "reject", 2},
    {"recipient=" BERT " tls tag", "plain", ANNA, ODD, "pass", 0},
    {"recipient=" BERT " nothing\n* tls tag", "plain", ANNA, ODD, "tag", 2},
    {"sender=" ANNA " nothing\nsender=" BERT " tls reject", "plain", ODD, BERT, "reject", 2},
    {"sender=<> nothing\n* tls reject", "plain", ODD, BERT, "reject", 2},
    /* of several the strictest, up to the first that fits for certain */
    {"recipient=a@b.c tls defer\n" FOR_BERT, "plain", ANNA, ODD, "reject", 2},
    {FOR_BERT "\nrecipient=a@b.c tls defer", "plain", ANNA, ODD, "reject", 1},
    {FOR_BERT "\nrecipient=a@b.c tls reject", "plain", ANNA, ODD, "reject", 1},
    {FOR_BERT "\n* nothing", "plain", ANNA, ODD, "reject", 1},
    {"* nothing\n" FOR_BERT, "plain", ANNA, ODD, "pass", 1},
    {"recipient=a@b.c tls defer\n* tls reject", "plain", ANNA, ODD, "reject", 2},
    {"recipient=a@b.c tls defer\n* tls tag", "plain", ANNA, ODD, "defer", 1},
    {FOR_BERT "\n* tls>=1.3 reject", "tls1.2", ANNA, ODD, "reject", 2},
    {FOR_BERT "\n* tls>=1.3 tag", "tls1.2", ANNA, ODD, "tag", 2},
    /* before the recipient is known */
    {"sender=" BERT " tls reject\n" FOR_BERT, "plain", ODD, NULL, "reject", 1},
    {FOR_BERT "\nsender=" BERT " tls reject", "plain", ODD, NULL, "undecided", 1},
    {"sender=" BERT " recipient=" BERT " nothing\n* tls reject", "plain", ODD, NULL, "reject", 2},
    {"sender=" BERT " tls>=1.3 reject\n" FOR_BERT, "tls1.3", ODD, NULL, "undecided", 2},
    /* where only the domain is known */
    {FOR_BERT, "plain", ANNA, UMLAUT, "reject", 1},
    {"recipient=example.org tls reject", "plain", ANNA, UMLAUT, "reject", 1},
    {"recipient=example.org nothing\n* tls reject", "plain", ANNA, UMLAUT, "pass", 1},
    {"recipient=bert@example.net tls reject", "plain", ANNA, UMLAUT, "pass", 0},
    {"recipient=" UMLAUT " nothing\n* tls reject", "plain", ANNA, UMLAUT, "reject", 2},
    {"sender=<> tls reject", "plain", UMLAUT, BERT, "pass", 0},
    /* and where only the local part is */
    {"recipient=postmaster@example.org tls reject", "plain", ANNA, "postmaster", "reject", 1},
    {"recipient=example.org tls reject", "plain", ANNA, "postmaster", "reject", 1},
    {FOR_BERT, "plain", ANNA, "postmaster", "pass", 0},
    {"recipient=postmaster@example.org nothing\n* tls reject", "plain", ANNA, "postmaster",
     "reject", 2},
    /* bounces */
    {"sender=" ANNA " tls reject", "plain", "", BERT, "pass", 0},
    {"sender=partner.example tls reject\nsender=<> nothing\n* tls reject", "plain", "", BERT,
     "pass", 2},
    {"sender=<> tls reject", "plain", DAEMON, BERT, "reject", 1},
    {"sender=<> tls reject", "plain", "MAILER-DAEMON", BERT, "reject", 1},
    {"sender=<> nothing\n* tls reject", "plain", DAEMON, BERT, "reject", 2},
    {"sender=<> tls reject", "plain", "mailer-daemon2@example.org", BERT, "pass", 0},
    {"sender=" DAEMON " nothing\n* tls reject", "plain", DAEMON, BERT, "pass", 1},
};

START_TEST(test_verdict)
{
    struct policy *policy = good_policy(rows[_i].policy);
    struct record record = record_of(rows[_i].record);
    struct policy_verdict verdict =
        judge(policy, CLIENT, rows[_i].sender, rows[_i].recipient, &record);

    ck_assert_msg(strcmp(word_of(verdict), rows[_i].word) == 0 && verdict.line == rows[_i].line,
                  "%s, %s, from %s to %s: %s, line %u", rows[_i].policy, rows[_i].record,
                  rows[_i].sender, rows[_i].recipient, word_of(verdict), verdict.line);
    policy_free(policy);
}
END_TEST

/* What the milter is told is certain where what the client typed is not. */
START_TEST(test_resolved)
{
    struct policy *policy =
        good_policy("recipient=" UMLAUT " nothing\nrecipient=bert@example nothing\n"
                    "* tls reject");
    struct record record = record_of("plain");
    static const char *const recipients[] = {UMLAUT, "bert@example"};

    for (size_t i = 0; i < sizeof recipients / sizeof recipients[0]; i++) {
        ck_assert_int_eq(judge_as(policy, CLIENT, ANNA, recipients[i], &record, true).action,
                         POLICY_PASS);
        ck_assert_int_eq(judge_as(policy, CLIENT, ANNA, recipients[i], &record, false).action,
                         POLICY_REJECT);
    }
    policy_free(policy);
}
END_TEST

Suite *policy_address_suite(void)
{
    Suite *suite = suite_create("policy_address");
    TCase *tests = tcase_create("policy_address");

    tcase_add_loop_test(tests, test_address, 0, (int)(sizeof addresses / sizeof addresses[0]));
    tcase_add_test(tests, test_quotes);
    tcase_add_test(tests, test_nul);
    tcase_add_test(tests, test_long_local_part);
    tcase_add_test(tests, test_long_domain);
    tcase_add_loop_test(tests, test_verdict, 0, (int)(sizeof rows / sizeof rows[0]));
    tcase_add_test(tests, test_resolved);
    suite_add_tcase(suite, tests);
    return suite;
}
