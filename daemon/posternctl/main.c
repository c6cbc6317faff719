/* posternctl: one command per run. */
#include "daemon/common/readconf.h"
#include "daemon/posternctl/ask.h"
#include "daemon/posternctl/command.h"
#include "daemon/posternctl/postfix/postfix_config.h"
#include "daemon/tls/snapshot.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int command_help(const struct invocation *invocation);
static int command_postfix_config(const struct invocation *invocation);

/* --- the table ------------------------------------------------------------------------------ */

#define BAD_INPUT "there is a mistake in the configuration or on the command line"
#define REFUSED   "posternd refused the request, or its socket is not open to this account"
#define NOBODY    "no posternd answers on the control socket"
#define OF_A_SET  "[--listener name | --certificates list]"
#define FURTHER   "\n           "

static const struct command commands[] = {
    {
        .name = "check",
        .help = "check the configuration, and which client gets which certificate",
        .json = true,
        .exits = {{EXIT_SUCCESS, "all is well"},
                  {EXIT_FINDING, "there is a FAIL in the table or about Postfix, or a certificate "
                                 "has expired or expires within 14 days"},
                  {EXIT_BAD_INPUT, BAD_INPUT}},
        .run = command_check,
    },
    {
        .name = "explain",
        .help = "say which certificate a client gets, and why",
        .json = true,
        .options = {"hello", "failure", "version", "ciphers", "groups", "sigalgs", "sni",
                    "listener", "certificates"},
        .syntax = {"--hello file | --failure id" FURTHER OF_A_SET,
                   "--version version --ciphers list" FURTHER
                   "[--groups list] [--sigalgs list] [--sni name]" FURTHER OF_A_SET},
        .exits = {{EXIT_SUCCESS, "a certificate fits"},
                  {EXIT_FINDING, "no certificate fits, or the hello is malformed; with "
                                 "--failure, also if posternd refused the request"},
                  {EXIT_BAD_INPUT, BAD_INPUT ", or what was given is not a ClientHello"},
                  {ASK_NOBODY, "with --failure: " NOBODY}},
        .run = command_explain,
    },
    {
        .name = "facts",
        .help = "show what is known about a client's session",
        .json = true,
        .arguments = {"address", "port"},
        .exits = {{EXIT_SUCCESS, "there is such a session"},
                  {EXIT_FINDING, "there is no such session, or " REFUSED},
                  {EXIT_BAD_INPUT, BAD_INPUT},
                  {ASK_NOBODY, NOBODY}},
        .run = command_facts,
    },
    {
        .name = "failures",
        .help = "list the kept hellos of failed handshakes",
        .json = true,
        .exits = {{EXIT_SUCCESS, "they are listed"},
                  {EXIT_FINDING, REFUSED},
                  {EXIT_BAD_INPUT, BAD_INPUT},
                  {ASK_NOBODY, NOBODY}},
        .run = command_failures,
    },
    {
        .name = "postfix-config",
        .help = "print the services that Postfix needs, for master.cf",
        .exits = {{EXIT_SUCCESS, "they are printed"},
                  {EXIT_FINDING, "they are printed, but they open something: a FAIL"},
                  {EXIT_BAD_INPUT, BAD_INPUT}},
        .run = command_postfix_config,
    },
    {
        .name = "reload",
        .help = "let posternd read its configuration and certificates again",
        .json = true,
        .exits = {{EXIT_SUCCESS, "what the files have now is in force for new sessions"},
                  {EXIT_FINDING, "there is a mistake, and nothing has changed; or " REFUSED},
                  {EXIT_BAD_INPUT, "there is a mistake on the command line, or the configuration "
                                   "cannot be read"},
                  {ASK_NOBODY, NOBODY}},
        .run = command_reload,
    },
    {
        .name = "selftest",
        .help = "test the running posternd and what is behind it",
        .json = true,
        .options = {"as"},
        .syntax = {"[--as address]"},
        .exits = {{EXIT_SUCCESS, "everything was tested, and is good"},
                  {EXIT_FINDING, "a fault was found"},
                  {EXIT_BAD_INPUT, BAD_INPUT},
                  {EXIT_NOT_ASKED, "no fault was found, but something was not checked"},
                  {ASK_NOBODY, NOBODY}},
        .run = command_selftest,
    },
    {
        .name = "tlsa",
        .help = "print the DANE TLSA records for the certificates",
        .json = true,
        .exits = {{EXIT_SUCCESS, "they are printed"}, {EXIT_BAD_INPUT, BAD_INPUT}},
        .run = command_tlsa,
    },
    {
        .name = "help",
        .help = "list the commands, or show the usage and exit codes of one",
        .arguments = {"[command]"},
        .exits = {{EXIT_SUCCESS, "help is printed"}, {EXIT_BAD_INPUT, "there is no such command"}},
        .run = command_help,
    },
    {.name = NULL},
};

