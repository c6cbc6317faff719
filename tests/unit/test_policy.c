#include "tests/unit/policy_base.h"

Suite *policy_suite(void);

static const struct {
    const char *policy;
    const char *record;
    const char *client;
    const char *sender;
    const char *recipient;
    const char *word;
} rows[] = {
    /* requirements */
    {"", "plain", CLIENT, ANNA, BERT, "pass"},
    {"", "unknown", CLIENT, ANNA, BERT, "pass"},
    {"* nothing", "plain", CLIENT, ANNA, BERT, "pass"},
    {"* nothing", "unknown", CLIENT, ANNA, BERT, "pass"},
    {"* tls reject", "plain", CLIENT, ANNA, BERT, "reject"},
    {"* tls reject", "tls1.0", CLIENT, ANNA, BERT, "pass"},
    {"* tls reject", "unknown", CLIENT, ANNA, BERT, "defer"},
    {"* tls defer", "plain", CLIENT, ANNA, BERT, "defer"},
    {"* tls defer", "unknown", CLIENT, ANNA, BERT, "defer"},
    {"* tls tag", "plain", CLIENT, ANNA, BERT, "tag"},
    {"* tls tag", "unknown", CLIENT, ANNA, BERT, "tag"},
    {"* tls tag", "tls1.0", CLIENT, ANNA, BERT, "pass"},
    {"* tls>=1.0 reject", "tls1.0", CLIENT, ANNA, BERT, "pass"},
    {"* tls>=1.1 reject", "tls1.0", CLIENT, ANNA, BERT, "reject"},
    {"* tls>=1.2 reject", "tls1.2", CLIENT, ANNA, BERT, "pass"},
    {"* tls>=1.3 reject", "tls1.2", CLIENT, ANNA, BERT, "reject"},
    {"* tls>=1.3 reject", "tls1.3", CLIENT, ANNA, BERT, "pass"},
    {"* tls>=1.3 reject", "plain", CLIENT, ANNA, BERT, "reject"},
    {"* bits>=128 reject", "tls1.2", CLIENT, ANNA, BERT, "pass"},
    {"* bits>=129 reject", "tls1.2", CLIENT, ANNA, BERT, "reject"},
    {"* bits>=129 reject", "tls1.3", CLIENT, ANNA, BERT, "pass"},
    {"* bits>=1 reject", "plain", CLIENT, ANNA, BERT, "reject"},
    {"* tls>=1.3 bits>=128 reject", "tls1.2", CLIENT, ANNA, BERT, "reject"},
    {"* client_certificate reject", "tls1.3", CLIENT, ANNA, BERT, "reject"},
    {"* client_certificate reject", "shown", CLIENT, ANNA, BERT, "reject"},
    {"* client_certificate reject", "trusted", CLIENT, ANNA, BERT, "pass"},
    {"* client_certificate reject", "unknown", CLIENT, ANNA, BERT, "defer"},
    {"* fingerprint=" PRINT_A " reject", "shown", CLIENT, ANNA, BERT, "pass"},
    {"* fingerprint=" PRINT_B " reject", "shown", CLIENT, ANNA, BERT, "pass"},
    {"* fingerprint=" PRINT_C " reject", "shown", CLIENT, ANNA, BERT, "reject"},
    {"* fingerprint=" PRINT_C "," PRINT_A " reject", "shown", CLIENT, ANNA, BERT, "pass"},
    {"* fingerprint=" PRINT_A " reject", "tls1.3", CLIENT, ANNA, BERT, "reject"},
    {"* fingerprint=" PRINT_A " client_certificate reject", "shown", CLIENT, ANNA, BERT, "reject"},
    /* conditions */
    {"client=192.0.2.0/24 tls reject", "plain", CLIENT, ANNA, BERT, "reject"},
    {"client=192.0.3.0/24 tls reject", "plain", CLIENT, ANNA, BERT, "pass"},
    {"client=192.0.2.7 tls reject", "plain", "::ffff:192.0.2.7", ANNA, BERT, "reject"},
    {"client=2001:db8::/32 tls reject", "plain", "2001:db8::1", ANNA, BERT, "reject"},
    {"sender=" ANNA " tls reject", "plain", CLIENT, ANNA, BERT, "reject"},
    {"sender=Anna@PARTNER.example tls reject", "plain", CLIENT, "ANNA@partner.Example", BERT,
     "reject"},
    {"sender=" ANNA " tls reject", "plain", CLIENT, "anna2@partner.example", BERT, "pass"},
    {"sender=partner.example tls reject", "plain", CLIENT, ANNA, BERT, "reject"},
    {"sender=partner.example tls reject", "plain", CLIENT, "a@mx.partner.example", BERT, "pass"},
    {"sender=.partner.example tls reject", "plain", CLIENT, "a@mx.partner.example", BERT, "reject"},
    {"sender=.partner.example tls reject", "plain", CLIENT, "a@a.b.partner.example", BERT,
     "reject"},
    {"sender=.partner.example tls reject", "plain", CLIENT, ANNA, BERT, "pass"},
    {"sender=.partner.example tls reject", "plain", CLIENT, "a@apartner.example", BERT, "pass"},
    {"sender=partner.example tls reject", "plain", CLIENT, "", BERT, "pass"},
    {"sender=<> tls reject", "plain", CLIENT, "", BERT, "reject"},
    {"sender=<> tls reject", "plain", CLIENT, ANNA, BERT, "pass"},
    {"recipient=" BERT " tls reject", "plain", CLIENT, ANNA, BERT, "reject"},
    {"recipient=" BERT " tls reject", "plain", CLIENT, ANNA, "BERT@example.ORG.", "reject"},
    {"recipient=" BERT " tls reject", "plain", CLIENT, ANNA, "bert@example.net", "pass"},
    {"recipient=" BERT " tls reject", "plain", CLIENT, BERT, ANNA, "pass"},
    {"recipient=xn--bcher-kva.example tls reject", "plain", CLIENT, ANNA, "a@XN--BCHER-KVA.example",
     "reject"},
    {"recipient=\xc3\xbc@example.org tls reject", "plain", CLIENT, ANNA, "\xc3\xbc@example.org",
     "reject"},
    {"listener=mx tls reject", "plain", CLIENT, ANNA, BERT, "reject"},
    {"listener=two tls reject", "plain", CLIENT, ANNA, BERT, "pass"},
    {"sni=mail.example.org tls>=1.3 reject", "tls1.2", CLIENT, ANNA, BERT, "reject"},
    {"sni=MAIL.example.org tls>=1.3 reject", "tls1.2", CLIENT, ANNA, BERT, "reject"},
    {"sni=.example.org tls>=1.3 reject", "tls1.2", CLIENT, ANNA, BERT, "reject"},
    {"sni=example.org tls>=1.3 reject", "tls1.2", CLIENT, ANNA, BERT, "pass"},
    {"listener=two sni=mail.example.org tls>=1.3 reject", "tls1.2", CLIENT, ANNA, BERT, "pass"},
    {"sni=mail.example.org listener=mx tls>=1.3 reject", "tls1.2", CLIENT, ANNA, BERT, "reject"},
    {"sni=mail.example.org tls reject", "plain", CLIENT, ANNA, BERT, "pass"},
    {"client=192.0.2.7 sender=" ANNA " recipient=" BERT " listener=mx tls reject", "plain", CLIENT,
     ANNA, BERT, "reject"},
    {"client=192.0.2.8 sender=" ANNA " recipient=" BERT " tls reject", "plain", CLIENT, ANNA, BERT,
     "pass"},
    /* the first one decides */
    {"sender=" ANNA " nothing\n* tls reject", "plain", CLIENT, ANNA, BERT, "pass"},
    {"* tls reject\nsender=" ANNA " nothing", "plain", CLIENT, ANNA, BERT, "reject"},
    {"sender=" BERT " nothing\n* tls defer\n* tls reject", "plain", CLIENT, ANNA, BERT, "defer"},
    {"* tls tag\n* tls reject", "plain", CLIENT, ANNA, BERT, "tag"},
    {"* tls reject\n* tls>=1.3 reject", "tls1.2", CLIENT, ANNA, BERT, "pass"},
    /* before the recipient is known */
    {"recipient=" BERT " tls reject", "plain", CLIENT, ANNA, NULL, "undecided"},
    {"recipient=" BERT " nothing\n* tls reject", "plain", CLIENT, ANNA, NULL, "undecided"},
    {"sender=" ANNA " tls reject\nrecipient=" BERT " nothing", "plain", CLIENT, ANNA, NULL,
     "reject"},
    {"sender=" BERT " recipient=" BERT " nothing\n* tls reject", "plain", CLIENT, ANNA, NULL,
     "reject"},
    {"client=192.0.2.8 recipient=" BERT " nothing\n* tls tag", "plain", CLIENT, ANNA, NULL, "tag"},
    {"listener=two recipient=" BERT " nothing\n* tls defer", "plain", CLIENT, ANNA, NULL, "defer"},
    {"listener=mx recipient=" BERT " nothing\n* tls defer", "unknown", CLIENT, ANNA, NULL, "defer"},
    {"listener=mx recipient=" BERT " tls defer", "unknown", CLIENT, ANNA, NULL, "undecided"},
    /* what is not known spares nobody, and refuses nobody for good */
    {"listener=mx nothing\n* tls reject", "unknown", CLIENT, ANNA, BERT, "defer"},
    {"listener=mx nothing", "unknown", CLIENT, ANNA, BERT, "pass"},
    {"listener=mx tls reject\n* nothing", "unknown", CLIENT, ANNA, BERT, "defer"},
    {"sni=a.example tls reject\n* nothing", "unknown", CLIENT, ANNA, BERT, "defer"},
    {"sni=a.example nothing\n* tls tag", "unknown", CLIENT, ANNA, BERT, "tag"},
    {"listener=mx tls tag\n* tls reject", "unknown", CLIENT, ANNA, BERT, "defer"},
    {"listener=mx tls tag\n* nothing", "unknown", CLIENT, ANNA, BERT, "tag"},
    {"listener=mx tls tag\nsender=" BERT " tls reject", "unknown", CLIENT, ANNA, BERT, "tag"},
    {"listener=mx sender=" BERT " tls reject", "unknown", CLIENT, ANNA, BERT, "pass"},
};

