/*
 * postconf: what Postfix's own postconf(1) says about this machine's Postfix.
 *
 * postconf.c runs it, postconf_master.c reads what it prints.
 */
#ifndef POSTERN_DAEMON_POSTERNCTL_POSTCONF_H
#define POSTERN_DAEMON_POSTERNCTL_POSTCONF_H

#include "lib/net/addr.h"
#include "lib/postfix/settings.h"

/* Lines as postconf prints them. All NULL if it cannot be run, or has nothing to read. */
struct postconf {
    char *settings;      /* owned; "name = value", those that main.cf sets */
    char *services;      /* owned; the services of master.cf, one a line */
    char *overrides;     /* owned; "service/type/name = value" */
    char *queue;         /* owned; the queue directory, without line end */
    char *owner;         /* owned; mail_owner, the account of its processes, without line end */
    char *process_limit; /* owned; default_process_limit, without line end */
    char *ports;         /* owned; known_tcp_ports, without line end; "": this Postfix has none */
};

/* A piece of one of these texts. */
struct postconf_text {
    const char *at; /* borrowed; NULL: there is none */
    size_t len;
};

/* A service of master.cf. */
struct postconf_service {
    struct postconf_text line;
};

/* The columns of a service. */
enum postconf_column {
    POSTCONF_NAME = 0,
    POSTCONF_TYPE = 1,
    POSTCONF_CHROOT = 4,
    POSTCONF_MAXPROC = 6,
    POSTCONF_COMMAND = 7,
};

void postconf_read(struct postconf *out);
void postconf_free(struct postconf *p);

/* Reads Postfix's own values of all parameters. 0, or -1 on failure. In both cases the caller calls
 * settings_free(). */
MUST_USE int postconf_defaults(struct settings *out);

/* Reads the values of all parameters for a service with these settings of its own: its own,
 * main.cf's or Postfix's, with all names substituted. The same result. */
MUST_USE int postconf_effective(const struct settings *own, struct settings *out);

/* Whether postconf could be run. */
bool postconf_known(const struct postconf *p);

/* The next line of `*at`, without its end; `at` NULL after the last one. `*at` moves on. */
struct postconf_text postconf_line(const char **at);

/* Splits "name = value". */
void postconf_split(struct postconf_text line, struct postconf_text *name,
                    struct postconf_text *value);

bool postconf_is(struct postconf_text text, const char *word);

/* The next service; `line.at` NULL after the last one. */
struct postconf_service postconf_next(const char **at);

struct postconf_text postconf_column(const struct postconf_service *service,
                                     enum postconf_column column);

/* The service with this name and type, the last one as Postfix has it; false: there is none. */
bool postconf_named(const struct postconf *p, const char *name, const char *type,
                    struct postconf_service *out);

/* Whether an address is one of this machine's. */
bool postconf_is_here(const struct addr *address);

/* What precedes the port in the name of an inet service, without brackets, into `out`; "" if there
 * is nothing; false if it is longer than any address. */
bool postconf_host(const struct postconf_service *service, char out[SETTINGS_NAME_SIZE]);

/* The arguments of a service that are not -o, each with a blank before it; the caller frees them.
 * NULL without memory. */
MUST_USE char *postconf_arguments(const struct postconf_service *service);

/* The service that listens at an address, as far as the names in master.cf show; of several the
 * last one. */
bool postconf_at(const struct postconf *p, const struct endpoint *address,
                 struct postconf_service *out);

/* The port of a service of type inet ("smtp", "192.0.2.1:25", "[::1]:smtp"); 0: not inet, or its
 * name is not known. */
unsigned postconf_port(const struct postconf *p, const struct postconf_service *service);

/* How many processes a service may have; 0: as many as it needs. */
unsigned postconf_process_limit(const struct postconf *p, const struct postconf_service *service);

/* What main.cf sets `name` to; `at` NULL if it does not set it. */
struct postconf_text postconf_setting(const struct postconf *p, const char *name);

/* The service's own settings: calls `each` for every -o of it. */
void postconf_each_override(const struct postconf *p, const struct postconf_service *service,
                            void (*each)(void *arg, struct postconf_text name,
                                         struct postconf_text value),
                            void *arg);

/* What `name` is for a service: its own -o, or main.cf's; `at` NULL if neither sets it. */
struct postconf_text postconf_of(const struct postconf *p, const struct postconf_service *service,
                                 const char *name);

#endif
