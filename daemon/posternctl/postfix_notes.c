#include "daemon/posternctl/postfix_config.h"

#include <string.h>
#include <strings.h>

/* What a setting comes to when its session's TLS ends in front of Postfix. */
struct note {
    const char *name; /* the setting; with a '*' at the end: all that begin so; NULL: any */
    const char *word; /* a word in its value; NULL: any */
    const char *text;
};

/* Any number of these can hold for one setting. */
static const struct note word_notes[] = {
    {NULL, "reject_plaintext_session", "refuses all mail: to Postfix no session is under TLS"},
    {NULL, "permit_tls_clientcerts", "never permits: Postfix sees no client certificate"},
    {NULL, "permit_tls_all_clientcerts", "never permits: Postfix sees no client certificate"},
    {NULL, "check_ccert_access", "never matches: Postfix sees no client certificate"},
    {NULL, "check_policy_service",
     "the policy service gets no encryption_protocol, encryption_cipher and ccert_*"},
    {"smtpd_*", "stress",
     "never under stress: Postfix knows that state only for services of the outside"},
};

/* The first of these that fits holds. */
static const struct note setting_notes[] = {
    {"smtpd_tls_security_level", "encrypt",
     "overridden by -o: posternd lets clients without TLS in (tls = \"may\")"},
    {"smtpd_tls_security_level", NULL, "overridden by -o: posternd speaks TLS"},
    {"smtpd_enforce_tls", "yes",
     "overridden by -o: posternd lets clients without TLS in (tls = \"may\")"},
    {"smtpd_use_tls", NULL, "overridden by -o: posternd speaks TLS"},
    {"smtpd_tls_auth_only", NULL, "overridden by -o: posternd's auth_before_tls decides"},
    {"smtpd_tls_wrappermode", NULL, "overridden by -o: posternd speaks TLS"},
    {"smtpd_tls_received_header", NULL, "Received: lines tell no TLS version and cipher"},
    {"smtpd_tls_ask_ccert", NULL, "no client is asked for a certificate"},
    {"smtpd_tls_req_ccert", NULL, "no client is asked for a certificate"},
    {"smtpd_tls_loglevel", NULL, "no effect: the TLS of a session is in posternd's log"},
    {"smtpd_tls_*", NULL, "no effect: posternd speaks TLS, with its own settings"},
    {"smtpd_starttls_timeout", NULL, "no effect: posternd's handshake_timeout holds"},
    {"smtpd_discard_ehlo_keywords", "starttls", "no effect: posternd offers STARTTLS"},
    {"smtpd_sasl_tls_security_options", NULL,
     "no effect: to Postfix no session is under TLS, so that smtpd_sasl_security_options holds"},
    {"smtpd_sasl_security_options", NULL, "overridden by -o"},
    {"smtpd_client_new_tls_session_rate_limit", NULL, "counts nothing: Postfix sees no handshakes"},
    {"smtpd_milters", NULL, "milters get no {tls_version}, {cipher}, {cipher_bits} and {cert_*}"},
    {"smtpd_upstream_proxy_protocol", NULL,
     "for every smtpd, so that only posternd can reach any: take it out of main.cf"},
    {"mynetworks", NULL,
     "held against the client's own address, so that mail from outside is never local"},
};

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

/* Line lengths of what is quoted from the administrator's files. */
#define SHOWN_MAX 60

struct setting {
    const char *name;
    size_t name_len;
    const char *value;
    size_t value_len;
};

static bool is_between_words(char c)
{
    return strchr(" \t,${}?:=", c) != NULL;
}

static bool has_word(const struct setting *s, const char *word)
{
    size_t len = strlen(word);

    for (size_t i = 0; i + len <= s->value_len; i++) {
        if ((i == 0 || is_between_words(s->value[i - 1])) &&
            strncasecmp(s->value + i, word, len) == 0 &&
            (i + len == s->value_len || is_between_words(s->value[i + len]))) {
            return true;
        }
    }
    return false;
}

static bool is_named(const struct setting *s, const char *name)
{
    size_t len = strlen(name);

    if (name[len - 1] == '*') {
        return s->name_len >= len - 1 && memcmp(s->name, name, len - 1) == 0;
    }
    return s->name_len == len && memcmp(s->name, name, len) == 0;
}

static bool fits(const struct note *note, const struct setting *s)
{
    return (note->name == NULL || is_named(s, note->name)) &&
           (note->word == NULL || has_word(s, note->word));
}

static void note_setting(const struct setting *s, FILE *out)
{
    for (size_t i = 0; i < COUNT(word_notes); i++) {
        if (fits(&word_notes[i], s)) {
            fprintf(out, "# %.*s: %s\n#     %s\n", (int)s->name_len, s->name, word_notes[i].word,
                    word_notes[i].text);
        }
    }
    for (size_t i = 0; i < COUNT(setting_notes); i++) {
        if (fits(&setting_notes[i], s)) {
            bool cut = s->value_len > SHOWN_MAX;

            fprintf(out, "# %.*s = %.*s%s\n#     %s\n", (int)s->name_len, s->name,
                    (int)(cut ? SHOWN_MAX : s->value_len), s->value, cut ? "..." : "",
                    setting_notes[i].text);
            return;
        }
    }
}

