#include "tests/unit/conf_base.h"

START_TEST(test_defaults)
{
    struct conf *c = parse_edited("", "");

    ck_assert_str_eq(c->file, FILE_NAME);
    ck_assert_str_eq(c->hostname.text, "mail.example.org");
    ck_assert_uint_eq(c->hostname.line, 1);
    ck_assert_str_eq(c->user.text, "postern");
    ck_assert_uint_eq(c->user.line, 0);
    ck_assert_uint_eq(c->workers, 0);
    ck_assert_int_eq(c->log, CONF_LOG_SYSLOG);
    ck_assert_str_eq(c->log_facility.text, "mail");
    ck_assert_str_eq(c->syslog_name.text, "posternd");
    ck_assert_int_eq(c->log_sessions, CONF_SESSIONS_TLS);
    ck_assert_str_eq(c->state_directory.text, "/var/lib/postern");
    ck_assert_str_eq(c->control.text, "/run/postern/control.sock");
    ck_assert_int_eq(c->failures, CONF_FAILURES_DISK);
    ck_assert_uint_eq(c->limits.max_sessions, 10000);
    ck_assert_uint_eq(c->limits.max_sessions_per_client, 50);
    ck_assert_uint_eq(c->limits.max_handshakes_per_client, 0);
    ck_assert_uint_eq(c->limits.max_handshakes, 0);
    ck_assert_uint_eq(c->limits.exempt.num, 1);
    ck_assert_uint_eq(c->limits.exempt.items[0].base.ip[0], 127);
    ck_assert_uint_eq(c->limits.exempt.items[0].bits, 8);
    ck_assert_uint_eq(c->limits.handshake_timeout, 60);
    ck_assert_uint_eq(c->limits.idle_timeout, 1800);
    ck_assert_uint_eq(c->shutdown_timeout, 30);
    ck_assert(c->tickets);
    ck_assert_uint_eq(c->ticket_keys.num, 0);
    ck_assert_uint_eq(c->sets[0].names.num, 0);
    ck_assert_int_eq(c->sets[0].unmatched, CONF_UNMATCHED_FAIL);
    ck_assert_uint_eq(c->backends[0].connect_timeout, 10);
    ck_assert_uint_eq(c->backends[0].backend_timeout, 3600);
    ck_assert(!conf_is_set(&c->backends[0].tls_address));
    ck_assert_int_eq(c->backends[0].client_address, CONF_PROXY_V2);
    ck_assert_uint_eq(c->backends[0].max_connections, 480);
    ck_assert_int_eq(c->listeners[0].tls, CONF_TLS_MAY);
    ck_assert_str_eq(c->listeners[0].profile->name, "opportunistic");
    ck_assert_int_eq(c->listeners[0].profile->alpn, ALPN_GUARD);
    ck_assert_int_eq(c->listeners[0].client_certificate, CONF_CLIENT_CERTIFICATE_NONE);
    ck_assert_str_eq(c->listeners[0].client_ca.text, "");
    ck_assert_uint_eq(c->listeners[0].accept_proxy_from.num, 0);
    ck_assert_uint_eq(c->listeners[0].starttls_except.num, 0);
    ck_assert_uint_eq(c->listeners[0].num_trial_addresses, 0);
    ck_assert(!c->listeners[0].auth_before_tls);
    ck_assert_uint_eq(c->milter.line, 0);
    ck_assert_str_eq(c->milter.socket.endpoint.path, "/var/spool/postfix/postern/milter.sock");
    ck_assert_str_eq(c->milter.header.text, "X-Postern-TLS");
    ck_assert_str_eq(c->milter.policy.text, "");
    ck_assert(!conf_is_set(&c->milter.policy_socket));
    ck_assert_int_eq(c->milter.on_failure, CONF_ON_FAILURE_TEMPFAIL);
    ck_assert_uint_eq(c->milter.keep_from.num, 0);
    ck_assert_ptr_eq(conf_milter_user(c), &c->user);
    conf_free(c);
}
END_TEST

