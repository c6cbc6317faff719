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
    {NULL, "reject_plaintext_session",
     "refuses all mail: to Postfix no session is under TLS. A listener's tls = \"encrypt\" demands "
     "it, or\n#     this as -o of the service for sessions without TLS, of a backend with "
     "tls_address, or, of\n#     some mail, a rule of postern-policy(5)"},
    {NULL, "permit_tls_clientcerts", "never permits: Postfix sees no client certificate"},
    {NULL, "permit_tls_all_clientcerts",
     "never permits: Postfix sees no client certificate. A listener with client_certificate = "
     "\"require\"\n#     and tls = \"encrypt\" or \"implicit\" lets nobody else in"},
    {NULL, "check_ccert_access", "never matches: Postfix sees no client certificate"},
    {NULL, "check_policy_service",
     "the policy service gets no encryption_protocol, encryption_cipher and ccert_*"},
    {"smtpd_*", "stress",
     "never under stress: Postfix knows that state only for services of the outside; posternd has "
     "its own"},
};

/* The first of these that fits holds. */
static const struct note setting_notes[] = {
    {"smtpd_tls_security_level", NULL, "overridden by -o: posternd speaks TLS"},
    {"smtpd_enforce_tls", NULL, "overridden by -o: posternd speaks TLS"},
    {"smtpd_use_tls", NULL, "overridden by -o: posternd speaks TLS"},
    {"smtpd_tls_auth_only", NULL, "overridden by -o: a listener's auth_before_tls decides"},
    {"smtpd_tls_wrappermode", NULL, "overridden by -o: a listener's tls = \"implicit\" is that"},
    {"smtpd_tls_received_header", NULL, "Received: lines tell no TLS version and cipher"},
    {"smtpd_tls_ask_ccert", NULL, "no effect: a listener's client_certificate = \"ask\" does it"},
    {"smtpd_tls_req_ccert", NULL,
     "no effect: a listener's client_certificate = \"require\" does it"},
    {"smtpd_tls_CA*", NULL, "no effect: a listener's client_ca is that"},
    {"smtpd_tls_loglevel", NULL, "no effect: the TLS of a session is in posternd's log"},
    {"smtpd_tls_*", NULL, "no effect: posternd speaks TLS, with its own settings"},
    {"smtpd_starttls_timeout", NULL, "no effect: posternd's handshake_timeout holds"},
    {"smtpd_discard_ehlo_keywords", "starttls", "no effect: posternd offers STARTTLS"},
    {"smtpd_sasl_tls_security_options", NULL,
     "no effect: to Postfix no session is under TLS, so that smtpd_sasl_security_options holds"},
    {"smtpd_sasl_security_options", NULL, "overridden by -o"},
    {"smtpd_client_new_tls_session_rate_limit", NULL,
     "counts nothing: Postfix sees no handshakes; posternd's max_handshakes_per_client is that"},
    {"smtpd_milters", NULL, "milters get no {tls_version}, {cipher}, {cipher_bits} and {cert_*}"},
    {"smtpd_upstream_proxy_protocol", NULL,
     "for every smtpd, so that only posternd can reach any: take it out of main.cf"},
    {"postscreen_upstream_proxy_protocol", NULL,
     "for every postscreen, so that only posternd can reach any: take it out of main.cf"},
    {"smtpd_authorized_xclient_hosts", NULL,
     "overridden by -o: posternd lets no client use XCLIENT"},
    {"smtpd_authorized_xforward_hosts", NULL,
     "overridden by -o: posternd hides XFORWARD from clients"},
    {"default_process_limit", NULL, "not for the services above: they have their own limits"},
    {"mynetworks", NULL,
     "held against the client's own address, so that mail from outside is never local"},
    {"local_header_rewrite_clients", NULL,
     "held against the client's own address, so that mail from outside is never local"},
};

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

/* Line lengths of what is quoted from the administrator's files. */
#define SHOWN_MAX 60

struct setting {
    struct postconf_text name;
    struct postconf_text value;
};

/* --- settings of main.cf -------------------------------------------------------------------- */

static bool is_between_words(char c)
{
    return strchr(" \t,${}?:=", c) != NULL;
}

