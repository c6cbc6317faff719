/* How a session is protected: versions, suites, groups, tickets. */
#include "lib/postfix/compare_parts.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

static bool has_ciphers(const struct comparing *c)
{
    return c->in->ciphers.known && compare_today_level(c) != CONF_TLS_NONE &&
           c->in->listener->tls != CONF_TLS_NONE;
}

/* The parameter that applies: the mandatory one if TLS is demanded. */
static const char *holding(const struct comparing *c, const char *optional, const char *mandatory)
{
    return compare_is_mandatory(compare_today_level(c)) ? mandatory : optional;
}

static void compare_protocols(struct comparing *c)
{
    const char *name = holding(c, "smtpd_tls_protocols", "smtpd_tls_mandatory_protocols");
    const struct compare_ciphers *all = &c->in->ciphers;
    const char *value = compare_today(c, name);

    if (!has_ciphers(c)) {
        return;
    }
    if ((all->now & ~all->today) != 0) {
        compare_say_of(c, name, compare_is_set(c, name) ? COMPARE_FAIL : COMPARE_EQUAL, value, "",
                       "the tls_profile \"%s\" allows versions that today's service refuses",
                       c->in->listener->profile->name);
    }
    if ((all->today & ~all->now) != 0) {
        compare_say_of(c, name, COMPARE_STRICTER, value, "",
                       "the tls_profile \"%s\" lacks versions of today's service",
                       c->in->listener->profile->name);
    }
}

/* Which of the settings that make today's list is the administrator's; NULL: none. */
static const char *own_ciphers(const struct comparing *c)
{
    static const char *const names[] = {
        "smtpd_tls_exclude_ciphers", "smtpd_tls_mandatory_exclude_ciphers",
        "smtpd_tls_ciphers",         "smtpd_tls_mandatory_ciphers",
        "tls_high_cipherlist",       "tls_medium_cipherlist",
        "tls_low_cipherlist",        "tls_null_cipherlist",
        "tls_export_cipherlist",     "smtpd_tls_eecdh_grade",
        "smtpd_tls_req_ccert",
    };

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (compare_is_set(c, names[i])) {
            return names[i];
        }
    }
    return NULL;
}

static bool serves_anonymous(const struct conf_listener *listener)
{
    for (size_t i = 0; i < listener->num_sets; i++) {
        if (listener->sets[i]->unmatched != CONF_UNMATCHED_ANONYMOUS) {
            return false;
        }
    }
    return listener->num_sets > 0;
}

static void compare_ciphers(struct comparing *c)
{
    const char *name = holding(c, "smtpd_tls_ciphers", "smtpd_tls_mandatory_ciphers");
    const struct compare_ciphers *all = &c->in->ciphers;
    const char *value = compare_today(c, name);
    const char *profile = c->in->listener->profile->name;
    const char *own = own_ciphers(c);

    if (!has_ciphers(c)) {
        if (compare_today_level(c) != CONF_TLS_NONE && c->in->listener->tls != CONF_TLS_NONE) {
            compare_say_of(c, name, COMPARE_NOT_JUDGED, value, "",
                           "libssl cannot read the list of today's suites");
        }
        return;
    }
    if (all->opened[0] != '\0' && own != NULL) {
        compare_say_of(c, own, COMPARE_FAIL, compare_today(c, own), "",
                       "the tls_profile \"%s\" has suites that today's service refuses: %s",
                       profile, all->opened);
    }
    if (all->clients[0] != '\0') {
        compare_say_of(c, name, COMPARE_STRICTER, value, "",
                       "the tls_profile \"%s\" shuts out clients of today's service: %s", profile,
                       all->clients);
    } else if (all->closed[0] != '\0') {
        compare_say_of(c, name, COMPARE_STRICTER, value, "",
                       "the tls_profile \"%s\" lacks suites of today's service: %s", profile,
                       all->closed);
    }
    if (all->today_anonymous && !serves_anonymous(c->in->listener)) {
        compare_say_of(c, name, COMPARE_STRICTER, value, "",
                       "clients that offer only suites without a certificate are shut out; "
                       "unmatched = \"anonymous\" of a certificate_set serves them");
    }
}

static void compare_groups(struct comparing *c)
{
    if (has_ciphers(c) && c->in->ciphers.groups[0] != '\0') {
        compare_say(c, COMPARE_STRICTER, "", "the tls_profile \"%s\" lacks groups of today's: %s",
                    c->in->listener->profile->name, c->in->ciphers.groups);
    }
}

/* Of tls_ssl_options posternd has tickets, and always sets two. */
static void compare_ssl_options(struct comparing *c)
{
    static const char ours[] = "NO_TICKET NO_RENEGOTIATION NO_COMPRESSION";
    const char *rest = c->today;
    struct settings_word word;

    while ((word = settings_next_word(&rest)).at != NULL) {
        char text[SETTINGS_NAME_SIZE];

        snprintf(text, sizeof text, "%.*s", (int)word.len, word.at);
        if (!settings_has_word(ours, text)) {
            compare_say(c, COMPARE_LOST, "", "postern.conf(5) cannot express: %s", text);
        }
    }
}

static void compare_tickets(struct comparing *c)
{
    bool today = !settings_has_word(c->today, "NO_TICKET") &&
                 compare_today(c, "tls_session_ticket_cipher")[0] != '\0' &&
                 settings_number(c->in->today.values, "smtpd_tls_session_cache_timeout", 1) > 0;

    if (compare_today_level(c) == CONF_TLS_NONE || c->in->listener->tls == CONF_TLS_NONE) {
        return;
    }
    compare_ssl_options(c);
    if (!today && c->in->conf->tickets) {
        compare_say(c, COMPARE_LOST, "true",
                    "clients get tickets, which today's service gives to nobody: tickets = false");
    } else if (today && !c->in->conf->tickets) {
        compare_say(c, COMPARE_LOST, "false",
                    "no client gets a ticket: each session is a full handshake");
    } else if (!today) {
        compare_say(c, COMPARE_EQUAL, "false", "tickets = false");
    }
}

/* A later Postfix offers it unless told not to. */
static void compare_requiretls(struct comparing *c)
{
    if (settings_yes(c->in->today.values, c->name) && compare_today_level(c) != CONF_TLS_NONE) {
        compare_say(c, COMPARE_LOST, "", "%s", c->row->text);
    }
}

void compare_suites(struct comparing *c)
{
    switch (c->row->rule) {
    case RULE_PROTOCOLS:
        compare_protocols(c);
        break;
    case RULE_CIPHERS:
        compare_ciphers(c);
        break;
    case RULE_GROUPS:
        compare_groups(c);
        break;
    case RULE_TICKETS:
        compare_tickets(c);
        break;
    case RULE_REQUIRETLS:
        compare_requiretls(c);
        break;
    default:
        break;
    }
}
