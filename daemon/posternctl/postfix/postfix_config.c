/*
 * Theory of operation: one service for each address of the backends (postfix_sides.c makes it),
 * followed by the comparison's findings, as comments and on standard error. If master.cf has a
 * postscreen at the address, that one gets the header, and a separate smtpd behind it gets the
 * other settings.
 */
#include "daemon/posternctl/postfix/postfix_config.h"

#include "daemon/posternctl/postfix/postfix_compare.h"

#include <stdlib.h>
#include <string.h>

/* The memory of a process without TLS, in tenths of a megabyte. */
#define PROCESS_TENTHS 13

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

/* The name of the service at an address: that of the existing one, or the usual one. -1 with
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
                         "%s: \"unix:%s\": Postfix has its sockets in %s/public, with names "
                         "without blanks, # and =",
                         p->option, p->address->path,
                         postfix->queue == NULL ? "the queue directory" : postfix->queue);
    }
    snprintf(p->name, sizeof p->name, "%s", name);
    p->type = "unix";
    return 0;
}

/* --- settings ------------------------------------------------------------------------------- */

static bool has_blank(const char *value)
{
    return strpbrk(value, " \t") != NULL;
}

static void print_own(const struct settings *own, FILE *out)
{
    for (size_t i = 0; i < own->num; i++) {
        const struct setting *s = &own->items[i];

        fprintf(out, has_blank(s->value) ? "    -o { %s = %s }\n" : "    -o %s=%s\n", s->name,
                s->value);
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

/* The services whose settings it has. */
static void print_services_today(const struct printing *p)
{
    struct postconf_service today[POSTFIX_TODAY_MAX];
    size_t num = postfix_today_at(p->conf, p->postfix, p->address, today);

    for (size_t i = 0; i < num; i++) {
        struct postconf_text name = postconf_column(&today[i], POSTCONF_NAME);
        struct postconf_text type = postconf_column(&today[i], POSTCONF_TYPE);

        fprintf(p->out, "%s%.*s %.*s%s", i == 0 ? "# It has the settings that " : " and ",
                (int)name.len, name.at, (int)type.len, type.at,
                i + 1 < num ? ""
                : num == 1  ? " has today.\n"
                : num == 2  ? " both have today.\n"
                            : " all have today.\n");
    }
}

static void print_comments(const struct printing *p, const struct postfix_side *side)
{
    const struct addr *ip = &p->address->ip;
    struct postconf_service there;

    print_users(p);
    if (postconf_known(p->postfix) && postconf_at(p->postfix, p->address, &there)) {
        fprintf(p->out, "# master.cf already has a service %s: replace it with this one.\n",
                p->name);
    }
    print_services_today(p);
    print_processes(p);
    postfix_print_milter_comments(p->conf, p->postfix, side->chroot, p->out);
    if (ip->family == ADDR_NONE) {
        fputs("# posternd's user must be in the group of the directory (postdrop).\n", p->out);
    } else if (addr_is_loopback(ip)) {
        fputs("# Every local account can connect here and claim any client address; only group\n"
              "# postdrop can connect to a unix: address.\n",
              p->out);
    } else {
        fputs("# Anyone who can connect here can claim any client address: allow only posternd.\n",
              p->out);
    }
}

/* --- services ------------------------------------------------------------------------------- */

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
                    "# %.*s is also a postscreen: comment it out, or give one of them a different\n"
                    "# postscreen_cache_map. With the same btree the second one hangs.\n",
                    (int)name.len, name.at);
        }
    }
}

/* postscreen has only one process; its clients go to a separate smtpd, so that the one to which
 * other postscreens pass theirs is unchanged. */
static void print_postscreen(const struct printing *p, const struct postfix_side *side)
{
    struct postconf_service there;

    if (postconf_at(p->postfix, p->address, &there)) {
        print_cache_warning(p, &there);
    }
    fprintf(p->out, "%s %s n - %c - 1 postscreen\n", p->name, p->type, side->chroot);
    print_own(&side->screen, p->out);
    fprintf(p->out, "%s pass - - %c - %u smtpd%s\n",
            settings_get(&side->screen, "smtpd_service_name"), side->chroot, side->maxproc,
            side->arguments == NULL ? "" : side->arguments);
    print_own(&side->own, p->out);
}