START_TEST(test_sections)
{
    struct conf *c = parse_edited("", "");

    ck_assert_uint_eq(c->num_certificates, 2);
    ck_assert_str_eq(c->certificates[0].name, "a");
    ck_assert_str_eq(c->certificates[0].chain.text, "dir/a.pem");
    ck_assert_uint_eq(c->certificates[0].chain.line, 2);
    ck_assert_str_eq(c->certificates[0].key.text, "/keys/a");
    ck_assert_str_eq(c->certificates[1].name, "b");
    ck_assert_uint_eq(c->certificates[1].line, 3);
    ck_assert_str_eq(c->certificates[1].key.text, "dir/b.pem");
    ck_assert_uint_eq(c->num_sets, 1);
    ck_assert_uint_eq(c->sets[0].num_certificates, 2);
    ck_assert_ptr_eq(c->sets[0].certificates[0], &c->certificates[0]);
    ck_assert_ptr_eq(c->sets[0].certificates[1], &c->certificates[1]);
    ck_assert_uint_eq(c->num_profiles, 3);
    ck_assert_str_eq(c->profiles[0].name, "opportunistic");
    ck_assert_str_eq(c->profiles[0].min_protocol.text, "");
    ck_assert_str_eq(c->profiles[1].name, "modern");
    ck_assert_str_eq(c->profiles[1].min_protocol.text, "");
    ck_assert_uint_eq(c->profiles[1].ciphers.line, 0);
    ck_assert_uint_eq(c->profiles[1].line, 0);
    ck_assert_str_eq(c->profiles[2].name, "p");
    ck_assert_uint_eq(c->profiles[2].line, 5);
    ck_assert_str_eq(c->profiles[2].groups.text, "");
    ck_assert_uint_eq(c->profiles[2].groups.line, 5);
    ck_assert_uint_eq(c->num_backends, 1);
    ck_assert_uint_eq(c->backends[0].num_addresses, 1);
    ck_assert_uint_eq(c->backends[0].addresses[0].endpoint.ip.port, 12525);
    ck_assert_uint_eq(c->num_listeners, 1);
    ck_assert_str_eq(c->listeners[0].name, "mx");
    ck_assert_uint_eq(c->listeners[0].line, 11);
    ck_assert_uint_eq(c->listeners[0].num_addresses, 2);
    ck_assert_int_eq(c->listeners[0].addresses[1].endpoint.ip.family, ADDR_IPV6);
    ck_assert_uint_eq(c->listeners[0].num_sets, 1);
    ck_assert_ptr_eq(c->listeners[0].sets[0], &c->sets[0]);
    ck_assert_ptr_eq(c->listeners[0].backend, &c->backends[0]);
    conf_free(c);
}
END_TEST

