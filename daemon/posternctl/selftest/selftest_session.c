/* SMTP sessions with a backend, as posternd begins them, and with a listener, as a client does. */
#include "daemon/posternctl/selftest/selftest.h"

#include "daemon/common/sockaddr.h"
#include "lib/net/proxyproto.h"

/* The destination of the claimed clients. */
static const char destination_ipv4[] = "192.0.2.2";
static const char destination_ipv6[] = "2001:db8::2";

enum { SMTP_PORT = 25 };

const char *selftest_words(const struct smtpclient *c, const struct smtpreply *reply)
{
    return reply->code != 0 ? reply->text : c->why;
}

/* --- with a backend ------------------------------------------------------------------------- */

static struct addr address_of(const char *text, uint16_t port)
{
    struct addr a = {0};

    if (addr_parse(&a, text)) {
        a.port = port;
    }
    return a;
}

bool selftest_send_header(struct smtpclient *c, enum conf_client_address kind,
                          const struct addr *client)
{
    struct addr destination =
        address_of(client->family == ADDR_IPV6 ? destination_ipv6 : destination_ipv4, SMTP_PORT);
    uint8_t
        header[PROXYPROTO_V1_SIZE > PROXYPROTO_V2_SIZE ? PROXYPROTO_V1_SIZE : PROXYPROTO_V2_SIZE];
    size_t len = kind == CONF_PROXY_V1 ? proxyproto_v1(header, client, &destination)
                                       : proxyproto_v2(header, client, &destination);

    return smtpclient_send(c, header, len, SELFTEST_STEP);
}

const char *selftest_ehlo(const struct addr *client, char out[SELFTEST_EHLO_SIZE])
{
    char address[ADDR_TEXT_SIZE];

    snprintf(out, SELFTEST_EHLO_SIZE, "EHLO [%s%s]", client->family == ADDR_IPV6 ? "IPv6:" : "",
             addr_text(client, address));
    return out;
}

enum selftest_stage selftest_greet(const struct selftest *t, struct smtpclient *c,
                                   const struct conf_backend *backend,
                                   const struct endpoint *address, const struct addr *client,
                                   struct smtpreply *reply)
{
    struct addr nobody = address_of("127.0.0.1", 0);
    char ehlo[SELFTEST_EHLO_SIZE];

    *reply = (struct smtpreply){0};
    if (!selftest_open(t, c, address)) {
        return SELFTEST_AT_CONNECT;
    }
    if ((client != NULL && !selftest_send_header(c, backend->client_address, client)) ||
        !smtpclient_reply(c, reply, SELFTEST_BANNER) || reply->code != 220) {
        return SELFTEST_AT_BANNER;
    }
    *reply = (struct smtpreply){0};
    if (!smtpclient_command(c, selftest_ehlo(client != NULL ? client : &nobody, ehlo), reply,
                            SELFTEST_STEP) ||
        reply->code != 250) {
        return SELFTEST_AT_EHLO;
    }
    return SELFTEST_GREETED;
}

/* --- with a listener ------------------------------------------------------------------------ */

bool selftest_reach(const struct conf_endpoint *address, struct endpoint *out)
{
    *out = address->endpoint;
    if (addr_is_unspecified(&out->ip)) {
        if (out->ip.family == ADDR_IPV4) {
            out->ip.ip[0] = 127;
            out->ip.ip[3] = 1;
        } else {
            out->ip.ip[15] = 1;
        }
    }
    return out->ip.port != 0;
}

/* Connects as a client. If this machine counts as an upstream, a header is expected: version 2,
 * LOCAL. */
static bool open_listener(struct smtpclient *c, const struct conf_listener *listener,
                          const struct endpoint *to)
{
    static const uint8_t local[16] = "\r\n\r\n\0\r\nQUIT\n\x20";
    const struct conf_prefixes *upstreams = &listener->accept_proxy_from;
    struct addr mine;

    if (!smtpclient_open(c, to, SELFTEST_CONNECT)) {
        return false;
    }
    mine = sockaddr_local(c->fd);
    return !prefix_any_contains(upstreams->items, upstreams->num, &mine) ||
           smtpclient_send(c, local, sizeof local, SELFTEST_STEP);
}

/* Banner and EHLO. */
static bool greet(const struct selftest *t, struct smtpclient *c, struct smtpreply *reply)
{
    char ehlo[300];

    snprintf(ehlo, sizeof ehlo, "EHLO %s", t->conf->hostname.text);
    return smtpclient_reply(c, reply, SELFTEST_BANNER) && reply->code == 220 &&
           smtpclient_command(c, ehlo, reply, SELFTEST_STEP) && reply->code == 250;
}

bool selftest_begin(const struct selftest *t, struct smtpclient *c,
                    const struct conf_listener *listener, const struct endpoint *to,
                    struct smtpreply *reply)
{
    *reply = (struct smtpreply){0};
    return open_listener(c, listener, to) && greet(t, c, reply);
}

bool selftest_begin_tls(struct selftest *t, struct smtpclient *c,
                        const struct conf_listener *listener, const struct endpoint *to,
                        const char *name, struct smtpreply *reply)
{
    char ehlo[300];

    *reply = (struct smtpreply){0};
    t->asked_certificate = false;
    snprintf(ehlo, sizeof ehlo, "EHLO %s", t->conf->hostname.text);
    if (!open_listener(c, listener, to)) {
        return false;
    }
    if (listener->tls == CONF_TLS_IMPLICIT) {
        return smtpclient_tls(c, t->ctx, name, NULL, SELFTEST_STEP) && greet(t, c, reply);
    }
    if (!greet(t, c, reply) || !smtpclient_command(c, "STARTTLS", reply, SELFTEST_STEP) ||
        reply->code != 220) {
        return false;
    }
    *reply = (struct smtpreply){0};
    return smtpclient_tls(c, t->ctx, name, NULL, SELFTEST_STEP) &&
           smtpclient_command(c, ehlo, reply, SELFTEST_BANNER) && reply->code == 250;
}
