/*
 * check: what `posternctl check` finds, before it is printed as text or JSON.
 */
#ifndef POSTERN_DAEMON_POSTERNCTL_CHECK_H
#define POSTERN_DAEMON_POSTERNCTL_CHECK_H

#include "daemon/posternctl/certreport.h"
#include "daemon/posternctl/matrix.h"

#include <stdio.h>

struct check {
    const struct snapshot *snapshot; /* borrowed */
    struct certreport *reports;      /* owned; in the order of conf->certificates */
    char **warnings;                 /* owned, with the texts */
    size_t num_warnings;
    size_t num_failing; /* rows of the matrix */
    size_t num_ending;  /* certificates */
};

/* Whether set `set` of listener `listener` is judged as it is at an earlier listener: it has the
 * same tls_profile and the same set. */
bool check_is_repeated(const struct conf *conf, size_t listener, size_t set);

/* Print everything, and count in check->num_failing what fails in the matrix. 0, or -1 if there is
 * no memory. */
MUST_USE int check_print_text(struct check *check, FILE *out);
MUST_USE int check_print_json(struct check *check, FILE *out);

/* The part of check_print_text() that is the matrix. */
MUST_USE int check_print_matrix(struct check *check, FILE *out);

/* The word of the configuration: "fail", ... */
const char *check_unmatched_word(const struct conf_set *set);

#endif