START_TEST(test_verdict)
{
    struct policy *policy = good_policy(rows[_i].policy);
    struct record record = record_of(rows[_i].record);
    struct policy_verdict verdict =
        judge(policy, rows[_i].client, rows[_i].sender, rows[_i].recipient, &record);

    ck_assert_msg(strcmp(word_of(verdict), rows[_i].word) == 0, "%s, %s, from %s to %s: %s",
                  rows[_i].policy, rows[_i].record, rows[_i].sender, rows[_i].recipient,
                  word_of(verdict));
    ck_assert(verdict.action == POLICY_PASS || verdict.text != NULL);
    ck_assert((verdict.action >= POLICY_DEFER) == (verdict.enhanced != NULL));
    policy_free(policy);
}
END_TEST

static const struct {
    const char *policy;
    const char *enhanced;
    const char *text;
} replies[] = {
    {"* tls reject", "5.7.10", "Encryption needed"},
    {"* tls defer", "4.7.10", "Encryption needed"},
    {"* tls tag", NULL, "policy"},
    {"* tls tag No TLS ", NULL, "No TLS"},
    {"* tls tag 5.7.10", NULL, "5.7.10"},
    {"* tls reject Use TLS, please", "5.7.10", "Use TLS, please"},
    {"* tls reject 5.7.1", "5.7.1", "Encryption needed"},
    {"* tls reject\t5.7.999  TLS (as agreed) # 100%\t ", "5.7.999", "TLS (as agreed) # 100%"},
    {"* tls defer 4.7.0 later\r\n", "4.7.0", "later"},
    {"* tls reject 5.7", "5.7.10", "5.7"},
    {"* tls reject 5.07.1", "5.7.10", "5.07.1"},
    {"* tls reject 5.7.1000", "5.7.10", "5.7.1000"},
    {"* tls reject 5.7.10. That is it", "5.7.10", "5.7.10. That is it"},
    {"* tls>=1.2 reject", "5.7.10", "Encryption needed, TLS 1.2 or newer"},
    {"* tls>=1.3 bits>=256 client_certificate fingerprint=" PRINT_A " reject", "5.7.10",
     "Encryption needed, TLS 1.3 or newer, 256 bits or more, a trusted client certificate, the "
     "client certificate known here"},
};

