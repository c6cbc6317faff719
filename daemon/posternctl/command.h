/*
 * command: what a command of posternctl is, and how its command line is read.
 *
 * A command is a row of the table in main.c. Its options, usage and help all come from the row;
 * command.c reads its options and arguments, and names the word that is wrong. A command prints its
 * result on standard output and its errors on standard error, and returns the exit code. main.c
 * flushes standard output after it.
 */
#ifndef POSTERN_DAEMON_POSTERNCTL_COMMAND_H
#define POSTERN_DAEMON_POSTERNCTL_COMMAND_H

#include "lib/base/bytes.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

/* Besides EXIT_SUCCESS. */
#define EXIT_FINDING   1 /* the answer is a finding: something is wrong */
#define EXIT_BAD_INPUT 2
#define EXIT_NOT_ASKED 3 /* nothing is wrong, but not everything could be tested */

/* Room for the parts of a row. */
enum { COMMAND_SYNTAXES = 2, COMMAND_OPTIONS = 10, COMMAND_ARGUMENTS = 3, COMMAND_EXITS = 5 };

struct invocation;

/* A row; each array of texts ends at its first NULL, or when it is full. */
struct command {
    const char *name;
    const char *help;                         /* one line, without a full stop */
    bool json;                                /* it can print JSON */
    const char *options[COMMAND_OPTIONS];     /* "hello": --hello, which needs a value */
    const char *syntax[COMMAND_SYNTAXES];     /* how the options go together, a line for each way */
    const char *arguments[COMMAND_ARGUMENTS]; /* names; an optional one is in brackets */
    struct {
        int code;
        const char *meaning; /* NULL: there are no more */
    } exits[COMMAND_EXITS];
    int (*run)(const struct invocation *invocation); /* the exit code */
};

/* What was asked for; all texts are borrowed from the command line. */
struct invocation {
    const struct command *commands; /* borrowed: the table; the last row has no name */
    const struct command *command;  /* NULL: the options before the command are being read */
    const char *file;               /* the configuration's, given or not */
    bool file_given;
    bool json;                           /* --json */
    const char *values[COMMAND_OPTIONS]; /* of command->options; NULL: not given */
    char **arguments;
    int num_arguments; /* at least the mandatory ones */
};

/* What getopt_long() returns for --json, --help and the first of a command's own options: not a
 * letter. */
enum { COMMAND_JSON = 256, COMMAND_HELP, COMMAND_OWN };

/* Handles what getopt_long() has returned: -c, --json, an option of the command, or a mistake;
 * `word` is the one that was read last. 0, or EXIT_BAD_INPUT after it has reported the mistake. */
MUST_USE int command_take(struct invocation *invocation, int given, const char *value,
                          const char *word);

/* Reads what follows the command's name, argv[0]. 0, or EXIT_BAD_INPUT after it has reported the
 * mistake. */
MUST_USE int command_read(struct invocation *invocation, int argc, char **argv);

/* The value of an option of this command, by its name; NULL: it was not given. */
const char *command_value(const struct invocation *invocation, const char *option);

/* Prints the usage of a command, as several lines that begin with "usage:". */
void command_print_usage(const struct command *command, FILE *out);

/* Reports a mistake on the command line, followed by the usage of the command, or of posternctl if
 * there is none yet: "posternctl: COMMAND: TEXT", "usage: ...". The text names the wrong word.
 * Returns EXIT_BAD_INPUT. */
int command_usage_error(const struct invocation *invocation, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* "posternctl: TEXT" on standard error. Returns EXIT_BAD_INPUT. */
int command_fail(const char *text);

/* Sends `request` (stolen; NULL counts as no memory) to the posternd of the configuration. 0 with
 * `*answer`, which the caller releases with json_decref(); or an exit code after it has reported
 * what is wrong. */
MUST_USE int command_ask(const struct invocation *invocation, json_t *request, json_t **answer);

int command_check(const struct invocation *invocation);
int command_explain(const struct invocation *invocation);
int command_facts(const struct invocation *invocation);
int command_failures(const struct invocation *invocation);
int command_reload(const struct invocation *invocation);
int command_selftest(const struct invocation *invocation);
int command_tlsa(const struct invocation *invocation);

#endif