/* Whether one edit makes one word of the other: a letter added, removed or replaced, or two
 * swapped. */
static bool is_one_edit(const char *a, const char *b)
{
    size_t a_len;
    size_t b_len;

    while (*a != '\0' && *a == *b) {
        a++;
        b++;
    }
    a_len = strlen(a);
    b_len = strlen(b);
    while (a_len > 0 && b_len > 0 && a[a_len - 1] == b[b_len - 1]) {
        a_len--;
        b_len--;
    }
    return (a_len <= 1 && b_len <= 1) || (a_len == 2 && b_len == 2 && a[0] == b[1] && a[1] == b[0]);
}

/* The command with that name; NULL after it has reported that there is none. */
static const struct command *find_command(const struct invocation *invocation, const char *name)
{
    for (size_t i = 0; commands[i].name != NULL; i++) {
        if (strcmp(commands[i].name, name) == 0) {
            return &commands[i];
        }
    }
    for (size_t i = 0; commands[i].name != NULL; i++) {
        if (is_one_edit(commands[i].name, name)) {
            (void)command_usage_error(invocation, "unknown command \"%s\"; did you mean \"%s\"?",
                                      name, commands[i].name);
            return NULL;
        }
    }
    (void)command_usage_error(invocation, "unknown command \"%s\"", name);
    return NULL;
}

/* --- commands of few lines ------------------------------------------------------------------ */

static void print_all(void)
{
    puts("usage: posternctl [-c file] [--json] command [argument ...]\n\ncommands:");
    for (size_t i = 0; commands[i].name != NULL; i++) {
        printf("    %-15s %s\n", commands[i].name, commands[i].help);
    }
    puts("\n\"posternctl help command\" shows the usage and exit codes of a command.");
}

static void print_one(const struct command *command)
{
    command_print_usage(command, stdout);
    printf("\n%s\n\nexit codes:\n", command->help);
    for (int i = 0; i < COMMAND_EXITS && command->exits[i].meaning != NULL; i++) {
        printf("    %-3d %s\n", command->exits[i].code, command->exits[i].meaning);
    }
}

static int command_help(const struct invocation *invocation)
{
    const struct command *command;

    if (invocation->num_arguments == 0) {
        print_all();
        return EXIT_SUCCESS;
    }
    command = find_command(invocation, invocation->arguments[0]);
    if (command == NULL) {
        return EXIT_BAD_INPUT;
    }
    print_one(command);
    return EXIT_SUCCESS;
}

static int command_postfix_config(const struct invocation *invocation)
{
    struct conf_error error;
    struct conf *conf = readconf(invocation->file, &error);
    bool opens = false;
    int status = conf == NULL ? -1 : postfix_config(conf, stdout, &opens, &error);

    conf_free(conf);
    return status != 0 ? command_fail(error.text) : opens ? EXIT_FINDING : EXIT_SUCCESS;
}

/* --- the command line ----------------------------------------------------------------------- */

static int run_command(struct invocation *invocation, int argc, char **argv)
{
    invocation->command = find_command(invocation, argv[0]);
    if (invocation->command == NULL) {
        return EXIT_BAD_INPUT;
    }
    /* Not one of the command's options: some have been shortened to --he. */
    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        print_one(invocation->command);
        return EXIT_SUCCESS;
    }
    return command_read(invocation, argc, argv) != 0 ? EXIT_BAD_INPUT
                                                     : invocation->command->run(invocation);
}

/* The exit code. */
static int run(int argc, char **argv)
{
    static const struct option options[] = {
        {"json", no_argument, NULL, COMMAND_JSON}, {"help", no_argument, NULL, COMMAND_HELP}, {0}};
    struct invocation invocation = {.commands = commands,
                                    .file = SYSCONFDIR "/postern/postern.conf"};
    int option;

    opterr = 0; /* command_take() names the mistake */
    while ((option = getopt_long(argc, argv, "+:c:V", options, NULL)) != -1) {
        if (option == 'V') {
            puts("posternctl " POSTERN_VERSION);
            return EXIT_SUCCESS;
        }
        if (option == COMMAND_HELP) {
            print_all();
            return EXIT_SUCCESS;
        }
        if (command_take(&invocation, option, optarg, argv[optind - 1]) != 0) {
            return EXIT_BAD_INPUT;
        }
    }
    if (optind >= argc) {
        return command_usage_error(&invocation, "a command is missing");
    }
    return run_command(&invocation, argc - optind, argv + optind);
}

int main(int argc, char **argv)
{
    int status = run(argc, argv);

    if (fflush(stdout) != 0) {
        perror("posternctl: standard output");
        return EXIT_BAD_INPUT;
    }
    return status;
}
