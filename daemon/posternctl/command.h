/*
 * command: what main.c and the files of the commands share.
 *
 * A command prints its result on standard output and its troubles on standard error, and returns
 * the exit code. main.c flushes standard output after it.
 */
#ifndef POSTERN_DAEMON_POSTERNCTL_COMMAND_H
#define POSTERN_DAEMON_POSTERNCTL_COMMAND_H

#include <stdbool.h>

/* Besides EXIT_SUCCESS. */
#define EXIT_FINDING   1 /* what was asked for is not as it should be */
#define EXIT_BAD_INPUT 2

struct invocation {
    const char *file; /* the configuration's, given or not */
    bool file_given;
    bool json; /* --json */
    int argc;
    char **argv; /* argv[0] is the command's name, the rest its own arguments */
};

/* A mistake on the command line: says how it is used. Returns EXIT_BAD_INPUT. */
int command_usage(void);

/* "posternctl: TEXT" on standard error. Returns EXIT_BAD_INPUT. */
int command_fail(const char *text);

int command_check(const struct invocation *invocation);
int command_explain(const struct invocation *invocation);
int command_facts(const struct invocation *invocation);
int command_failures(const struct invocation *invocation);
int command_selftest(const struct invocation *invocation);
int command_tlsa(const struct invocation *invocation);

#endif
