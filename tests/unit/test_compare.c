#include "tests/unit/compare_base.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

#define SUITE(name) Suite *name##_suite(void);
#include "tests/unit/suites.h"
#undef SUITE

#define HUNDRED                                                                                    \
    "0123456789012345678901234567890123456789012345678901234567890123456789012345678"              \
    "9abcdefghijklmnopqrst"

/* What each class says by itself, and what is no parameter. */
static const struct compare_row rows[] = {
    {.name = "nothing differs"},
    {.name = "two services behind, and nothing differs", .secured = ""},

    /* Carried. */
    {.name = "carried", .today = "soft_bounce = yes\n"},
    {.name = "carried: another value",
     .today = "soft_bounce = yes\n",
     .behind = "soft_bounce = no\n",
     .found = {{"soft_bounce", COMPARE_LOST, "the service behind has \"no\""}}},
    {.name = "carried: an own value",
     .behind = "milter_default_action = accept\n",
     .found = {{"milter_default_action", COMPARE_LOST, "\"accept\""}}},
    {.name = "carried: the service for plaintext",
     .behind = "soft_bounce = yes\n",
     .secured = "",
     .found = {{"soft_bounce", COMPARE_LOST, "\"yes\""}}},
    {.name = "carried: the service for TLS",
     .secured = "soft_bounce = yes\n",
     .found = {{"soft_bounce", COMPARE_LOST, "\"yes\""}}},
    {.name = "carried: both",
     .behind = "soft_bounce = yes\n",
     .secured = "soft_bounce = yes\n",
     .found = {{"soft_bounce", COMPARE_LOST, "\"yes\""}}},
    {.name = "carried: a family",
     .behind = "virtual_alias_maps = \n",
     .found = {{"virtual_alias_maps", COMPARE_LOST, "has \"\""}}},
    {.name = "carried: a long value is cut",
     .behind = "smtpd_banner = " HUNDRED "\n",
     .found = {{"smtpd_banner", COMPARE_LOST,
                "\"0123456789012345678901234567890123456789012345678901234567890123456789012345678"
                "9\""}}},

    /* Demanded. */
    {.name = "demand", .today = "smtpd_helo_required = yes\n"},
    {.name = "demand: less",
     .today = "smtpd_helo_required = yes\n",
     .behind = "smtpd_helo_required = no\n",
     .found = {{"smtpd_helo_required", COMPARE_FAIL, "is not demanded there"}}},
    {.name = "demand: more",
     .behind = "smtpd_helo_required = yes\n",
     .found = {{"smtpd_helo_required", COMPARE_STRICTER, "the service behind has \"yes\""}}},
    {.name = "demand: on one side only",
     .today = "smtpd_helo_required = yes\n",
     .secured = "smtpd_helo_required = no\n",
     .found = {{"smtpd_helo_required", COMPARE_FAIL, NULL}}},
    {.name = "demand: networks that may relay",
     .behind = "mynetworks = 0.0.0.0/0\n",
     .found = {{"mynetworks", COMPARE_FAIL, "\"0.0.0.0/0\""}}},
    {.name = "demand: domains that mail is relayed to, where there were none",
     .behind = "relay_domains = example.net\n",
     .found = {{"relay_domains", COMPARE_FAIL, "the service behind has \"example.net\""}}},
    {.name = "demand: a filter that is gone",
     .today = "content_filter = scan:[127.0.0.1]:10024\n",
     .behind = "content_filter = \n",
     .found = {{"content_filter", COMPARE_FAIL, "is not demanded there"}}},

    /* The service behind has a value of its own. */
    {.name = "ours: levels that mean no TLS",
     .behind = "smtpd_tls_security_level = \nsmtpd_use_tls = no\n"},
    {.name = "ours: TLS behind",
     .behind = "smtpd_tls_security_level = may\n",
     .found = {{"smtpd_tls_security_level", COMPARE_FAIL, "must have \"none\", but has \"may\""}}},
    {.name = "ours: TLS behind by an old name",
     .behind = "smtpd_tls_security_level = \nsmtpd_use_tls = yes\n",
     .found = {{"smtpd_tls_security_level", COMPARE_FAIL, "must have \"none\", but has \"\""}}},
    {.name = "ours: TLS from the first byte behind",
     .behind = "smtpd_tls_wrappermode = yes\n",
     .found = {{"smtpd_tls_wrappermode", COMPARE_FAIL, "must have \"no\""}}},
    {.name = "ours: of the service for TLS",
     .secured = "smtpd_tls_auth_only = yes\n",
     .found = {{"smtpd_tls_auth_only", COMPARE_FAIL, "must have \"no\", but has \"yes\""}}},
    {.name = "ours: of both, once",
     .behind = "smtpd_tls_auth_only = yes\n",
     .secured = "smtpd_tls_auth_only = yes\n",
     .found = {{"smtpd_tls_auth_only", COMPARE_FAIL, NULL}}},
    {.name = "ours: a port that is not logged",
     .behind = "smtpd_client_port_logging = no\n",
     .found = {{"smtpd_client_port_logging", COMPARE_LOST, "must have \"yes\""}}},
    {.name = "ours: a header that is not read",
     .behind = "smtpd_upstream_proxy_protocol = \n",
     .found = {{"smtpd_upstream_proxy_protocol", COMPARE_FAIL, "must have \"haproxy\""}}},
    {.name = "ours: a front that may say who the client is",
     .behind = "smtpd_authorized_xclient_hosts = 127.0.0.1\n",
     .found = {{"smtpd_authorized_xclient_hosts", COMPARE_FAIL, "must have \"\""}}},
    {.name = "ours: XFORWARD today",
     .today = "smtpd_authorized_xforward_hosts = 127.0.0.1\n",
     .found = {{"smtpd_authorized_xforward_hosts", COMPARE_LOST, "nobody may use XFORWARD"}}},
    {.name = "ours: XFORWARD behind",
     .today = "smtpd_authorized_xforward_hosts = 127.0.0.1\n",
     .behind = "smtpd_authorized_xforward_hosts = 127.0.0.1\n",
     .found = {{"smtpd_authorized_xforward_hosts", COMPARE_FAIL, "must have \"\""}}},

    /* Replaced, without a rule. */
    {.name = "replaced: set to Postfix's own", .main_cf = "smtpd_upstream_proxy_timeout = 5s\n"},
    {.name = "replaced",
     .today = "smtpd_upstream_proxy_timeout = 30s\n",
     .found = {{"smtpd_upstream_proxy_timeout", COMPARE_LOST, "posternd waits 5 s"}}},
    {.name = "replaced: by -o",
     .today = "smtpd_upstream_proxy_timeout = 30s\n",
     .main_cf = "",
     .own = "smtpd_upstream_proxy_timeout = 30s\n",
     .found = {{"smtpd_upstream_proxy_timeout", COMPARE_LOST, "posternd waits 5 s"}}},
    {.name = "replaced: -o puts Postfix's own back",
     .main_cf = "smtpd_upstream_proxy_timeout = 30s\n",
     .own = "smtpd_upstream_proxy_timeout = 5s\n"},
    {.name = "replaced: it may have any value behind",
     .behind = "smtpd_upstream_proxy_timeout = 30s\n"},

    /* Lost. */
    {.name = "lost",
     .today = "smtpd_tls_received_header = yes\n",
     .found = {{"smtpd_tls_received_header", COMPARE_LOST, "Received: lines do not show TLS"}}},
    {.name = "lost: it is off", .main_cf = "smtpd_tls_received_header = no\n"},
    {.name = "lost: it is on by itself, and off today",
     .today = "smtpd_tls_always_issue_session_ids = no\n"},
    {.name = "lost: a file that is none", .today = "tls_config_file = none\n"},
    {.name = "lost: a file",
     .today = "tls_config_file = /etc/postfix/openssl.cnf\n",
     .found = {{"tls_config_file", COMPARE_LOST, "does not read openssl.cnf"}}},
    {.name = "lost: a log of its own",
     .today = "maillog_file = /var/log/postfix.log\n",
     .found = {{"maillog_file", COMPARE_LOST, "to its own file"}}},
    {.name = "lost: REQUIRETLS is on by itself in a later release",
     .today = "requiretls_enable = yes\n",
     .main_cf = "",
     .found = {{"requiretls_enable", COMPARE_LOST, "bounces at its sender"}}},
    {.name = "lost: REQUIRETLS without TLS",
     .today = "requiretls_enable = yes\nsmtpd_tls_security_level = none\n",
     .options = "tls = \"none\""},
    {.name = "lost: REQUIRETLS off", .today = "requiretls_enable = no\n"},

    /* Of the world, without a rule; of nobody. */
    {.name = "world", .today = "default_process_limit = 5\nrelay_clientcerts = hash:/etc/c\n"},
    {.name = "nothing",
     .today = "smtp_tls_security_level = may\n",
     .behind = "smtp_tls_security_level = encrypt\n"},

    /* Under stress. */
    {.name = "stress",
     .main_cf = "soft_bounce = ${stress?yes}${stress:no}\n",
     .found = {{"soft_bounce", COMPARE_LOST, "under stress"}}},
    {.name = "stress: in parentheses",
     .main_cf = "soft_bounce = $(stress?yes)$(stress:no)\n",
     .found = {{"soft_bounce", COMPARE_LOST, "under stress"}}},
    {.name = "stress: by -o",
     .own = "soft_bounce = ${stress?{yes}:{no}}\n",
     .found = {{"soft_bounce", COMPARE_LOST, "under stress"}}},
    {.name = "stress: -o puts an end to it",
     .main_cf = "soft_bounce = ${stress?{yes}:{no}}\n",
     .own = "soft_bounce = no\n"},
    {.name = "stress: in a name of the administrator's",
     .today = "my_bounce = no\n",
     .main_cf = "my_bounce = ${stress?yes}${stress:no}\nsoft_bounce = $my_bounce\n",
     .found = {{"my_bounce", COMPARE_LOST, "under stress"}}},
    {.name = "stress: another word", .main_cf = "soft_bounce = ${distress?yes}no\n"},

    /* What the table has not. */
    {.name = "unknown: not set"},
    {.name = "unknown: set",
     .today = "smtpd_later_maps = hash:/etc/later\n",
     .found = {{"smtpd_later_maps", COMPARE_NOT_JUDGED, "is not known"}}},
    {.name = "unknown: set to Postfix's own", .main_cf = "smtpd_later_maps = \n"},
    {.name = "strangers",
     .main_cf = "smtpd_tls_securty_level = encrypt\n",
     .own = "milter_future = x\n",
     .found = {{"smtpd_tls_securty_level", COMPARE_NOT_JUDGED, "no such parameter"},
               {"milter_future", COMPARE_NOT_JUDGED, "no such parameter"}}},
    {.name = "strangers: in main.cf and by -o, once",
     .main_cf = "smtpd_future = 1\n",
     .own = "smtpd_future = 2\n",
     .found = {{"smtpd_future", COMPARE_NOT_JUDGED, NULL}}},
    {.name = "strangers: names of each kind",
     .own = "postscreen_future = 1\ntls_future = 1\ntlsproxy_future = 1\nrequiretls_future = 1\n",
     .found = {{"postscreen_future", COMPARE_NOT_JUDGED, NULL},
               {"tls_future", COMPARE_NOT_JUDGED, NULL},
               {"tlsproxy_future", COMPARE_NOT_JUDGED, NULL},
               {"requiretls_future", COMPARE_NOT_JUDGED, NULL}}},
    {.name = "strangers: the administrator's own", .own = "mua_networks = 192.0.2.0/24\n"},
    {.name = "a name of the administrator's that is used",
     .today = "mua_networks = 192.0.2.0/24\n",
     .behind = "mua_networks = 0.0.0.0/0\n"},

    /* The columns. */
    {.name = "processes: fewer",
     .maxproc = 600,
     .found = {{"maxproc", COMPARE_STRICTER, "480 sessions at one time, today 600"}}},
    {.name = "processes: more",
     .maxproc = 100,
     .found = {{"maxproc", COMPARE_LOST, "480 sessions at one time, today at most 100"}}},
    {.name = "processes: no bound today",
     .no_bound = true,
     .found = {{"maxproc", COMPARE_STRICTER, "480 sessions"}}},
    {.name = "processes: no bound any more",
     .maxproc = 100,
     .find = "127.0.0.1:12525\"",
     .replace = "127.0.0.1:12525\" max_connections = 0",
     .found = {{"maxproc", COMPARE_LOST, "no bound, today at most 100"}}},
    {.name = "processes: never a bound",
     .no_bound = true,
     .find = "127.0.0.1:12525\"",
     .replace = "127.0.0.1:12525\" max_connections = 0"},
    {.name = "processes: of no service", .maxproc = 100, .unknown = true},
    {.name = "chroot: the same", .chroot = "yyy", .secured = ""},
    {.name = "chroot: another",
     .chroot = "yn",
     .found = {{"chroot", COMPARE_LOST, "looked up elsewhere"}}},
    {.name = "chroot: of the service for TLS",
     .chroot = "nny",
     .secured = "",
     .found = {{"chroot", COMPARE_LOST, "looked up elsewhere"}}},
    {.name = "chroot: Postfix's own is n", .chroot = "-nn", .secured = ""},
    {.name = "chroot: Postfix's own was y once",
     .chroot = "-n",
     .today = "compatibility_level = 0\n",
     .found = {{"chroot", COMPARE_LOST, "looked up elsewhere"}}},
    {.name = "chroot: Postfix's own was y once, on both sides",
     .chroot = "-y",
     .today = "compatibility_level = 0\n"},
    {.name = "chroot: of no service", .chroot = "yn", .unknown = true},

    /* postscreen. */
    {.name = "postscreen on both sides", .screened = true, .screens = true},
    {.name = "postscreen: gone",
     .screened = true,
     .found = {{"postscreen", COMPARE_FAIL, "without any of postscreen's tests"}}},
    {.name = "postscreen: gone, of both services",
     .screened = true,
     .secured = "",
     .found = {{"postscreen", COMPARE_FAIL, NULL}}},
    {.name = "postscreen: new", .screens = true},
    {.name = "postscreen: a test is gone",
     .screened = true,
     .screens = true,
     .today = "postscreen_greet_action = enforce\n",
     .behind = "postscreen_greet_action = ignore\n",
     .found = {{"postscreen_greet_action", COMPARE_FAIL, "is not demanded there"}}},
    {.name = "postscreen: its settings are nobody's without it",
     .today = "postscreen_greet_action = enforce\npostscreen_upstream_proxy_timeout = 9s\n",
     .behind = "postscreen_greet_action = ignore\n"},
    {.name = "postscreen: TLS behind",
     .screened = true,
     .screens = true,
     .behind = "postscreen_tls_security_level = encrypt\n",
     .found = {{"postscreen_tls_security_level", COMPARE_FAIL, "must have \"none\""}}},
    {.name = "postscreen: TLS behind by an old name",
     .screened = true,
     .screens = true,
     .behind = "postscreen_tls_security_level = \npostscreen_use_tls = yes\n",
     .found = {{"postscreen_tls_security_level", COMPARE_FAIL, "must have \"none\""}}},
    {.name = "postscreen: no TLS behind, without a level",
     .screened = true,
     .screens = true,
     .behind = "postscreen_tls_security_level = \n"},
    {.name = "postscreen: it reads the header",
     .screened = true,
     .screens = true,
     .behind = "postscreen_upstream_proxy_protocol = \n",
     .found = {{"postscreen_upstream_proxy_protocol", COMPARE_FAIL, "must have \"haproxy\""}}},
    {.name = "postscreen: its smtpd reads none",
     .screened = true,
     .screens = true,
     .behind = "smtpd_upstream_proxy_protocol = haproxy\n",
     .found = {{"smtpd_upstream_proxy_protocol", COMPARE_FAIL, "must have \"\""}}},
};

