/* posternctl: one command a run. */
#include "daemon/common/setup.h"
#include "daemon/posternctl/command.h"
#include "daemon/posternctl/postfix_config.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int command_usage(void)
{
    fputs("usage: posternctl [-c file] [--json] check | failures | selftest | tlsa\n"
          "       posternctl [-c file] [--json] facts address port\n"
          "       posternctl [-c file] postfix-config\n"
          "       posternctl [-c file] [--json] explain --hello file | --failure id\n"
          "           [--listener name | --certificates list]\n"
          "       posternctl [-c file] [--json] explain --version version --ciphers list\n"
          "           [--groups list] [--sigalgs list] [--sni name]\n"
          "           [--listener name | --certificates list]\n"
          "       posternctl -V\n",
          stderr);
    return EXIT_BAD_INPUT;
}

int command_fail(const char *text)
{
    fprintf(stderr, "posternctl: %s\n", text);
    return EXIT_BAD_INPUT;
}

static int command_postfix_config(const struct invocation *invocation)
{
    struct conf_error error;
    struct conf *conf;
    bool opens;
    int status;

    if (invocation->argc != 1 || invocation->json) {
        return command_usage();
    }
    conf = setup_read_conf(invocation->file, &error);
    status = conf == NULL ? -1 : postfix_config(conf, stdout, &opens, &error);
    conf_free(conf);
    return status != 0 ? command_fail(error.text) : opens ? EXIT_FINDING : EXIT_SUCCESS;
}

static const struct {
    const char *name;
    int (*run)(const struct invocation *invocation);
} commands[] = {
    {"check", command_check},
    {"explain", command_explain},
    {"facts", command_facts},
    {"failures", command_failures},
    {"postfix-config", command_postfix_config},
    {"selftest", command_selftest},
    {"tlsa", command_tlsa},
};

static int run_command(const struct invocation *invocation)
{
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        if (strcmp(commands[i].name, invocation->argv[0]) == 0) {
            return commands[i].run(invocation);
        }
    }
    return command_usage();
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"json", no_argument, NULL, 'j'}, {0}};
    struct invocation invocation = {.file = SYSCONFDIR "/postern/postern.conf"};
    int option;
    int status;

    opterr = 0; /* the usage says it all */
    while ((option = getopt_long(argc, argv, "+c:V", options, NULL)) != -1) {
        switch (option) {
        case 'c':
            invocation.file = optarg;
            invocation.file_given = true;
            break;
        case 'j':
            invocation.json = true;
            break;
        case 'V':
            puts("posternctl " POSTERN_VERSION);
            return EXIT_SUCCESS;
        default:
            return command_usage();
        }
    }
    if (optind >= argc) {
        return command_usage();
    }
    invocation.argc = argc - optind;
    invocation.argv = argv + optind;
    status = run_command(&invocation);
    if (fflush(stdout) != 0) {
        perror("posternctl: standard output");
        return EXIT_BAD_INPUT;
    }
    return status;
}