static bool listens_on(const struct conf *conf, enum addr_family family)
{
    for (size_t l = 0; l < conf->num_listeners; l++) {
        for (size_t i = 0; i < conf->listeners[l].num_addresses; i++) {
            if (conf->listeners[l].addresses[i].endpoint.ip.family == family) {
                return true;
            }
        }
    }
    return false;
}

/* Postfix refuses the PROXY header of a client whose family it does not speak. */
static void note_protocols(const struct conf *conf, const struct setting *s, FILE *out)
{
    static const struct {
        enum addr_family family;
        const char *word;
        const char *name;
    } families[] = {{ADDR_IPV4, "ipv4", "IPv4"}, {ADDR_IPV6, "ipv6", "IPv6"}};

    if (!is_named(s, "inet_protocols") || has_word(s, "all")) {
        return;
    }
    for (size_t i = 0; i < COUNT(families); i++) {
        if (!has_word(s, families[i].word) && listens_on(conf, families[i].family)) {
            fprintf(out,
                    "# inet_protocols = %.*s\n#     every client on %s gets 421: "
                    "postconf -e inet_protocols=all\n",
                    (int)s->value_len, s->value, families[i].name);
        }
    }
}

/* The port of a service of type inet: "smtp", "25", "192.0.2.1:25", "[::1]:smtp". 0: unknown. */
static unsigned service_port(const char *name, size_t len)
{
    static const struct {
        const char *name;
        unsigned port;
    } known[] = {{"smtp", 25}, {"smtps", 465}, {"submissions", 465}, {"submission", 587}};
    size_t start = len;
    unsigned port = 0;

    while (start > 0 && name[start - 1] != ':') {
        start--;
    }
    for (size_t i = 0; i < COUNT(known); i++) {
        if (strlen(known[i].name) == len - start &&
            memcmp(name + start, known[i].name, len - start) == 0) {
            return known[i].port;
        }
    }
    for (size_t i = start; i < len; i++) {
        if (name[i] < '0' || name[i] > '9' || port > UINT16_MAX) {
            return 0;
        }
        port = port * 10 + (unsigned)(name[i] - '0');
    }
    return port;
}

static const struct conf_listener *listener_on(const struct conf *conf, unsigned port)
{
    for (size_t l = 0; l < conf->num_listeners; l++) {
        for (size_t i = 0; i < conf->listeners[l].num_addresses; i++) {
            if (conf->listeners[l].addresses[i].endpoint.ip.port == port) {
                return &conf->listeners[l];
            }
        }
    }
    return NULL;
}

/* The service's own -o settings, which the new services do not have. */
static void note_overrides(const struct postconf *postfix, const char *name, size_t name_len,
                           FILE *out)
{
    static const char type[] = "/inet/";
    const char *at = postfix->overrides;
    const char *line;
    size_t len;

    while ((line = postconf_line(&at, &len)) != NULL) {
        if (len > name_len + strlen(type) && memcmp(line, name, name_len) == 0 &&
            memcmp(line + name_len, type, strlen(type)) == 0) {
            const char *own = line + name_len + strlen(type);
            size_t own_len = len - name_len - strlen(type);
            size_t own_name = strcspn(own, " ");
            size_t value = own_name + strspn(own + own_name, " =");

            fprintf(out, "#     its own setting, not in the services above: -o %.*s=%.*s\n",
                    (int)own_name, own, (int)(own_len > value ? own_len - value : 0), own + value);
        }
    }
}

/* A service on a listener's port is the one that posternd is going to stand in front of. */
static void note_service(const struct conf *conf, const struct postconf *postfix, const char *line,
                         size_t len, FILE *out)
{
    size_t name_len = strcspn(line, " \t");
    const char *type = line + name_len + strspn(line + name_len, " \t");
    unsigned port = service_port(line, name_len);
    const struct conf_listener *listener = port == 0 ? NULL : listener_on(conf, port);
    const char *command = line + len;

    if (listener == NULL || strncmp(type, "inet", strlen("inet")) != 0) {
        return;
    }
    fprintf(out,
            "# master.cf: %.*s inet\n"
            "#     has port %u, like listener \"%s\": where their addresses meet, comment it out\n",
            (int)name_len, line, port, listener->name);
    while (command > line && command[-1] != ' ' && command[-1] != '\t') {
        command--;
    }
    if (strncmp(command, "postscreen", strlen("postscreen")) == 0) {
        fputs("#     postscreen does not see clients that come through posternd\n", out);
    }
    note_overrides(postfix, line, name_len, out);
}

void postfix_notes(const struct conf *conf, const struct postconf *postfix, FILE *out)
{
    const char *at = postfix->settings;
    const char *line;
    size_t len;

    if (at == NULL) {
        fputs(
            "#\n# postconf cannot be run or finds no main.cf: nothing is known of this Postfix.\n",
            out);
        return;
    }
    fputs("#\n# This Postfix, for mail that comes through posternd:\n", out);
    while ((line = postconf_line(&at, &len)) != NULL) {
        size_t name_len = strcspn(line, " =\n");
        size_t value = name_len + strspn(line + name_len, " =");
        struct setting s = {.name = line,
                            .name_len = name_len,
                            .value = line + value,
                            .value_len = len > value ? len - value : 0};

        note_setting(&s, out);
        note_protocols(conf, &s, out);
    }
    at = postfix->services;
    while ((line = postconf_line(&at, &len)) != NULL) {
        note_service(conf, postfix, line, len, out);
    }
}
