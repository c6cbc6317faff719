/*
 * milterlog: the text of the milter's log lines, like logline for the daemon's.
 */
#ifndef POSTERN_LIB_ADMIN_MILTERLOG_H
#define POSTERN_LIB_ADMIN_MILTERLOG_H

#include "lib/base/text.h"
#include "lib/net/addr.h"

/* Room for any line built here. */
#define MILTERLOG_SIZE 2048

/* A mail that is not accepted, entirely or for one recipient. All texts are borrowed. */
struct milterlog_refusal {
    bool for_good;
    const char *stage; /* the command that is refused: "MAIL" or "RCPT" */
    struct addr client;
    const char *enhanced;
    const char *text;
    const char *sender;
    const char *recipient; /* NULL: not known yet */
    const char *file;      /* of the policy */
    unsigned line;         /* of the rule; 0: no rule decided */
    const char *session;   /* its id; "": not known */
};

/* reject: RCPT from unknown[192.0.2.7]:49211: 5.7.10 Encryption needed; from=<a@example.net>
 * to=<b@example.org> rule=/etc/postern/policy:12 session=... */
void milterlog_refusal(struct text *t, const struct milterlog_refusal *refusal);

#endif
