/*
 * check: what `posternctl check` finds, before it is printed as text or JSON.
 */
#ifndef POSTERN_DAEMON_POSTERNCTL_CHECK_H
#define POSTERN_DAEMON_POSTERNCTL_CHECK_H

#include "daemon/posternctl/certreport.h"
#include "daemon/posternctl/jsontext.h"
#include "daemon/posternctl/matrix.h"
#include "daemon/posternctl/postfix_compare.h"

#include <stdio.h>

/* Room for what a finding is about, and its words. */
#define CHECK_SUBJECT_SIZE 160
#define CHECK_TEXT_SIZE    512

/* What Postfix's own settings come to. */
enum check_result { CHECK_FAIL, CHECK_WARNING, CHECK_NOT_CHECKED };

struct check_finding {
    enum check_result result;
    char subject[CHECK_SUBJECT_SIZE]; /* "backend \"postfix\"" */
    char text[CHECK_TEXT_SIZE];
};

struct check {
    const struct snapshot *snapshot; /* borrowed */
    struct certreport *reports;      /* owned; in the order of conf->certificates */
    char **warnings;                 /* owned, with the texts */
    size_t num_warnings;
    struct check_finding *findings; /* owned */
    size_t num_findings;
    struct postconf postfix;                /* owned; this machine's */
    struct postfix_comparisons comparisons; /* owned; with its services of today */
    size_t num_failing;                     /* rows of the matrix */
    size_t num_wrong;                       /* findings that are CHECK_FAIL or COMPARE_FAIL */
    size_t num_ending;                      /* certificates */
};

/* Whether set `set` of listener `listener` is judged as it is at an earlier listener: it has the
 * same tls_profile and the same set. */
bool check_is_repeated(const struct conf *conf, size_t listener, size_t set);

/* Adds the findings about this machine's Postfix. 0, or -1 if there is no memory. */
MUST_USE int check_postfix(struct check *check);

/* Print everything, and count in check->num_failing what fails in the matrix. 0, or -1 if there is
 * no memory. */
MUST_USE int check_print_text(struct check *check, FILE *out);
MUST_USE int check_print_json(struct check *check, FILE *out);

/* The part of check_print_text() that is the matrix. */
MUST_USE int check_print_matrix(struct check *check, FILE *out);

/* What the comparison found, and how many settings are the same. NULL without memory. */
json_t *check_comparison_json(const struct check *check);
json_t *check_compared_json(const struct check *check);

/* Words of the configuration: "fail", ...; "none", ...; "proxy-v2", ... */
const char *check_unmatched_word(const struct conf_set *set);
const char *check_client_certificate_word(const struct conf_listener *listener);
const char *check_client_address_word(const struct conf_backend *backend);

/* "fail", "warning", "not-checked". */
const char *check_result_word(enum check_result result);

#endif
