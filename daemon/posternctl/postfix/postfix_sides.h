/* Services of Postfix as they are printed and compared: today's, those behind posternd, and those
 * that are to be behind it. */
#ifndef POSTERN_DAEMON_POSTERNCTL_POSTFIX_SIDES_H
#define POSTERN_DAEMON_POSTERNCTL_POSTFIX_SIDES_H

#include "daemon/posternctl/postfix/postconf.h"
#include "lib/admin/conf.h"
#include "lib/postfix/compare.h"

#define POSTFIX_NAME_SIZE (ADDR_PATH_SIZE + 8)

/* The most services of today that are looked at for one listener. */
#define POSTFIX_TODAY_MAX 64

struct postfix_side {
    char name[POSTFIX_NAME_SIZE]; /* "smtp", "127.0.0.1:12525"; "main.cf": there is no service */
    char type[8];                 /* "inet", "unix", "pass"; "" */
    char *arguments;     /* owned; those that are no -o, each with a blank before it; NULL: none */
    bool postscreen;     /* clients come to a postscreen first; what follows is of the
                            smtpd behind it */
    bool has_smtpd;      /* there is one, or it is to be */
    char chroot;         /* 'y', 'n' or '-' */
    unsigned maxproc;    /* 0: no bound */
    struct settings own; /* owned; raw -o, with its own name put in where they ask for it */
    struct settings screen; /* owned; those of the postscreen */
    struct settings values; /* owned; the effective values of all parameters */
};

/* Whether a service listens where a listener does, whatever program it runs. */
bool postfix_is_met(const struct postconf *postfix, const struct conf_listener *listener,
                    const struct postconf_service *service);

/* The services of today that a listener's clients come to without posternd, by the listener's
 * addresses, into `out` (room for POSTFIX_TODAY_MAX); their number. */
size_t postfix_today(const struct conf *conf, const struct postconf *postfix,
                     const struct conf_listener *listener, struct postconf_service *out);

/* The same for all listeners whose mail goes to a backend's address. */
size_t postfix_today_at(const struct conf *conf, const struct postconf *postfix,
                        const struct endpoint *address, struct postconf_service *out);

/* Reads a service of master.cf. 0, or -1: without memory or postconf. In both cases
 * postfix_side_free() is the caller's to call; so it is below. */
MUST_USE int postfix_side_read(struct postfix_side *side, const struct postconf *postfix,
                               const struct postconf_service *service);

/* A service that has nothing of its own: what main.cf says. */
MUST_USE int postfix_side_of_main(struct postfix_side *side);

/*
 * The service that has to be at an address of a backend: what clients find today, as far as all its
 * listeners' services of today have it, with the values that a service behind posternd must have.
 * `number` tells its pass service from others.
 */
MUST_USE int postfix_side_plan(struct postfix_side *side, const struct conf *conf,
                               const struct postconf *postfix, const struct endpoint *address,
                               unsigned number);

/* A service that is behind posternd already, as it would be before clients: without the values that
 * it must have there. */
MUST_USE int postfix_side_before(struct postfix_side *side, const struct postconf *postfix,
                                 const struct postconf_service *service);

/* What the comparison wants to know of it. */
struct compare_service postfix_side_compared(const struct postfix_side *side);

void postfix_side_free(struct postfix_side *side);

#endif
