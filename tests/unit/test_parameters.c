#include "lib/postfix/parameters.h"

#include <check.h>
#include <stdbool.h>
#include <string.h>

#define SUITE(name) Suite *name##_suite(void);
#include "tests/unit/suites.h"
#undef SUITE

#define NUM(array) (sizeof(array) / sizeof((array)[0]))

/* --- the rows ------------------------------------------------------------------------------- */

START_TEST(test_names)
{
    ck_assert_uint_gt(parameters_num(), 300);
    for (size_t i = 0; i < parameters_num(); i++) {
        const char *name = parameter_at(i)->name;
        const char *star = strchr(name, '*');

        ck_assert_msg(name[0] != '\0' && strpbrk(name, " =$\n") == NULL, "%s", name);
        ck_assert_msg(star == NULL || strchr(star + 1, '*') == NULL, "%s: two stars", name);
        ck_assert_msg(star == NULL || strlen(name) > 1, "a family of all");
        for (size_t k = 0; k < i; k++) {
            ck_assert_msg(strcmp(name, parameter_at(k)->name) != 0, "%s: twice", name);
        }
        ck_assert_msg(star != NULL || parameter_find(name) == parameter_at(i), "%s", name);
    }
}
END_TEST

/* A row has what its class and its rule need. */
START_TEST(test_rows)
{
    for (size_t i = 0; i < parameters_num(); i++) {
        const struct parameter *row = parameter_at(i);
        bool ours = row->class == PARAMETER_OURS;
        bool made = row->rule == RULE_SASL_OPTIONS;

        ck_assert_msg(row->rule != RULE_CARRIED_APART, "%s: of no row", row->name);
        ck_assert_msg(ours == (row->behind != NULL || made), "%s: behind", row->name);
        ck_assert_msg(!ours || strchr(row->name, '*') == NULL, "%s: no family", row->name);
        ck_assert_msg(row->class != PARAMETER_LOST || (row->text != NULL && row->text[0] != '\0'),
                      "%s: nothing says what is lost", row->name);
        /* What is replaced is compared with something, or has a text of its own. */
        ck_assert_msg(row->class != PARAMETER_REPLACED || row->rule != RULE_NONE ||
                          row->text != NULL,
                      "%s: nothing says what replaces it", row->name);
        ck_assert_msg(!ours || row->rule != RULE_NONE || row->text != NULL, "%s: no text",
                      row->name);
        ck_assert_msg(row->class != PARAMETER_NOTHING || row->rule == RULE_NONE, "%s: a rule",
                      row->name);
    }
}
END_TEST

/* What must be known of a service behind: these alone, with these values. */
static const struct {
    const char *name;
    const char *behind;
} ours[] = {
    {"smtpd_upstream_proxy_protocol", "haproxy"},
    {"postscreen_upstream_proxy_protocol", "haproxy"},
    {"smtpd_authorized_xclient_hosts", ""},
    {"smtpd_authorized_xforward_hosts", ""},
    {"smtpd_tls_security_level", "none"},
    {"postscreen_tls_security_level", "none"},
    {"smtpd_tls_wrappermode", "no"},
    {"smtpd_tls_auth_only", "no"},
    {"smtpd_sasl_security_options", NULL},
    {"smtpd_tls_req_ccert", "no"},
    {"smtpd_client_port_logging", "yes"},
};

START_TEST(test_ours)
{
    size_t num = 0;

    for (size_t i = 0; i < NUM(ours); i++) {
        const struct parameter *row = parameter_find(ours[i].name);

        ck_assert_msg(row != NULL && row->class == PARAMETER_OURS, "%s", ours[i].name);
        ck_assert_msg(ours[i].behind == NULL
                          ? row->behind == NULL
                          : row->behind != NULL && strcmp(row->behind, ours[i].behind) == 0,
                      "%s", ours[i].name);
    }
    for (size_t i = 0; i < parameters_num(); i++) {
        num += parameter_at(i)->class == PARAMETER_OURS;
    }
    ck_assert_uint_eq(num, NUM(ours));
}
END_TEST

