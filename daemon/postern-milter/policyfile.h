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

/* Reads conf->milter.policy; "" means none. `conf` must outlive this. 0, or -1 with `*error`. */
MUST_USE int policyfile_open(const struct conf *conf, struct conf_error *error);

/* Reads it again unconditionally (SIGHUP). Mistakes are logged, and the old policy stays. */
void policyfile_reload(void);

/* Judges by the policy in force; checks once a second whether the file has changed, and reads it
 * when it has not been written to for a second. From any thread. */
void policyfile_judge(const struct policy_mail *mail, struct policyfile_verdict *out);

#endif
