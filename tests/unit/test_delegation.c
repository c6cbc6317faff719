#include "lib/smtp/delegation.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

Suite *delegation_suite(void);

#define ACCESS "request=smtpd_access_policy\n"

/* What Postfix 3.7 sends at RCPT. */
static const char whole[] = ACCESS "protocol_state=RCPT\n"
                                   "protocol_name=ESMTP\n"
                                   "client_address=2001:db8::7\n"
                                   "client_name=unknown\n"
                                   "client_port=49211\n"
                                   "reverse_client_name=unknown\n"
                                   "server_address=2001:db8::25\n"
                                   "server_port=25\n"
                                   "helo_name=a=b\n"
                                   "sender=a=b@example.net\n"
                                   "recipient=bert@example.org\n"
                                   "recipient_count=0\n"
                                   "queue_id=\n"
                                   "instance=1a2b.5f5e1000.0\n"
                                   "size=0\n"
                                   "etrn_domain=\n"
                                   "stress=\n"
                                   "sasl_method=\n"
                                   "ccert_subject=\n"
                                   "encryption_protocol=\n"
                                   "policy_context=\n"
                                   "\n";

static enum delegation_result read_text(const char *text, struct delegation *out, size_t *left,
                                        const char **why)
{
    struct bytes in = bytes_of(text, strlen(text));
    enum delegation_result result = delegation_read(&in, out, why);

    *left = in.len;
    return result;
}

START_TEST(test_whole)
{
    struct delegation d;
    const char *why;
    size_t left;

    ck_assert_int_eq(read_text(whole, &d, &left, &why), DELEGATION_DONE);
    ck_assert_uint_eq(left, 0);
    ck_assert(delegation_is(d.protocol_state, "RCPT"));
    ck_assert(delegation_is(d.client_address, "2001:db8::7"));
    ck_assert(delegation_is(d.client_port, "49211"));
    ck_assert(delegation_is(d.server_address, "2001:db8::25"));
    ck_assert(delegation_is(d.server_port, "25"));
    ck_assert(delegation_is(d.sender, "a=b@example.net"));
    ck_assert(delegation_is(d.recipient, "bert@example.org"));
    ck_assert(delegation_is(d.recipient_count, "0"));
    ck_assert(delegation_is(d.instance, "1a2b.5f5e1000.0"));
}
END_TEST

START_TEST(test_every_part)
{
    struct delegation d;
    const char *why;

    for (size_t len = 0; len < sizeof whole - 1; len++) {
        struct bytes in = bytes_of(whole, len);

        ck_assert_msg(delegation_read(&in, &d, &why) == DELEGATION_MORE, "%zu", len);
        ck_assert_uint_eq(in.len, len);
    }
}
END_TEST

START_TEST(test_two)
{
    static const char text[] = ACCESS "instance=1\n\n" ACCESS "instance=2\n\nx";
    struct bytes in = bytes_of(text, sizeof text - 1);
    struct delegation d;
    char value[8];
    const char *why;

    ck_assert_int_eq(delegation_read(&in, &d, &why), DELEGATION_DONE);
    ck_assert(delegation_is(d.instance, "1"));
    ck_assert_int_eq(delegation_read(&in, &d, &why), DELEGATION_DONE);
    ck_assert(delegation_is(d.instance, "2"));
    ck_assert(delegation_is(d.sender, ""));
    ck_assert(delegation_value(d.sender, value, sizeof value));
    ck_assert_str_eq(value, "");
    ck_assert_int_eq(delegation_read(&in, &d, &why), DELEGATION_MORE);
}
END_TEST

static const struct {
    const char *text;
    const char *why;
} bad[] = {
    {"\n", "not request=smtpd_access_policy"},
    {"sender=a\n\n", "not request=smtpd_access_policy"},
    {"request=junk\n\n", "not request=smtpd_access_policy"},
    {"request=smtpd_access_policy2\n\n", "not request=smtpd_access_policy"},
    {ACCESS "sender\n", "a line without '='"},
    {"\r\n", "a line without '='"},
    {ACCESS "sender=\nsender=a\n", "an attribute is given twice"},
    {ACCESS "client_port=1\nclient_port=1\n", "an attribute is given twice"},
};

