#include "tests/unit/compare_base.h"

#include <check.h>

#define SUITE(name) Suite *name##_suite(void);
#include "tests/unit/suites.h"
#undef SUITE

static const struct compare_row rows[] = {
    /* A balancer says who the client is. */
    {.name = "proxy: by -o, and nobody is believed",
     .today = "smtpd_upstream_proxy_protocol = haproxy\n",
     .main_cf = "",
     .own = "smtpd_upstream_proxy_protocol = haproxy\n",
     .found = {{"smtpd_upstream_proxy_protocol", COMPARE_FAIL,
                "each client counts as the balancer"}}},
    {.name = "proxy: by -o, and it is believed",
     .today = "smtpd_upstream_proxy_protocol = haproxy\n",
     .main_cf = "",
     .options = "accept_proxy_from = \"192.0.2.1\"",
     .found = {{"smtpd_upstream_proxy_protocol", COMPARE_EQUAL, "accept_proxy_from"}}},
    {.name = "proxy: in main.cf",
     .today = "smtpd_upstream_proxy_protocol = haproxy\n",
     .options = "accept_proxy_from = \"192.0.2.1\"",
     .found = {{"smtpd_upstream_proxy_protocol", COMPARE_EQUAL, "accept_proxy_from"},
               {"smtpd_upstream_proxy_protocol", COMPARE_LOST, "every service of this kind"}}},
    {.name = "proxy: in main.cf, and -o takes it back",
     .main_cf = "smtpd_upstream_proxy_protocol = haproxy\n",
     .own = "smtpd_upstream_proxy_protocol =\n"},
    {.name = "proxy: posternd believes somebody, and Postfix nobody",
     .options = "accept_proxy_from = \"192.0.2.1\""},
    {.name = "proxy: not read behind",
     .today = "smtpd_upstream_proxy_protocol = haproxy\n",
     .main_cf = "",
     .behind = "smtpd_upstream_proxy_protocol = \n",
     .options = "accept_proxy_from = \"192.0.2.1\"",
     .found = {{"smtpd_upstream_proxy_protocol", COMPARE_FAIL, "must have \"haproxy\""},
               {"smtpd_upstream_proxy_protocol", COMPARE_EQUAL, NULL}}},

    /* The same before a postscreen. */
    {.name = "proxy: postscreen reads it, and nobody is believed",
     .screened = true,
     .screens = true,
     .today = "postscreen_upstream_proxy_protocol = haproxy\n",
     .main_cf = "",
     .found = {{"postscreen_upstream_proxy_protocol", COMPARE_FAIL,
                "each client counts as the balancer"}}},
    {.name = "proxy: postscreen reads it, and it is believed",
     .screened = true,
     .screens = true,
     .today = "postscreen_upstream_proxy_protocol = haproxy\n",
     .main_cf = "",
     .options = "accept_proxy_from = \"192.0.2.1\"",
     .found = {{"postscreen_upstream_proxy_protocol", COMPARE_EQUAL, NULL}}},
    {.name = "proxy: postscreen has it in main.cf",
     .screened = true,
     .screens = true,
     .today = "postscreen_upstream_proxy_protocol = haproxy\n",
     .options = "accept_proxy_from = \"192.0.2.1\"",
     .found = {{"postscreen_upstream_proxy_protocol", COMPARE_EQUAL, NULL},
               {"postscreen_upstream_proxy_protocol", COMPARE_LOST, "every service of this kind"}}},
    {.name = "proxy: clients come to postscreen, and smtpd's says nothing of them",
     .screened = true,
     .screens = true,
     .today = "smtpd_upstream_proxy_protocol = haproxy\n",
     .main_cf = ""},
    {.name = "proxy: clients come to smtpd, and postscreen's says nothing of them",
     .today = "postscreen_upstream_proxy_protocol = haproxy\n",
     .main_cf = ""},

    /* A front says it by XCLIENT. */
    {.name = "xclient: nobody is believed",
     .today = "smtpd_authorized_xclient_hosts = 192.0.2.1\n",
     .found = {{"smtpd_authorized_xclient_hosts", COMPARE_FAIL, "counts as the front"}}},
    {.name = "xclient: the front sends a header instead",
     .today = "smtpd_authorized_xclient_hosts = 192.0.2.1\n",
     .options = "accept_proxy_from = \"192.0.2.1\"",
     .found = {{"smtpd_authorized_xclient_hosts", COMPARE_EQUAL, "accept_proxy_from"}}},
    {.name = "xclient: may still be said to the service behind",
     .today = "smtpd_authorized_xclient_hosts = 192.0.2.1\n",
     .behind = "smtpd_authorized_xclient_hosts = 192.0.2.1\n",
     .options = "accept_proxy_from = \"192.0.2.1\"",
     .found = {{"smtpd_authorized_xclient_hosts", COMPARE_FAIL, "must have \"\""},
               {"smtpd_authorized_xclient_hosts", COMPARE_EQUAL, NULL}}},

    /* The listener of these rows has an address of each family. */
    {.name = "families: both by name", .today = "inet_protocols = ipv4, ipv6\n"},
    {.name = "families: both in other letters", .today = "inet_protocols = ALL\n"},
    {.name = "families: IPv4 only",
     .today = "inet_protocols = ipv4\n",
     .found = {{"inet_protocols", COMPARE_STRICTER, "every client on IPv6 gets 421"}}},
    {.name = "families: IPv6 only",
     .today = "inet_protocols = ipv6\n",
     .found = {{"inet_protocols", COMPARE_STRICTER, "every client on IPv4 gets 421"}}},
    {.name = "families: IPv4 only, as the listener",
     .today = "inet_protocols = ipv4\n",
     .find = "{ \"0.0.0.0:25\", \"[::]:25\" }",
     .replace = "\"0.0.0.0:25\""},
    {.name = "families: IPv6 only, as the listener",
     .today = "inet_protocols = ipv6\n",
     .find = "{ \"0.0.0.0:25\", \"[::]:25\" }",
     .replace = "\"[::]:25\""},
};

START_TEST(test_rows)
{
    compare_row_check(&rows[_i]);
}
END_TEST

Suite *compare_world_suite(void)
{
    Suite *suite = suite_create("compare_world");
    TCase *tcase = tcase_create("compare_world");

    tcase_add_loop_test(tcase, test_rows, 0, (int)NUM(rows));
    suite_add_tcase(suite, tcase);
    return suite;
}
