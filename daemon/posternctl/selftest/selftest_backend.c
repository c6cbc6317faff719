/*
 * Theory of operation: a backend is tested the way posternd uses it, but with a PROXY header that
 * claims an address reserved for documentation (RFC 5737, RFC 3849), which belongs to nobody. What
 * it accepts from a stranger there it accepts from everybody. The first addresses of the networks
 * whose own PROXY headers posternd believes are also claimed: an upstream that speaks for itself is
 * one of them. No session goes further than RCPT, so that nothing is ever sent.
 *
 * A refusal at the banner is about the client, or it comes from a service that takes the header for
 * commands (Postfix from 3.9 on: 554, "SMTP protocol synchronization"; a postscreen that enforces
 * its greet test: 521). Its text does not show which; a second connection without a header does. A
 * service that expects a header is then silent until its timeout (5 s in Postfix), and only says
 * that it got none.
 */
#include "daemon/common/sockaddr.h"
#include "daemon/posternctl/selftest/selftest.h"

#include <string.h>

enum { CLIENT_PORT = 49152 };

/* --- the PROXY header ----------------------------------------------------------------------- */

/* smtpd's and postscreen's words for a header that they refuse, or that did not arrive. */
static bool is_header_refusal(const struct smtpreply *greeting)
{
    return strstr(greeting->text, "Server local error") != NULL ||
           strstr(greeting->text, "No system resources") != NULL;
}

/* Whether the server has said something, and not that a header is missing. */
static bool has_spoken(enum selftest_stage stage, const struct smtpreply *reply)
{
    return stage > SELFTEST_AT_BANNER || (reply->code != 0 && !is_header_refusal(reply));
}

/* Finds out how a client without a header is answered. */
static void ask_plainly(struct selftest_asked *a)
{
    struct smtpclient c;
    struct smtpreply reply;
    enum selftest_stage stage = selftest_greet(a->t, &c, a->backend, a->address, NULL, &reply);

    a->speaks_plainly = has_spoken(stage, &reply);
    a->starttls_plainly = stage == SELFTEST_GREETED && (reply.keywords & SMTPCLIENT_STARTTLS) != 0;
    smtpclient_close(&c, SELFTEST_QUIT);
}

/* Whether there is a posternd at the backend's address, as far as can be seen; `mine` is this end
 * of the connection. */
static bool is_loop(const struct selftest_asked *a, enum selftest_stage stage,
                    const struct addr *mine, const struct smtpreply *reply)
{
    if (selftest_is_listener(a->t->conf, a->address, mine) ||
        (stage == SELFTEST_AT_BANNER && selftest_is_own_refusal(reply))) {
        return true;
    }
    if (stage == SELFTEST_GREETED) {
        return (reply->keywords & SMTPCLIENT_STARTTLS) != 0 &&
               selftest_is_posternd(a->t, a->backend, a->address, &a->client);
    }
    /* A service that takes a header for commands may be a listener. */
    return a->starttls_plainly && selftest_is_posternd(a->t, a->backend, a->address, NULL);
}

/* Why a header was not accepted, or led to no session. `name` is the check's. */
static void tell_not_taken(const struct selftest_asked *a, const char *name,
                           enum selftest_stage stage, const struct smtpclient *c,
                           const struct smtpreply *reply)
{
    const char *cure = selftest_cure_header(a->t, a->address);
    bool is_ipv6 = a->client.family == ADDR_IPV6;
    char address[ADDR_TEXT_SIZE];

    if (reply->code == 0 && c->trouble == SMTPCLIENT_TIMEOUT) {
        selftest_fault(a->t, name, a->subject, selftest_cure_silence(a->t, a->address),
                       "sends no greeting within %d s", SELFTEST_BANNER);
    } else if (stage == SELFTEST_AT_EHLO && a->speaks_plainly) {
        selftest_fault(a->t, name, a->subject, cure, "takes the PROXY header for commands: %s",
                       selftest_words(c, reply));
    } else if (stage == SELFTEST_AT_EHLO && (reply->code == 0 || reply->code / 100 == 4)) {
        selftest_fault(a->t, name, a->subject, "", "does not accept EHLO: %s",
                       selftest_words(c, reply));
    } else if (strstr(reply->text, "too many connections from ") != NULL &&
               strstr(reply->text, addr_text(&a->client, address)) == NULL) {
        selftest_fault(a->t, name, a->subject, cure, "sees a different client: %s", reply->text);
    } else if (has_spoken(stage, reply) && !a->speaks_plainly) {
        selftest_not_checked(a->t, name, a->subject, "it refuses this client: %s", reply->text);
    } else if (!a->speaks_plainly &&
               (is_ipv6 || (postconf_known(&a->t->postfix) &&
                            !postfix_speaks(&a->t->postfix, a->client.family)))) {
        selftest_fault(a->t, name, a->subject,
                       "postconf -e inet_protocols=all && postfix stop && postfix start",
                       "refuses every client on %s (inet_protocols): %s", is_ipv6 ? "IPv6" : "IPv4",
                       selftest_words(c, reply));
    } else {
        selftest_fault(a->t, name, a->subject, cure, "does not accept the PROXY header: %s",
                       selftest_words(c, reply));
    }
}

