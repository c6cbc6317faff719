#include "daemon/posternctl/postfix/postfix_config.h"

#include <string.h>
#include <strings.h>

size_t postfix_num_addresses(const struct conf_backend *backend)
{
    return backend->num_addresses + conf_is_set(&backend->tls_address);
}

const struct conf_endpoint *postfix_address(const struct conf_backend *backend, size_t i)
{
    return i < backend->num_addresses ? &backend->addresses[i] : &backend->tls_address;
}

bool postfix_same(const struct endpoint *a, const struct endpoint *b)
{
    return addr_equal(&a->ip, &b->ip) && strcmp(a->path, b->path) == 0;
}

bool postfix_is_repeated(const struct conf *conf, size_t b, size_t i)
{
    const struct endpoint *mine = &postfix_address(&conf->backends[b], i)->endpoint;

    for (size_t before = 0; before <= b; before++) {
        const struct conf_backend *other = &conf->backends[before];
        size_t num = before < b ? postfix_num_addresses(other) : i;

        for (size_t k = 0; k < num; k++) {
            if (postfix_same(mine, &postfix_address(other, k)->endpoint)) {
                return true;
            }
        }
    }
    return false;
}

bool postfix_has_address(const struct conf_backend *backend, const struct endpoint *address)
{
    for (size_t i = 0; i < postfix_num_addresses(backend); i++) {
        if (postfix_same(&postfix_address(backend, i)->endpoint, address)) {
            return true;
        }
    }
    return false;
}

unsigned postfix_processes(const struct conf *conf, const struct endpoint *address)
{
    unsigned sum = POSTFIX_SPARE_PROCESSES;

    for (size_t b = 0; b < conf->num_backends; b++) {
        const struct conf_backend *backend = &conf->backends[b];

        if (postfix_has_address(backend, address)) {
            if (backend->max_connections == 0) {
                return 0;
            }
            sum += backend->max_connections;
        }
    }
    return sum;
}

bool postfix_takes_plaintext_auth(const struct conf *conf, const struct endpoint *address)
{
    for (size_t l = 0; l < conf->num_listeners; l++) {
        if (conf->listeners[l].auth_before_tls &&
            postfix_has_address(conf->listeners[l].backend, address)) {
            return true;
        }
    }
    return false;
}

bool postfix_gets_only_plaintext(const struct conf *conf, const struct endpoint *address)
{
    for (size_t b = 0; b < conf->num_backends; b++) {
        const struct conf_backend *backend = &conf->backends[b];

        if (postfix_has_address(backend, address) &&
            (!conf_is_set(&backend->tls_address) ||
             postfix_same(&backend->tls_address.endpoint, address))) {
            return false;
        }
    }
    return true;
}

bool postfix_is_without_auth(const struct conf *conf, const struct endpoint *address)
{
    return postfix_gets_only_plaintext(conf, address) &&
           !postfix_takes_plaintext_auth(conf, address);
}

const char *postfix_socket_name(const struct postconf *postfix, const char *path)
{
    static const char public_dir[] = "/public/";
    size_t suffix = sizeof public_dir - 1;
    const char *slash = strrchr(path, '/');
    size_t dir = slash == NULL ? 0 : (size_t)(slash + 1 - path);

    if (dir < suffix || strncmp(path + dir - suffix, public_dir, suffix) != 0) {
        return NULL;
    }
    if (postfix->queue != NULL && (dir != strlen(postfix->queue) + suffix ||
                                   strncmp(path, postfix->queue, dir - suffix) != 0)) {
        return NULL;
    }
    return path[dir] == '\0' || strpbrk(path + dir, " \t#=") != NULL ? NULL : path + dir;
}

bool postfix_speaks(const struct postconf *postfix, enum addr_family family)
{
    struct postconf_text value = postconf_setting(postfix, "inet_protocols");
    const char *word = family == ADDR_IPV4 ? "ipv4" : "ipv6";
    const char *end = value.at + value.len;

    if (value.at == NULL) {
        return true; /* Postfix's default: all */
    }
    for (const char *at = value.at; at < end; at++) {
        size_t len = strcspn(at, ", \t\n");

        if ((len == strlen(word) && strncasecmp(at, word, len) == 0) ||
            (len == strlen("all") && strncasecmp(at, "all", len) == 0)) {
            return true;
        }
        at += len;
    }
    return false;
}

bool postfix_has_clients(const struct conf *conf, const struct endpoint *address,
                         enum addr_family family)
{
    for (size_t l = 0; l < conf->num_listeners; l++) {
        const struct conf_listener *listener = &conf->listeners[l];

        for (size_t i = 0; i < listener->num_addresses; i++) {
            if ((family == ADDR_NONE || listener->addresses[i].endpoint.ip.family == family) &&
                (address == NULL || postfix_has_address(listener->backend, address))) {
                return true;
            }
        }
    }
    return false;
}

static bool is_command(const struct postconf_service *service, const char *command)
{
    return postconf_is(postconf_column(service, POSTCONF_COMMAND), command);
}

bool postfix_is_postscreen(const struct postconf *postfix, const struct endpoint *address)
{
    struct postconf_service service;

    return postconf_known(postfix) && postconf_at(postfix, address, &service) &&
           is_command(&service, "postscreen");
}

bool postfix_smtpd_of(const struct postconf *postfix, const struct postconf_service *service,
                      struct postconf_service *out)
{
    struct postconf_text passed;
    char name[SETTINGS_NAME_SIZE] = "smtpd";

    if (!is_command(service, "postscreen")) {
        *out = *service;
        return is_command(service, "smtpd");
    }
    passed = postconf_of(postfix, service, "smtpd_service_name");
    if (passed.len >= sizeof name) {
        return false;
    }
    if (passed.at != NULL) {
        memcpy(name, passed.at, passed.len);
        name[passed.len] = '\0';
    }
    return postconf_named(postfix, name, "pass", out);
}
