#include "lib/admin/milterlog.h"

#include <check.h>
#include <string.h>

Suite *milterlog_suite(void);

static struct milterlog_refusal refusal(void)
{
    struct milterlog_refusal r = {
        .for_good = true,
        .stage = "RCPT",
        .enhanced = "5.7.10",
        .text = "Encryption needed",
        .sender = "a@example.net",
        .recipient = "b@example.org",
        .file = "/etc/postern/policy",
        .line = 12,
        .session = "4Zk2m1QyTz",
    };

    ck_assert(addr_parse(&r.client, "192.0.2.7"));
    r.client.port = 49211;
    return r;
}

static const char *written(const struct milterlog_refusal *r)
{
    static char buf[MILTERLOG_SIZE];
    struct text t = text_in(buf, sizeof buf);

    milterlog_refusal(&t, r);
    ck_assert(!t.cut);
    return buf;
}

START_TEST(test_reject)
{
    struct milterlog_refusal r = refusal();

    ck_assert_str_eq(written(&r),
                     "reject: RCPT from unknown[192.0.2.7]:49211: 5.7.10 Encryption needed; "
                     "from=<a@example.net> to=<b@example.org> rule=/etc/postern/policy:12 "
                     "session=4Zk2m1QyTz");
}
END_TEST

START_TEST(test_defer)
{
    struct milterlog_refusal r = refusal();

    r.for_good = false;
    r.stage = "MAIL";
    r.enhanced = "4.3.0";
    r.text = "Try again later";
    r.sender = "";
    r.recipient = NULL;
    r.line = 0;
    r.session = "";
    ck_assert_str_eq(written(&r),
                     "defer: MAIL from unknown[192.0.2.7]:49211: 4.3.0 Try again later; from=<>");
}
END_TEST

/* No address makes a second line, or a field of its own. */
START_TEST(test_escaped)
{
    struct milterlog_refusal r = refusal();

    r.sender = "\"a\n\"@example.net";
    r.recipient = "b@example.org> rule=none";
    ck_assert_ptr_nonnull(strstr(written(&r), "from=<\\x22a\\x0a\\x22@example.net> "
                                              "to=<b@example.org>\\x20rule\\x3dnone> rule=/etc"));
}
END_TEST

START_TEST(test_longest)
{
    struct milterlog_refusal r = refusal();
    char text[129];
    char wild[1000];

    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    memset(wild, 1, sizeof wild - 1);
    wild[sizeof wild - 1] = '\0';
    r.text = text;
    r.sender = wild;
    r.session = "4Zk2m1QyTz";
    ck_assert_uint_lt(strlen(written(&r)), MILTERLOG_SIZE);
    ck_assert_ptr_nonnull(strstr(written(&r), "...> to=<b@example.org>"));
}
END_TEST

Suite *milterlog_suite(void)
{
    Suite *suite = suite_create("milterlog");
    TCase *tests = tcase_create("milterlog");

    tcase_add_test(tests, test_reject);
    tcase_add_test(tests, test_defer);
    tcase_add_test(tests, test_escaped);
    tcase_add_test(tests, test_longest);
    suite_add_tcase(suite, tests);
    return suite;
}