/* --- what it offers, and what it takes ------------------------------------------------------- */

static void look_at_keyword(const struct selftest_asked *a, const struct smtpreply *ehlo,
                            unsigned keyword, const char *word, const char *name, const char *cure)
{
    if ((ehlo->keywords & keyword) != 0) {
        selftest_fault(a->t, name, a->subject, cure, "offers %s", word);
    } else {
        selftest_ok(a->t, name, a->subject, "offers no %s", word);
    }
}

/* --- one claim ------------------------------------------------------------------------------ */

static void claim(struct selftest_asked *a, const struct addr *client)
{
    char address[ADDR_TEXT_SIZE];

    a->client = *client;
    a->client.port = CLIENT_PORT;
    snprintf(a->subject, sizeof a->subject, "%s, client %s", a->name, addr_text(client, address));
}

/* What a client finds after EHLO. */
static void look_behind_ehlo(const struct selftest_asked *a, struct smtpclient *c,
                             const struct smtpreply *ehlo, bool is_stranger)
{
    char cure[SELFTEST_CURE_SIZE];

    selftest_cure_starttls(a->t, a->address, cure);
    look_at_keyword(a, ehlo, SMTPCLIENT_STARTTLS, "STARTTLS", "starttls", cure);
    selftest_cure_smtpd(a->t, a->address, "smtpd_authorized_xclient_hosts=", cure);
    look_at_keyword(a, ehlo, SMTPCLIENT_XCLIENT, "XCLIENT", "xclient", cure);
    selftest_cure_smtpd(a->t, a->address, "smtpd_authorized_xforward_hosts=", cure);
    look_at_keyword(a, ehlo, SMTPCLIENT_XFORWARD, "XFORWARD", "xforward", cure);
    selftest_mail(a, c, is_stranger);
}

static void look_at_session(const struct selftest_asked *a, struct smtpclient *c,
                            enum selftest_stage stage, const struct smtpreply *reply,
                            bool is_stranger)
{
    const char *name = a->client.family == ADDR_IPV6 ? "proxy-header-ipv6" : "proxy-header";

    if (stage == SELFTEST_GREETED) {
        selftest_ok(a->t, name, a->subject, "accepts the PROXY header");
        look_behind_ehlo(a, c, reply, is_stranger);
    } else if (stage == SELFTEST_AT_CONNECT) {
        selftest_tell_no_connection(a, c);
    } else {
        tell_not_taken(a, name, stage, c, reply);
    }
}

/* Connects as a client, and tests. */
static void ask_as(struct selftest_asked *a, const struct addr *client, bool is_stranger)
{
    struct smtpclient c;
    struct smtpreply reply;
    enum selftest_stage stage;

    claim(a, client);
    stage = selftest_greet(a->t, &c, a->backend, a->address, &a->client, &reply);
    look_at_session(a, &c, stage, &reply, is_stranger);
    smtpclient_close(&c, SELFTEST_QUIT);
}