/* --- the row of a name ---------------------------------------------------------------------- */

static const struct {
    const char *name;
    const char *row; /* NULL: none */
} found[] = {
    /* Its own. */
    {"mynetworks", "mynetworks"},
    {"smtpd_milters", "smtpd_milters"},
    /* Its own, and not a family that it would fit. */
    {"relay_domains", "relay_domains"},
    {"mynetworks_style", "mynetworks_style"},
    {"default_process_limit", "default_process_limit"},
    {"default_rbl_reply", "default_rbl_reply"},
    {"maillog_file", "maillog_file"},
    {"smtpd_sender_login_maps", "smtpd_sender_login_maps"},
    {"daemon_timeout", "daemon_timeout"},
    {"queue_directory", "queue_directory"},
    {"proxy_read_maps", "proxy_read_maps"},
    {"local_recipient_maps", "local_recipient_maps"},
    {"relay_recipient_maps", "relay_recipient_maps"},
    {"virtual_alias_domains", "virtual_alias_domains"},
    /* A family by its head, its tail, both. */
    {"ipc_timeout", "ipc_*"},
    {"unknown_client_reject_code", "*_reject_code"},
    {"reject_code", "reject_code"},
    {"sender_bcc_maps", "*_maps"},
    {"authorized_flush_users", "authorized_*_users"},
    /* The star stands for nothing, too. */
    {"ipc_", "ipc_*"},
    {"authorized__users", "authorized_*_users"},
    /* ... but head and tail do not share a letter. */
    {"authorized_users", NULL},
    /* The longest family of those that fit. */
    {"delay_notice_recipient", "*_notice_recipient"},
    {"bounce_notice_recipient", "*_notice_recipient"},
    {"error_notice_recipient", "*_notice_recipient"},
    {"verify_service_name", "*_service_name"},
    {"service_name", "service_*"},
    {"maillog_file_prefixes", "maillog_file_*"},
    {"tlsproxy_tls_cert_file", "tlsproxy_tls_*"},
    {"virtual_alias_maps", "virtual_*"},
    {"smtp_header_checks", "*_checks"},
    /* None. */
    {"", NULL},
    {"*", NULL},
    {"my_own_name", NULL},
    {"mynetwork", NULL},
    {"mynetworks_", NULL},
    {"Mynetworks", NULL},
    /* What smtpd and postscreen read is in no family: a name of a later release is not judged. */
    {"smtpd_future_maps", NULL},
    {"smtpd_future_reject_code", NULL},
    {"smtpd_body_checks", NULL},
    {"postscreen_future_maps", NULL},
    {"postscreen_log_directory", NULL},
    {"tls_future_path", NULL},
    {"milter_future_checks", NULL},
    {"requiretls_future_classes", NULL},
    {"tlsproxy_future_path", NULL},
};

START_TEST(test_find)
{
    const struct parameter *row = parameter_find(found[_i].name);
    const char *name = row == NULL ? NULL : row->name;

    ck_assert_msg(found[_i].row == NULL ? name == NULL
                                        : name != NULL && strcmp(name, found[_i].row) == 0,
                  "%s: %s", found[_i].name, name == NULL ? "none" : name);
}
END_TEST

/* --- classes -------------------------------------------------------------------------------- */

