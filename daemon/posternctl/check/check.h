/*
 * check: what `posternctl check` finds.
 *
 * check_json.c and check_compare.c describe it as one document, for which check_postfix.c examines
 * Postfix and check_served.c asks posternd; check_text.c and check_matrix.c print that document for
 * people.
 */
#ifndef POSTERN_DAEMON_POSTERNCTL_CHECK_H
#define POSTERN_DAEMON_POSTERNCTL_CHECK_H

#include "daemon/posternctl/check/certreport.h"
#include "daemon/posternctl/check/matrix.h"
#include "daemon/posternctl/postfix/postfix_compare.h"
#include "daemon/posternctl/report.h"

/* Room for the subject of a finding, and its text. */
#define CHECK_SUBJECT_SIZE 160
#define CHECK_TEXT_SIZE    512

struct check {
    const struct snapshot *snapshot; /* borrowed */
    struct certreport *reports;      /* owned; in the order of conf->certificates */
    size_t num_ending;               /* of these, those that end */
    char **warnings;                 /* owned, with the texts */
    size_t num_warnings;
    struct report report;    /* owned: the whole report */
    json_t *findings;        /* borrowed from it: the findings about Postfix's own settings */
    struct postconf postfix; /* owned; this machine's */
    struct postfix_comparisons comparisons; /* owned; with today's services */
    size_t num_failing; /* clients of the matrix, each once for columns that are equal */
    size_t num_wrong;   /* findings that are FINDING_FAIL or COMPARE_FAIL */
};

/* Makes check->report, with the findings, and counts. It is bad if there is no memory. */
void check_describe(struct check *check);

/* Adds the findings about this machine's Postfix, and compares it. 0, or -1: without memory or
 * postconf. */
MUST_USE int check_postfix(struct check *check);

/* Adds the comparison's findings, and how many settings are the same. */
void check_put_comparisons(struct check *check);

/* Asks the running posternd what it serves. The findings about that, and about renewals that
 * failed; NULL if there is no memory. */
json_t *check_served(struct check *check);

/* Prints the report for people; and the part of it that is the matrix. */
void check_print_text(const struct check *check, FILE *out);
void check_print_matrix(const struct check *check, FILE *out);

#endif