START_TEST(test_given)
{
    struct conf *c = parse_edited(
        "",
        "user = \"mail_gate\" workers = 256 log = \"stderr\" log_facility = \"local7\"\n"
        "syslog_name = \"postfix/postern\" log_sessions = \"problems\" failures = \"memory\"\n"
        "state_directory = \"state\" control = \"c.sock\" shutdown_timeout = 270 tickets = false "
        "ticket_keys = { \"k1\", \"/k2\" }\n"
        "limits { max_sessions = 1 handshake_timeout = 3600 idle_timeout = 86400 exempt = { }\n"
        "max_sessions_per_client = 0 max_handshakes_per_client = 3 max_handshakes = 4 }\n"
        "certificate_set \"t\" { names = { \"MX.example\", \"*.mx.example\" }\n"
        "certificates = \"b\" unmatched = \"anonymous\" }\n"
        "tls_profile \"mine\" { min_protocol = \"TLSv1.2\" max_protocol = \"TLSv1.3\"\n"
        "ciphers = \"HIGH:!aNULL\" ciphersuites = \"TLS_AES_128_GCM_SHA256\"\n"
        "groups = \"X25519:P-256\" alpn = \"strict\" }\n"
        "backend \"two\" { address = { \"unix:/run/x\", \"[::1]:26\" } connect_timeout = 1\n"
        "client_address = \"proxy-v1\" backend_timeout = 2 max_connections = 0\n"
        "tls_address = \"unix:/run/tls\" }\n"
        "listener \"two\" { address = \"127.0.0.1:0\" tls = \"encrypt\" tls_profile = \"mine\"\n"
        "certificate_sets = { \"t\", \"s\" } backend = \"two\" auth_before_tls = true\n"
        "client_certificate = \"require\" client_ca = \"ca.pem\"\n"
        "accept_proxy_from = { \"192.0.2.0/24\", \"2001:db8::1\" } }\n"
        "milter { socket = \"127.0.0.1:8899\" header = \"TLS-Facts\" policy = \"rules\"\n"
        "policy_socket = \"unix:/p\" on_failure = \"accept\" keep_from = \"192.0.2.1\"\n"
        "user = \"mailer\" }\n");

    ck_assert_str_eq(c->user.text, "mail_gate");
    ck_assert_uint_eq(c->user.line, 12);
    ck_assert_uint_eq(c->workers, 256);
    ck_assert_int_eq(c->log, CONF_LOG_STDERR);
    ck_assert_str_eq(c->log_facility.text, "local7");
    ck_assert_str_eq(c->syslog_name.text, "postfix/postern");
    ck_assert_int_eq(c->log_sessions, CONF_SESSIONS_PROBLEMS);
    ck_assert_str_eq(c->state_directory.text, "dir/state");
    ck_assert_str_eq(c->control.text, "dir/c.sock");
    ck_assert_uint_eq(c->control.line, 14);
    ck_assert_int_eq(c->failures, CONF_FAILURES_MEMORY);
    ck_assert_uint_eq(c->shutdown_timeout, 270);
    ck_assert(!c->tickets);
    ck_assert_uint_eq(c->ticket_keys.num, 2);
    ck_assert_str_eq(c->ticket_keys.items[0].text, "dir/k1");
    ck_assert_str_eq(c->ticket_keys.items[1].text, "/k2");
    ck_assert_uint_eq(c->ticket_keys.items[1].line, 14);
    ck_assert_uint_eq(c->limits.max_sessions, 1);
    ck_assert_uint_eq(c->limits.max_sessions_per_client, 0);
    ck_assert_uint_eq(c->limits.max_handshakes_per_client, 3);
    ck_assert_uint_eq(c->limits.max_handshakes, 4);
    ck_assert_uint_eq(c->limits.exempt.num, 0);
    ck_assert_uint_eq(c->limits.handshake_timeout, 3600);
    ck_assert_uint_eq(c->limits.idle_timeout, 86400);
    ck_assert_uint_eq(c->sets[1].names.num, 2);
    ck_assert_int_eq(c->sets[1].unmatched, CONF_UNMATCHED_ANONYMOUS);
    ck_assert_str_eq(c->sets[1].names.items[0].text, "mx.example");
    ck_assert_str_eq(c->sets[1].names.items[1].text, "*.mx.example");
    ck_assert_uint_eq(c->sets[1].names.items[1].line, 17);
    ck_assert_str_eq(c->profiles[3].min_protocol.text, "TLSv1.2");
    ck_assert_str_eq(c->profiles[3].max_protocol.text, "TLSv1.3");
    ck_assert_str_eq(c->profiles[3].ciphers.text, "HIGH:!aNULL");
    ck_assert_str_eq(c->profiles[3].ciphersuites.text, "TLS_AES_128_GCM_SHA256");
    ck_assert_str_eq(c->profiles[3].groups.text, "X25519:P-256");
    ck_assert_uint_eq(c->profiles[3].groups.line, 21);
    ck_assert_int_eq(c->profiles[3].alpn, ALPN_STRICT);
    ck_assert_str_eq(c->backends[1].addresses[0].endpoint.path, "/run/x");
    ck_assert_uint_eq(c->backends[1].connect_timeout, 1);
    ck_assert_uint_eq(c->backends[1].backend_timeout, 2);
    ck_assert_int_eq(c->backends[1].client_address, CONF_PROXY_V1);
    ck_assert_uint_eq(c->backends[1].max_connections, 0);
    ck_assert_str_eq(c->backends[1].tls_address.endpoint.path, "/run/tls");
    ck_assert_int_eq(c->listeners[1].tls, CONF_TLS_ENCRYPT);
    ck_assert_int_eq(c->listeners[1].client_certificate, CONF_CLIENT_CERTIFICATE_REQUIRE);
    ck_assert_str_eq(c->listeners[1].client_ca.text, "dir/ca.pem");
    ck_assert_uint_eq(c->listeners[1].accept_proxy_from.num, 2);
    ck_assert_uint_eq(c->listeners[1].accept_proxy_from.items[1].bits, 128);
    ck_assert_ptr_eq(c->listeners[1].profile, &c->profiles[3]);
    ck_assert_uint_eq(c->listeners[1].num_sets, 2);
    ck_assert_ptr_eq(c->listeners[1].sets[0], &c->sets[1]);
    ck_assert_ptr_eq(c->listeners[1].backend, &c->backends[1]);
    ck_assert(c->listeners[1].auth_before_tls);
    ck_assert_uint_eq(c->milter.line, 31);
    ck_assert_uint_eq(c->milter.socket.endpoint.ip.port, 8899);
    ck_assert_str_eq(c->milter.header.text, "TLS-Facts");
    ck_assert_str_eq(c->milter.policy.text, "dir/rules");
    ck_assert_str_eq(c->milter.policy_socket.endpoint.path, "/p");
    ck_assert_int_eq(c->milter.on_failure, CONF_ON_FAILURE_ACCEPT);
    ck_assert_uint_eq(c->milter.keep_from.num, 1);
    ck_assert_str_eq(conf_milter_user(c)->text, "mailer");
    conf_free(c);
}
END_TEST

