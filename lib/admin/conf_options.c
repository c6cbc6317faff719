#include "lib/admin/conf_parts.h"

#include "lib/base/table.h"
#include "lib/tls/names.h"

#include <string.h>

#define COUNT(array)       (sizeof(array) / sizeof(array)[0])
#define FIELD(kind, field) .offset = offsetof(struct kind, field)

#define WORDS(list) .words = (list), .num_words = COUNT(list)

static const char *const log_words[] = {
    [CONF_LOG_SYSLOG] = "syslog",
    [CONF_LOG_STDERR] = "stderr",
};
TABLE_HAS_EACH(log_words, NUM_CONF_LOGS);

static const char *const log_sessions_words[] = {
    [CONF_SESSIONS_ALL] = "all",
    [CONF_SESSIONS_TLS] = "tls",
    [CONF_SESSIONS_PROBLEMS] = "problems",
};
TABLE_HAS_EACH(log_sessions_words, NUM_CONF_LOG_SESSIONS);

static const char *const failures_words[] = {
    [CONF_FAILURES_OFF] = "off",
    [CONF_FAILURES_MEMORY] = "memory",
    [CONF_FAILURES_DISK] = "disk",
};
TABLE_HAS_EACH(failures_words, NUM_CONF_FAILURES);

static const char *const unmatched_words[] = {
    [CONF_UNMATCHED_FAIL] = "fail",
    [CONF_UNMATCHED_ANONYMOUS] = "anonymous",
    [CONF_UNMATCHED_TRY_ANYWAY] = "try-anyway",
};
TABLE_HAS_EACH(unmatched_words, NUM_CONF_UNMATCHED);

static const char *const alpn_words[] = {
    [ALPN_GUARD] = "guard",
    [ALPN_STRICT] = "strict",
    [ALPN_IGNORE] = "ignore",
};
TABLE_HAS_EACH(alpn_words, NUM_ALPN_RULES);

static const char *const client_address_words[] = {
    [CONF_PROXY_V2] = "proxy-v2",
    [CONF_PROXY_V1] = "proxy-v1",
};
TABLE_HAS_EACH(client_address_words, NUM_CONF_CLIENT_ADDRESSES);

static const char *const tls_words[] = {
    [CONF_TLS_MAY] = "may",
    [CONF_TLS_ENCRYPT] = "encrypt",
    [CONF_TLS_IMPLICIT] = "implicit",
    [CONF_TLS_NONE] = "none",
};
TABLE_HAS_EACH(tls_words, NUM_CONF_TLS);

static const char *const client_certificate_words[] = {
    [CONF_CLIENT_CERTIFICATE_NONE] = "none",
    [CONF_CLIENT_CERTIFICATE_ASK] = "ask",
    [CONF_CLIENT_CERTIFICATE_REQUIRE] = "require",
};
TABLE_HAS_EACH(client_certificate_words, NUM_CONF_CLIENT_CERTIFICATES);

static const char *const on_failure_words[] = {
    [CONF_ON_FAILURE_TEMPFAIL] = "tempfail",
    [CONF_ON_FAILURE_ACCEPT] = "accept",
};
TABLE_HAS_EACH(on_failure_words, NUM_CONF_ON_FAILURES);

static const char *const facilities[] = {
    "mail",   "daemon", "user",   "auth",   "authpriv", "cron",   "ftp",
    "lpr",    "news",   "syslog", "uucp",   "local0",   "local1", "local2",
    "local3", "local4", "local5", "local6", "local7",
};

static const char *const protocols[] = {TLS_VERSION_NAMES};

static const struct conf_option top[] = {
    {"hostname", CONF_TEXT, NULL, FIELD(conf, hostname), .complaint = conf_complain_hostname},
    {"user", CONF_TEXT, "postern", FIELD(conf, user), .complaint = conf_complain_user},
    {"workers", CONF_NUMBER, "0", FIELD(conf, workers), .max = 256,
     .line_offset = offsetof(struct conf, workers_line)},
    {"control", CONF_PATH, CONF_CONTROL, FIELD(conf, control)},
    {"state_directory", CONF_PATH, "/var/lib/postern", FIELD(conf, state_directory),
     .complaint = conf_complain_path},
    {"log", CONF_WORD, "syslog", WORDS(log_words), FIELD(conf, log)},
    {"log_facility", CONF_TEXT, "mail", WORDS(facilities), FIELD(conf, log_facility)},
    {"syslog_name", CONF_TEXT, "posternd", FIELD(conf, syslog_name),
     .complaint = conf_complain_syslog_name},
    {"log_sessions", CONF_WORD, "tls", WORDS(log_sessions_words), FIELD(conf, log_sessions)},
    {"failures", CONF_WORD, "disk", WORDS(failures_words), FIELD(conf, failures),
     .line_offset = offsetof(struct conf, failures_line)},
    {"shutdown_timeout", CONF_NUMBER, "30", FIELD(conf, shutdown_timeout), .min = 1, .max = 270},
    {"tickets", CONF_BOOLEAN, "true", FIELD(conf, tickets)},
    {"ticket_keys", CONF_PATHS, "", FIELD(conf, ticket_keys), .complaint = conf_complain_path},
};

