#include "daemon/common/options.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void usage(const char *program)
{
    fprintf(stderr, "usage: %s [-c FILE] [-t] [-V]\n", program);
    exit(EXIT_BAD);
}

struct options options_read(const char *program, int argc, char **argv)
{
    struct options o = {.file = SYSCONFDIR "/postern/postern.conf"};
    int option;

    while ((option = getopt(argc, argv, "c:tV")) != -1) {
        switch (option) {
        case 'c':
            o.file = optarg;
            break;
        case 't':
            o.check_only = true;
            break;
        case 'V':
            printf("%s %s\n", program, POSTERN_VERSION);
            exit(EXIT_SUCCESS);
        default:
            usage(program);
        }
    }
    if (optind != argc) {
        usage(program);
    }
    return o;
}
