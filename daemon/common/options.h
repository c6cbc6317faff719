/*
 * options: the command line that the daemons have in common, [-c FILE] [-t] [-V].
 */
#ifndef POSTERN_DAEMON_COMMON_OPTIONS_H
#define POSTERN_DAEMON_COMMON_OPTIONS_H

#include <stdbool.h>

/* A mistake on the command line or in the configuration, or the system prevents the start. */
#define EXIT_BAD 2

/* What prevents the start may pass by itself: the same start may succeed later (EX_TEMPFAIL). */
#define EXIT_AGAIN 75

struct options {
    const char *file; /* the configuration; borrowed from argv, or a static text */
    bool check_only;  /* -t */
};

/* Reads the command line of `program`. Ends it with its version on -V, and with its usage and
 * EXIT_BAD on a mistake. */
struct options options_read(const char *program, int argc, char **argv);

#endif