static const struct conf_option certificate[] = {
    {"chain", CONF_PATH, NULL, FIELD(conf_certificate, chain), .complaint = conf_complain_path},
    {"key", CONF_PATH, "", FIELD(conf_certificate, key)},
};

static const struct conf_option certificate_set[] = {
    {"names", CONF_SNI_NAMES, "", FIELD(conf_set, names), .complaint = conf_complain_sni},
    {"certificates", CONF_REFERENCES, NULL, .offset = CONF_NO_FIELD},
    {"unmatched", CONF_WORD, "fail", WORDS(unmatched_words), FIELD(conf_set, unmatched)},
};

static const struct conf_option tls_profile[] = {
    {"min_protocol", CONF_TEXT, "", WORDS(protocols), FIELD(conf_profile, min_protocol)},
    {"max_protocol", CONF_TEXT, "", WORDS(protocols), FIELD(conf_profile, max_protocol)},
    {"ciphers", CONF_TEXT, "", FIELD(conf_profile, ciphers)},
    {"ciphersuites", CONF_TEXT, "", FIELD(conf_profile, ciphersuites)},
    {"groups", CONF_TEXT, "", FIELD(conf_profile, groups)},
    {"alpn", CONF_WORD, "guard", WORDS(alpn_words), FIELD(conf_profile, alpn)},
};

static const struct conf_option backend[] = {
    {"address", CONF_ADDRESSES, NULL, FIELD(conf_backend, addresses),
     .num_offset = offsetof(struct conf_backend, num_addresses)},
    {"tls_address", CONF_ADDRESS, "", FIELD(conf_backend, tls_address)},
    {"client_address", CONF_WORD, "proxy-v2", WORDS(client_address_words),
     FIELD(conf_backend, client_address)},
    {"max_connections", CONF_NUMBER, "480", FIELD(conf_backend, max_connections), .max = 1000000},
    {"connect_timeout", CONF_NUMBER, "10", FIELD(conf_backend, connect_timeout), .min = 1,
     .max = 3600},
    {"backend_timeout", CONF_NUMBER, "3600", FIELD(conf_backend, backend_timeout), .min = 1,
     .max = 86400},
};

static const struct conf_option listener[] = {
    {"address", CONF_ADDRESSES, NULL, FIELD(conf_listener, addresses),
     .num_offset = offsetof(struct conf_listener, num_addresses)},
    {"trial_address", CONF_ADDRESSES, "", FIELD(conf_listener, trial_addresses),
     .num_offset = offsetof(struct conf_listener, num_trial_addresses)},
    {"tls", CONF_WORD, "may", WORDS(tls_words), FIELD(conf_listener, tls)},
    {"tls_profile", CONF_REFERENCE, "", .offset = CONF_NO_FIELD},
    {"certificate_sets", CONF_REFERENCES, "", .offset = CONF_NO_FIELD},
    {"backend", CONF_REFERENCE, NULL, .offset = CONF_NO_FIELD},
    {"auth_before_tls", CONF_BOOLEAN, "false", FIELD(conf_listener, auth_before_tls)},
    {"starttls_except", CONF_NETWORKS, "", FIELD(conf_listener, starttls_except)},
    {"client_certificate", CONF_WORD, "none", WORDS(client_certificate_words),
     FIELD(conf_listener, client_certificate)},
    {"client_ca", CONF_PATH, "", FIELD(conf_listener, client_ca)},
    {"accept_proxy_from", CONF_NETWORKS, "", FIELD(conf_listener, accept_proxy_from)},
};

