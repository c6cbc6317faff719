/* Services of Postfix as they are printed and compared: today's, those behind posternd, and those
 * that will be behind it. */
#ifndef POSTERN_DAEMON_POSTERNCTL_POSTFIX_SIDES_H
#define POSTERN_DAEMON_POSTERNCTL_POSTFIX_SIDES_H

#include "daemon/posternctl/postfix/postconf.h"
#include "lib/admin/conf.h"
#include "lib/postfix/compare.h"

#define POSTFIX_NAME_SIZE (ADDR_PATH_SIZE + 8)

/* How many of today's services are examined for one listener. */
#define POSTFIX_TODAY_MAX 64

struct postfix_side {
    char name[POSTFIX_NAME_SIZE]; /* "smtp", "127.0.0.1:12525"; "main.cf": there is no service */
    char type[8];                 /* "inet", "unix", "pass"; "" */
    char *arguments;     /* owned; those other than -o, each with a blank before it; NULL: none */
    bool postscreen;     /* clients reach a postscreen first; what follows is about the smtpd behind
                          * it */
    bool has_smtpd;      /* there is one, or there will be */
    char chroot;         /* 'y', 'n' or '-' */
    unsigned maxproc;    /* 0: no bound */
    struct settings own; /* owned; raw -o, with its own name substituted */
    struct settings screen; /* owned; those of the postscreen */
    struct settings values; /* owned; the effective values of all parameters */
};

/* Whether a service listens where a listener does, regardless of its program. */
bool postfix_is_met(const struct postconf *postfix, const struct conf_listener *listener,
                    const struct postconf_service *service);

/* Writes today's services, which a listener's clients reach without posternd, by the listener's
 * addresses, into `out` (room for POSTFIX_TODAY_MAX); returns their number. */
size_t postfix_today(const struct conf *conf, const struct postconf *postfix,
                     const struct conf_listener *listener, struct postconf_service *out);

/* The same for all listeners whose mail goes to a backend's address. */
size_t postfix_today_at(const struct conf *conf, const struct postconf *postfix,
                        const struct endpoint *address, struct postconf_service *out);

/* Reads a service of master.cf. 0, or -1: without memory or postconf. In both cases the caller
 * calls postfix_side_free(); also below. */
MUST_USE int postfix_side_read(struct postfix_side *side, const struct postconf *postfix,
                               const struct postconf_service *service);

/* A service without its own settings: what main.cf says. */
MUST_USE int postfix_side_of_main(struct postfix_side *side);

/*
 * The service that has to be at an address of a backend: the settings that today's services of all
 * its listeners have in common, with the values that a service behind posternd must have. `number`
 * distinguishes its pass service from others.
 */
MUST_USE int postfix_side_plan(struct postfix_side *side, const struct conf *conf,
                               const struct postconf *postfix, const struct endpoint *address,
                               unsigned number);

/* A service that is already behind posternd, as it would be in front of clients: without the values
 * that it must have there. */
MUST_USE int postfix_side_before(struct postfix_side *side, const struct postconf *postfix,
                                 const struct postconf_service *service);

/* What the comparison needs to know about it. */
struct compare_service postfix_side_compared(const struct postfix_side *side);

void postfix_side_free(struct postfix_side *side);

#endif