static bool has_word(const struct setting *s, const char *word)
{
    const char *value = s->value.at;
    size_t len = strlen(word);

    for (size_t i = 0; i + len <= s->value.len; i++) {
        if ((i == 0 || is_between_words(value[i - 1])) && strncasecmp(value + i, word, len) == 0 &&
            (i + len == s->value.len || is_between_words(value[i + len]))) {
            return true;
        }
    }
    return false;
}

static bool is_named(const struct setting *s, const char *name)
{
    size_t len = strlen(name);

    if (name[len - 1] == '*') {
        return s->name.len >= len - 1 && memcmp(s->name.at, name, len - 1) == 0;
    }
    return postconf_is(s->name, name);
}

static bool fits(const struct note *note, const struct setting *s)
{
    return (note->name == NULL || is_named(s, note->name)) &&
           (note->word == NULL || has_word(s, note->word));
}

static void print_setting(const struct setting *s, FILE *out)
{
    bool cut = s->value.len > SHOWN_MAX;

    fprintf(out, "# %.*s = %.*s%s\n", (int)s->name.len, s->name.at,
            (int)(cut ? SHOWN_MAX : s->value.len), s->value.at, cut ? "..." : "");
}

static void note_setting(const struct setting *s, FILE *out)
{
    for (size_t i = 0; i < COUNT(word_notes); i++) {
        if (fits(&word_notes[i], s)) {
            fprintf(out, "# %.*s: %s\n#     %s\n", (int)s->name.len, s->name.at, word_notes[i].word,
                    word_notes[i].text);
        }
    }
    for (size_t i = 0; i < COUNT(setting_notes); i++) {
        if (fits(&setting_notes[i], s)) {
            print_setting(s, out);
            fprintf(out, "#     %s\n", setting_notes[i].text);
            return;
        }
    }
}

/* Who demands TLS today may want to know where it is not demanded from now on. */
static void note_level(const struct conf *conf, const struct setting *s, FILE *out)
{
    bool demands = (is_named(s, "smtpd_tls_security_level") && has_word(s, "encrypt")) ||
                   (is_named(s, "smtpd_enforce_tls") && has_word(s, "yes"));

    for (size_t l = 0; demands && l < conf->num_listeners; l++) {
        const struct conf_listener *listener = &conf->listeners[l];

        if (listener->tls == CONF_TLS_MAY || listener->tls == CONF_TLS_NONE) {
            fprintf(out, "#     listener \"%s\" lets clients without TLS in (tls = \"%s\")\n",
                    listener->name, conf_tls_word(listener->tls));
        }
    }
}

/* Postfix refuses the PROXY header of a client whose family it does not speak. */
static void note_protocols(const struct conf *conf, const struct postconf *postfix,
                           const struct setting *s, FILE *out)
{
    static const struct {
        enum addr_family family;
        const char *name;
    } families[] = {{ADDR_IPV4, "IPv4"}, {ADDR_IPV6, "IPv6"}};

    for (size_t i = 0; is_named(s, "inet_protocols") && i < COUNT(families); i++) {
        if (!postfix_speaks(postfix, families[i].family) &&
            postfix_has_clients(conf, NULL, families[i].family)) {
            print_setting(s, out);
            fprintf(out,
                    "#     every client on %s gets 421: postconf -e inet_protocols=all, and "
                    "restart Postfix\n",
                    families[i].name);
        }
    }
}

static void note_settings(const struct conf *conf, const struct postconf *postfix, FILE *out)
{
    const char *at = postfix->settings;
    struct postconf_text line;

    while ((line = postconf_line(&at)).at != NULL) {
        struct setting s;

        postconf_split(line, &s.name, &s.value);
        note_setting(&s, out);
        note_level(conf, &s, out);
        note_protocols(conf, postfix, &s, out);
    }
}

/* --- services of master.cf ------------------------------------------------------------------ */

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

static void print_own(void *arg, struct postconf_text name, struct postconf_text value)
{
    FILE *out = arg;

    fprintf(out, "#     its own setting, not in the services above: -o %.*s=%.*s\n", (int)name.len,
            name.at, (int)value.len, value.at);
}