START_TEST(test_exceptions)
{
    struct conf *c = parse_edited(
        "    backend", "tls = \"may\" starttls_except = { \"192.0.2.0/24\", \"2001:db8::1\",\n"
                       "\"::ffff:198.51.100.0/120\", \"0.0.0.0/0\" } backend");
    const struct conf_prefixes *networks = &c->listeners[0].starttls_except;

    ck_assert_uint_eq(networks->num, 4);
    ck_assert_uint_eq(networks->items[0].bits, 24);
    ck_assert_uint_eq(networks->items[1].bits, 128);
    ck_assert_int_eq(networks->items[2].base.family, ADDR_IPV4);
    ck_assert_uint_eq(networks->items[2].bits, 24);
    ck_assert_uint_eq(networks->items[3].bits, 0);
    conf_free(c);
}
END_TEST

START_TEST(test_bound)
{
    struct conf *c = parse_edited("", "");

    ck_assert_ptr_eq(conf_bound(&c->listeners[0]).addresses, c->listeners[0].addresses);
    ck_assert_uint_eq(conf_bound(&c->listeners[0]).num, 2);
    ck_assert_uint_eq(conf_num_own(&c->listeners[0]), 2);
    ck_assert_ptr_eq(conf_own(&c->listeners[0], 1), &c->listeners[0].addresses[1]);
    conf_free(c);
}
END_TEST

START_TEST(test_bound_in_a_trial)
{
    struct conf *c = parse_edited("    backend", "trial_address = \"0.0.0.0:2525\" backend");
    const struct conf_listener *listener = &c->listeners[0];

    ck_assert_uint_eq(listener->num_addresses, 2);
    ck_assert_uint_eq(listener->addresses[0].endpoint.ip.port, 25);
    ck_assert_uint_eq(conf_bound(listener).num, 1);
    ck_assert_uint_eq(conf_bound(listener).addresses[0].endpoint.ip.port, 2525);
    ck_assert_uint_eq(conf_bound(listener).addresses[0].line, 10);
    ck_assert_uint_eq(conf_num_own(listener), 3);
    ck_assert_ptr_eq(conf_own(listener, 1), &listener->addresses[1]);
    ck_assert_ptr_eq(conf_own(listener, 2), &listener->trial_addresses[0]);
    conf_free(c);
}
END_TEST