START_TEST(test_bad)
{
    struct delegation d;
    const char *why = NULL;
    size_t left;

    ck_assert_msg(read_text(bad[_i].text, &d, &left, &why) == DELEGATION_BAD, "%s", bad[_i].text);
    ck_assert_str_eq(why, bad[_i].why);
    ck_assert_uint_eq(left, strlen(bad[_i].text));
}
END_TEST

START_TEST(test_too_long)
{
    char *text = malloc(DELEGATION_SIZE_MAX);
    struct delegation d;
    const char *why;
    struct bytes in;

    ck_assert_ptr_nonnull(text);
    memset(text, 'a', DELEGATION_SIZE_MAX);
    memcpy(text, ACCESS "x=", sizeof ACCESS + 1);
    in = bytes_of(text, DELEGATION_SIZE_MAX - 1);
    ck_assert_int_eq(delegation_read(&in, &d, &why), DELEGATION_MORE);
    in = bytes_of(text, DELEGATION_SIZE_MAX);
    ck_assert_int_eq(delegation_read(&in, &d, &why), DELEGATION_BAD);
    ck_assert_str_eq(why, "the request is too long");
    memcpy(text + DELEGATION_SIZE_MAX - 2, "\n\n", 2);
    in = bytes_of(text, DELEGATION_SIZE_MAX);
    ck_assert_int_eq(delegation_read(&in, &d, &why), DELEGATION_DONE);
    free(text);
}
END_TEST

static const struct {
    const char *text;
    bool good;
    uint16_t number;
} numbers[] = {
    {"0", true, 0},    {"25", true, 25},  {"65535", true, 65535}, {"65536", false, 0},
    {"", false, 0},    {"025", false, 0}, {"+25", false, 0},      {"-1", false, 0},
    {"2 5", false, 0}, {"25 ", false, 0}, {"100000", false, 0},   {"unknown", false, 0},
};

START_TEST(test_number)
{
    struct bytes value = bytes_of(numbers[_i].text, strlen(numbers[_i].text));
    uint16_t number = 0;

    ck_assert_msg(delegation_number(value, &number) == numbers[_i].good, "%s", numbers[_i].text);
    ck_assert_uint_eq(number, numbers[_i].number);
}
END_TEST

START_TEST(test_value)
{
    char out[4] = "xyz";

    ck_assert(!delegation_value(bytes_of("abcd", 4), out, sizeof out));
    ck_assert(!delegation_value(bytes_of("a\0b", 3), out, sizeof out));
    ck_assert_str_eq(out, "xyz");
    ck_assert(delegation_value(bytes_of("abc", 3), out, sizeof out));
    ck_assert_str_eq(out, "abc");
    ck_assert(delegation_value(bytes_of("", 0), out, sizeof out));
    ck_assert_str_eq(out, "");
}
END_TEST

START_TEST(test_answer)
{
    char buf[DELEGATION_ANSWER_SIZE];
    struct text t = text_in(buf, sizeof buf);

    delegation_answer(&t, "DUNNO", NULL);
    delegation_answer(&t, "REJECT", "5.7.10 100% needed");
    ck_assert_str_eq(buf, "action=DUNNO\n\naction=REJECT 5.7.10 100% needed\n\n");
}
END_TEST

Suite *delegation_suite(void)
{
    Suite *suite = suite_create("delegation");
    TCase *tests = tcase_create("delegation");

    tcase_add_test(tests, test_whole);
    tcase_add_test(tests, test_every_part);
    tcase_add_test(tests, test_two);
    tcase_add_loop_test(tests, test_bad, 0, (int)(sizeof bad / sizeof bad[0]));
    tcase_add_test(tests, test_too_long);
    tcase_add_loop_test(tests, test_number, 0, (int)(sizeof numbers / sizeof numbers[0]));
    tcase_add_test(tests, test_value);
    tcase_add_test(tests, test_answer);
    suite_add_tcase(suite, tests);
    return suite;
}
