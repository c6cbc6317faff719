#include "tests/unit/compare_base.h"

#include <check.h>

#define SUITE(name) Suite *name##_suite(void);
#include "tests/unit/suites.h"
#undef SUITE

#define LIMITS(options) "limits { " options " }\n"

static const struct compare_row rows[] = {
    /* handshake_timeout is 60 by itself. */
    {.name = "timeout: the same", .today = "smtpd_starttls_timeout = 60s\n"},
    {.name = "timeout: Postfix's own is not compared", .more = LIMITS("handshake_timeout = 5")},
    {.name = "timeout: longer",
     .today = "smtpd_starttls_timeout = 10s\n",
     .found = {{"smtpd_starttls_timeout", COMPARE_LOST, "may take 60 s, today 10 s"}}},
    {.name = "timeout: shorter",
     .today = "smtpd_starttls_timeout = 2m\n",
     .found = {{"smtpd_starttls_timeout", COMPARE_STRICTER, "may take 60 s, today 120 s"}}},
    {.name = "timeout: the listener's file has the same",
     .today = "smtpd_starttls_timeout = 2m\n",
     .more = LIMITS("handshake_timeout = 120")},
    {.name = "timeout: no number", .today = "smtpd_starttls_timeout = soon\n"},

    /* max_handshakes_per_client is no bound by itself. */
    {.name = "handshakes: no bound"},
    {.name = "handshakes: no bound any more",
     .today = "smtpd_client_new_tls_session_rate_limit = 10\n",
     .found = {{"smtpd_client_new_tls_session_rate_limit", COMPARE_LOST, "any number of"}}},
    {.name = "handshakes: more",
     .today = "smtpd_client_new_tls_session_rate_limit = 10\n",
     .more = LIMITS("max_handshakes_per_client = 11"),
     .found = {{"smtpd_client_new_tls_session_rate_limit", COMPARE_LOST, "more handshakes"}}},
    {.name = "handshakes: the same",
     .today = "smtpd_client_new_tls_session_rate_limit = 10\n",
     .more = LIMITS("max_handshakes_per_client = 10")},
    {.name = "handshakes: fewer",
     .today = "smtpd_client_new_tls_session_rate_limit = 10\n",
     .more = LIMITS("max_handshakes_per_client = 9"),
     .found = {{"smtpd_client_new_tls_session_rate_limit", COMPARE_STRICTER, "9 handshakes"}}},
    {.name = "handshakes: a bound that is new",
     .more = LIMITS("max_handshakes_per_client = 9"),
     .found = {{"smtpd_client_new_tls_session_rate_limit", COMPARE_STRICTER, "9 handshakes"}}},
    {.name = "handshakes: of an hour",
     .today = "smtpd_client_new_tls_session_rate_limit = 600\nanvil_rate_time_unit = 1h\n",
     .more = LIMITS("max_handshakes_per_client = 10")},
    {.name = "handshakes: of an hour, more",
     .today = "smtpd_client_new_tls_session_rate_limit = 599\nanvil_rate_time_unit = 1h\n",
     .more = LIMITS("max_handshakes_per_client = 10"),
     .found = {{"smtpd_client_new_tls_session_rate_limit", COMPARE_LOST, "more handshakes"}}},
    {.name = "handshakes: of some seconds",
     .today = "smtpd_client_new_tls_session_rate_limit = 2\nanvil_rate_time_unit = 10s\n",
     .more = LIMITS("max_handshakes_per_client = 10"),
     .found = {{"smtpd_client_new_tls_session_rate_limit", COMPARE_STRICTER, "10 handshakes"}}},

    /* max_sessions_per_client is 50 by itself, as Postfix's is. */
    {.name = "sessions: the same"},
    {.name = "sessions: fewer than are allowed today",
     .today = "smtpd_client_connection_count_limit = 51\n",
     .found = {{"smtpd_client_connection_count_limit", COMPARE_STRICTER, "50 sessions"}}},
    {.name = "sessions: no bound today",
     .today = "smtpd_client_connection_count_limit = 0\n",
     .found = {{"smtpd_client_connection_count_limit", COMPARE_STRICTER, "50 sessions"}}},
    {.name = "sessions: more, of which Postfix still refuses some",
     .today = "smtpd_client_connection_count_limit = 10\n"},
    {.name = "sessions: no bound",
     .today = "smtpd_client_connection_count_limit = 0\n",
     .more = LIMITS("max_sessions_per_client = 0")},
    {.name = "sessions: another number behind",
     .today = "smtpd_client_connection_count_limit = 10\n",
     .behind = "smtpd_client_connection_count_limit = 20\n",
     .found = {{"smtpd_client_connection_count_limit", COMPARE_LOST, "has \"20\""}}},
    {.name = "sessions: of postscreen",
     .screened = true,
     .screens = true,
     .today = "postscreen_client_connection_count_limit = 60\n",
     .found = {{"postscreen_client_connection_count_limit", COMPARE_STRICTER, "50 sessions"}}},
    {.name = "sessions: of a postscreen that is not there",
     .today = "postscreen_client_connection_count_limit = 60\n"},

    /* Of exempt networks 127.0.0.0/8 is there by itself. */
    {.name = "exempt: Postfix's own"},
    {.name = "exempt: this machine's addresses",
     .today = "smtpd_client_event_limit_exceptions = 127.0.0.0/8 [::1]/128, 127.0.0.5\n"},
    {.name = "exempt: a network that posternd counts",
     .today = "smtpd_client_event_limit_exceptions = 127.0.0.0/8, 192.0.2.0/24\n",
     .found = {{"smtpd_client_event_limit_exceptions", COMPARE_STRICTER,
                "also counts the sessions of 192.0.2.0/24"}}},
    {.name = "exempt: two of them",
     .today = "smtpd_client_event_limit_exceptions = 192.0.2.0/24 [2001:db8::]/32\n",
     .found = {{"smtpd_client_event_limit_exceptions", COMPARE_STRICTER,
                "also counts the sessions of 192.0.2.0/24"},
               {"smtpd_client_event_limit_exceptions", COMPARE_STRICTER,
                "also counts the sessions of [2001:db8::]/32"}}},
    {.name = "exempt: within another network",
     .today = "smtpd_client_event_limit_exceptions = 192.0.2.0/24 [2001:db8::]/32 192.0.3.7\n",
     .more = LIMITS("exempt = { \"192.0.2.0/23\", \"2001:db8::/32\" }")},
    {.name = "exempt: only a part of it",
     .today = "smtpd_client_event_limit_exceptions = 192.0.2.0/23\n",
     .more = LIMITS("exempt = \"192.0.2.0/24\""),
     .found = {{"smtpd_client_event_limit_exceptions", COMPARE_STRICTER,
                "also counts the sessions of 192.0.2.0/23"}}},
    {.name = "exempt: names and tables",
     .today = "smtpd_client_event_limit_exceptions = localhost, cidr:/etc/postfix/networks\n",
     .found = {{"smtpd_client_event_limit_exceptions", COMPARE_NOT_JUDGED, "cannot name hosts"}}},
    {.name = "exempt: a very long word",
     .today = "smtpd_client_event_limit_exceptions = "
              "a23456789a123456789a123456789a123456789a123456789a123456789.example.org\n",
     .found = {{"smtpd_client_event_limit_exceptions", COMPARE_NOT_JUDGED, "cannot name hosts"}}},
    {.name = "exempt: mynetworks, which is Postfix's own",
     .today = "mynetworks = 192.0.2.0/24\nsmtpd_client_event_limit_exceptions = 192.0.2.0/24\n",
     .main_cf = "mynetworks = 192.0.2.0/24\n",
     .found = {{"smtpd_client_event_limit_exceptions", COMPARE_STRICTER,
                "also counts the sessions of 192.0.2.0/24"}}},
    {.name = "exempt: mynetworks by its style",
     .today = "mynetworks = 192.0.2.0/24\nsmtpd_client_event_limit_exceptions = 192.0.2.0/24\n"
              "mynetworks_style = subnet\n",
     .main_cf = "mynetworks_style = subnet\n",
     .found = {{"smtpd_client_event_limit_exceptions", COMPARE_STRICTER,
                "also counts the sessions of 192.0.2.0/24"}}},
    {.name = "exempt: posternd counts nothing",
     .today = "smtpd_client_event_limit_exceptions = 192.0.2.0/24\n",
     .more = LIMITS("max_sessions_per_client = 0")},
    {.name = "exempt: posternd counts handshakes only",
     .today = "smtpd_client_event_limit_exceptions = 192.0.2.0/24\n"
              "smtpd_client_new_tls_session_rate_limit = 9\n",
     .more = LIMITS("max_sessions_per_client = 0 max_handshakes_per_client = 9"),
     .found = {{"smtpd_client_event_limit_exceptions", COMPARE_STRICTER, NULL}}},

    /* idle_timeout is 1800 by itself. */
    {.name = "idle: longer than today's", .today = "smtpd_timeout = 1800s\n"},
    {.name = "idle: shorter",
     .today = "smtpd_timeout = 1h\n",
     .found = {{"smtpd_timeout", COMPARE_STRICTER, "after 1800 s"}}},
    {.name = "idle: shorter than Postfix's own",
     .more = LIMITS("idle_timeout = 299"),
     .found = {{"smtpd_timeout", COMPARE_STRICTER, "after 299 s"}}},
    {.name = "idle: of stress",
     .main_cf = "smtpd_timeout = ${stress?{10}:{60}}s\n",
     .found = {{"smtpd_timeout", COMPARE_LOST, "under stress"}}},

    /* log_sessions. */
    {.name = "log: TLS", .today = "smtpd_tls_loglevel = 1\n"},
    {.name = "log: nothing today", .more = "log_sessions = \"problems\"\n"},
    {.name = "log: problems only",
     .today = "smtpd_tls_loglevel = 1\n",
     .more = "log_sessions = \"problems\"\n",
     .found = {{"smtpd_tls_loglevel", COMPARE_LOST, "log_sessions = \"tls\""}}},

    /* posternd's own bounds are 2048 and 4096. */
    {.name = "lines: 2048", .today = "line_length_limit = 2048\n"},
    {.name = "lines: 4096", .today = "line_length_limit = 4096\n"},
    {.name = "lines: shorter",
     .today = "line_length_limit = 2047\n",
     .found = {{"line_length_limit", COMPARE_LOST, "2048 for a command, 4096 for a reply"}}},
    {.name = "lines: longer",
     .today = "line_length_limit = 4097\n",
     .found = {{"line_length_limit", COMPARE_LOST, "2048 for a command, 4096 for a reply"}}},

    /* The name that posternd says. */
    {.name = "name: in other letters", .today = "myhostname = MAIL.example.org\n"},
    {.name = "name: another",
     .today = "myhostname = mx.example.org\n",
     .found = {{"myhostname", COMPARE_LOST, "\"mail.example.org\": hostname"}}},
    {.name = "name: another behind",
     .behind = "myhostname = mx.example.org\n",
     .found = {{"myhostname", COMPARE_LOST, "has \"mx.example.org\""}}},

    /* The log's facility. */
    {.name = "facility: another",
     .today = "syslog_facility = local0\n",
     .found = {{"syslog_facility", COMPARE_LOST, "log_facility = \"local0\""}}},
    {.name = "facility: the same",
     .today = "syslog_facility = local0\n",
     .more = "log_facility = \"local0\"\n"},
    {.name = "facility: not posternd's",
     .today = "syslog_facility = local0\n",
     .more = "log = \"stderr\"\n"},
};

START_TEST(test_rows)
{
    compare_row_check(&rows[_i]);
}
END_TEST

Suite *compare_limits_suite(void)
{
    Suite *suite = suite_create("compare_limits");
    TCase *tcase = tcase_create("compare_limits");

    tcase_add_loop_test(tcase, test_rows, 0, (int)NUM(rows));
    suite_add_tcase(suite, tcase);
    return suite;
}
