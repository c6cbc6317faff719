/*
 * Theory of operation: a stranger sends to two recipients. One belongs to nobody here: a mail to it
 * must not be accepted. The other is postmaster, whom every mail server must accept (RFC 5321
 * section 4.5.1): at the name of this host, or, because not every host is a domain of its Postfix,
 * at a domain that its settings name. Not without a domain: Postfix accepts that before it reads
 * any restriction. A 4xx, and a 5xx that names the client, are about this client and moment
 * (greylisting, a list of addresses, a missing host name), and prove nothing. Any other 5xx would
 * affect everybody. It is a fault unless the service that clients use today says the same, or
 * unless the settings of a service that is not on port 25 refuse all strangers. No session goes
 * further than RCPT, so that nothing is ever sent.
 */
#include "daemon/posternctl/selftest/selftest.h"

#include <string.h>

/* --- whom a service is for ------------------------------------------------------------------ */

/* Whether a list permits some clients, and refuses all that come so far. */
static bool refuses_rest(const char *list)
{
    static const char permit[] = "permit_";
    const char *rest = list;
    bool permits = false;
    struct settings_word item;

    while ((item = settings_next_item(&rest)).at != NULL) {
        if (permits && settings_is_word(item, "reject")) {
            return true;
        }
        permits =
            permits || (item.len > strlen(permit) && strncmp(item.at, permit, strlen(permit)) == 0);
    }
    return false;
}

static bool is_on_port_25(const struct selftest_asked *a)
{
    const struct conf *conf = a->t->conf;

    for (size_t l = 0; l < conf->num_listeners; l++) {
        const struct conf_listener *listener = &conf->listeners[l];

        for (size_t i = 0; i < listener->num_addresses; i++) {
            if (listener->addresses[i].endpoint.ip.port == 25 &&
                postfix_has_address(listener->backend, a->address)) {
                return true;
            }
        }
    }
    return false;
}

/* The list by which a service for submission refuses all strangers; NULL: there is none. On port 25
 * strangers are to be served. */
static const char *list_against_strangers(const struct selftest_asked *a)
{
    static const char *const lists[] = {"smtpd_client_restrictions", "smtpd_helo_restrictions",
                                        "smtpd_sender_restrictions", "smtpd_relay_restrictions",
                                        "smtpd_recipient_restrictions"};

    for (size_t i = 0; i < sizeof lists / sizeof lists[0] && !is_on_port_25(a); i++) {
        if (refuses_rest(settings_get(&a->side.values, lists[i]))) {
            return lists[i];
        }
    }
    return NULL;
}

static void look_at_relaying(const struct selftest_asked *a, struct smtpclient *c)
{
    static const char elsewhere[] = "example.net";
    bool is_ours = strstr(a->t->conf->hostname.text, elsewhere) != NULL;
    const char *to = is_ours ? "postern-selftest@example.com" : "postern-selftest@example.net";
    struct smtpreply reply = selftest_try_relaying(a, c, to);
    const char *text = reply.code != 0 ? reply.text : c->why;
    char cure[SELFTEST_CURE_SIZE];

    if (reply.code / 100 == 2 && addr_same_ip(&a->client, &a->t->as) &&
        selftest_in_mynetworks(&a->side.values, &a->client) == SELFTEST_INSIDE) {
        selftest_not_checked(a->t, "relay", a->subject,
                             "this client is in mynetworks, so it is not a stranger: %s", text);
    } else if (reply.code / 100 == 2) {
        selftest_cure_relay(a->t, a->address, &a->client, cure);
        selftest_fault(a->t, "relay", a->subject, cure, "accepts mail for %s: %s", to, text);
    } else if (selftest_is_relay_refusal(&reply) ||
               (reply.code / 100 == 5 && (!selftest_names_client(&reply, &a->client) ||
                                          list_against_strangers(a) != NULL))) {
        selftest_ok(a->t, "relay", a->subject, "refuses mail for %s: %s", to, text);
    } else if (reply.code != 0) {
        selftest_not_checked(a->t, "relay", a->subject, "defers mail for %s: %s", to, text);
    } else {
        selftest_not_checked(a->t, "relay", a->subject, "whether it accepts mail for %s: %s", to,
                             text);
    }
}

