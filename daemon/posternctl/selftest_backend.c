/*
 * Theory of operation: a backend is asked in the way of posternd, but with a PROXY header that
 * claims an address of the documentation (RFC 5737, RFC 3849), which is nobody's. What it takes for
 * a stranger there it takes for everybody. The first addresses of the networks whose own PROXY
 * headers posternd believes are claimed, too: an upstream that speaks for itself comes as one of
 * them. No session goes further than RCPT, so that nothing is ever sent.
 *
 * A refusal at the banner is the client's, or it is what a service says that takes the header for
 * commands (Postfix from 3.9 on: 554, "SMTP protocol synchronization"; a postscreen that enforces
 * its greet test: 521). Its words do not tell which; a second connection without a header does. A
 * service that wants a header is silent then until its patience ends (5 s in Postfix), and says no
 * more than that it got none.
 */
#include "daemon/common/sockaddr.h"
#include "daemon/posternctl/selftest.h"
#include "lib/net/proxyproto.h"

#include <string.h>

/* Room for a backend and its address. */
#define BACKEND_SIZE 200

/* Where the claimed clients have gone to. */
static const struct {
    enum addr_family family;
    const char *client;
    const char *destination;
} documentation[] = {
    {ADDR_IPV4, "192.0.2.1", "192.0.2.2"},
    {ADDR_IPV6, "2001:db8::1", "2001:db8::2"},
};

enum { CLIENT_PORT = 49152, SMTP_PORT = 25 };

/* An address of a backend that is being asked. */
struct asked {
    struct selftest *t;
    const struct conf_backend *backend;
    const struct endpoint *address;
    char name[BACKEND_SIZE];             /* "backend \"postfix\" 127.0.0.1:12525" */
    char subject[SELFTEST_SUBJECT_SIZE]; /* ... and the claimed client */
    struct addr client;
    bool greeted;          /* the first client was */
    bool speaks_plainly;   /* a client without a header is spoken to */
    bool starttls_plainly; /* ... and is offered STARTTLS */
};

/* --- a session ------------------------------------------------------------------------------ */

static struct addr address_of(const char *text, uint16_t port)
{
    struct addr a = {0};

    if (addr_parse(&a, text)) {
        a.port = port;
    }
    return a;
}

/* The address of the documentation of a family. */
static struct addr stranger(enum addr_family family)
{
    return address_of(documentation[family == ADDR_IPV6].client, CLIENT_PORT);
}

static bool send_header(struct smtpclient *c, const struct conf_backend *backend,
                        const struct addr *client)
{
    struct addr destination =
        address_of(documentation[client->family == ADDR_IPV6].destination, SMTP_PORT);
    uint8_t
        header[PROXYPROTO_V1_SIZE > PROXYPROTO_V2_SIZE ? PROXYPROTO_V1_SIZE : PROXYPROTO_V2_SIZE];
    size_t len = backend->client_address == CONF_PROXY_V1
                     ? proxyproto_v1(header, client, &destination)
                     : proxyproto_v2(header, client, &destination);

    return smtpclient_send(c, header, len, SELFTEST_STEP);
}

enum selftest_stage selftest_greet(struct smtpclient *c, const struct conf_backend *backend,
                                   const struct endpoint *address, const struct addr *client,
                                   struct smtpreply *reply)
{
    char address_words[ADDR_TEXT_SIZE] = "127.0.0.1";
    char ehlo[ADDR_TEXT_SIZE + 16];

    *reply = (struct smtpreply){0};
    if (!smtpclient_open(c, address, SELFTEST_CONNECT)) {
        return SELFTEST_AT_CONNECT;
    }
    if ((client != NULL && !send_header(c, backend, client)) ||
        !smtpclient_reply(c, reply, SELFTEST_BANNER) || reply->code != 220) {
        return SELFTEST_AT_BANNER;
    }
    if (client != NULL) {
        addr_text(client, address_words);
    }
    /* An address is the name of a host that has none (RFC 5321 section 4.1.3). */
    snprintf(ehlo, sizeof ehlo, "EHLO [%s%s]",
             client != NULL && client->family == ADDR_IPV6 ? "IPv6:" : "", address_words);
    *reply = (struct smtpreply){0};
    if (!smtpclient_command(c, ehlo, reply, SELFTEST_STEP) || reply->code != 250) {
        return SELFTEST_AT_EHLO;
    }
    return SELFTEST_GREETED;
}

/* What came, or why nothing came. */
static const char *words_of(const struct smtpclient *c, const struct smtpreply *reply)
{
    return reply->code != 0 ? reply->text : c->why;
}

