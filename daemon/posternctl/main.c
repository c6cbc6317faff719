/* posternctl: one command a run. */
#include "daemon/common/setup.h"
#include "daemon/posternctl/postfix_config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define EXIT_BAD_INPUT 2

static int usage(void)
{
    fputs("usage: posternctl [-c file] postfix-config | posternctl -V\n", stderr);
    return EXIT_BAD_INPUT;
}

static int run_postfix_config(const char *file)
{
    struct conf_error error;
    struct conf *conf = setup_read_conf(file, &error);
    int status = conf == NULL ? -1 : postfix_config(conf, stdout, &error);

    conf_free(conf);
    if (status != 0) {
        fprintf(stderr, "posternctl: %s\n", error.text);
        return EXIT_BAD_INPUT;
    }
    if (fflush(stdout) != 0) {
        perror("posternctl: standard output");
        return EXIT_BAD_INPUT;
    }
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    const char *file = SYSCONFDIR "/postern/postern.conf";
    int option;

    opterr = 0; /* the usage line says it all */
    while ((option = getopt(argc, argv, "+c:V")) != -1) {
        switch (option) {
        case 'c':
            file = optarg;
            break;
        case 'V':
            puts("posternctl " POSTERN_VERSION);
            return EXIT_SUCCESS;
        default:
            return usage();
        }
    }
    if (optind != argc - 1 || strcmp(argv[optind], "postfix-config") != 0) {
        return usage();
    }
    return run_postfix_config(file);
}
