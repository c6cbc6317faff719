/*
 * Theory of operation: a service for each address of the backends, once. What it has besides its
 * first line are settings of three kinds: those that a usual main.cf would have wrong for a service
 * that gets plaintext and a PROXY header; those that this main.cf has wrong; and those of its own
 * that the service has today which it takes the place of, so that nothing of an administrator's
 * set-up gets lost. Where master.cf has a postscreen at the address, that one gets the header, and
 * a smtpd of its own behind it gets the rest.
 */
#include "daemon/posternctl/postfix_config.h"

#include <stdlib.h>
#include <string.h>

/* What a process takes without TLS, in tenths of a megabyte. */
#define PROCESS_TENTHS 13

struct override {
    const char *name;
    const char *value;
};

/* What a usual main.cf would do to a smtpd that gets plaintext. */
static const struct override smtpd_overrides[] = {
    {"smtpd_tls_security_level", "none"}, {"smtpd_tls_wrappermode", "no"},
    {"smtpd_tls_auth_only", "no"},        {"smtpd_sasl_security_options", "noanonymous"},
    {"smtpd_client_port_logging", "yes"},
};

/* What few have in main.cf, and must not have here: posternd never lets XCLIENT through. */
static const struct override rare_overrides[] = {
    {"smtpd_authorized_xclient_hosts", ""},
    {"smtpd_authorized_xforward_hosts", ""},
};

static const struct override header_override = {"smtpd_upstream_proxy_protocol", "haproxy"};
static const char milters[] = "smtpd_milters";
static const struct override no_auth_override = {"smtpd_sasl_auth_enable", "no"};

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

/* A service that is being printed. */
struct printing {
    const struct conf *conf;
    const struct postconf *postfix;
    const struct endpoint *address;
    const char *option; /* "address" or "tls_address" */
    char name[ADDR_PATH_SIZE + 8];
    const char *type;
    unsigned number; /* of the address, from 1 */
    FILE *out;
};

/* --- names ---------------------------------------------------------------------------------- */

/* The chroot column of the smtpd services that are there: 'y', 'n' or '-'. */
static char chroot_of(const struct postconf *postfix)
{
    const char *at = postfix->services;
    struct postconf_service service;

    while ((service = postconf_next(&at)).line.at != NULL) {
        struct postconf_text chroot = postconf_column(&service, POSTCONF_CHROOT);

        if (postconf_is(postconf_column(&service, POSTCONF_COMMAND), "smtpd") && chroot.len == 1) {
            return *chroot.at;
        }
    }
    return 'n';
}

/* The name of the service at an address: that of the one there is, or the usual one. -1 with
 * `*error` if Postfix can have none there. */
static int name_service(struct printing *p, unsigned line, struct conf_error *error)
{
    const struct postconf *postfix = p->postfix;
    const char *name;
    struct postconf_service there;

    if (p->address->ip.family != ADDR_NONE) {
        p->type = "inet";
        endpoint_text(p->address, p->name, sizeof p->name);
        if (postconf_known(postfix) && postconf_at(postfix, p->address, &there)) {
            struct postconf_text today = postconf_column(&there, POSTCONF_NAME);

            snprintf(p->name, sizeof p->name, "%.*s", (int)today.len, today.at);
        }
        return 0;
    }
    name = postfix_socket_name(postfix, p->address->path);
    if (name == NULL) {
        return conf_fail(error, p->conf, line,
                         "%s: \"unix:%s\": Postfix has its sockets in %s/public, under names "
                         "without blanks, # and =",
                         p->option, p->address->path,
                         postfix->queue == NULL ? "the queue directory" : postfix->queue);
    }
    snprintf(p->name, sizeof p->name, "%s", name);
    p->type = "unix";
    return 0;
}

/* --- settings ------------------------------------------------------------------------------- */

static void print_override(const struct override *override, FILE *out)
{
    fprintf(out, "    -o %s=%s\n", override->name, override->value);
}

/* Whether main.cf has more than nothing there. */
static bool is_set(const struct postconf *postfix, const char *name)
{
    return postconf_setting(postfix, name).len > 0;
}

/* Settings that are not taken over: those that are printed in any case, and those of a TLS that is
 * posternd's now. */