START_TEST(test_reply)
{
    struct policy *policy = good_policy(replies[_i].policy);
    struct record record = record_of("plain");
    struct policy_verdict verdict = judge(policy, CLIENT, ANNA, BERT, &record);

    ck_assert_uint_eq(verdict.line, 1);
    ck_assert_pstr_eq(verdict.enhanced, replies[_i].enhanced);
    ck_assert_str_eq(verdict.text, replies[_i].text);
    policy_free(policy);
}
END_TEST

/* The code of a refusal for good is not for one that is put off. */
START_TEST(test_reply_unknown)
{
    struct policy *policy = good_policy("\n# a comment\n* tls reject 5.7.1 Use TLS\n");
    struct record record = record_of("unknown");
    struct policy_verdict verdict = judge(policy, CLIENT, ANNA, BERT, &record);

    ck_assert_int_eq(verdict.action, POLICY_DEFER);
    ck_assert_uint_eq(verdict.line, 3);
    ck_assert_str_eq(verdict.enhanced, "4.7.0");
    ck_assert_str_eq(verdict.text, "How this session is protected is not known, try again later");
    policy_free(policy);
}
END_TEST

START_TEST(test_no_policy)
{
    struct record record = record_of("unknown");

    ck_assert_int_eq(judge(NULL, CLIENT, ANNA, BERT, &record).action, POLICY_PASS);
    policy_free(NULL);
}
END_TEST