/* Files that differ from the base only in what must not matter. */
static const struct {
    const char *name;
    const char *find;
    const char *replace;
} good[] = {
    {"nobody excepted where TLS is demanded", "    backend",
     "tls = \"encrypt\" starttls_except = { } backend"},
    {"no trial", "    backend", "trial_address = { } backend"},
    {"trial on two free ports", "    backend",
     "trial_address = { \"127.0.0.1:0\", \"127.0.0.1:0\" } backend"},
    {"no line end", "", "log = \"syslog\""},
    {"CR LF", "\n", "\r\n"},
    {"all in one line", "backend = \"smtpd\"\n", "backend=\"smtpd\""},
    {"tabs", " = \"mail", "\t=\t\"mail"},
    {"comment at the end", "", "# \"never { closed"},
    {"comment in a list", "\"a\",", "\"a\", # first, \"x\"\n"},
    {"empty key", "/keys/a", ""},
    {"try-anyway", "\"b\" }", "\"b\" } unmatched = \"try-anyway\""},
    {"one ticket key needs no braces", "", "ticket_keys = \"k\""},
    {"no ticket key", "", "ticket_keys = { }"},
    {"profile called none", "tls_profile \"p\"", "tls_profile \"none\""},
    {"one name in sets of different listeners", "certificate_set \"s\" {",
     "certificate_set \"t\" { certificates = \"a\" names = \"mx.example\" }\n"
     "certificate_set \"s\" { names = { \"mx.example\", \"*.mx.example\" }"},
    {"empty list of names", "{ certificates", "{ names = { } certificates"},
    {"empty limits", "", "limits { }"},
    {"empty milter", "", "milter { }"},
    {"only a policy service", "", "milter { socket = \"\" policy_socket = \"unix:/p\" }"},
    {"no second service", "12525\"", "12525\" tls_address = \"\""},
    {"no certificates without TLS", "certificate_sets = \"s\"", "tls = \"none\""},
    {"sets that nobody sees", "certificate_sets = \"s\"",
     "tls = \"none\" certificate_sets = \"s\""},
    {"profile may be empty texts", "{ }", "{ min_protocol = \"\" ciphers = \"\" }"},
    {"equal protocols", "{ }", "{ min_protocol = \"TLSv1.3\" max_protocol = \"TLSv1.3\" }"},
    {"only a highest protocol", "{ }", "{ max_protocol = \"TLSv1\" }"},
    {"section before its use", "certificate_set \"s\"",
     "certificate_set \"t\" { certificates = \"z\" } certificate \"z\" { chain = \"z\" }\n"
     "certificate_set \"s\""},
    {"one name for different things", "tls_profile \"p\"", "tls_profile \"mx\""},
    {"certificate of a profile's name", "tls_profile \"p\" { }",
     "certificate \"modern\" { chain = \"m\" }"},
    {"no control socket", "", "control = \"\""},
    {"longest control path", "", "control = \"/" HUNDRED "123456\""},
    {"longest relative control path", "", "control = \"" HUNDRED "123\""},
    {"two sockets", "\"127.0.0.1:12525\"", "{ \"unix:/x\", \"unix:/y\" }"},
    {"longest label", "tls_profile \"p\" { }",
     "certificate_set \"t\" { certificates = \"a\" names = "
     "\"a23456789-a23456789-a23456789-a23456789-a23456789-a23456789-123\" }"},
    {"same port, another address", "0.0.0.0:25", "127.0.0.2:12525"},
    {"same port, another family", "0.0.0.0:25\", \"[::]:25", "[::]:12525"},
    {"port 0 twice", "\"0.0.0.0:25\", \"[::]:25\"", "\"127.0.0.1:0\", \"127.0.0.1:0\""},
};

START_TEST(test_good)
{
    struct conf *c = parse_edited(good[_i].find, good[_i].replace);

    ck_assert_str_eq(c->hostname.text, "mail.example.org");
    ck_assert_uint_eq(c->num_listeners, 1);
    conf_free(c);
}
END_TEST

