#include "tests/unit/compare_base.h"

#include "tests/unit/conf_base.h"

/* Postfix's own values, as far as compare asks for them, or a row changes them. */
static const char defaults_text[] =
    "anvil_rate_time_unit = 60s\n"
    "compatibility_level = 3.6\n"
    "content_filter = \n"
    "default_process_limit = 100\n"
    "inet_interfaces = all\n"
    "inet_protocols = all\n"
    "line_length_limit = 2048\n"
    "local_header_rewrite_clients = permit_inet_interfaces\n"
    "maillog_file = \n"
    "milter_default_action = tempfail\n"
    "mydestination = mail.example.org, localhost\n"
    "myhostname = mail.example.org\n"
    "mynetworks = 127.0.0.1/32 [::1]/128\n"
    "mynetworks_style = host\n"
    "postscreen_access_list = permit_mynetworks\n"
    "postscreen_client_connection_count_limit = 50\n"
    "postscreen_discard_ehlo_keyword_address_maps = \n"
    "postscreen_discard_ehlo_keywords = \n"
    "postscreen_dnsbl_sites = \n"
    "postscreen_enforce_tls = no\n"
    "postscreen_greet_action = ignore\n"
    "postscreen_tls_security_level = \n"
    "postscreen_upstream_proxy_protocol = \n"
    "postscreen_upstream_proxy_timeout = 5s\n"
    "postscreen_use_tls = no\n"
    "relay_clientcerts = \n"
    "relay_domains = \n"
    "requiretls_enable = no\n"
    "smtp_tls_security_level = \n"
    "smtpd_authorized_xclient_hosts = \n"
    "smtpd_authorized_xforward_hosts = \n"
    "smtpd_banner = $myhostname ESMTP\n"
    "smtpd_client_connection_count_limit = 50\n"
    "smtpd_client_event_limit_exceptions = 127.0.0.1/32 [::1]/128\n"
    "smtpd_client_new_tls_session_rate_limit = 0\n"
    "smtpd_client_port_logging = no\n"
    "smtpd_client_restrictions = \n"
    "smtpd_discard_ehlo_keyword_address_maps = \n"
    "smtpd_discard_ehlo_keywords = \n"
    "smtpd_enforce_tls = no\n"
    "smtpd_helo_required = no\n"
    "smtpd_later_maps = \n"
    "smtpd_milter_maps = \n"
    "smtpd_milters = \n"
    "smtpd_recipient_restrictions = \n"
    "smtpd_relay_restrictions = permit_mynetworks, reject_unauth_destination\n"
    "smtpd_restriction_classes = \n"
    "smtpd_sasl_auth_enable = no\n"
    "smtpd_sasl_security_options = noanonymous\n"
    "smtpd_sasl_tls_security_options = noanonymous\n"
    "smtpd_sender_restrictions = \n"
    "smtpd_starttls_timeout = 300s\n"
    "smtpd_timeout = 300s\n"
    "smtpd_tls_CAfile = \n"
    "smtpd_tls_always_issue_session_ids = yes\n"
    "smtpd_tls_ask_ccert = no\n"
    "smtpd_tls_auth_only = no\n"
    "smtpd_tls_ccert_verifydepth = 9\n"
    "smtpd_tls_cert_file = \n"
    "smtpd_tls_chain_files = \n"
    "smtpd_tls_ciphers = medium\n"
    "smtpd_tls_eccert_file = \n"
    "smtpd_tls_eecdh_grade = auto\n"
    "smtpd_tls_exclude_ciphers = \n"
    "smtpd_tls_fingerprint_digest = sha256\n"
    "smtpd_tls_loglevel = 0\n"
    "smtpd_tls_mandatory_ciphers = medium\n"
    "smtpd_tls_mandatory_protocols = >=TLSv1\n"
    "smtpd_tls_protocols = >=TLSv1\n"
    "smtpd_tls_received_header = no\n"
    "smtpd_tls_req_ccert = no\n"
    "smtpd_tls_security_level = \n"
    "smtpd_tls_session_cache_database = \n"
    "smtpd_tls_session_cache_timeout = 3600s\n"
    "smtpd_tls_wrappermode = no\n"
    "smtpd_upstream_proxy_protocol = \n"
    "smtpd_upstream_proxy_timeout = 5s\n"
    "smtpd_use_tls = no\n"
    "soft_bounce = no\n"
    "syslog_facility = mail\n"
    "tls_config_file = default\n"
    "tls_server_sni_maps = \n"
    "tls_session_ticket_cipher = aes-256-cbc\n"
    "tls_ssl_options = \n"
    "virtual_alias_maps = hash:/etc/postfix/virtual\n";

