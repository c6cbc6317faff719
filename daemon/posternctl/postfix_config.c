#include "daemon/posternctl/postfix_config.h"

#include <stdlib.h>
#include <string.h>

/* What a usual main.cf would do to a service that gets plaintext and a PROXY header. */
static const char *const overrides[] = {
    "smtpd_upstream_proxy_protocol=haproxy",
    "smtpd_tls_security_level=none",
    "smtpd_tls_wrappermode=no",
    "smtpd_tls_auth_only=no",
    "smtpd_sasl_security_options=noanonymous",
    "smtpd_client_port_logging=yes",
};

/* Postfix makes the sockets of services that others may reach in this directory of its queue. */
static const char public_dir[] = "/public/";

/* A service of master.cf. */
struct service {
    char name[ADDR_PATH_SIZE + 8];
    const char *type;
};

/* Column number `index` of a line of master.cf. */
static const char *column(const char *line, size_t line_len, unsigned index, size_t *len)
{
    const char *end = line + line_len;

    for (;; index--) {
        while (line < end && (*line == ' ' || *line == '\t')) {
            line++;
        }
        *len = 0;
        while (line + *len < end && line[*len] != ' ' && line[*len] != '\t') {
            ++*len;
        }
        if (index == 0) {
            return line;
        }
        line += *len;
    }
}

static bool column_is(const char *line, size_t line_len, unsigned index, const char *text)
{
    size_t len;
    const char *at = column(line, line_len, index, &len);

    return len == strlen(text) && memcmp(at, text, len) == 0;
}

/* The chroot column of the smtpd services that are there: 'y', 'n' or '-'. */
static char chroot_of(const struct postconf *postfix)
{
    const char *at = postfix->services;
    const char *line;
    size_t line_len;

    while ((line = postconf_line(&at, &line_len)) != NULL) {
        size_t len;
        const char *chroot = column(line, line_len, 4, &len);

        if (column_is(line, line_len, 7, "smtpd") && len == 1) {
            return *chroot;
        }
    }
    return 'n';
}

static bool has_service(const struct postconf *postfix, const struct service *service)
{
    const char *at = postfix->services;
    const char *line;
    size_t len;

    while ((line = postconf_line(&at, &len)) != NULL) {
        if (column_is(line, len, 0, service->name) && column_is(line, len, 1, service->type)) {
            return true;
        }
    }
    return false;
}

/* The service that listens at an address. -1 with `*error` if Postfix can have none there. */
static int name_service(const struct conf *conf, const struct conf_endpoint *address,
                        const struct postconf *postfix, struct service *out,
                        struct conf_error *error)
{
    const char *path = address->endpoint.path;
    const char *slash = strrchr(path, '/');
    size_t dir = slash == NULL ? 0 : (size_t)(slash + 1 - path);
    size_t suffix = strlen(public_dir);

    if (address->endpoint.ip.family != ADDR_NONE) {
        endpoint_text(&address->endpoint, out->name, sizeof out->name);
        out->type = "inet";
        return 0;
    }
    if (postfix->queue != NULL && (dir != strlen(postfix->queue) + suffix ||
                                   strncmp(path, postfix->queue, dir - suffix) != 0)) {
        return conf_fail(error, conf, address->line,
                         "address: \"unix:%s\": Postfix has its sockets in %s%s", path,
                         postfix->queue, public_dir);
    }
    if (dir < suffix || strncmp(path + dir - suffix, public_dir, suffix) != 0 ||
        path[dir] == '\0' || strpbrk(path + dir, " \t#=") != NULL) {
        return conf_fail(
            error, conf, address->line,
            "address: \"unix:%s\": Postfix has its sockets in the directory \"public\" "
            "of its queue, under names without blanks, # and =",
            path);
    }
    snprintf(out->name, sizeof out->name, "%s", path + dir);
    out->type = "unix";
    return 0;
}

static void print_service(const struct conf_backend *backend, const struct conf_endpoint *address,
                          const struct service *service, const struct postconf *postfix, FILE *out)
{
    const struct addr *ip = &address->endpoint.ip;

    fprintf(out, "#\n# backend \"%s\"\n", backend->name);
    if (has_service(postfix, service)) {
        fprintf(out, "# master.cf has a service %s already: this one is to replace it.\n",
                service->name);
    }
    if (ip->family == ADDR_NONE) {
        fputs("# posternd's user must be in the group of the directory (postdrop).\n", out);
    } else if (addr_is_loopback(ip)) {
        fputs("# Every local account can connect here and claim any client address; to a unix:\n"
              "# address only group postdrop can.\n",
              out);
    } else {
        fputs("# Whoever can connect here can claim any client address: let only posternd.\n", out);
    }
    fprintf(out, "%s %s n - %c - 0 smtpd\n", service->name, service->type, chroot_of(postfix));
    for (size_t i = 0; i < sizeof overrides / sizeof overrides[0]; i++) {
        fprintf(out, "    -o %s\n", overrides[i]);
    }
}

/* True if an earlier address in the configuration is the same one. */
static bool is_repeated(const struct conf *conf, size_t backend, size_t address)
{
    const struct endpoint *mine = &conf->backends[backend].addresses[address].endpoint;

    for (size_t b = 0; b < backend; b++) {
        for (size_t i = 0; i < conf->backends[b].num_addresses; i++) {
            const struct endpoint *other = &conf->backends[b].addresses[i].endpoint;

            if (addr_equal(&mine->ip, &other->ip) && strcmp(mine->path, other->path) == 0) {
                return true;
            }
        }
    }
    return false;
}

/* Without `out` it only checks that all can be printed. */
static int print_services(const struct conf *conf, const struct postconf *postfix, FILE *out,
                          struct conf_error *error)
{
    for (size_t b = 0; b < conf->num_backends; b++) {
        const struct conf_backend *backend = &conf->backends[b];

        for (size_t i = 0; i < backend->num_addresses; i++) {
            struct service service;

            if (name_service(conf, &backend->addresses[i], postfix, &service, error) != 0) {
                return -1;
            }
            if (out != NULL && !is_repeated(conf, b, i)) {
                print_service(backend, &backend->addresses[i], &service, postfix, out);
            }
        }
    }
    return 0;
}

int postfix_config(const struct conf *conf, FILE *out, struct conf_error *error)
{
    struct postconf postfix;
    int status;

    postconf_read(&postfix);
    status = print_services(conf, &postfix, NULL, error);
    if (status == 0) {
        fprintf(out, "# Services for postern, to stand in master.cf (from %s).\n", conf->file);
        status = print_services(conf, &postfix, out, error);
        postfix_notes(conf, &postfix, out);
    }
    postconf_free(&postfix);
    return status;
}