START_TEST(test_rows)
{
    compare_row_check(&rows[_i]);
}
END_TEST

/* --- all of them ---------------------------------------------------------------------------- */

/* A value of its own makes every parameter a finding that the table does not say is nobody's. */
START_TEST(test_every_row)
{
    const struct parameter *p = parameter_at((size_t)_i);
    bool screens = strncmp(p->name, "postscreen_", strlen("postscreen_")) == 0;
    bool carried = p->class == PARAMETER_CARRIED || p->class == PARAMETER_DEMAND;
    char lines[256];
    struct compare_row row = {
        .name = p->name, .today = lines, .screened = screens, .screens = screens};

    if (strchr(p->name, '*') != NULL || p->rule != RULE_NONE) {
        return;
    }
    snprintf(lines, sizeof lines, "%s = 1234\n", p->name);
    if (carried) {
        char behind[256];

        row.behind = behind;
        snprintf(behind, sizeof behind, "%s = 4321\n", p->name);
        row.found[0] = (struct compare_found){
            p->name, p->class == PARAMETER_DEMAND ? COMPARE_FAIL : COMPARE_LOST, "4321"};
        compare_row_check(&row);
        return;
    }
    if (p->text != NULL) {
        row.found[0] = (struct compare_found){p->name, COMPARE_LOST, p->text};
    }
    compare_row_check(&row);
}
END_TEST