static bool is_ours(const struct conf *conf, struct postconf_text name)
{
    static const char *const prefixes[] = {"smtpd_tls_", "postscreen_", "smtpd_upstream_proxy_"};
    static const char *const names[] = {"smtpd_use_tls", "smtpd_enforce_tls",
                                        "smtpd_sasl_tls_security_options", "smtpd_service_name"};

    if (postconf_is(name, milters) && postfix_has_milter(conf)) {
        return true;
    }
    for (size_t i = 0; i < COUNT(prefixes); i++) {
        size_t len = strlen(prefixes[i]);

        if (name.len >= len && memcmp(name.at, prefixes[i], len) == 0) {
            return true;
        }
    }
    for (size_t i = 0; i < COUNT(names); i++) {
        if (postconf_is(name, names[i])) {
            return true;
        }
    }
    for (size_t i = 0; i < COUNT(smtpd_overrides); i++) {
        if (postconf_is(name, smtpd_overrides[i].name)) {
            return true;
        }
    }
    for (size_t i = 0; i < COUNT(rare_overrides); i++) {
        if (postconf_is(name, rare_overrides[i].name)) {
            return true;
        }
    }
    return false;
}

static void print_taken(struct postconf_text name, struct postconf_text value, FILE *out)
{
    if (memchr(value.at, ' ', value.len) == NULL && memchr(value.at, '\t', value.len) == NULL) {
        fprintf(out, "    -o %.*s=%.*s\n", (int)name.len, name.at, (int)value.len, value.at);
    } else {
        fprintf(out, "    -o { %.*s = %.*s }\n", (int)name.len, name.at, (int)value.len, value.at);
    }
}

/* A setting of the service that is there today. */
static void take_over(void *arg, struct postconf_text name, struct postconf_text value)
{
    const struct printing *p = arg;

    if (!is_ours(p->conf, name) && !(postconf_is(name, no_auth_override.name) &&
                                     postfix_is_without_auth(p->conf, p->address))) {
        print_taken(name, value, p->out);
    }
}

/* The lines of a smtpd behind its first one. */
static void print_smtpd_settings(struct printing *p)
{
    struct postconf_service forerunner;
    bool follows = postfix_forerunner(p->conf, p->postfix, p->address, &forerunner);

    for (size_t i = 0; i < COUNT(smtpd_overrides); i++) {
        print_override(&smtpd_overrides[i], p->out);
    }
    postfix_print_milters(p->conf, p->postfix,
                          follows ? postconf_of(p->postfix, &forerunner, milters)
                                  : postconf_setting(p->postfix, milters),
                          p->out);
    if (postfix_is_without_auth(p->conf, p->address)) {
        print_override(&no_auth_override, p->out);
    }
    for (size_t i = 0; i < COUNT(rare_overrides); i++) {
        if (is_set(p->postfix, rare_overrides[i].name)) {
            print_override(&rare_overrides[i], p->out);
        }
    }
    if (follows) {
        postconf_each_override(p->postfix, &forerunner, take_over, p);
    }
}

/* --- comments ------------------------------------------------------------------------------- */

/* The backends that an address belongs to. */
static void print_users(const struct printing *p)
{
    const char *between = "#\n# ";

    for (size_t b = 0; b < p->conf->num_backends; b++) {
        const struct conf_backend *backend = &p->conf->backends[b];

        for (size_t i = 0; i < postfix_num_addresses(backend); i++) {
            if (postfix_same(&postfix_address(backend, i)->endpoint, p->address)) {
                fprintf(p->out, "%sbackend \"%s\"%s", between, backend->name,
                        !conf_is_set(&backend->tls_address) ? ""
                        : i < backend->num_addresses        ? ", sessions without TLS"
                                                            : ", sessions under TLS");
                between = "; ";
            }
        }
    }
    fputs("\n", p->out);
}

static void print_processes(const struct printing *p)
{
    unsigned processes = postfix_processes(p->conf, p->address);

    if (processes == 0) {
        fputs("# max_connections = 0: as many smtpd processes as there are sessions, about 1.3 MB "
              "each.\n",
              p->out);
    } else {
        fprintf(p->out,
                "# At most %u smtpd processes (max_connections + %u), about 1.3 MB each: %u MB.\n",
                processes, POSTFIX_SPARE_PROCESSES, (processes * PROCESS_TENTHS + 9) / 10);
    }
}

static void print_comments(const struct printing *p)
{
    const struct addr *ip = &p->address->ip;
    struct postconf_service forerunner;
    struct postconf_service there;

    print_users(p);
    if (postconf_known(p->postfix) && postconf_at(p->postfix, p->address, &there)) {
        fprintf(p->out, "# master.cf has a service %s already: this one is to replace it.\n",
                p->name);
    }
    if (postfix_forerunner(p->conf, p->postfix, p->address, &forerunner)) {
        struct postconf_text name = postconf_column(&forerunner, POSTCONF_NAME);
        struct postconf_text type = postconf_column(&forerunner, POSTCONF_TYPE);

        fprintf(p->out, "# It keeps the settings of its own that %.*s %.*s has today.\n",
                (int)name.len, name.at, (int)type.len, type.at);
    }
    print_processes(p);
    postfix_print_milter_comments(p->conf, p->postfix, chroot_of(p->postfix), p->out);
    if (ip->family == ADDR_NONE) {
        fputs("# posternd's user must be in the group of the directory (postdrop).\n", p->out);
    } else if (addr_is_loopback(ip)) {
        fputs("# Every local account can connect here and claim any client address; to a unix:\n"
              "# address only group postdrop can.\n",
              p->out);
    } else {
        fputs("# Whoever can connect here can claim any client address: let only posternd.\n",
              p->out);
    }
}

