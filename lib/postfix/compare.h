/*
 * compare: what happens to each of Postfix's parameters behind posternd.
 *
 * Promise: each parameter of the service that clients use today gets one verdict, by the rule of
 * its row in parameters.inc; none is left out by its name. The caller first gets everything that
 * has to be read or asked for (files, libssl), and passes it in as texts and numbers.
 */
#ifndef POSTERN_LIB_POSTFIX_COMPARE_H
#define POSTERN_LIB_POSTFIX_COMPARE_H

#include "lib/admin/conf.h"
#include "lib/postfix/parameters.h"
#include "lib/postfix/settings.h"

#define COMPARE_TEXT_SIZE 640

enum compare_verdict {
    COMPARE_SAME,       /* only counted */
    COMPARE_EQUAL,      /* an option of postern.conf does the same */
    COMPARE_STRICTER,   /* postern.conf shuts somebody out */
    COMPARE_LOST,       /* something that Postfix does is no longer done */
    COMPARE_FAIL,       /* something opens */
    COMPARE_NOT_JUDGED, /* cannot be judged */
    NUM_COMPARE_VERDICTS,
};

struct compare_finding {
    enum compare_verdict verdict;
    const char *parameter; /* borrowed from the settings, or static: a column of master.cf */
    const char *today;     /* borrowed: the value today; "" if there is none */
    const char *now;       /* borrowed: the value behind, or of the option; "" if there is none */
    char text[COMPARE_TEXT_SIZE];
};

/* What TLS demands and offers today, from libssl; the texts are lists of names, "" for none. */
struct compare_ciphers {
    bool known;           /* the lists could be made */
    unsigned today;       /* versions: bits 1 << (minor - 1) of 3,1 to 3,4 */
    unsigned now;         /* ... of the listener's profile */
    bool today_anonymous; /* suites without a certificate are served */
    const char *opened;   /* suites that posternd serves and today's service does not */
    const char *closed;   /* the reverse, except for the anonymous ones */
    const char *clients;  /* client profiles of `check` that are served today and not by posternd */
    const char *groups;   /* that posternd lacks */
};

/* What files have; NULL where they cannot be read. */
struct compare_files {
    const char *certificates; /* those of today's certificates that no set has; "" none */
    const char *names;        /* those names in tls_server_sni_maps that no set has; "" none */
    const char
        *authorities_more; /* those authorities in client_ca that today's files lack; "" none */
    const char *authorities_fewer; /* the other way round */
};

/* The compared parts of a service of master.cf. */
struct compare_service {
    const struct settings *values; /* borrowed; effective values, postscreen's own among them */
    bool postscreen;               /* clients come to a postscreen first */
    char chroot;                   /* 'y', 'n'; '-': Postfix's own */
    unsigned maxproc;              /* 0: no bound */
};

struct compare_input {
    const struct conf *conf;              /* borrowed */
    const struct conf_listener *listener; /* borrowed */
    const struct settings *defaults;      /* borrowed; Postfix's own */
    const struct settings *main_cf;       /* borrowed; the raw values that it sets */
    const struct settings *own;           /* borrowed; the raw -o of today's service */
    struct compare_service today;
    struct compare_service plain;   /* behind, for sessions without TLS */
    struct compare_service secured; /* behind, for sessions under TLS; may be the same */
    bool known;                     /* today's service is in master.cf, and not a guess */
    struct compare_ciphers ciphers;
    struct compare_files files;
    /* The text of a lookup table ("hash:/etc/postfix/access"); compare() frees the result. NULL:
     * the table is not read. */
    char *(*read_table)(void *arg, const char *table);
    void *arg;
};

struct comparison {
    struct compare_finding *findings; /* owned */
    size_t num;
    size_t num_by_verdict[NUM_COMPARE_VERDICTS]; /* also of COMPARE_SAME */
};

/* Compares. 0, or -1 without memory. In both cases the caller calls comparison_free(); the findings
 * borrow from the input. */
MUST_USE int compare(const struct compare_input *input, struct comparison *out);

/* Adds a finding of the caller. 0, or -1 without memory. `parameter`, `today` and `now` are
 * borrowed. */
MUST_USE int compare_add(struct comparison *comparison, enum compare_verdict verdict,
                         const char *parameter, const char *today, const char *now,
                         const char *format, ...) __attribute__((format(printf, 6, 7)));

void comparison_free(struct comparison *comparison);

/* "same", "equal", "stricter", "lost", "fail", "not-judged". */
const char *compare_verdict_word(enum compare_verdict verdict);

/* What the service with these values demands of a session. With a postscreen it is what both
 * demand, because the smtpd that it passes its clients to accepts the mail. */
enum conf_tls compare_level(const struct settings *values, bool postscreen);

/* The next item of a restriction list without reject_plaintext_session, which a service behind must
 * not have; nor with the warn_if_reject before it, which would otherwise apply to what follows.
 * `*rest` moves on; `at` is NULL after the last one. */
struct settings_word compare_next_restriction(const char **rest);

/* Whether Postfix's mandatory_ settings hold: TLS is demanded. */
bool compare_is_mandatory(enum conf_tls level);

#endif