/* --- files --- */

static const struct {
    const char *name;
    const char *policy;
    size_t num;
} files[] = {
    {"empty", "", 0},
    {"comments and empty lines", "# a\n\n   # b\n\t\n", 0},
    {"no line end", "* tls reject", 1},
    {"CR LF", "* tls reject\r\n* nothing\r\n", 2},
    {"blanks", "  \t* \t tls\treject  \n", 1},
    {"two", "* tls reject\n#\n* nothing\n", 2},
};

START_TEST(test_file)
{
    struct policy *policy = good_policy(files[_i].policy);

    ck_assert_msg(policy_num_rules(policy) == files[_i].num, "%s", files[_i].name);
    policy_free(policy);
}
END_TEST

#define NO_CONDITION " is not a condition (client=, sender=, recipient=, listener=, sni=, or *)"
#define NO_REQUIREMENT                                                                             \
    " is neither a condition nor a requirement (tls, tls>=, bits>=, client_certificate, "          \
    "fingerprint=, nothing)"
#define NOT_PLAIN " is never compared: only local@domain is, without quotes, %, ! or a second @"
#define NO_ACTION                                                                                  \
    " is neither a requirement (tls, tls>=, bits>=, client_certificate, fingerprint=) nor an "     \
    "action (reject, defer, tag)"