/* --- the PROXY header ----------------------------------------------------------------------- */

/* smtpd's and postscreen's words to a header that they do not like, or that did not come. */
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

/* Finds out how a client is met that sends no header. */
static void ask_plainly(struct asked *a)
{
    struct smtpclient c;
    struct smtpreply reply;
    enum selftest_stage stage = selftest_greet(&c, a->backend, a->address, NULL, &reply);

    a->speaks_plainly = has_spoken(stage, &reply);
    a->starttls_plainly = stage == SELFTEST_GREETED && (reply.keywords & SMTPCLIENT_STARTTLS) != 0;
    smtpclient_close(&c, SELFTEST_QUIT);
}

/* A posternd at the backend's address, as far as that can be seen; `mine` is this end of the
 * connection. */
static bool is_loop(const struct asked *a, enum selftest_stage stage, const struct addr *mine,
                    const struct smtpreply *reply)
{
    if (selftest_is_listener(a->t->conf, a->address, mine) ||
        (stage == SELFTEST_AT_BANNER && selftest_is_own_refusal(reply))) {
        return true;
    }
    if (stage == SELFTEST_GREETED) {
        return (reply->keywords & SMTPCLIENT_STARTTLS) != 0 &&
               selftest_is_posternd(a->t, a->backend, a->address, &a->client);
    }
    /* What takes a header for commands may be a listener. */
    return a->starttls_plainly && selftest_is_posternd(a->t, a->backend, a->address, NULL);
}

static void tell_no_connection(const struct asked *a, const struct smtpclient *c)
{
    struct postconf_service service;

    if (c->trouble == SMTPCLIENT_DENIED) {
        selftest_not_checked(a->t, "connect", a->name,
                             "this account may not connect (%s): run it as root or posternd's user",
                             c->why);
    } else if (postconf_known(&a->t->postfix) &&
               postconf_at(&a->t->postfix, a->address, &service)) {
        selftest_fault(a->t, "connect", a->name, "postfix reload",
                       "cannot be reached: %s; master.cf has the service", c->why);
    } else {
        selftest_fault(a->t, "connect", a->name,
                       "posternctl postfix-config >> /etc/postfix/master.cf && postfix reload",
                       "cannot be reached: %s", c->why);
    }
}

/* Why a header was not taken, or no session came of it. `name` is the check's. */
static void tell_not_taken(const struct asked *a, const char *name, enum selftest_stage stage,
                           const struct smtpclient *c, const struct smtpreply *reply)
{
    const char *cure = selftest_cure_header(a->t, a->address);
    bool is_ipv6 = a->client.family == ADDR_IPV6;
    char address[ADDR_TEXT_SIZE];

    if (reply->code == 0 && c->trouble == SMTPCLIENT_TIMEOUT) {
        selftest_fault(a->t, name, a->subject, selftest_cure_silence(a->t, a->address),
                       "gives no greeting within %d s", SELFTEST_BANNER);
    } else if (stage == SELFTEST_AT_EHLO && a->speaks_plainly) {
        selftest_fault(a->t, name, a->subject, cure, "takes the PROXY header for commands: %s",
                       words_of(c, reply));
    } else if (stage == SELFTEST_AT_EHLO && (reply->code == 0 || reply->code / 100 == 4)) {
        selftest_fault(a->t, name, a->subject, "", "does not take EHLO: %s", words_of(c, reply));
    } else if (strstr(reply->text, "too many connections from ") != NULL &&
               strstr(reply->text, addr_text(&a->client, address)) == NULL) {
        selftest_fault(a->t, name, a->subject, cure, "takes somebody else for the client: %s",
                       reply->text);
    } else if (has_spoken(stage, reply) && !a->speaks_plainly) {
        selftest_not_checked(a->t, name, a->subject, "it refuses this client: %s", reply->text);
    } else if (!a->speaks_plainly &&
               (is_ipv6 || (postconf_known(&a->t->postfix) &&
                            !postfix_speaks(&a->t->postfix, a->client.family)))) {
        selftest_fault(a->t, name, a->subject,
                       "postconf -e inet_protocols=all && postfix stop && postfix start",
                       "refuses every client on %s (inet_protocols): %s", is_ipv6 ? "IPv6" : "IPv4",
                       words_of(c, reply));
    } else {
        selftest_fault(a->t, name, a->subject, cure, "does not take the PROXY header: %s",
                       words_of(c, reply));
    }
}

/* --- what it offers, and what it takes ------------------------------------------------------- */

