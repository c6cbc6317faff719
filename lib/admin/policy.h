/*
 * policy: how mail must be protected, by the administrator's rules (postern-policy(5)).
 *
 * A file has one rule per line: conditions, requirements, and what to do if these are not met. The
 * first rule whose conditions all match decides.
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

/* The longest address that rules are compared with, and a NUL; only the domain of a longer one is
 * compared. */
#define POLICY_ADDRESS_SIZE 512

struct policy;

/*
 * An address, and which parts of it are certain. Both parts are certain for a plain one,
 * local@domain, and for the null sender. For every other it is not certain whose mail Postfix takes
 * it for: such an address may match any rule.
 */
struct policy_address {
    char text[POLICY_ADDRESS_SIZE]; /* its case folded, its domain without a final dot */
    bool local_known;
    bool domain_known;
};

/* A mail, as far as it is known. */
struct policy_mail {
    struct addr client;
    const struct policy_address *sender;    /* borrowed */
    const struct policy_address *recipient; /* borrowed; NULL: not known yet */
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
    unsigned line;        /* of the rule; 0: no rule matches */
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
 * What the rules say about a mail. A record that is not known never meets a requirement: a mail
 * that would have been refused permanently is deferred, because the milter may lack the knowledge
 * and the sender may have done nothing wrong. For the same reason, no rule that depends on
 * something unknown then (listener, server name) can exempt a mail.
 *
 * If a part of an address is not known, a rule that depends on it matches if it can refuse the
 * mail, and does not if it accepts it (nothing, tag). Such a rule does not end the search: of all
 * that match, up to the first that certainly matches, the strictest decides. NULL as the policy:
 * everything passes.
 */
struct policy_verdict policy_judge(const struct policy *policy, const struct policy_mail *mail);

/*
 * Reads an address that has been cut at its last '@'; without one, domain.data is NULL. The domain
 * must already be in ASCII, any other is not known. `resolved`: Postfix has rewritten it, and
 * quoted the local part if that needs quotes (the milter's macros). Otherwise it is what the client
 * meant, without quotes (the policy service): then a domain without a dot may be completed, and a
 * local part beyond ASCII folded. "postmaster" without a domain is in some domain of ours (RFC 5321
 * section 4.5.1).
 */
void policy_address_read(struct policy_address *out, struct bytes local, struct bytes domain,
                         bool resolved);

#endif