/* --- services ------------------------------------------------------------------------------- */

static void print_smtpd(struct printing *p)
{
    fprintf(p->out, "%s %s n - %c - %u smtpd\n", p->name, p->type, chroot_of(p->postfix),
            postfix_processes(p->conf, p->address));
    print_override(&header_override, p->out);
    print_smtpd_settings(p);
}

/* A setting of the postscreen that is there today. */
static void take_over_postscreen(void *arg, struct postconf_text name, struct postconf_text value)
{
    static const char *const printed[] = {"postscreen_upstream_proxy_protocol",
                                          "postscreen_tls_security_level", "smtpd_service_name"};
    const struct printing *p = arg;

    for (size_t i = 0; i < COUNT(printed); i++) {
        if (postconf_is(name, printed[i])) {
            return;
        }
    }
    print_taken(name, value, p->out);
}

/* Two postscreens with one btree would wait for each other's lock. */
static void print_cache_warning(const struct printing *p, const struct postconf_service *mine)
{
    const char *at = p->postfix->services;
    struct postconf_service other;

    while ((other = postconf_next(&at)).line.at != NULL) {
        if (other.line.at != mine->line.at &&
            postconf_is(postconf_column(&other, POSTCONF_COMMAND), "postscreen")) {
            struct postconf_text name = postconf_column(&other, POSTCONF_NAME);

            fprintf(p->out,
                    "# %.*s is a postscreen, too: comment it out, or give one of them another\n"
                    "# postscreen_cache_map. With the same btree the second one hangs.\n",
                    (int)name.len, name.at);
        }
    }
}

/* postscreen has no process but one; its clients go to a smtpd of their own, so that the one which
 * other postscreens pass theirs to stays as it is. */
static void print_postscreen(struct printing *p)
{
    char chroot = chroot_of(p->postfix);
    struct postconf_service there;
    char pass[32];

    snprintf(pass, sizeof pass, "postern-smtpd%u", p->number);
    if (postconf_at(p->postfix, p->address, &there)) {
        print_cache_warning(p, &there);
    }
    fprintf(p->out, "%s %s n - %c - 1 postscreen\n", p->name, p->type, chroot);
    fprintf(p->out, "    -o postscreen_upstream_proxy_protocol=haproxy\n"
                    "    -o postscreen_tls_security_level=none\n");
    fprintf(p->out, "    -o smtpd_service_name=%s\n", pass);
    postconf_each_override(p->postfix, &there, take_over_postscreen, p);
    fprintf(p->out, "%s pass - - %c - %u smtpd\n", pass, chroot,
            postfix_processes(p->conf, p->address));
    print_smtpd_settings(p);
}

/* Without `out` it only checks that all can be printed. */
static int print_services(const struct conf *conf, const struct postconf *postfix, FILE *out,
                          struct conf_error *error)
{
    struct printing p = {.conf = conf, .postfix = postfix, .out = out};

    for (size_t b = 0; b < conf->num_backends; b++) {
        const struct conf_backend *backend = &conf->backends[b];

        for (size_t i = 0; i < postfix_num_addresses(backend); i++) {
            const struct conf_endpoint *address = postfix_address(backend, i);

            p.address = &address->endpoint;
            p.option = i < backend->num_addresses ? "address" : "tls_address";
            if (name_service(&p, address->line, error) != 0) {
                return -1;
            }
            if (out == NULL || postfix_is_repeated(conf, b, i)) {
                continue;
            }
            p.number++;
            print_comments(&p);
            if (postfix_is_postscreen(postfix, p.address)) {
                print_postscreen(&p);
            } else {
                print_smtpd(&p);
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
        fprintf(out,
                "# Services for postern, to stand in master.cf (from %s).\n"
                "# Postfix has no stress mode for them; posternd has one of its own, from 75 %% of "
                "a\n# backend's max_connections on.\n",
                conf->file);
        status = print_services(conf, &postfix, out, error);
        postfix_print_policy_service(conf, &postfix, out);
        postfix_notes(conf, &postfix, out);
    }
    postconf_free(&postfix);
    return status;
}
