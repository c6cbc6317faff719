/*
 * How the services that clients use today answer a stranger's mail: the measure for those behind.
 * One that uses the PROXY protocol gets the same stranger; for any other this machine itself is the
 * client, which says something about strangers only if it is outside mynetworks.
 */
#include "daemon/posternctl/selftest/selftest.h"

#include "daemon/common/sockaddr.h"

#include <string.h>
#include <unistd.h>

/* One of today's services that is being tested. */
struct today {
    const struct selftest_asked *asked;
    struct postfix_side side; /* owned */
    struct endpoint to;
    bool proxied; /* it expects the PROXY protocol */
};

/* --- where it is ---------------------------------------------------------------------------- */

/* This machine's own address on the way to others: from there it is not a loopback client. False:
 * it has none of the family. */
static bool find_outward(enum addr_family family, struct addr *out)
{
    struct endpoint away = {0};
    struct sockaddr_storage sa;
    socklen_t len;
    int fd;

    if (!addr_parse(&away.ip, family == ADDR_IPV6 ? "2001:db8::1" : "192.0.2.1")) {
        return false;
    }
    away.ip.port = 9; /* nothing is ever sent there */
    len = sockaddr_from(&away, &sa);
    fd = socket(sa.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    *out = (struct addr){0};
    if (fd >= 0 && connect(fd, (const struct sockaddr *)&sa, len) == 0) {
        *out = sockaddr_local(fd);
    }
    if (fd >= 0) {
        close(fd);
    }
    return out->family == family;
}

/* Where others reach a listener on every address. */
static bool reach(const struct conf_endpoint *address, struct endpoint *out)
{
    struct addr outward;

    if (!selftest_reach(address, out)) {
        return false;
    }
    if (addr_is_unspecified(&address->endpoint.ip) &&
        find_outward(address->endpoint.ip.family, &outward)) {
        outward.port = out->ip.port;
        out->ip = outward;
    }
    return true;
}

/* The address of a listener that one of today's services has, with its port. */
static bool find_listener(const struct conf *conf, const struct selftest_asked *a, unsigned port,
                          struct endpoint *out)
{
    for (size_t l = 0; l < conf->num_listeners; l++) {
        const struct conf_listener *listener = &conf->listeners[l];

        for (size_t i = 0; i < listener->num_addresses; i++) {
            const struct conf_endpoint *address = &listener->addresses[i];

            if (address->endpoint.ip.port == port &&
                postfix_has_address(listener->backend, a->address)) {
                return reach(address, out);
            }
        }
    }
    return false;
}

/* A service listens at the host in its name, or otherwise where clients connect. */
static bool find_endpoint(struct today *today, const struct postconf_service *service)
{
    const struct selftest_asked *a = today->asked;
    unsigned port = postconf_port(&a->t->postfix, service);
    char host[SETTINGS_NAME_SIZE];

    today->to = (struct endpoint){0};
    if (port == 0 || !postconf_host(service, host)) {
        return false;
    }
    if (addr_parse(&today->to.ip, host) && !addr_is_unspecified(&today->to.ip)) {
        today->to.ip.port = (uint16_t)port;
        return true;
    }
    return find_listener(a->t->conf, a, port, &today->to);
}

/* --- asking it ------------------------------------------------------------------------------ */

/* EHLO, and TLS where it is demanded. */
static bool begin(const struct today *today, struct smtpclient *c, const struct addr *client,
                  struct smtpreply *reply)
{
    enum conf_tls level = compare_level(&today->side.values, today->side.postscreen);
    SSL_CTX *ctx = today->asked->t->ctx;
    char ehlo[SELFTEST_EHLO_SIZE];

    selftest_ehlo(client, ehlo);
    *reply = (struct smtpreply){0};
    if ((level == CONF_TLS_IMPLICIT && !smtpclient_tls(c, ctx, NULL, NULL, SELFTEST_STEP)) ||
        !smtpclient_reply(c, reply, SELFTEST_BANNER) || reply->code != 220 ||
        !smtpclient_command(c, ehlo, reply, SELFTEST_STEP) || reply->code != 250) {
        return false;
    }
    return level != CONF_TLS_ENCRYPT ||
           (smtpclient_command(c, "STARTTLS", reply, SELFTEST_STEP) && reply->code == 220 &&
            smtpclient_tls(c, ctx, NULL, NULL, SELFTEST_STEP) &&
            smtpclient_command(c, ehlo, reply, SELFTEST_STEP) && reply->code == 250);
}

/* As whom it is tested. False: there is no stranger for it, or posternd is there. */
static bool choose_client(const struct today *today, const struct smtpclient *c, struct addr *out)
{
    struct addr mine = sockaddr_local(c->fd);

    if (selftest_is_listener(today->asked->t->conf, &today->to, &mine)) {
        return false;
    }
    *out = today->proxied ? today->asked->client : mine;
    return selftest_in_mynetworks(&today->side.values, out) == SELFTEST_OUTSIDE;
}

/* False: it cannot be tested. */
static bool ask(const struct today *today, struct selftest_today *out)
{
    char to[SELFTEST_RECIPIENT_SIZE];
    struct smtpclient c;
    struct addr client;
    bool asked = smtpclient_open(&c, &today->to, SELFTEST_CONNECT) &&
                 choose_client(today, &c, &client) &&
                 (!today->proxied || selftest_send_header(&c, CONF_PROXY_V2, &client));

    if (asked && begin(today, &c, &client, &out->reply)) {
        out->mail = selftest_try_mail(today->asked, &c, &client, &out->reply, to);
    } else if (asked) {
        /* A refusal before a mail is about this client. */
        out->mail = out->reply.code != 0 ? SELFTEST_PUT_OFF : SELFTEST_UNASKED;
    }
    smtpclient_close(&c, SELFTEST_QUIT);
    return asked && out->mail != SELFTEST_UNASKED;
}

static bool ask_service(const struct selftest_asked *a, const struct postconf_service *service,
                        struct selftest_today *out)
{
    struct today today = {.asked = a};
    bool asked = false;

    if (postfix_side_read(&today.side, &a->t->postfix, service) == 0) {
        const char *parameter = today.side.postscreen ? "postscreen_upstream_proxy_protocol"
                                                      : "smtpd_upstream_proxy_protocol";

        today.proxied = settings_get(&today.side.values, parameter)[0] != '\0';
        *out = (struct selftest_today){0};
        snprintf(out->name, sizeof out->name, "%s", today.side.name);
        asked = find_endpoint(&today, service) && ask(&today, out);
    }
    postfix_side_free(&today.side);
    return asked;
}

bool selftest_today(const struct selftest_asked *a, struct selftest_today *out)
{
    struct postconf_service today[POSTFIX_TODAY_MAX];
    size_t num = 0;

    if (postconf_known(&a->t->postfix)) {
        num = postfix_today_at(a->t->conf, &a->t->postfix, a->address, today);
    }
    for (size_t i = 0; i < num; i++) {
        if (ask_service(a, &today[i], out)) {
            return true;
        }
    }
    return false;
}
