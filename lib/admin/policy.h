/*
 * policy: what mail must have come with, by rules of the administrator (postern-policy(5)).
 *
 * A file has one rule a line: conditions, requirements, and what is done where these are not met.
 * The first rule whose conditions all hold decides. May include: lib/base, lib/net, record, conf.
 */
#ifndef POSTERN_LIB_ADMIN_POLICY_H
#define POSTERN_LIB_ADMIN_POLICY_H

#include "lib/admin/conf.h"
#include "lib/admin/record.h"

/* The largest policy file, its longest line, and the most rules. */
#define POLICY_SIZE_MAX  ((size_t)1 << 20)
#define POLICY_LINE_MAX  ((size_t)1024)
#define POLICY_RULES_MAX ((size_t)10000)

/* The longest text of a rule. */
#define POLICY_TEXT_MAX ((size_t)128)

/* The longest address that rules are compared with, and a NUL; of a longer one only the domain is
 * compared. */
#define POLICY_ADDRESS_SIZE 512

struct policy;

/* A mail, as far as it is known. */
struct policy_mail {
    struct addr client;
    const char *sender;    /* as policy_address() writes it; "": the null sender */
    const char *recipient; /* likewise; NULL: not known yet */
    const struct record *record;
};

enum policy_action {
    POLICY_PASS,
    POLICY_TAG,    /* it passes, and its header says so */
    POLICY_DEFER,  /* 4xx */
    POLICY_REJECT, /* 5xx */
};

struct policy_verdict {
    enum policy_action action;
    bool undecided;       /* it passes for now: a rule waits for the recipient */
    unsigned line;        /* of the rule; 0: no rule fits */
    const char *enhanced; /* "5.7.10"; NULL for POLICY_PASS and POLICY_TAG */
    const char *text;     /* borrowed from the policy, or static; NULL for POLICY_PASS */
};

/*
 * Reads `len` bytes of the file called `file`. `conf` has the listeners that rules may name.
 * Returns a policy that the caller frees with policy_free(), or NULL with `*error`:
 * "FILE:LINE: text" or "FILE: text".
 */
MUST_USE struct policy *policy_parse(const struct conf *conf, const char *file,
                                     const uint8_t *bytes, size_t len, struct conf_error *error);

/* NULL is allowed. */
void policy_free(struct policy *policy);

size_t policy_num_rules(const struct policy *policy);

/*
 * What the rules say of a mail. A requirement is never met by a record that is RECORD_UNKNOWN:
 * where that would have been refused for good it is deferred, for it may be the milter's ignorance
 * and not the sender's doing. For the same reason no rule that depends on what is not known then
 * (listener, server name) can spare a mail. NULL as the policy: everything passes.
 */
struct policy_verdict policy_judge(const struct policy *policy, const struct policy_mail *mail);

/*
 * An address as rules are compared with it: without the angle brackets and the final dot that it
 * may have, in lower case. Its domain must be in ASCII already. Returns `out`.
 */
const char *policy_address(const char *address, char out[POLICY_ADDRESS_SIZE]);

#endif