static const struct {
    const char *policy;
    const char *message; /* behind the file's name */
} bad[] = {
    {"tls reject", ":1: \"tls\"" NO_CONDITION},
    {"\n# a\nclient tls reject", ":3: \"client\"" NO_CONDITION},
    {"CLIENT=192.0.2.1 tls reject", ":1: \"CLIENT=192.0.2.1\"" NO_CONDITION},
    {"client=192.0.2.1/24 tls reject",
     ":1: client: \"192.0.2.1/24\": bits are set after the network's prefix"},
    {"client= tls reject",
     ":1: client: \"\": not ADDRESS/BITS or ADDRESS (numeric addresses only)"},
    {"client=192.0.2.1 client=192.0.2.2 tls reject", ":1: client is given twice"},
    {"sender=a@b.example sender=c.example tls reject", ":1: sender is given twice"},
    {"sender=a@b.example sender=<> tls reject", ":1: sender is given twice"},
    {"recipient=a@b.example recipient=.c.example tls reject", ":1: recipient is given twice"},
    {"listener=mx listener=mx tls reject", ":1: listener is given twice"},
    {"sni=a sni=b tls reject", ":1: sni is given twice"},
    {"* * tls reject", ":1: * must be the only condition: it matches all mail"},
    {"* sender=a.example tls reject", ":1: * must be the only condition: it matches all mail"},
    {"sender=a.example * tls reject", ":1: * must be the only condition: it matches all mail"},
    {"sender=b\xc3\xbc"
     "cher.example tls reject",
     ":1: sender: \"b\xc3\xbc"
     "cher.example\": write the domain in its ASCII form, with xn--"},
    {"recipient=a@b\xc3\xbc"
     "cher.example tls reject",
     ":1: recipient: \"b\xc3\xbc"
     "cher.example\": write the domain in its ASCII form, with xn--"},
    {"sender=anna@ tls reject",
     ":1: sender: \"\" is neither an address nor a domain nor \".\" and a domain"},
    {"sender=@partner.example tls reject",
     ":1: sender: \"@partner.example\" is neither an address nor a domain"},
    {"sender=a@.partner.example tls reject",
     ":1: sender: \"a@.partner.example\" is neither an address nor a domain"},
    {"sender=*.example tls reject",
     ":1: sender: \"*.example\" is neither an address nor a domain nor \".\" and a domain"},
    {"sender=.. tls reject",
     ":1: sender: \"..\" is neither an address nor a domain nor \".\" and a domain"},
    {"sender=[192.0.2.1] tls reject",
     ":1: sender: \"[192.0.2.1]\": a domain in brackets is never compared"},
    {"recipient=a@[192.0.2.1] nothing",
     ":1: recipient: \"[192.0.2.1]\": a domain in brackets is never compared"},
    {"sender=a%b@c.example tls reject", ":1: sender: \"a%b@c.example\"" NOT_PLAIN},
    {"sender=b.example!a@c.example tls reject", ":1: sender: \"b.example!a@c.example\"" NOT_PLAIN},
    {"sender=a@b@c.example tls reject", ":1: sender: \"a@b@c.example\"" NOT_PLAIN},
    {"sender=\"a\"@b.example tls reject",
     ":1: sender: \"\"a\"@b.example\" is never compared: write \"a@b.example\""},
    {"sender=J\xc3\x96RG@b.example tls reject",
     ":1: sender: \"j\xc3\x96rg@b.example\" is never compared: write \"j\xc3\xb6rg@b.example\""},
    {"recipient=gr\xc3\xb6\xc3\x9f@b.example tls reject",
     ":1: recipient: \"gr\xc3\xb6\xc3\x9f@b.example\" is never compared: write \"gr\xc3\xb6"
     "ss@b.example\""},
    {"recipient=\xc4@b.example tls reject", ":1: recipient: \"\xc4@b.example\"" NOT_PLAIN},
    {"sender=a@192.0.2.1 tls reject", ":1: sender: \"a@192.0.2.1\"" NOT_PLAIN},
    {"recipient=<> tls reject",
     ":1: recipient: \"<>\" is neither an address nor a domain nor \".\" and a domain"},
    {"listener=submission tls reject", ":1: there is no listener \"submission\" in " FILE_NAME},
    {"sni=a_b tls reject",
     ":1: sni: \"a_b\" is neither an address nor a domain nor \".\" and a domain"},
    {"*", ":1: the requirement is missing: tls, or nothing"},
    {"sender=a.example", ":1: the requirement is missing: tls, or nothing"},
    {"* reject", ":1: \"reject\"" NO_REQUIREMENT},
    {"* ssl reject", ":1: \"ssl\"" NO_REQUIREMENT},
    {"* nothing reject", ":1: no other word may follow \"nothing\""},
    {"* tls nothing", ":1: \"nothing\"" NO_ACTION},
    {"* tls", ":1: the action is missing: reject, defer or tag"},
    {"* tls REJECT", ":1: \"REJECT\"" NO_ACTION},
    {"* tls permit", ":1: \"permit\"" NO_ACTION},
    {"* tls tls reject", ":1: tls is already implied by another requirement of this rule"},
    {"* tls>=1 reject", ":1: tls>=1: only 1.0, 1.1, 1.2 and 1.3 are known"},
    {"* tls>=1.2 tls reject", ":1: tls is already implied by another requirement of this rule"},
    {"* tls>=1.2 tls>=1.3 reject", ":1: tls>=1.3: a version is given twice"},
    {"* tls>=2 reject", ":1: tls>=2: only 1.0, 1.1, 1.2 and 1.3 are known"},
    {"* tls>= 1.2 reject", ":1: tls>=: only 1.0, 1.1, 1.2 and 1.3 are known"},
    {"* bits>=0 reject", ":1: bits>=0: not a number from 1 to 256"},
    {"* bits>=257 reject", ":1: bits>=257: not a number from 1 to 256"},
    {"* bits>=0128 reject", ":1: bits>=0128: not a number from 1 to 256"},
    {"* bits>=-1 reject", ":1: bits>=-1: not a number from 1 to 256"},
    {"* bits>= reject", ":1: bits>=: not a number from 1 to 256"},
    {"* bits>=128 bits>=128 reject", ":1: bits is given twice"},
    {"* client_certificate client_certificate reject", ":1: client_certificate is given twice"},
    {"* fingerprint=" PRINT_A " fingerprint=" PRINT_B " reject", ":1: fingerprint is given twice"},
    {"* fingerprint= reject",
     ":1: fingerprint: \"\" is not 32 bytes in hex with colons between them"},
    {"* fingerprint=" PRINT_A ", reject",
     ":1: fingerprint: \"\" is not 32 bytes in hex with colons between them"},
    {"* fingerprint=00:11 reject",
     ":1: fingerprint: \"00:11\" is not 32 bytes in hex with colons between them"},
    {"* fingerprint=" HEX31 "0G reject",
     ":1: fingerprint: \"" HEX31 "0G\" is not 32 bytes in hex with colons between them"},
    {"* fingerprint=" HEX31 "00:00 reject",
     ":1: fingerprint: \"" HEX31 "00:00\" is not 32 bytes in hex with colons between them"},
    {"* tls reject 4.7.10", ":1: 4.7.10: the code of this action begins with 5, as 5.7.10 does"},
    {"* tls defer 5.7.10 no", ":1: 5.7.10: the code of this action begins with 4, as 4.7.10 does"},
    {"* tls reject 50.7.1", ":1: 50.7.1: the code of this action begins with 5, as 5.7.10 does"},
    {"* tls reject Verschl\xc3\xbcsseln", ":1: the text must be ASCII, at most 128 bytes"},
    {"* tls reject " HUNDRED TWENTY "123456789", ":1: the text must be ASCII, at most 128 bytes"},
    {"* tls reject\x01", ":1: control character 0x01"},
    {"* tls\rreject", ":1: control character 0x0d"},
    {"* tls\x7freject", ":1: control character 0x7f"},
    {"\xef\xbb\xbf* tls reject", ":1: \"\xef\xbb\xbf*\"" NO_CONDITION},
};

