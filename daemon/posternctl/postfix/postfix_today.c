/* Which services of master.cf clients use today. */
#include "daemon/posternctl/postfix/postfix_config.h"

#include <string.h>
#include <strings.h>

static bool is_command(const struct postconf_service *service, const char *command)
{
    return postconf_is(postconf_column(service, POSTCONF_COMMAND), command);
}

/* A backend's service is never one of today's. */
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

/* Whether a service's own address and a listener's meet. */
static bool meets(const struct postconf *postfix, const struct postconf_service *service,
                  const struct addr *listener)
{
    char host[SETTINGS_NAME_SIZE];
    struct addr own;

    if (listener->port == 0 || postconf_port(postfix, service) != listener->port ||
        !postconf_host(service, host)) {
        return false;
    }
    if (strcmp(host, "localhost") == 0) {
        return addr_is_loopback(listener);
    }
    if (host[0] == '\0' || !addr_parse(&own, host)) {
        return true; /* a name: who knows */
    }
    if (addr_is_unspecified(&own)) {
        return own.family == listener->family;
    }
    if (addr_is_unspecified(listener)) {
        /* At a loopback address it is a filter's way back, or for webmail. */
        return own.family == listener->family && !addr_is_loopback(&own);
    }
    return addr_same_ip(&own, listener);
}

bool postfix_is_met(const struct postconf *postfix, const struct conf_listener *listener,
                    const struct postconf_service *service)
{
    for (size_t i = 0; i < listener->num_addresses; i++) {
        if (meets(postfix, service, &listener->addresses[i].endpoint.ip)) {
            return true;
        }
    }
    return false;
}

static bool is_same_column(const struct postconf_service *a, const struct postconf_service *b,
                           enum postconf_column column)
{
    struct postconf_text one = postconf_column(a, column);
    struct postconf_text other = postconf_column(b, column);

    return one.len == other.len && memcmp(one.at, other.at, one.len) == 0;
}

/* If one is listed twice, Postfix uses the last. */
static size_t add_service(struct postconf_service *out, size_t num,
                          const struct postconf_service *service)
{
    for (size_t i = 0; i < num; i++) {
        if (is_same_column(&out[i], service, POSTCONF_NAME) &&
            is_same_column(&out[i], service, POSTCONF_TYPE)) {
            out[i] = *service;
            return num;
        }
    }
    if (num < POSTFIX_TODAY_MAX) {
        out[num++] = *service;
    }
    return num;
}

static size_t add_today(const struct conf *conf, const struct postconf *postfix,
                        const struct conf_listener *listener, struct postconf_service *out,
                        size_t num)
{
    const char *at = postfix->services;
    struct postconf_service service;

    while ((service = postconf_next(&at)).line.at != NULL) {
        if (postconf_is(postconf_column(&service, POSTCONF_TYPE), "inet") &&
            (is_command(&service, "smtpd") || is_command(&service, "postscreen")) &&
            postfix_is_met(postfix, listener, &service) &&
            !is_of_backend(conf, postfix, &service)) {
            num = add_service(out, num, &service);
        }
    }
    return num;
}

size_t postfix_today(const struct conf *conf, const struct postconf *postfix,
                     const struct conf_listener *listener, struct postconf_service *out)
{
    return add_today(conf, postfix, listener, out, 0);
}

size_t postfix_today_at(const struct conf *conf, const struct postconf *postfix,
                        const struct endpoint *address, struct postconf_service *out)
{
    size_t num = 0;

    for (size_t l = 0; l < conf->num_listeners; l++) {
        if (postfix_has_address(conf->listeners[l].backend, address)) {
            num = add_today(conf, postfix, &conf->listeners[l], out, num);
        }
    }
    return num;
}
