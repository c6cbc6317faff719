#include "daemon/posternctl/explain/explain.h"

#include "daemon/posternctl/command.h"
#include "lib/tls/names.h"
#include "lib/tls/verdicttext.h"

#include <stdlib.h>
#include <unistd.h>

/* Two of these options are given, or two ways to give the hello. */
static int told_twice(const struct invocation *invocation, const char *one, const char *other)
{
    return command_slip(invocation, "%s and %s do not go together", one, other);
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

/* 0, or EXIT_BAD_INPUT if the options do not go together. */
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
        return command_slip(invocation, "--hello, --failure or --version is missing");
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

/* --- what comes of it ----------------------------------------------------------------------- */

static int judge(struct explain *e)
{
    const struct explain_server *server = &e->server;

    e->chosen = -1;
    e->verdicts = calloc(server->num + 1, sizeof *e->verdicts);
    e->alone = calloc(server->num + 1, sizeof *e->alone);
    if (e->verdicts == NULL || e->alone == NULL) {
        return -1;
    }
    if (e->client.malformed != NULL) {
        for (size_t i = 0; i < server->num; i++) {
            e->verdicts[i].reason = VERDICT_MALFORMED;
        }
        return 0;
    }
    e->chosen = certsel_choose(&server->profile.rules, server->rules, server->num, &e->client.hello,
                               e->verdicts);
    e->would_fit = certsel_would_fit(&server->profile.rules, &e->client.hello);
    return 0;
}

/* Asks libssl about each certificate alone. What is too long for us, it never sees from us. */
static int ask_libssl(struct explain *e)
{
    if (e->client.message.len > HELLO_SIZE_MAX) {
        return 0;
    }
    for (size_t i = 0; i < e->server.num; i++) {
        if (reference_run(&e->alone[i], e->server.ctx, &e->server.entries[i], 1,
                          e->verdicts[i].capped, e->client.sslv2, e->client.message) != 0) {
            return -1;
        }
    }
    e->compared = true;
    return 0;
}

bool explain_agrees(const struct explain *e, size_t i)
{
    return !e->compared || reference_agrees(&e->alone[i], &e->verdicts[i]);
}

enum alpn_rule explain_alpn_rule(const struct explain *e)
{
    return e->server.listener != NULL ? e->server.listener->profile->alpn : ALPN_GUARD;
}

/* What is wrong with the hello in the highest version in which something is. */
static const char *fault_of(const struct explain *e)
{
    const char *why = e->client.malformed;

    for (uint16_t version = TLS13; why == NULL && version >= TLS10; version--) {
        if (hello_check(&e->client.hello, &e->server.profile.rules.libssl, version, &why) ==
            HELLO_DONE) {
            why = NULL;
        }
    }
    return why;
}

void explain_verdict(const struct explain *e, size_t i, char out[EXPLAIN_TEXT_SIZE])
{
    struct text t = text_in(out, EXPLAIN_TEXT_SIZE);
    const char *fault = NULL;

    if (e->verdicts[i].reason == VERDICT_MALFORMED) {
        fault = fault_of(e);
    }
    if (fault != NULL) {
        text_add(&t, fault);
    } else {
        verdict_text(&t, &e->server.profile.rules, e->server.rules[i], &e->client.hello,
                     &e->verdicts[i]);
    }
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
    status = judge(e) == 0 && ask_libssl(e) == 0 ? 0 : -1;
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