START_TEST(test_bad)
{
    struct conf_error error = {""};
    struct policy *policy = read_policy(bad[_i].policy, &error);
    char expected[sizeof error.text];

    snprintf(expected, sizeof expected, POLICY "%s", bad[_i].message);
    ck_assert_msg(policy == NULL, "%s: accepted", bad[_i].policy);
    ck_assert_msg(strcmp(error.text, expected) == 0, "%s: %s", bad[_i].policy, error.text);
}
END_TEST

START_TEST(test_fingerprint_in_lower_case)
{
    struct policy *policy = good_policy(
        "* fingerprint=00:11:22:33:44:55:66:77:88:99:aa:bb:cc:dd:ee:ff:00:11:22:33:44:55:66:77:88:"
        "99:aa:bb:cc:dd:ee:0a reject");
    struct record record = record_of("shown");

    ck_assert_int_eq(judge(policy, CLIENT, ANNA, BERT, &record).action, POLICY_PASS);
    policy_free(policy);
}
END_TEST

START_TEST(test_longest)
{
    char line[POLICY_LINE_MAX + 2];
    struct conf_error error = {""};
    struct policy *policy;

    memset(line, ' ', sizeof line);
    memcpy(line, "* tls reject", 12);
    line[POLICY_LINE_MAX] = '\0';
    policy_free(good_policy(line));
    line[POLICY_LINE_MAX] = ' ';
    line[POLICY_LINE_MAX + 1] = '\0';
    ck_assert_ptr_null(read_policy(line, &error));
    ck_assert_str_eq(error.text, POLICY ":1: a line may have at most 1024 bytes");
    policy = good_policy("* tls reject " HUNDRED TWENTY "12345678");
    policy_free(policy);
    ck_assert_ptr_null(read_policy("* fingerprint=" PRINT_A "," PRINT_A "," PRINT_A "," PRINT_A
                                   "," PRINT_A "," PRINT_A "," PRINT_A "," PRINT_A "," PRINT_A
                                   " reject",
                                   &error));
    ck_assert_str_eq(error.text, POLICY ":1: fingerprint: more than 8 are listed");
}
END_TEST