/* The first connection, which also shows whether a program other than posternd answers. */
static enum selftest_backend ask_first(struct selftest_asked *a, const struct addr *client)
{
    struct smtpclient c;
    struct smtpreply reply;
    enum selftest_stage stage;
    struct addr mine;
    bool loop;
    size_t num_faults = a->t->report.num[FINDING_FAULT];

    claim(a, client);
    stage = selftest_greet(a->t, &c, a->backend, a->address, &a->client, &reply);
    mine = c.fd < 0 ? (struct addr){0} : sockaddr_local(c.fd);
    a->greeted = stage == SELFTEST_GREETED;
    if (!a->greeted && has_spoken(stage, &reply) && !selftest_is_own_refusal(&reply)) {
        ask_plainly(a);
    }
    loop = stage != SELFTEST_AT_CONNECT && is_loop(a, stage, &mine, &reply);
    if (loop) {
        char cure[SELFTEST_CURE_SIZE];

        selftest_cure_loop(a->t, a->backend, a->address, cure);
        selftest_fault(a->t, "loop", a->name, cure, "a posternd answers there: mail would loop");
    } else {
        if (a->greeted) {
            selftest_ok(a->t, "loop", a->name, "is not posternd itself");
        }
        look_at_session(a, &c, stage, &reply, true);
    }
    smtpclient_close(&c, SELFTEST_QUIT);
    if (loop) {
        return SELFTEST_LOOP;
    }
    /* A refused client, or an account that may not connect, proves nothing about others. */
    return a->greeted || a->t->report.num[FINDING_FAULT] == num_faults ? SELFTEST_ALIVE
                                                                       : SELFTEST_DEAD;
}

/* A stranger of the family that was not the first, if there are such clients. */
static void ask_other_family(struct selftest_asked *a, enum addr_family family)
{
    if (postfix_has_clients(a->t->conf, a->address, family)) {
        struct addr client = selftest_stranger(a->t, &a->side.values, family);

        ask_as(a, &client, true);
    }
}

/* The networks whose PROXY header is believed before this backend. */
static void ask_upstreams(struct selftest_asked *a)
{
    const struct conf *conf = a->t->conf;

    for (size_t l = 0; l < conf->num_listeners; l++) {
        const struct conf_listener *listener = &conf->listeners[l];
        const struct conf_prefixes *networks = &listener->accept_proxy_from;
        bool mine = postfix_has_address(listener->backend, a->address);

        for (size_t i = 0; mine && i < networks->num; i++) {
            struct addr first = prefix_first(&networks->items[i]);

            ask_as(a, &first, false);
        }
    }
}

/* Tests as strangers of the families that clients have, and as upstreams. */
static enum selftest_backend ask_as_all(struct selftest_asked *a)
{
    bool has_ipv4 = postfix_has_clients(a->t->conf, a->address, ADDR_IPV4);
    struct addr client = selftest_stranger(a->t, &a->side.values, has_ipv4 ? ADDR_IPV4 : ADDR_IPV6);
    enum selftest_backend result = ask_first(a, &client);

    if (a->greeted && result == SELFTEST_ALIVE) {
        ask_other_family(a, has_ipv4 ? ADDR_IPV6 : ADDR_IPV4);
        ask_upstreams(a);
    }
    return result;
}

enum selftest_backend selftest_backend(struct selftest *t, const struct conf_backend *backend,
                                       const struct conf_endpoint *address)
{
    struct selftest_asked a = {.t = t, .backend = backend, .address = &address->endpoint};
    char text[ADDR_PATH_SIZE + 8];
    struct postconf_service service;
    enum selftest_backend result;

    if (!postfix_has_clients(t->conf, a.address, ADDR_NONE)) {
        return SELFTEST_ALIVE; /* no listener uses it */
    }
    endpoint_text(a.address, text, sizeof text);
    snprintf(a.name, sizeof a.name, "backend \"%s\" %s", backend->name, text);
    if (postconf_known(&t->postfix) && postconf_at(&t->postfix, a.address, &service) &&
        postfix_side_read(&a.side, &t->postfix, &service) != 0) {
        settings_free(&a.side.values); /* not known */
    }
    result = ask_as_all(&a);
    postfix_side_free(&a.side);
    return result;
}
