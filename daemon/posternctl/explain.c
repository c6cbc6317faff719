#include "daemon/posternctl/explain.h"

#include "daemon/posternctl/command.h"
#include "lib/tls/names.h"
#include "lib/tls/verdicttext.h"

#include <getopt.h>
#include <stdlib.h>
#include <unistd.h>

static bool read_options(int argc, char **argv, struct explain_options *out)
{
    const struct {
        const char *name;
        const char **value;
    } values[] = {
        {"hello", &out->hello},           {"failure", &out->failure},
        {"version", &out->lists.version}, {"ciphers", &out->lists.ciphers},
        {"groups", &out->lists.groups},   {"sigalgs", &out->lists.sigalgs},
        {"sni", &out->lists.sni},         {"certificates", &out->certificates},
        {"listener", &out->listener},
    };
    enum { NUM = sizeof values / sizeof values[0] };
    struct option options[NUM + 1] = {0};
    int option;

    for (int i = 0; i < NUM; i++) {
        options[i] = (struct option){values[i].name, required_argument, NULL, i};
    }
    optind = 0; /* from the start, after main() has read its own */
    while ((option = getopt_long(argc, argv, "+", options, NULL)) != -1) {
        if (option < 0 || option >= NUM || *values[option].value != NULL) {
            return false;
        }
        *values[option].value = optarg;
    }
    return optind == argc;
}

/* Whether the options go together. */
static bool are_good(const struct explain_options *options)
{
    const struct hellolists *lists = &options->lists;
    bool has_lists = lists->version != NULL || lists->ciphers != NULL || lists->groups != NULL ||
                     lists->sigalgs != NULL || lists->sni != NULL;

    return (options->hello != NULL) + (options->failure != NULL) + has_lists == 1 &&
           (options->certificates == NULL || (options->listener == NULL && options->conf == NULL));
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
    struct explain_options options = {.daemon_conf = invocation->file};
    struct explain explain = {0};
    struct conf_error error;
    int status;

    if (invocation->file_given) {
        options.conf = invocation->file;
    }
    if (!read_options(invocation->argc, invocation->argv, &options) || !are_good(&options)) {
        return command_usage();
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