START_TEST(test_most)
{
    size_t size = POLICY_SIZE_MAX + 1;
    char *text = malloc(size + 1);
    size_t len = 0;
    struct conf_error error = {""};
    struct policy *policy;
    struct conf *conf = parse_edited("", "");

    ck_assert_ptr_nonnull(text);
    while (len < (POLICY_RULES_MAX + 1) * 10) {
        memcpy(text + len, "* nothing\n", 10);
        len += 10;
    }
    ck_assert_ptr_null(policy_parse(conf, POLICY, (uint8_t *)text, len, &error));
    ck_assert_str_eq(error.text, POLICY ":10001: more than 10000 rules");
    policy = policy_parse(conf, POLICY, (uint8_t *)text, len - 10, &error);
    ck_assert_ptr_nonnull(policy);
    ck_assert_uint_eq(policy_num_rules(policy), POLICY_RULES_MAX);
    policy_free(policy);
    memset(text, '\n', size);
    ck_assert_ptr_null(policy_parse(conf, POLICY, (uint8_t *)text, size, &error));
    ck_assert_str_eq(error.text, POLICY ": larger than 1048576 bytes");
    policy = policy_parse(conf, POLICY, (uint8_t *)text, size - 1, &error);
    ck_assert_ptr_nonnull(policy);
    policy_free(policy);
    conf_free(conf);
    free(text);
}
END_TEST

START_TEST(test_nul)
{
    static const uint8_t text[] = "* nothing\n* tls\0 reject\n";
    struct conf_error error = {""};
    struct conf *conf = parse_edited("", "");

    ck_assert_ptr_null(policy_parse(conf, POLICY, text, sizeof text - 1, &error));
    ck_assert_str_eq(error.text, POLICY ":2: control character 0x00");
    conf_free(conf);
}
END_TEST

Suite *policy_suite(void)
{
    Suite *suite = suite_create("policy");
    TCase *tests = tcase_create("policy");

    tcase_add_loop_test(tests, test_verdict, 0, (int)(sizeof rows / sizeof rows[0]));
    tcase_add_loop_test(tests, test_reply, 0, (int)(sizeof replies / sizeof replies[0]));
    tcase_add_test(tests, test_reply_unknown);
    tcase_add_test(tests, test_no_policy);
    tcase_add_loop_test(tests, test_file, 0, (int)(sizeof files / sizeof files[0]));
    tcase_add_loop_test(tests, test_bad, 0, (int)(sizeof bad / sizeof bad[0]));
    tcase_add_test(tests, test_fingerprint_in_lower_case);
    tcase_add_test(tests, test_longest);
    tcase_add_test(tests, test_most);
    tcase_add_test(tests, test_nul);
    suite_add_tcase(suite, tests);
    return suite;
}