static const struct conf_option limits[] = {
    {"max_sessions", CONF_NUMBER, "10000", FIELD(conf, limits.max_sessions), .min = 1,
     .max = 1000000},
    {"max_sessions_per_client", CONF_NUMBER, "50", FIELD(conf, limits.max_sessions_per_client),
     .max = 1000000},
    {"max_handshakes_per_client", CONF_NUMBER, "0", FIELD(conf, limits.max_handshakes_per_client),
     .max = 1000000},
    {"max_handshakes", CONF_NUMBER, "0", FIELD(conf, limits.max_handshakes), .max = 1000000},
    {"handshake_timeout", CONF_NUMBER, "60", FIELD(conf, limits.handshake_timeout), .min = 1,
     .max = 3600},
    {"idle_timeout", CONF_NUMBER, "1800", FIELD(conf, limits.idle_timeout), .min = 1, .max = 86400},
    {"exempt", CONF_NETWORKS, "127.0.0.0/8", FIELD(conf, limits.exempt)},
};

static const struct conf_option milter[] = {
    {"socket", CONF_ADDRESS, "unix:/var/spool/postfix/postern/milter.sock",
     FIELD(conf_milter, socket)},
    {"header", CONF_TEXT, "X-Postern-TLS", FIELD(conf_milter, header),
     .complaint = conf_complain_header},
    {"policy", CONF_PATH, "", FIELD(conf_milter, policy)},
    {"policy_socket", CONF_ADDRESS, "", FIELD(conf_milter, policy_socket)},
    {"on_failure", CONF_WORD, "tempfail", WORDS(on_failure_words), FIELD(conf_milter, on_failure)},
    {"keep_from", CONF_NETWORKS, "", FIELD(conf_milter, keep_from)},
    {"user", CONF_TEXT, "", FIELD(conf_milter, user), .complaint = conf_complain_user},
};

const struct conf_section conf_sections[NUM_CONF_KINDS] = {
    [CONF_TOP] = {"", false, top, COUNT(top)},
    [CONF_CERTIFICATE] = {"certificate", true, certificate, COUNT(certificate)},
    [CONF_SET] = {"certificate_set", true, certificate_set, COUNT(certificate_set)},
    [CONF_PROFILE] = {"tls_profile", true, tls_profile, COUNT(tls_profile)},
    [CONF_BACKEND] = {"backend", true, backend, COUNT(backend)},
    [CONF_LISTENER] = {"listener", true, listener, COUNT(listener)},
    [CONF_LIMITS] = {"limits", false, limits, COUNT(limits)},
    [CONF_MILTER] = {"milter", false, milter, COUNT(milter)},
};

int conf_option_index(const struct conf_section *section, const char *name)
{
    for (size_t i = 0; i < section->num_options; i++) {
        if (strcmp(section->options[i].name, name) == 0) {
            return (int)i;
        }
    }
    return -1;
}

const char *conf_tls_word(enum conf_tls tls)
{
    return tls_words[tls];
}

const char *conf_unmatched_word(enum conf_unmatched unmatched)
{
    return unmatched_words[unmatched];
}

const char *conf_client_certificate_word(enum conf_client_certificate asked)
{
    return client_certificate_words[asked];
}

const char *conf_client_address_word(enum conf_client_address address)
{
    return client_address_words[address];
}

const char *conf_alpn_word(enum alpn_rule rule)
{
    return alpn_words[rule];
}

enum conf_kind conf_section_kind(const char *name)
{
    for (unsigned kind = CONF_TOP + 1; kind < NUM_CONF_KINDS; kind++) {
        if (strcmp(conf_sections[kind].name, name) == 0) {
            return (enum conf_kind)kind;
        }
    }
    return CONF_TOP;
}

bool conf_type_is_list(enum conf_type type)
{
    return type == CONF_SNI_NAMES || type == CONF_PATHS || type == CONF_ADDRESSES ||
           type == CONF_REFERENCES || type == CONF_NETWORKS;
}

void conf_each_option(void (*row)(void *arg, const char *section, const char *option,
                                  const char *type, const char *fallback),
                      void *arg)
{
    static const char *const type_words[] = {
        [CONF_TEXT] = "text",           [CONF_PATH] = "path",
        [CONF_WORD] = "word",           [CONF_NUMBER] = "number",
        [CONF_BOOLEAN] = "boolean",     [CONF_SNI_NAMES] = "list of names",
        [CONF_PATHS] = "list of paths", [CONF_ADDRESSES] = "list of addresses",
        [CONF_REFERENCE] = "name",      [CONF_REFERENCES] = "list of names",
        [CONF_ADDRESS] = "address",     [CONF_NETWORKS] = "list of networks",
    };
    TABLE_HAS_EACH(type_words, NUM_CONF_TYPES);

    for (size_t kind = 0; kind < NUM_CONF_KINDS; kind++) {
        const struct conf_section *section = &conf_sections[kind];

        for (size_t i = 0; i < section->num_options; i++) {
            const struct conf_option *option = &section->options[i];

            row(arg, section->name, option->name, type_words[option->type], option->fallback);
        }
    }
}