static const struct {
    const char *tls;
    const char *profile;
} defaults[] = {
    {"tls = \"may\" certificate_sets", "opportunistic"},
    {"tls = \"none\" certificate_sets", "opportunistic"},
    {"tls = \"encrypt\" certificate_sets", "modern"},
    {"tls = \"implicit\" certificate_sets", "modern"},
    {"tls = \"implicit\" tls_profile = \"\" certificate_sets", "modern"},
};

START_TEST(test_default_profile)
{
    struct conf *c = parse_edited("certificate_sets", defaults[_i].tls);

    ck_assert_str_eq(c->listeners[0].profile->name, defaults[_i].profile);
    conf_free(c);
}
END_TEST

/* Lines stay right behind every kind of comment and line end. */
START_TEST(test_lines)
{
    struct conf *c = parse_edited("hostname", "# one\n#\n  # \"three\r\n\r\n####\nhostname");

    ck_assert_uint_eq(c->hostname.line, 6);
    ck_assert_uint_eq(c->certificates[0].key.line, 7);
    ck_assert_uint_eq(c->listeners[0].line, 16);
    conf_free(c);
}
END_TEST

/* Nothing in a text is expanded or lost. */
START_TEST(test_text_is_literal)
{
    struct conf *c = parse_edited("b.pem", "${HOME} $x # \\\"\\\\ {},= \xc3\xa4");

    ck_assert_str_eq(c->certificates[1].chain.text, "dir/${HOME} $x # \"\\ {},= \xc3\xa4");
    conf_free(c);
}
END_TEST

START_TEST(test_file_without_directory)
{
    struct conf_error error;
    struct conf *c = conf_parse("postern.conf", (const uint8_t *)base, strlen(base), &error);

    ck_assert_ptr_nonnull(c);
    ck_assert_str_eq(c->certificates[0].chain.text, "a.pem");
    conf_free(c);
}
END_TEST

START_TEST(test_words)
{
    ck_assert_str_eq(conf_tls_word(CONF_TLS_MAY), "may");
    ck_assert_str_eq(conf_tls_word(CONF_TLS_NONE), "none");
    ck_assert_str_eq(conf_unmatched_word(CONF_UNMATCHED_FAIL), "fail");
    ck_assert_str_eq(conf_unmatched_word(CONF_UNMATCHED_TRY_ANYWAY), "try-anyway");
    ck_assert_str_eq(conf_client_certificate_word(CONF_CLIENT_CERTIFICATE_NONE), "none");
    ck_assert_str_eq(conf_client_certificate_word(CONF_CLIENT_CERTIFICATE_REQUIRE), "require");
    ck_assert_str_eq(conf_client_address_word(CONF_PROXY_V2), "proxy-v2");
    ck_assert_str_eq(conf_client_address_word(CONF_PROXY_V1), "proxy-v1");
    ck_assert_str_eq(conf_alpn_word(ALPN_GUARD), "guard");
    ck_assert_str_eq(conf_alpn_word(ALPN_IGNORE), "ignore");
}
END_TEST

Suite *conf_suite(void);

Suite *conf_suite(void)
{
    Suite *suite = suite_create("conf");
    TCase *files = tcase_create("files");

    tcase_add_test(files, test_defaults);
    tcase_add_test(files, test_sections);
    tcase_add_test(files, test_given);
    tcase_add_test(files, test_exceptions);
    tcase_add_test(files, test_bound);
    tcase_add_test(files, test_bound_in_a_trial);
    tcase_add_loop_test(files, test_good, 0, (int)(sizeof good / sizeof good[0]));
    tcase_add_loop_test(files, test_default_profile, 0,
                        (int)(sizeof defaults / sizeof defaults[0]));
    tcase_add_test(files, test_lines);
    tcase_add_test(files, test_text_is_literal);
    tcase_add_test(files, test_file_without_directory);
    tcase_add_test(files, test_words);
    suite_add_tcase(suite, files);
    return suite;
}
