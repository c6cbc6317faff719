#include "daemon/posternctl/command.h"

#include "daemon/common/readconf.h"
#include "daemon/common/readfile.h"
#include "daemon/posternctl/ask.h"
#include "daemon/tls/snapshot.h"

#include <getopt.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* --- what is wrong -------------------------------------------------------------------------- */

static void print_way(const struct command *command, const char *syntax, const char *before,
                      FILE *out)
{
    fprintf(out, "%s posternctl [-c file]%s %s%s%s", before, command->json ? " [--json]" : "",
            command->name, syntax[0] != '\0' ? " " : "", syntax);
    for (int i = 0; i < COMMAND_ARGUMENTS && command->arguments[i] != NULL; i++) {
        fprintf(out, " %s", command->arguments[i]);
    }
    fputs("\n", out);
}

static void print_any(const struct command *commands, FILE *out)
{
    fputs("usage: posternctl [-c file] [--json] command [argument ...]\n"
          "       posternctl help [command]\n"
          "       posternctl -V\n"
          "commands:",
          out);
    for (size_t i = 0; commands[i].name != NULL; i++) {
        fprintf(out, " %s", commands[i].name);
    }
    fputs("\n", out);
}

void command_print_usage(const struct command *command, FILE *out)
{
    print_way(command, command->syntax[0] != NULL ? command->syntax[0] : "", "usage:", out);
    for (int i = 1; i < COMMAND_SYNTAXES && command->syntax[i] != NULL; i++) {
        print_way(command, command->syntax[i], "      ", out);
    }
}

int command_usage_error(const struct invocation *invocation, const char *format, ...)
{
    const struct command *command = invocation->command;
    va_list args;

    fprintf(stderr, "posternctl: %s%s", command != NULL ? command->name : "",
            command != NULL ? ": " : "");
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputs("\n", stderr);
    if (command != NULL) {
        command_print_usage(command, stderr);
    } else {
        print_any(invocation->commands, stderr);
    }
    return EXIT_BAD_INPUT;
}

int command_fail(const char *text)
{
    fprintf(stderr, "posternctl: %s\n", text);
    return EXIT_BAD_INPUT;
}

/* --- options -------------------------------------------------------------------------------- */

/* An option that getopt_long() did not accept. */
static int refuse(const struct invocation *invocation, const char *word)
{
    if (optopt >= COMMAND_JSON) {
        return command_usage_error(invocation, "option \"%s\" takes no value", word);
    }
    if (optopt != 0) {
        return command_usage_error(invocation, "unknown option \"-%c\"", optopt);
    }
    return command_usage_error(invocation, "unknown option \"%s\"", word);
}

int command_take(struct invocation *invocation, int given, const char *value, const char *word)
{
    const char **own;

    switch (given) {
    case 'c':
        invocation->file = value;
        invocation->file_given = true;
        return 0;
    case COMMAND_JSON:
        invocation->json = true;
        return 0;
    case ':':
        return command_usage_error(invocation, "option \"%s\" needs a value", word);
    case '?':
        return refuse(invocation, word);
    default:
        break;
    }
    own = &invocation->values[given - COMMAND_OWN];
    if (*own != NULL) {
        return command_usage_error(invocation, "option \"--%s\" is given twice",
                                   invocation->command->options[given - COMMAND_OWN]);
    }
    *own = value;
    return 0;
}

static int read_options(struct invocation *invocation, int argc, char **argv)
{
    struct option options[COMMAND_OPTIONS + 2] = {
        {"json", no_argument, NULL, COMMAND_JSON}}; /* and zeros at the end */
    const struct command *command = invocation->command;
    int given;

    for (int i = 0; i < COMMAND_OPTIONS && command->options[i] != NULL; i++) {
        options[i + 1] =
            (struct option){command->options[i], required_argument, NULL, COMMAND_OWN + i};
    }
    optind = 0; /* from the start, after main() has read its own */
    while ((given = getopt_long(argc, argv, ":c:", options, NULL)) != -1) {
        if (command_take(invocation, given, optarg, argv[optind - 1]) != 0) {
            return EXIT_BAD_INPUT;
        }
    }
    if (invocation->json && !command->json) {
        return command_usage_error(invocation, "--json is not supported");
    }
    return 0;
}

int command_read(struct invocation *invocation, int argc, char **argv)
{
    const struct command *command = invocation->command;
    int max = 0;

    if (read_options(invocation, argc, argv) != 0) {
        return EXIT_BAD_INPUT;
    }
    invocation->arguments = argv + optind;
    invocation->num_arguments = argc - optind;
    while (max < COMMAND_ARGUMENTS && command->arguments[max] != NULL) {
        if (max >= invocation->num_arguments && command->arguments[max][0] != '[') {
            return command_usage_error(invocation, "%s is missing", command->arguments[max]);
        }
        max++;
    }
    if (invocation->num_arguments > max) {
        return command_usage_error(invocation, "unexpected argument \"%s\"",
                                   invocation->arguments[max]);
    }
    return 0;
}

const char *command_value(const struct invocation *invocation, const char *option)
{
    const struct command *command = invocation->command;

    for (int i = 0; i < COMMAND_OPTIONS && command->options[i] != NULL; i++) {
        if (strcmp(command->options[i], option) == 0) {
            return invocation->values[i];
        }
    }
    return NULL;
}

/* --- posternd ------------------------------------------------------------------------------- */

int command_ask(const struct invocation *invocation, json_t *request, json_t **answer)
{
    struct conf_error error;
    struct conf *conf = readconf(invocation->file, &error);
    enum ask_status status;

    if (conf == NULL) {
        json_decref(request);
        return command_fail(error.text);
    }
    status = ask_posternd(conf, request, answer, &error);
    conf_free(conf);
    if (status != ASK_DONE) {
        (void)command_fail(error.text);
    }
    return (int)status;
}

/* The mistakes in the file are not looked at. */
int command_find_socket(const struct invocation *invocation, struct conf_control *control)
{
    const char *file = invocation->file;
    struct conf_error error;
    const char *reason;
    size_t len;
    uint8_t *bytes = readfile(file, &len, NULL, &reason);
    int result;

    if (bytes == NULL) {
        snprintf(error.text, sizeof error.text, "%s: %s", file, reason);
        return command_fail(error.text);
    }
    result = conf_find_control(file, bytes, len, control, &error) != 0 ? EXIT_FINDING : 0;
    free(bytes);
    if (result == 0 && control->path[0] == '\0') {
        snprintf(error.text, sizeof error.text, "%s:%u: control = \"\": there is no control socket",
                 file, control->line);
        result = ASK_NOBODY;
    }
    if (result != 0) {
        (void)command_fail(error.text);
    }
    return result;
}

int command_not_answered(const struct invocation *invocation, const struct conf_control *control,
                         enum ask_status status, const struct conf_error *error)
{
    char text[sizeof error->text + PATH_MAX + 128];

    if (status == ASK_NOBODY && control->line != 0) {
        snprintf(text, sizeof text, "%s:%u: control: %s (a changed value needs a restart)",
                 invocation->file, control->line, error->text);
        (void)command_fail(text);
    } else {
        (void)command_fail(error->text);
    }
    return (int)status;
}
