/*
 * policyfile: the policy that is in force, read again when its file changes.
 */
#ifndef POSTERN_DAEMON_POSTERN_MILTER_POLICYFILE_H
#define POSTERN_DAEMON_POSTERN_MILTER_POLICYFILE_H

#include "lib/admin/policy.h"

/* A verdict with its own copy of the texts, which it points at: not to be copied. */
struct policyfile_verdict {
    struct policy_verdict verdict;
    char enhanced[16];
    char text[POLICY_TEXT_MAX + 1];
};

/* Reads conf->milter.policy, "" is none. `conf` must live on. 0, or -1 with `*error`. */
MUST_USE int policyfile_open(const struct conf *conf, struct conf_error *error);

/* Reads it again, whatever is known of it (SIGHUP). A bad one is logged, and the old one stays. */
void policyfile_reload(void);

/* Judges by what is in force; looks once a second whether the file has changed, and reads it when
 * nobody has written to it for a second. From any thread. */
void policyfile_judge(const struct policy_mail *mail, struct policyfile_verdict *out);

#endif