/* --- whether mail is taken ------------------------------------------------------------------ */

/* A line that makes the host's own domain Postfix's, if Postfix relays for nobody; or one against a
 * demand for TLS, which posternd can never meet. */
static const char *cure_refusal(const struct selftest_asked *a, const struct smtpreply *reply,
                                char out[SELFTEST_CURE_SIZE])
{
    out[0] = '\0';
    if (selftest_is_relay_refusal(reply)) {
        snprintf(out, SELFTEST_CURE_SIZE,
                 "postconf -e \"mydestination = $(postconf -h mydestination), %s\" && postfix "
                 "reload",
                 a->t->conf->hostname.text);
    } else if (reply->code == 530) {
        selftest_cure_starttls(a->t, a->address, out);
    }
    return out;
}

/* A permanent refusal. `today` is what today's service says, NULL if it cannot be tested. */
static void tell_refusal(const struct selftest_asked *a, const char *to,
                         const struct smtpreply *reply, const struct selftest_today *today)
{
    const char *list = list_against_strangers(a);
    char cure[SELFTEST_CURE_SIZE];

    if (today != NULL && today->mail == SELFTEST_REFUSED) {
        selftest_ok(a->t, "mail", a->subject, "refuses mail for %s, as %s does today: %s", to,
                    today->name, reply->text);
    } else if (list != NULL) {
        selftest_ok(a->t, "mail", a->subject, "refuses mail from strangers, as %s says: %s", list,
                    reply->text);
    } else if (selftest_is_relay_refusal(reply) && !selftest_knows_domains(a)) {
        selftest_not_checked(a->t, "mail", a->subject,
                             "refuses mail for %s, and its other domains are not known: %s", to,
                             reply->text);
    } else if (today != NULL && today->reply.code != 0) {
        selftest_fault(a->t, "mail", a->subject, cure_refusal(a, reply, cure),
                       "refuses mail for %s: %s; %s answers today: %s", to, reply->text,
                       today->name, today->reply.text);
    } else {
        selftest_fault(a->t, "mail", a->subject, cure_refusal(a, reply, cure),
                       "refuses mail for %s: %s", to, reply->text);
    }
}

static void tell_put_off(const struct selftest_asked *a, const char *to,
                         const struct smtpreply *reply, const struct selftest_today *today)
{
    const char *list = list_against_strangers(a);

    if (reply->code / 100 == 5 && list != NULL) {
        selftest_ok(a->t, "mail", a->subject, "refuses mail from strangers, as %s says: %s", list,
                    reply->text);
    } else if (today != NULL && today->reply.code != 0) {
        selftest_not_checked(a->t, "mail", a->subject,
                             "defers mail for %s: %s; %s answers today: %s", to, reply->text,
                             today->name, today->reply.text);
    } else {
        selftest_not_checked(a->t, "mail", a->subject, "defers mail for %s: %s", to, reply->text);
    }
}

static void look_at_taking(const struct selftest_asked *a, struct smtpclient *c)
{
    struct selftest_today answer;
    const struct selftest_today *today = NULL;
    char to[SELFTEST_RECIPIENT_SIZE];
    struct smtpreply reply;
    enum selftest_mail mail = selftest_try_mail(a, c, &a->client, &reply, to);

    if ((mail == SELFTEST_REFUSED || mail == SELFTEST_PUT_OFF) && selftest_today(a, &answer)) {
        today = &answer;
    }
    switch (mail) {
    case SELFTEST_TAKEN:
        selftest_ok(a->t, "mail", a->subject, "accepts mail for %s: %s", to, reply.text);
        break;
    case SELFTEST_PUT_OFF:
        tell_put_off(a, to, &reply, today);
        break;
    case SELFTEST_REFUSED:
        tell_refusal(a, to, &reply, today);
        break;
    case SELFTEST_UNASKED:
        selftest_not_checked(a->t, "mail", a->subject, "whether it accepts mail for %s: %s", to,
                             selftest_words(c, &reply));
        break;
    }
}

void selftest_mail(const struct selftest_asked *a, struct smtpclient *c, bool is_stranger)
{
    look_at_relaying(a, c);
    if (is_stranger) {
        look_at_taking(a, c);
    }
}