/* What the administrator of every row has set. */
static const char today_text[] = "smtpd_tls_security_level = may\n"
                                 "postscreen_tls_security_level = may\n";

static const struct compare_files same_files = {"", "", "", ""};

/* --- the set-up ----------------------------------------------------------------------------- */

static void add(struct settings *settings, const char *text)
{
    ck_assert_int_eq(settings_read(settings, text), 0);
}

static void put(struct settings *settings, const char *name, const char *value)
{
    ck_assert_int_eq(settings_set(settings, name, value), 0);
}

/* Today's values with those that a service behind must have. */
static void fill_behind(struct settings *settings, const struct compare_row *row,
                        const struct settings *today)
{
    add(settings, defaults_text);
    add(settings, today_text);
    add(settings, row->today);
    put(settings, "smtpd_sasl_security_options",
        settings_get(today, "smtpd_sasl_tls_security_options"));
    for (size_t i = 0; i < parameters_num(); i++) {
        const struct parameter *p = parameter_at(i);
        bool screens = strncmp(p->name, "postscreen_", strlen("postscreen_")) == 0;

        if (p->class != PARAMETER_OURS || p->behind == NULL || (screens && !row->screens)) {
            continue;
        }
        put(settings, p->name, p->rule == RULE_PROXY && screens != row->screens ? "" : p->behind);
    }
}

static const char *or_nothing(const char *text)
{
    return text == NULL ? "" : text;
}

static struct compare_ciphers ciphers_of(const struct compare_row *row)
{
    static const struct compare_ciphers same = {.known = true};
    const struct compare_ciphers *all = row->ciphers == NULL ? &same : row->ciphers;

    return (struct compare_ciphers){
        .known = all->known,
        .today = all->today == 0 ? 15 : all->today,
        .now = all->now == 0 ? 15 : all->now,
        .today_anonymous = all->today_anonymous,
        .opened = or_nothing(all->opened),
        .closed = or_nothing(all->closed),
        .clients = or_nothing(all->clients),
        .groups = or_nothing(all->groups),
    };
}

/* The row's postern.conf; freed by the caller. */
static struct conf *conf_of(const struct compare_row *row)
{
    static const char place[] = "    certificate_sets = \"s\"\n";
    char *text = edited(row->find == NULL ? "" : row->find, row->find == NULL ? "" : row->replace);
    const char *at = strstr(text, place);
    char whole[4096];
    struct conf_error error;
    struct conf *conf;

    ck_assert_ptr_nonnull(at);
    snprintf(whole, sizeof whole, "%.*s%s%s%s%s%s", (int)(at - text), text,
             row->two_sets ? "    certificate_sets = { \"s\", \"t\" }\n" : place,
             or_nothing(row->options), row->options == NULL ? "" : "\n", at + strlen(place),
             or_nothing(row->more));
    free(text);
    conf = parse(whole, &error);
    ck_assert_msg(conf != NULL, "%s: %s", row->name, error.text);
    return conf;
}

static char *read_table(void *arg, const char *name)
{
    const struct compare_row *row = arg;

    for (size_t i = 0; i < NUM(row->tables); i++) {
        if (row->tables[i].name != NULL && strcmp(row->tables[i].name, name) == 0) {
            char *text = strdup(row->tables[i].text);

            ck_assert_ptr_nonnull(text);
            return text;
        }
    }
    return NULL;
}

/* --- the findings --------------------------------------------------------------------------- */

static void print_all(const struct comparison *all)
{
    for (size_t i = 0; i < all->num; i++) {
        printf("    %s %s: %s [%s -> %s]\n", compare_verdict_word(all->findings[i].verdict),
               all->findings[i].parameter, all->findings[i].text, all->findings[i].today,
               all->findings[i].now);
    }
}