static void look_at_keyword(const struct asked *a, const struct smtpreply *ehlo, unsigned keyword,
                            const char *word, const char *name, const char *cure)
{
    if ((ehlo->keywords & keyword) != 0) {
        selftest_fault(a->t, name, a->subject, cure, "offers %s", word);
    } else {
        selftest_ok(a->t, name, a->subject, "offers no %s", word);
    }
}

/* The reply to RCPT from one sender; code 0 if it did not come so far. */
static struct smtpreply try_sender(struct smtpclient *c, const char *sender, const char *recipient)
{
    struct smtpreply reply;
    char line[400];

    snprintf(line, sizeof line, "MAIL FROM:<%s>", sender);
    if (!smtpclient_command(c, line, &reply, SELFTEST_STEP) || reply.code / 100 != 2) {
        return reply;
    }
    snprintf(line, sizeof line, "RCPT TO:<%s>", recipient);
    if (!smtpclient_command(c, line, &reply, SELFTEST_STEP)) {
        return (struct smtpreply){0};
    }
    return reply;
}

static bool is_relay_refusal(const struct smtpreply *reply)
{
    return strstr(reply->text, "elay access denied") != NULL;
}

/* Whether a mail from outside to outside would be taken. A refusal for another reason than that may
 * be about the sender, so another one is tried. */
static void look_at_relaying(const struct asked *a, struct smtpclient *c)
{
    static const char elsewhere[] = "example.net";
    const char *hostname = a->t->conf->hostname.text;
    const char *recipient = strstr(hostname, elsewhere) == NULL ? "postern-selftest@example.net"
                                                                : "postern-selftest@example.com";
    char postmaster[300];
    const char *const senders[] = {postmaster, ""};
    struct smtpreply reply = {0};

    snprintf(postmaster, sizeof postmaster, "postmaster@%s", hostname);
    for (size_t i = 0; i < sizeof senders / sizeof senders[0]; i++) {
        struct smtpreply reset;

        reply = try_sender(c, senders[i], recipient);
        if (reply.code / 100 == 2 || is_relay_refusal(&reply) || c->trouble != SMTPCLIENT_NONE ||
            !smtpclient_command(c, "RSET", &reset, SELFTEST_STEP)) {
            break;
        }
    }
    if (reply.code / 100 == 2) {
        char cure[SELFTEST_CURE_SIZE];

        selftest_cure_relay(a->t, a->address, &a->client, cure);
        selftest_fault(a->t, "relay", a->subject, cure, "takes mail for %s: %s", recipient,
                       reply.text);
    } else if (reply.code / 100 == 5 || is_relay_refusal(&reply)) {
        selftest_ok(a->t, "relay", a->subject, "takes no mail for %s: %s", recipient, reply.text);
    } else {
        selftest_not_checked(a->t, "relay", a->subject, "whether it takes mail for %s: %s",
                             recipient, words_of(c, &reply));
    }
}

/* --- one claim ------------------------------------------------------------------------------ */

static void claim(struct asked *a, const struct addr *client)
{
    char address[ADDR_TEXT_SIZE];

    a->client = *client;
    a->client.port = CLIENT_PORT;
    snprintf(a->subject, sizeof a->subject, "%s, client %s", a->name, addr_text(client, address));
}

/* What a client finds behind EHLO. */
static void look_behind_ehlo(const struct asked *a, struct smtpclient *c,
                             const struct smtpreply *ehlo)
{
    char cure[SELFTEST_CURE_SIZE];

    selftest_cure_starttls(a->t, a->address, cure);
    look_at_keyword(a, ehlo, SMTPCLIENT_STARTTLS, "STARTTLS", "starttls", cure);
    selftest_cure_smtpd(a->t, a->address, "smtpd_authorized_xclient_hosts=", cure);
    look_at_keyword(a, ehlo, SMTPCLIENT_XCLIENT, "XCLIENT", "xclient", cure);
    selftest_cure_smtpd(a->t, a->address, "smtpd_authorized_xforward_hosts=", cure);
    look_at_keyword(a, ehlo, SMTPCLIENT_XFORWARD, "XFORWARD", "xforward", cure);
    look_at_relaying(a, c);
}

static void look_at_session(const struct asked *a, struct smtpclient *c, enum selftest_stage stage,
                            const struct smtpreply *reply)
{
    const char *name = a->client.family == ADDR_IPV6 ? "proxy-header-ipv6" : "proxy-header";

    if (stage == SELFTEST_GREETED) {
        selftest_ok(a->t, name, a->subject, "takes the PROXY header");
        look_behind_ehlo(a, c, reply);
    } else if (stage == SELFTEST_AT_CONNECT) {
        tell_no_connection(a, c);
    } else {
        tell_not_taken(a, name, stage, c, reply);
    }
}

