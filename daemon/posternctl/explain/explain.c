#include "daemon/posternctl/explain/explain.h"

#include "daemon/posternctl/command.h"

#include <stdlib.h>
#include <unistd.h>

/* Two of these options are given, or two ways to give the hello. */
static int told_twice(const struct invocation *invocation, const char *one, const char *other)
{
    return command_usage_error(invocation, "%s and %s cannot be combined", one, other);
}

/* The first of the lists that is given; NULL: none is. */
static const char *given_list(const struct invocation *invocation)
{
    static const char *const lists[] = {"--version", "--ciphers", "--groups", "--sigalgs", "--sni"};

    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        if (command_value(invocation, lists[i] + 2) != NULL) {
            return lists[i];
        }
    }
    return NULL;
}

/* 0, or EXIT_BAD_INPUT if the options cannot be combined. */
static int read_options(const struct invocation *invocation, struct explain_options *out)
{
    const char *list = given_list(invocation);

    *out = (struct explain_options){
        .daemon_conf = invocation->file,
        .conf = invocation->file_given ? invocation->file : NULL,
        .hello = command_value(invocation, "hello"),
        .failure = command_value(invocation, "failure"),
        .listener = command_value(invocation, "listener"),
        .certificates = command_value(invocation, "certificates"),
        .lists = {.version = command_value(invocation, "version"),
                  .ciphers = command_value(invocation, "ciphers"),
                  .groups = command_value(invocation, "groups"),
                  .sigalgs = command_value(invocation, "sigalgs"),
                  .sni = command_value(invocation, "sni")},
    };
    if (out->hello == NULL && out->failure == NULL && list == NULL) {
        return command_usage_error(invocation, "--hello, --failure or --version is missing");
    }
    if (out->hello != NULL && out->failure != NULL) {
        return told_twice(invocation, "--hello", "--failure");
    }
    if (list != NULL && (out->hello != NULL || out->failure != NULL)) {
        return told_twice(invocation, out->hello != NULL ? "--hello" : "--failure", list);
    }
    if (out->certificates != NULL && (out->listener != NULL || out->conf != NULL)) {
        return told_twice(invocation, "--certificates", out->conf != NULL ? "-c" : "--listener");
    }
    return 0;
}

/* --- the command ---------------------------------------------------------------------------- */

static int run(struct explain *e, struct explain_options *options, bool json,
               struct conf_error *error)
{
    int status = explain_hello_read(&e->client, options, error);

    if (status != 0) {
        (void)command_fail(error->text);
        return status;
    }
    if (options->listener == NULL && options->certificates == NULL &&
        e->client.listener[0] != '\0') {
        options->listener = e->client.listener;
    }
    if (explain_server_open(&e->server, options, &e->client.hello, error) != 0) {
        return command_fail(error->text);
    }
    status = explain_judge(e);
    if (status == 0) {
        status = json ? explain_print_json(e, stdout) : explain_print_text(e, stdout);
    }
    if (status != 0) {
        return command_fail("out of memory");
    }
    return e->chosen >= 0 ? EXIT_SUCCESS : EXIT_FINDING;
}

int command_explain(const struct invocation *invocation)
{
    struct explain_options options;
    struct explain explain = {0};
    struct conf_error error;
    int status;

    if (read_options(invocation, &options) != 0) {
        return EXIT_BAD_INPUT;
    }
    if (options.certificates == NULL && access(invocation->file, F_OK) == 0) {
        options.conf = invocation->file;
    }
    if (tls_library_init() != 0) {
        return command_fail("TLS cannot be set up");
    }
    status = run(&explain, &options, invocation->json, &error);
    free(explain.verdicts);
    free(explain.alone);
    explain_server_close(&explain.server);
    explain_hello_free(&explain.client);
    return status;
}