/* Whether a service above has taken the settings over that this one has of its own. */
static bool is_taken_over(const struct conf *conf, const struct postconf *postfix,
                          const struct postconf_service *service)
{
    for (size_t b = 0; b < conf->num_backends; b++) {
        const struct conf_backend *backend = &conf->backends[b];

        for (size_t i = 0; i < postfix_num_addresses(backend); i++) {
            struct postconf_service forerunner;

            if (postfix_forerunner(conf, postfix, &postfix_address(backend, i)->endpoint,
                                   &forerunner) &&
                forerunner.line.at == service->line.at) {
                return true;
            }
        }
    }
    return false;
}

/* Whether clients of a listener come to a postscreen behind posternd. */
static bool has_postscreen(const struct postconf *postfix, const struct conf_backend *backend)
{
    for (size_t i = 0; i < backend->num_addresses; i++) {
        if (postfix_is_postscreen(postfix, &backend->addresses[i].endpoint)) {
            return true;
        }
    }
    return false;
}

/* A service on a listener's port is the one that posternd is going to stand in front of. */
static void note_service(const struct conf *conf, const struct postconf *postfix,
                         const struct postconf_service *service, FILE *out)
{
    struct postconf_text name = postconf_column(service, POSTCONF_NAME);
    unsigned port = postconf_port(service);
    const struct conf_listener *listener = port == 0 ? NULL : listener_on(conf, port);
    struct postconf_service smtpd;

    if (listener == NULL) {
        return;
    }
    fprintf(
        out,
        "# master.cf: %.*s inet\n"
        "#     has port %u, like listener \"%s\": where their addresses meet, comment it out%s\n",
        (int)name.len, name.at, port, listener->name,
        listener->num_trial_addresses > 0
            ? "\n#     when the trial (trial_address) ends, not before"
            : "");
    if (postconf_is(postconf_column(service, POSTCONF_COMMAND), "postscreen") &&
        !has_postscreen(postfix, listener->backend)) {
        fprintf(out,
                "#     postscreen does not see clients that come through posternd, unless there is "
                "one at\n#     the address of backend \"%s\"\n",
                listener->backend->name);
    }
    if (postfix_smtpd_of(postfix, service, &smtpd) && !is_taken_over(conf, postfix, &smtpd)) {
        postconf_each_override(postfix, &smtpd, print_own, out);
    }
}

/* The most processes that a service above may have; 0: no bound. */
static unsigned most_processes(const struct conf *conf)
{
    unsigned most = 1;

    for (size_t b = 0; b < conf->num_backends && most > 0; b++) {
        for (size_t i = 0; i < postfix_num_addresses(&conf->backends[b]) && most > 0; i++) {
            unsigned processes =
                postfix_processes(conf, &postfix_address(&conf->backends[b], i)->endpoint);

            most = processes == 0 || processes > most ? processes : most;
        }
    }
    return most;
}

/* A smtpd holds its connection to a policy service as long as it lives; with spawn(8) that is a
 * process each. */
static void note_spawn(const struct conf *conf, const struct postconf *postfix,
                       const struct postconf_service *service, FILE *out)
{
    struct postconf_text name = postconf_column(service, POSTCONF_NAME);
    unsigned limit = postconf_process_limit(postfix, service);
    unsigned most = most_processes(conf);

    if (!postconf_is(postconf_column(service, POSTCONF_COMMAND), "spawn") || limit == 0 ||
        (most != 0 && limit >= most)) {
        return;
    }
    fprintf(out,
            "# master.cf: %.*s, by spawn\n"
            "#     at most %u processes: if smtpd asks it (check_policy_service), more sessions "
            "than that\n#     wait for each other: 0 in its maxproc column\n",
            (int)name.len, name.at, limit);
}

void postfix_notes(const struct conf *conf, const struct postconf *postfix, FILE *out)
{
    const char *at = postfix->services;
    struct postconf_service service;

    if (!postconf_known(postfix)) {
        fputs(
            "#\n# postconf cannot be run or finds no main.cf: nothing is known of this Postfix.\n",
            out);
        return;
    }
    fputs("#\n# This Postfix, for mail that comes through posternd:\n", out);
    note_settings(conf, postfix, out);
    while ((service = postconf_next(&at)).line.at != NULL) {
        note_service(conf, postfix, &service, out);
        note_spawn(conf, postfix, &service, out);
    }
}