static int print_service(const struct printing *p)
{
    struct postfix_side side;
    int status = postfix_side_plan(&side, p->conf, p->postfix, p->address, p->number);

    if (status == 0) {
        print_comments(p, &side);
        if (side.postscreen) {
            print_postscreen(p, &side);
        } else {
            fprintf(p->out, "%s %s n - %c - %u smtpd%s\n", p->name, p->type, side.chroot,
                    side.maxproc, side.arguments == NULL ? "" : side.arguments);
            print_own(&side.own, p->out);
        }
    }
    postfix_side_free(&side);
    return status;
}

/* Whether master.cf has a service with another purpose at an address: another program, or an smtpd
 * for this machine that expects no header, such as the way back from a content filter. */
static bool is_taken(const struct postconf *postfix, const struct endpoint *address, bool *taken)
{
    struct postconf_service there;
    struct postfix_side side;
    bool known;

    *taken = false;
    if (!postconf_known(postfix) || !postconf_at(postfix, address, &there) ||
        postfix_is_postscreen(postfix, address)) {
        return true;
    }
    if (address->ip.family == ADDR_NONE) {
        *taken = !postconf_is(postconf_column(&there, POSTCONF_COMMAND), "smtpd");
        return true;
    }
    known = postfix_side_read(&side, postfix, &there) == 0;
    *taken = known && settings_get(&side.values, "smtpd_upstream_proxy_protocol")[0] == '\0';
    postfix_side_free(&side);
    return known;
}

static int no_memory(struct conf_error *error)
{
    snprintf(error->text, sizeof error->text, "out of memory, or postconf cannot be run");
    return -1;
}

/* Refuses an address that Postfix cannot have, or that is taken. */
static int check_address(struct printing *p, const struct conf_endpoint *address,
                         struct conf_error *error)
{
    bool taken;

    if (name_service(p, address->line, error) != 0) {
        return -1;
    }
    if (!is_taken(p->postfix, p->address, &taken)) {
        return no_memory(error);
    }
    return !taken ? 0
                  : conf_fail(error, p->conf, address->line,
                              "%s: master.cf has a service %s that expects no PROXY header, such "
                              "as the way back from a content filter: use a different address",
                              p->option, p->name);
}

/* Without `out` it only checks that everything can be printed. */
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
            if (check_address(&p, address, error) != 0) {
                return -1;
            }
            if (out == NULL || postfix_is_repeated(conf, b, i)) {
                continue;
            }
            p.number++;
            if (print_service(&p) != 0) {
                return no_memory(error);
            }
        }
    }
    return 0;
}

/* --- all ------------------------------------------------------------------------------------ */

static int print_all(const struct conf *conf, const struct postconf *postfix, FILE *out,
                     bool *opens, struct conf_error *error)
{
    struct postfix_comparisons all;
    int status = postfix_compare_all(&all, conf, postfix, true);

    if (status != 0) {
        no_memory(error);
    } else {
        fprintf(out,
                "# Services for postern, for master.cf (from %s).\n"
                "# Postfix has no stress mode for them; posternd has its own, from 75 %% of a\n"
                "# backend's max_connections on.\n",
                conf->file);
        status = print_services(conf, postfix, out, error);
    }
    if (status == 0) {
        postfix_print_policy_service(conf, postfix, out);
        postfix_notes(conf, postfix, out);
        postfix_print_comparisons(&all, "# ", out);
        for (size_t i = 0; i < all.num; i++) {
            postfix_print_profile(all.items[i], "# ", out);
        }
        postfix_tell(&all, stderr);
        *opens = postfix_count(&all, COMPARE_FAIL) > 0;
    }
    postfix_comparisons_free(&all);
    return status;
}

int postfix_config(const struct conf *conf, FILE *out, bool *opens, struct conf_error *error)
{
    struct postconf postfix;
    int status;

    *opens = false;
    postconf_read(&postfix);
    status = print_services(conf, &postfix, NULL, error);
    if (status == 0) {
        status = print_all(conf, &postfix, out, opens, error);
    }
    postconf_free(&postfix);
    return status;
}
