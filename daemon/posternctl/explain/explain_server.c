/* Which certificates and rules a hello is checked against in `posternctl explain`. */
#include "daemon/posternctl/explain/explain.h"
#include "daemon/posternctl/explain/hypothetical.h"
#include "daemon/tls/sslerror.h"

#include <stdlib.h>
#include <string.h>

/* `check` reports what is doubtful in a configuration. */
static void ignore_warning(const char *text)
{
    (void)text;
}

static int fail(struct conf_error *error, const char *text)
{
    snprintf(error->text, sizeof error->text, "%s", text);
    return -1;
}

/* The profile on a separate SSL_CTX, created in the server's libctx. */
static int apply_profile(struct explain_server *server, const struct conf *conf,
                         const struct conf_profile *profile, struct conf_error *error)
{
    server->ctx = reference_context(server->libctx);
    if (server->ctx == NULL) {
        snprintf(error->text, sizeof error->text, "TLS cannot be set up: %s", sslerror_words());
        return -1;
    }
    return tls_profile_apply(&server->profile, server->ctx, server->libctx, conf, profile, error);
}

static int make_arrays(struct explain_server *server, size_t num, struct conf_error *error)
{
    server->entries = calloc(num + 1, sizeof *server->entries);
    server->rules = calloc(num + 1, sizeof *server->rules);
    return server->entries != NULL && server->rules != NULL ? 0 : fail(error, "out of memory");
}

static void add_entry(struct explain_server *server, const struct keystore_entry *entry)
{
    server->entries[server->num] = entry;
    server->rules[server->num++] = &entry->rules;
}

/* The listener of that name, or the first with TLS; conf->num_listeners if there is none. */
static size_t find_listener(const struct conf *conf, const char *name)
{
    size_t i = 0;

    while (i < conf->num_listeners &&
           (conf->listeners[i].num_sets == 0 ||
            (name != NULL && strcmp(conf->listeners[i].name, name) != 0))) {
        i++;
    }
    return i;
}

static int from_conf(struct explain_server *server, const struct explain_options *options,
                     const struct hello *hello, struct conf_error *error)
{
    const struct conf *conf;
    const struct snapshot_worker *worker;
    size_t listener;

    server->snapshot = snapshot_load(options->conf, &server->libctxs, NULL, ignore_warning, error);
    if (server->snapshot == NULL) {
        return -1;
    }
    conf = server->snapshot->conf;
    worker = &server->snapshot->workers[0];
    server->libctx = worker->libctx;
    listener = find_listener(conf, options->listener);
    if (listener == conf->num_listeners) {
        return fail(error, options->listener != NULL
                               ? "--listener: the configuration has no listener with TLS and "
                                 "that name"
                               : "the configuration has no listener with TLS");
    }
    server->listener = &conf->listeners[listener];
    server->set = server->listener->sets[tls_listener_set_of(worker->tls[listener], hello)];
    if (make_arrays(server, server->set->num_certificates, error) != 0) {
        return -1;
    }
    for (size_t i = 0; i < server->set->num_certificates; i++) {
        add_entry(server, keystore_of(&worker->keys, conf, server->set->certificates[i]));
    }
    return apply_profile(server, conf, server->listener->profile, error);
}

static int from_words(struct explain_server *server, const char *words, struct conf_error *error)
{
    static char file[] = "--certificates";
    static char nothing[] = "";
    static const struct conf conf = {.file = file};
    static const struct conf_profile profile = {
        .name = "opportunistic",
        .min_protocol = {nothing, 0},
        .max_protocol = {nothing, 0},
        .ciphers = {nothing, 0},
        .ciphersuites = {nothing, 0},
        .groups = {nothing, 0},
    };

    if (libctxs_open(&server->libctxs, 1) != 0) {
        return fail(error, "out of memory");
    }
    server->libctx = server->libctxs.items[0];
    if (hypothetical_make(&server->made, server->libctx, words, error) != 0 ||
        make_arrays(server, server->made.num, error) != 0) {
        return -1;
    }
    for (size_t i = 0; i < server->made.num; i++) {
        add_entry(server, server->made.entries[i]);
    }
    return apply_profile(server, &conf, &profile, error);
}

int explain_server_open(struct explain_server *out, const struct explain_options *options,
                        const struct hello *hello, struct conf_error *error)
{
    *out = (struct explain_server){0};
    if (options->certificates == NULL && options->conf != NULL) {
        return from_conf(out, options, hello, error);
    }
    if (options->listener != NULL) {
        return fail(error, "--listener: there is no configuration");
    }
    return from_words(
        out, options->certificates != NULL ? options->certificates : HYPOTHETICAL_USUAL, error);
}

void explain_server_close(struct explain_server *server)
{
    SSL_CTX_free(server->ctx);
    tls_profile_free(&server->profile);
    free(server->entries);
    free(server->rules);
    keystore_unload(&server->made);
    if (server->snapshot != NULL) {
        snapshot_unref(server->snapshot);
    }
    libctxs_close(&server->libctxs);
    *server = (struct explain_server){0};
}
