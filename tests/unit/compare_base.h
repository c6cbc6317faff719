/*
 * compare_base: what the tests of compare share.
 *
 * A row changes a set-up in which nothing is to be said in places, and names every finding that
 * this makes. The service behind has what it must have, unless the row gives it something else.
 */
#ifndef POSTERN_TESTS_UNIT_COMPARE_BASE_H
#define POSTERN_TESTS_UNIT_COMPARE_BASE_H

#include "lib/postfix/compare.h"

#define NUM(array) (sizeof(array) / sizeof((array)[0]))

/* A finding; of those that are EQUAL only the ones that a row names count. */
struct compare_found {
    const char *parameter; /* NULL: behind the last one */
    enum compare_verdict verdict;
    const char *text; /* a part of it; NULL: any */
};

struct compare_table {
    const char *name;
    const char *text;
};

struct compare_row {
    const char *name;

    /* Postfix. Texts are lines of "name = value". */
    const char *today;   /* effective values that are not Postfix's own */
    const char *main_cf; /* what main.cf sets, as it is written; NULL: the same as today */
    const char *own;     /* what -o sets, as it is written; NULL: nothing */
    const char *behind;  /* of the service behind, what is not as it should be */
    const char
        *secured;     /* the same of a service apart for sessions under TLS; NULL: there is none */
    bool screened;    /* clients come to a postscreen today */
    bool screens;     /* ... and behind */
    char chroot[3];   /* today, behind, for sessions under TLS; "": 'n' */
    unsigned maxproc; /* today; 0: max_connections's default */
    bool no_bound;    /* today, in its place */
    bool unknown;     /* there is no service of today */
    struct compare_table tables[3]; /* that can be read */

    /* postern.conf. */
    const char *find;    /* the small configuration with this replaced */
    const char *replace; /* ... by this; find NULL: nothing */
    const char *options; /* further options of the listener */
    const char *more;    /* further sections and options */
    bool two_sets;       /* the listener has the set "t", too */

    /* What libssl and files say; NULL: nothing differs. Of suites a text or a number that is left
     * out says the same. */
    const struct compare_ciphers *ciphers;
    const struct compare_files *files;

    struct compare_found found[5];
};

/* Compares, and fails the test where the findings are not the row's. */
void compare_row_check(const struct compare_row *row);

#endif
