/* The comparison of each listener with today's services and those behind. */
#ifndef POSTERN_DAEMON_POSTERNCTL_POSTFIX_COMPARE_H
#define POSTERN_DAEMON_POSTERNCTL_POSTFIX_COMPARE_H

#include "daemon/posternctl/postfix/postfix_sides.h"
#include "lib/base/text.h"

#include <stdio.h>

/* One listener, one of today's services, one address of its backend. */
struct postfix_compared {
    const struct conf_listener *listener; /* borrowed */
    char today[POSTFIX_NAME_SIZE + 8];    /* "smtp inet"; "main.cf": no service is there */
    char behind[POSTFIX_NAME_SIZE + 8];   /* "postern unix" */
    const struct endpoint *address;       /* borrowed; of the backend */
    bool in_master_cf;                    /* the service behind is there, and not only planned */
    struct comparison result;             /* owned */
    struct postfix_side sides[3];         /* owned; what the findings borrow from */
    struct settings main_cf;              /* ... */
    struct postfix_ciphers *ciphers;      /* ... */
    struct postfix_files *files;          /* ... */
};

struct postfix_comparisons {
    struct postfix_compared **items; /* owned, and so is each item: findings borrow from them */
    size_t num;
    struct settings defaults; /* owned */
};

/* Compares all listeners; none if nothing is known about this machine's Postfix. With `planned` the
 * services behind are those that are to be printed, whatever exists. 0, or -1: without memory or
 * postconf. In both cases the caller calls postfix_comparisons_free(). */
MUST_USE int postfix_compare_all(struct postfix_comparisons *out, const struct conf *conf,
                                 const struct postconf *postfix, bool planned);

/* How many findings have a verdict. */
size_t postfix_count(const struct postfix_comparisons *all, enum compare_verdict verdict);

/* Prints all of it, `before` in front of each line. */
void postfix_print_comparisons(const struct postfix_comparisons *all, const char *before,
                               FILE *out);

/* Prints what is not the same and not equal, as posternctl's messages. */
void postfix_tell(const struct postfix_comparisons *all, FILE *out);

void postfix_comparisons_free(struct postfix_comparisons *all);

/* A list of names for a text, which is cut after a few of them. */
#define POSTFIX_NAMES_SIZE 400

struct postfix_names {
    struct text text;
    size_t num; /* those that were cut away among them */
};

/* An empty list in `buf`; adds a name; says how many more there are, when all have been added. */
struct postfix_names postfix_names_in(char buf[POSTFIX_NAMES_SIZE]);
void postfix_add_name(struct postfix_names *names, const char *name);
void postfix_end_names(struct postfix_names *names);

/* --- postfix_ciphers.c ---------------------------------------------------------------------- */

/* The lists of versions, suites and groups of a listener and of one of today's services, with the
 * texts that `out` borrows. NULL without memory; postfix_ciphers_free(). */
struct postfix_ciphers *postfix_ciphers_new(const struct conf *conf,
                                            const struct conf_listener *listener,
                                            const struct postfix_side *today,
                                            struct compare_ciphers *out);
void postfix_ciphers_free(struct postfix_ciphers *ciphers);

/* Prints a tls_profile that serves whom today's service serves, `before` in front of each line;
 * nothing where the listener's is one of the administrator's, or opens nothing and shuts nobody
 * out. */
void postfix_print_profile(const struct postfix_compared *compared, const char *before, FILE *out);

/* --- postfix_files.c ------------------------------------------------------------------------ */

/* What the files of certificates and names have, with the texts that `out` borrows. NULL without
 * memory; postfix_files_free(). */
struct postfix_files *postfix_files_new(const struct conf_listener *listener,
                                        const struct postfix_side *today,
                                        struct compare_files *out);
void postfix_files_free(struct postfix_files *files);

/* The text of a lookup table, "hash:/etc/postfix/access"; the caller frees it. NULL: it is none of
 * the kinds that have a text, or cannot be read. `arg` is not used. */
char *postfix_read_table(void *arg, const char *table);

#endif