static bool is_found(const struct compare_found *wanted, const struct compare_finding *finding)
{
    return finding->verdict == wanted->verdict &&
           strcmp(finding->parameter, wanted->parameter) == 0 &&
           (wanted->text == NULL || strstr(finding->text, wanted->text) != NULL);
}

/* Each finding that the row names is there once, and no other but those that say nothing. */
static const char *compare_with(const struct compare_row *row, const struct comparison *all)
{
    size_t num = 0;
    size_t said = 0;

    for (size_t i = 0; i < NUM(row->found) && row->found[i].parameter != NULL; i++) {
        size_t times = 0;

        for (size_t k = 0; k < all->num; k++) {
            times += is_found(&row->found[i], &all->findings[k]);
        }
        if (times != 1) {
            return row->found[i].parameter;
        }
        num += row->found[i].verdict != COMPARE_EQUAL;
    }
    for (size_t k = 0; k < all->num; k++) {
        said += all->findings[k].verdict != COMPARE_EQUAL;
    }
    return said == num ? NULL : "more than that";
}

/* The numbers are those of the findings, and every parameter of today counts. */
static void check_numbers(const struct compare_row *row, const struct comparison *all)
{
    size_t nums[NUM_COMPARE_VERDICTS] = {0};

    for (size_t i = 0; i < all->num; i++) {
        nums[all->findings[i].verdict]++;
        ck_assert_ptr_nonnull(all->findings[i].today);
        ck_assert_ptr_nonnull(all->findings[i].now);
        ck_assert_msg(all->findings[i].text[0] != '\0', "%s: no text", row->name);
    }
    ck_assert_uint_eq(nums[COMPARE_SAME], 0);
    for (size_t v = COMPARE_SAME + 1; v < NUM_COMPARE_VERDICTS; v++) {
        ck_assert_msg(nums[v] == all->num_by_verdict[v], "%s: numbers", row->name);
    }
    ck_assert_msg(all->num_by_verdict[COMPARE_SAME] > 0, "%s: nothing is the same", row->name);
}

void compare_row_check(const struct compare_row *row)
{
    struct settings defaults = {0};
    struct settings today = {0};
    struct settings main_cf = {0};
    struct settings own = {0};
    struct settings plain = {0};
    struct settings secured = {0};
    struct conf *conf = conf_of(row);
    const struct conf_listener *listener = &conf->listeners[0];
    unsigned maxproc = row->maxproc != 0 ? row->maxproc : listener->backend->max_connections;
    struct comparison all;
    const char *problem;
    struct compare_input input = {
        .conf = conf,
        .listener = listener,
        .defaults = &defaults,
        .main_cf = &main_cf,
        .own = &own,
        .today = {&today, row->screened, row->chroot[0] != '\0' ? row->chroot[0] : 'n',
                  row->no_bound ? 0 : maxproc},
        .plain = {&plain, row->screens, row->chroot[0] != '\0' ? row->chroot[1] : 'n', 500},
        .known = !row->unknown,
        .ciphers = ciphers_of(row),
        .files = row->files == NULL ? same_files : *row->files,
        .read_table = read_table,
        .arg = (void *)(uintptr_t)row,
    };

    add(&defaults, defaults_text);
    add(&today, defaults_text);
    add(&today, today_text);
    add(&today, row->today);
    add(&main_cf, today_text);
    add(&main_cf, row->main_cf == NULL ? row->today : row->main_cf);
    add(&own, row->own);
    fill_behind(&plain, row, &today);
    add(&plain, row->behind);
    input.secured = input.plain;
    if (row->secured != NULL) {
        fill_behind(&secured, row, &today);
        add(&secured, row->secured);
        input.secured.values = &secured;
        input.secured.chroot = row->chroot[0] != '\0' ? row->chroot[2] : 'n';
    }
    ck_assert_int_eq(compare(&input, &all), 0);
    problem = compare_with(row, &all);
    if (problem != NULL) {
        printf("%s:\n", row->name);
        print_all(&all);
        fflush(stdout);
    }
    ck_assert_msg(problem == NULL, "%s: %s", row->name, problem);
    check_numbers(row, &all);
    comparison_free(&all);
    conf_free(conf);
    settings_free(&defaults);
    settings_free(&today);
    settings_free(&main_cf);
    settings_free(&own);
    settings_free(&plain);
    settings_free(&secured);
}