/* --- findings of the caller's own ----------------------------------------------------------- */

START_TEST(test_add)
{
    struct comparison all = {0};

    ck_assert_int_eq(compare_add(&all, COMPARE_FAIL, "a", "b", "c", "%s %d", "d", 5), 0);
    ck_assert_int_eq(compare_add(&all, COMPARE_LOST, "e", "", "", "f"), 0);
    ck_assert_int_eq(compare_add(&all, COMPARE_LOST, "g", "", "", "%0*d", 2000, 1), 0);
    ck_assert_uint_eq(all.num, 3);
    ck_assert_uint_eq(all.num_by_verdict[COMPARE_FAIL], 1);
    ck_assert_uint_eq(all.num_by_verdict[COMPARE_LOST], 2);
    ck_assert_str_eq(all.findings[0].parameter, "a");
    ck_assert_str_eq(all.findings[0].today, "b");
    ck_assert_str_eq(all.findings[0].now, "c");
    ck_assert_str_eq(all.findings[0].text, "d 5");
    ck_assert_uint_eq(strlen(all.findings[2].text), COMPARE_TEXT_SIZE - 1);
    comparison_free(&all);
    ck_assert_uint_eq(all.num, 0);
    comparison_free(&all);
}
END_TEST

START_TEST(test_verdict_words)
{
    ck_assert_str_eq(compare_verdict_word(COMPARE_SAME), "same");
    ck_assert_str_eq(compare_verdict_word(COMPARE_EQUAL), "equal");
    ck_assert_str_eq(compare_verdict_word(COMPARE_STRICTER), "stricter");
    ck_assert_str_eq(compare_verdict_word(COMPARE_LOST), "lost");
    ck_assert_str_eq(compare_verdict_word(COMPARE_FAIL), "fail");
    ck_assert_str_eq(compare_verdict_word(COMPARE_NOT_JUDGED), "not-judged");
}
END_TEST

Suite *compare_suite(void)
{
    Suite *suite = suite_create("compare");
    TCase *tcase = tcase_create("compare");

    tcase_add_loop_test(tcase, test_rows, 0, (int)NUM(rows));
    tcase_add_loop_test(tcase, test_every_row, 0, (int)parameters_num());
    tcase_add_test(tcase, test_add);
    tcase_add_test(tcase, test_verdict_words);
    suite_add_tcase(suite, tcase);
    return suite;
}