/* The class and the rule of names that decide whether something opens. */
static const struct {
    const char *name;
    enum parameter_class class;
    enum parameter_rule rule;
} judged[] = {
    {"mynetworks", PARAMETER_DEMAND, RULE_NONE},
    {"relay_domains", PARAMETER_DEMAND, RULE_NONE},
    {"mydestination", PARAMETER_DEMAND, RULE_NONE},
    {"virtual_alias_domains", PARAMETER_DEMAND, RULE_NONE},
    {"virtual_mailbox_domains", PARAMETER_DEMAND, RULE_NONE},
    {"parent_domain_matches_subdomains", PARAMETER_DEMAND, RULE_NONE},
    {"allow_untrusted_routing", PARAMETER_DEMAND, RULE_NONE},
    {"permit_mx_backup_networks", PARAMETER_DEMAND, RULE_NONE},
    {"local_recipient_maps", PARAMETER_DEMAND, RULE_NONE},
    {"relay_recipient_maps", PARAMETER_DEMAND, RULE_NONE},
    {"smtpd_sender_login_maps", PARAMETER_DEMAND, RULE_NONE},
    {"smtpd_sasl_mechanism_filter", PARAMETER_DEMAND, RULE_NONE},
    {"smtpd_policy_service_default_action", PARAMETER_DEMAND, RULE_NONE},
    {"content_filter", PARAMETER_DEMAND, RULE_NONE},
    {"receive_override_options", PARAMETER_DEMAND, RULE_NONE},
    {"smtpd_proxy_filter", PARAMETER_DEMAND, RULE_NONE},
    {"cleanup_service_name", PARAMETER_DEMAND, RULE_NONE},
    {"smtpd_peername_lookup", PARAMETER_DEMAND, RULE_NONE},
    {"smtpd_forbid_bare_newline", PARAMETER_DEMAND, RULE_NONE},
    {"smtpd_restriction_classes", PARAMETER_DEMAND, RULE_NONE},
    {"smtpd_relay_restrictions", PARAMETER_DEMAND, RULE_RESTRICTIONS},
    {"smtpd_client_restrictions", PARAMETER_DEMAND, RULE_RESTRICTIONS},
    {"smtpd_helo_restrictions", PARAMETER_DEMAND, RULE_RESTRICTIONS},
    {"smtpd_sender_restrictions", PARAMETER_DEMAND, RULE_RESTRICTIONS},
    {"smtpd_recipient_restrictions", PARAMETER_DEMAND, RULE_RESTRICTIONS},
    {"smtpd_data_restrictions", PARAMETER_DEMAND, RULE_RESTRICTIONS},
    {"smtpd_end_of_data_restrictions", PARAMETER_DEMAND, RULE_RESTRICTIONS},
    {"smtpd_etrn_restrictions", PARAMETER_DEMAND, RULE_RESTRICTIONS},
    {"smtpd_milters", PARAMETER_DEMAND, RULE_MILTERS},
    {"smtpd_milter_maps", PARAMETER_DEMAND, RULE_MILTER_MAPS},
    {"postscreen_access_list", PARAMETER_DEMAND, RULE_NONE},
    {"postscreen_dnsbl_sites", PARAMETER_DEMAND, RULE_NONE},
    {"smtpd_tls_security_level", PARAMETER_OURS, RULE_LEVEL},
    {"smtpd_sasl_auth_enable", PARAMETER_CARRIED, RULE_SASL_ENABLE},
    {"smtpd_tls_received_header", PARAMETER_LOST, RULE_NONE},
    {"non_smtpd_milters", PARAMETER_NOTHING, RULE_NONE},
};

START_TEST(test_judged)
{
    const struct parameter *row = parameter_find(judged[_i].name);

    ck_assert_msg(row != NULL && row->class == judged[_i].class && row->rule == judged[_i].rule,
                  "%s", judged[_i].name);
}
END_TEST

Suite *parameters_suite(void)
{
    Suite *suite = suite_create("parameters");
    TCase *tcase = tcase_create("parameters");

    tcase_add_test(tcase, test_names);
    tcase_add_test(tcase, test_rows);
    tcase_add_test(tcase, test_ours);
    tcase_add_loop_test(tcase, test_find, 0, (int)NUM(found));
    tcase_add_loop_test(tcase, test_judged, 0, (int)NUM(judged));
    suite_add_tcase(suite, tcase);
    return suite;
}
