/* Which services of master.cf clients come to today. */
#include "daemon/posternctl/postfix_config.h"

#include <string.h>
#include <strings.h>

static bool is_command(const struct postconf_service *service, const char *command)
{
    return postconf_is(postconf_column(service, POSTCONF_COMMAND), command);
}

/* A service of a backend's is never one of today's. */
static bool is_of_backend(const struct conf *conf, const struct postconf *postfix,
                          const struct postconf_service *service)
{
    for (size_t b = 0; b < conf->num_backends; b++) {
        const struct conf_backend *backend = &conf->backends[b];

        for (size_t i = 0; i < postfix_num_addresses(backend); i++) {
            struct postconf_service there;

            if (postconf_at(postfix, &postfix_address(backend, i)->endpoint, &there) &&
                there.line.at == service->line.at) {
                return true;
            }
        }
    }
    return false;
}

/* How near a service's own address is to a listener's. */
enum nearness {
    ELSEWHERE,
    SAME_PORT, /* of another address */
    SAME_ADDRESS,
};

static enum nearness nearness_of(const struct postconf_service *service,
                                 const struct addr *listener)
{
    char host[SETTINGS_NAME_SIZE];
    struct addr own;

    if (listener->port == 0 || postconf_port(service) != listener->port ||
        !postconf_host(service, host)) {
        return ELSEWHERE;
    }
    if (strcmp(host, "localhost") == 0) {
        return addr_is_loopback(listener) ? SAME_ADDRESS : ELSEWHERE;
    }
    if (host[0] == '\0' || !addr_parse(&own, host)) {
        return SAME_ADDRESS; /* a name: who knows */
    }
    if (addr_is_loopback(&own) && !addr_is_loopback(listener)) {
        return ELSEWHERE; /* a filter's way back, or a web mail's */
    }
    if (addr_is_unspecified(&own) || addr_is_unspecified(listener)) {
        return own.family == listener->family ? SAME_ADDRESS : SAME_PORT;
    }
    return addr_same_ip(&own, listener) ? SAME_ADDRESS : SAME_PORT;
}

static enum nearness nearest(const struct conf_listener *listener,
                             const struct postconf_service *service)
{
    enum nearness best = ELSEWHERE;

    for (size_t i = 0; i < listener->num_addresses; i++) {
        enum nearness near = nearness_of(service, &listener->addresses[i].endpoint.ip);

        best = near > best ? near : best;
    }
    return best;
}

static size_t add_service(struct postconf_service *out, size_t num,
                          const struct postconf_service *service)
{
    for (size_t i = 0; i < num; i++) {
        if (out[i].line.at == service->line.at) {
            return num;
        }
    }
    if (num < POSTFIX_TODAY_MAX) {
        out[num++] = *service;
    }
    return num;
}

static size_t add_today(const struct conf *conf, const struct postconf *postfix,
                        const struct conf_listener *listener, enum nearness wanted,
                        struct postconf_service *out, size_t num)
{
    const char *at = postfix->services;
    struct postconf_service service;

    while ((service = postconf_next(&at)).line.at != NULL) {
        if (postconf_is(postconf_column(&service, POSTCONF_TYPE), "inet") &&
            (is_command(&service, "smtpd") || is_command(&service, "postscreen")) &&
            nearest(listener, &service) == wanted && !is_of_backend(conf, postfix, &service)) {
            num = add_service(out, num, &service);
        }
    }
    return num;
}

/* Those at its addresses, and where there are none, those on its port. */
static size_t add_nearest(const struct conf *conf, const struct postconf *postfix,
                          const struct conf_listener *listener, struct postconf_service *out,
                          size_t num)
{
    struct postconf_service found[POSTFIX_TODAY_MAX];
    size_t num_found = add_today(conf, postfix, listener, SAME_ADDRESS, found, 0);

    if (num_found == 0) {
        num_found = add_today(conf, postfix, listener, SAME_PORT, found, 0);
    }
    for (size_t i = 0; i < num_found; i++) {
        num = add_service(out, num, &found[i]);
    }
    return num;
}

size_t postfix_today(const struct conf *conf, const struct postconf *postfix,
                     const struct conf_listener *listener, struct postconf_service *out)
{
    return add_nearest(conf, postfix, listener, out, 0);
}

size_t postfix_today_at(const struct conf *conf, const struct postconf *postfix,
                        const struct endpoint *address, struct postconf_service *out)
{
    size_t num = 0;

    for (size_t l = 0; l < conf->num_listeners; l++) {
        if (postfix_has_address(conf->listeners[l].backend, address)) {
            num = add_nearest(conf, postfix, &conf->listeners[l], out, num);
        }
    }
    return num;
}