/* Connects as a client, and asks. */
static void ask_as(struct asked *a, const struct addr *client)
{
    struct smtpclient c;
    struct smtpreply reply;
    enum selftest_stage stage;

    claim(a, client);
    stage = selftest_greet(&c, a->backend, a->address, &a->client, &reply);
    look_at_session(a, &c, stage, &reply);
    smtpclient_close(&c, SELFTEST_QUIT);
}

/* The first connection, which also tells whether there is somebody who is not posternd. */
static enum selftest_backend ask_first(struct asked *a, const struct addr *client)
{
    struct smtpclient c;
    struct smtpreply reply;
    enum selftest_stage stage;
    struct addr mine;
    bool loop;
    size_t num_faults = a->t->report.num[FINDING_FAULT];

    claim(a, client);
    stage = selftest_greet(&c, a->backend, a->address, &a->client, &reply);
    mine = c.fd < 0 ? (struct addr){0} : sockaddr_local(c.fd);
    a->greeted = stage == SELFTEST_GREETED;
    if (!a->greeted && has_spoken(stage, &reply) && !selftest_is_own_refusal(&reply)) {
        ask_plainly(a);
    }
    loop = stage != SELFTEST_AT_CONNECT && is_loop(a, stage, &mine, &reply);
    if (loop) {
        char cure[SELFTEST_CURE_SIZE];

        selftest_cure_loop(a->t, a->backend, a->address, cure);
        selftest_fault(a->t, "loop", a->name, cure,
                       "a posternd is what answers there, and mail goes round in circles");
    } else {
        if (a->greeted) {
            selftest_ok(a->t, "loop", a->name, "is not posternd itself");
        }
        look_at_session(a, &c, stage, &reply);
    }
    smtpclient_close(&c, SELFTEST_QUIT);
    if (loop) {
        return SELFTEST_LOOP;
    }
    /* A client that is refused, or an account that may not connect, says nothing of others. */
    return a->greeted || a->t->report.num[FINDING_FAULT] == num_faults ? SELFTEST_ALIVE
                                                                       : SELFTEST_DEAD;
}

/* A stranger of the family that was not the first. */
static void ask_other_family(struct asked *a, enum addr_family family)
{
    struct addr client = stranger(family);
    bool is_ipv6 = family == ADDR_IPV6;

    if (postfix_has_clients(a->t->conf, a->address, family)) {
        ask_as(a, &client);
    } else {
        selftest_not_checked(a->t, is_ipv6 ? "proxy-header-ipv6" : "proxy-header", a->name,
                             "%s: no listener before it has such an address",
                             is_ipv6 ? "IPv6" : "IPv4");
    }
}

/* The networks whose PROXY header is believed before this backend. */
static void ask_upstreams(struct asked *a)
{
    const struct conf *conf = a->t->conf;

    for (size_t l = 0; l < conf->num_listeners; l++) {
        const struct conf_listener *listener = &conf->listeners[l];
        const struct conf_prefixes *networks = &listener->accept_proxy_from;
        bool mine = postfix_has_address(listener->backend, a->address);

        for (size_t i = 0; mine && i < networks->num; i++) {
            struct addr first = prefix_first(&networks->items[i]);

            ask_as(a, &first);
        }
    }
}

enum selftest_backend selftest_backend(struct selftest *t, const struct conf_backend *backend,
                                       const struct conf_endpoint *address)
{
    struct asked a = {.t = t, .backend = backend, .address = &address->endpoint};
    bool has_ipv4 = postfix_has_clients(t->conf, a.address, ADDR_IPV4);
    struct addr client = stranger(has_ipv4 ? ADDR_IPV4 : ADDR_IPV6);
    char text[ADDR_PATH_SIZE + 8];
    enum selftest_backend result;

    endpoint_text(a.address, text, sizeof text);
    snprintf(a.name, sizeof a.name, "backend \"%s\" %s", backend->name, text);
    if (!has_ipv4 && !postfix_has_clients(t->conf, a.address, ADDR_IPV6)) {
        selftest_not_checked(t, "connect", a.name, "no listener uses it");
        return SELFTEST_ALIVE;
    }
    result = ask_first(&a, &client);
    if (a.greeted && result == SELFTEST_ALIVE) {
        ask_other_family(&a, has_ipv4 ? ADDR_IPV6 : ADDR_IPV4);
        ask_upstreams(&a);
    }
    return result;
}
