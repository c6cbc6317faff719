/*
 * policy: what mail must have come with, by rules of the administrator (postern-policy(5)).
 *
 * A file has one rule a line: conditions, requirements, and what is done where these are not met.
 * The first rule whose conditions all hold decides.
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

/*
 * An address, and what of it is certain. Both parts are of a plain one, local@domain, and of the
 * null sender. Of every other it is not certain whose mail Postfix takes it for: such an address
 * may fit any rule.
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
 * What the rules say of a mail. A requirement is never met by a record that is not known:
 * where that would have been refused for good it is deferred, for it may be the milter's ignorance
 * and not the sender's doing. For the same reason no rule that depends on what is not known then
 * (listener, server name) can spare a mail.
 *
 * Where a part of an address is not known, a rule that depends on it holds if it may refuse the
 * mail, and does not if it takes it (nothing, tag). Such a rule does not end the search: of all
 * that hold, up to the first that holds for certain, the strictest decides. NULL as the policy:
 * everything passes.
 */
struct policy_verdict policy_judge(const struct policy *policy, const struct policy_mail *mail);

/*
 * Reads an address that has been cut at its last '@'; without one, domain.data is NULL. The domain
 * must be in ASCII already, any other is not known. `resolved`: Postfix has made of it what it
 * makes of it, and quoted the local part where that needs quotes (the milter's macros). If not, it
 * is what the client meant, without quotes (the policy service): then a domain without a dot may be
 * completed, and a local part beyond ASCII folded. "postmaster" without a domain is in some domain
 * of ours (RFC 5321 section 4.5.1).
 */
void policy_address_read(struct policy_address *out, struct bytes local, struct bytes domain,
                         bool resolved);

#endif
