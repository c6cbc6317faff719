/*
 * parameters: what each of Postfix's parameters means for a service behind posternd.
 *
 * The one table, parameters.inc, is compiled in, so that it is wherever the program is. It has a
 * row for every parameter of the Postfix releases that are tested; a parameter without a row is
 * named as not judged.
 */
#ifndef POSTERN_LIB_POSTFIX_PARAMETERS_H
#define POSTERN_LIB_POSTFIX_PARAMETERS_H

#include <stdbool.h>
#include <stddef.h>

/* What happens to a parameter. */
enum parameter_class {
    PARAMETER_CARRIED,  /* the service behind has it, and it means the same there */
    PARAMETER_DEMAND,   /* the same; a different value in the service behind demands less */
    PARAMETER_OURS,     /* the service behind must have a specific value, `behind` */
    PARAMETER_REPLACED, /* an option of postern.conf, `option`, replaces it */
    PARAMETER_LOST,     /* it means nothing behind posternd */
    PARAMETER_WORLD,    /* it says something about the clients' world that posternd must know */
    PARAMETER_NOTHING,  /* it is read by other programs, or makes no difference to a session */
};

/* How it is compared with postern.conf and the service behind, besides what its class says. */
enum parameter_rule {
    RULE_NONE,
    /* The rule alone says whether the service behind has what it must have: */
    RULE_PART, /* it is a part of what another row compares */
    RULE_MILTERS,
    RULE_MILTER_MAPS,
    RULE_RESTRICTIONS,
    RULE_SASL_ENABLE,
    RULE_NAMED,         /* a wrong value in the service behind opens nothing */
    RULE_CARRIED_APART, /* the last of these; of no row */
    RULE_LEVEL,
    RULE_AUTH_ONLY,
    RULE_SASL_OPTIONS,
    RULE_SECURED,
    RULE_ASK_CERTIFICATE,
    RULE_REQUIRE_CERTIFICATE,
    RULE_AUTHORITIES,
    RULE_DEPTH,
    RULE_FINGERPRINTS,
    RULE_CERTIFICATES,
    RULE_SERVER_NAMES,
    RULE_PROTOCOLS,
    RULE_CIPHERS,
    RULE_GROUPS,
    RULE_TICKETS,
    RULE_REQUIRETLS,
    RULE_PROXY,
    RULE_XCLIENT,
    RULE_FAMILIES,
    RULE_HANDSHAKE_TIMEOUT,
    RULE_HANDSHAKE_RATE,
    RULE_SESSIONS_PER_CLIENT,
    RULE_EXEMPT,
    RULE_IDLE_TIMEOUT,
    RULE_DISCARD,
    RULE_DISCARD_MAPS,
    RULE_COMMAND_FILTER,
    RULE_MACROS,
    RULE_HOSTNAME,
    RULE_FACILITY,
    RULE_LOG_LEVEL,
    RULE_LINE_LENGTH,
};

struct parameter {
    const char *name; /* with one '*', which matches anything: a family of parameters */
    enum parameter_class class;
    enum parameter_rule rule;
    const char *option; /* the option of postern.conf that it is compared with; NULL: none */
    const char *behind; /* the value that it must have behind posternd; NULL: any, or it is made */
    const char *text;   /* what is lost, or must be known; NULL: no text */
};

size_t parameters_num(void);

/* Row `i`, below parameters_num(). */
const struct parameter *parameter_at(size_t i);

/* Whether the table must know a name: each parameter that smtpd and the programs before it read has
 * its own row. */
bool parameter_must_be_known(const char *name);

/* The row of a parameter: the one with its name, or otherwise the family with the longest one.
 * NULL: there is none. A name that must be known is in no family that begins with the '*': what a
 * later release adds to "*_maps" need not be carried. */
const struct parameter *parameter_find(const char *name);

#endif
