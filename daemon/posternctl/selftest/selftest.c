#include "daemon/posternctl/selftest/selftest.h"

#include "daemon/common/readconf.h"
#include "daemon/posternctl/ask.h"
#include "daemon/posternctl/command.h"
#include "daemon/tls/snapshot.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

/* --- the client's TLS ----------------------------------------------------------------------- */

static int keep_session(SSL *ssl, SSL_SESSION *session)
{
    struct selftest *t = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));

    SSL_SESSION_free(t->resumable);
    t->resumable = session;
    return 1; /* it belongs to us now */
}

static int have_no_certificate(SSL *ssl, X509 **x509, EVP_PKEY **key)
{
    struct selftest *t = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));

    (void)x509;
    (void)key;
    t->asked_certificate = true;
    return 0;
}

/* A client that can use every certificate that libssl can. */
static int make_client(struct selftest *t)
{
    t->ctx = SSL_CTX_new(TLS_client_method());
    if (t->ctx == NULL) {
        return -1;
    }
    SSL_CTX_set_security_level(t->ctx, 0);
    SSL_CTX_set_options(t->ctx, SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_session_cache_mode(t->ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(t->ctx, keep_session);
    SSL_CTX_set_client_cert_cb(t->ctx, have_no_certificate);
    if (SSL_CTX_set_app_data(t->ctx, t) != 1 ||
        SSL_CTX_set_min_proto_version(t->ctx, TLS1_VERSION) != 1 ||
        SSL_CTX_set_cipher_list(t->ctx, "ALL") != 1 ||
        SSL_CTX_set1_groups_list(t->ctx, "X25519:P-256:P-384:P-521:X448") != 1) {
        return -1;
    }
    return 0;
}

/* The first certificate of a file; NULL if it cannot be read. */
static X509 *read_leaf(const char *path)
{
    BIO *bio = BIO_new_file(path, "r");
    X509 *leaf = bio == NULL ? NULL : PEM_read_bio_X509(bio, NULL, NULL, NULL);

    BIO_free(bio);
    ERR_clear_error();
    return leaf;
}

static int prepare(struct selftest *t)
{
    report_begin(&t->report);
    t->checks = json_array();
    report_put(&t->report, t->report.document, "checks", t->checks);
    t->leaves = calloc(t->conf->num_certificates + 1, sizeof(X509 *));
    if (t->leaves == NULL || make_client(t) != 0) {
        return -1;
    }
    for (size_t i = 0; i < t->conf->num_certificates; i++) {
        t->leaves[i] = read_leaf(t->conf->certificates[i].chain.text);
    }
    postconf_read(&t->postfix);
    return 0;
}

static void clean_up(struct selftest *t)
{
    for (size_t i = 0; t->leaves != NULL && i < t->conf->num_certificates; i++) {
        X509_free(t->leaves[i]);
    }
    free(t->leaves);
    SSL_SESSION_free(t->resumable);
    SSL_CTX_free(t->ctx);
    postconf_free(&t->postfix);
    report_end(&t->report);
}

/* --- the whole ------------------------------------------------------------------------------ */

/* Whether no session begins at an address of a backend. */
static bool is_for_tls_only(const struct conf_backend *backend, const struct endpoint *address)
{
    for (size_t i = 0; i < backend->num_addresses; i++) {
        if (postfix_same(&backend->addresses[i].endpoint, address)) {
            return false;
        }
    }
    return true;
}

/* The meaning of an address's result for the listeners of every backend that has it. A tls_address
 * that is a loop is one for all of them; a dead one shows at the listeners. */
static void take_result(const struct conf *conf, const struct endpoint *address,
                        enum selftest_backend result, enum selftest_backend *results)
{
    for (size_t b = 0; b < conf->num_backends; b++) {
        const struct conf_backend *backend = &conf->backends[b];
        bool for_tls = is_for_tls_only(backend, address);

        if (postfix_has_address(backend, address) && results[b] != SELFTEST_LOOP &&
            (result == SELFTEST_LOOP || (result == SELFTEST_ALIVE && !for_tls))) {
            results[b] = result;
        }
    }
}

/* Tests each address once. */
static void ask_backends(struct selftest *t, enum selftest_backend *results)
{
    const struct conf *conf = t->conf;

    for (size_t b = 0; b < conf->num_backends; b++) {
        const struct conf_backend *backend = &conf->backends[b];

        for (size_t i = 0; i < postfix_num_addresses(backend); i++) {
            const struct conf_endpoint *address = postfix_address(backend, i);

            if (!postfix_is_repeated(conf, b, i)) {
                take_result(conf, &address->endpoint, selftest_backend(t, backend, address),
                            results);
            }
        }
    }
}

static void ask_listeners(struct selftest *t, const enum selftest_backend *results)
{
    for (size_t l = 0; l < t->conf->num_listeners; l++) {
        const struct conf_listener *listener = &t->conf->listeners[l];
        struct conf_bound bound = conf_bound(listener);
        enum selftest_backend result = results[listener->backend - t->conf->backends];
        char name[SELFTEST_SUBJECT_SIZE];

        if (result != SELFTEST_ALIVE) {
            snprintf(name, sizeof name, "listener \"%s\"", listener->name);
            selftest_not_checked(t, "greeting", name, "its backend %s",
                                 result == SELFTEST_LOOP ? "leads back to posternd"
                                                         : "accepts no session");
            continue;
        }
        for (size_t i = 0; i < bound.num; i++) {
            selftest_listener(t, listener, &bound.addresses[i]);
        }
    }
}

/* Asks the running posternd for its version. False: there is none. */
static bool look_for_posternd(struct selftest *t, struct conf_error *error)
{
    const char *socket = t->conf->control.text;
    json_t *answer = NULL;

    if (socket[0] == '\0') {
        selftest_not_checked(t, "posternd", "posternd",
                             "control = \"\": there is no socket to ask it");
        return true;
    }
    switch (ask_posternd(t->conf, json_pack("{s:s}", "request", "version"), &answer, error)) {
    case ASK_DONE:
        selftest_ok(t, "posternd", "posternd", "runs: version %s",
                    json_string_value(json_object_get(answer, "version")));
        json_decref(answer);
        return true;
    case ASK_REFUSED:
        selftest_not_checked(t, "posternd", "posternd", "its control socket cannot be used: %s",
                             error->text);
        return true;
    case ASK_NOBODY:
        break;
    }
    return false;
}

/* Reports if nothing is tested as the address of --as, or if connections are not those of
 * posternd's user. */
static void look_at_as(struct selftest *t)
{
    char address[ADDR_TEXT_SIZE];
    char subject[SELFTEST_SUBJECT_SIZE];

    if (t->as.family != ADDR_NONE && !postfix_has_clients(t->conf, NULL, t->as.family)) {
        snprintf(subject, sizeof subject, "--as %s", addr_text(&t->as, address));
        selftest_not_checked(t, "mail", subject, "no listener has an %s address",
                             t->as.family == ADDR_IPV6 ? "IPv6" : "IPv4");
    }
    if (geteuid() == 0 && !selftest_connects_as(t->conf->user.text)) {
        selftest_not_checked(t, "connect", "posternd",
                             "whether its user \"%s\" may connect to the backends: there is no "
                             "such user",
                             t->conf->user.text);
    }
}

/* --- the command ---------------------------------------------------------------------------- */

/* 0, or -1 if there is no memory. */
static int print_end(const struct selftest *t, bool json)
{
    const size_t *num = t->report.num;

    if (json || report_document(&t->report) == NULL) {
        return report_print_json(report_document(&t->report), stdout);
    }
    printf("%zu ok, %zu FAULT, %zu not checked\n", num[FINDING_OK], num[FINDING_FAULT],
           num[FINDING_NOT_CHECKED]);
    return 0;
}

/* The exit code. */
static int run(struct selftest *t, bool json)
{
    enum selftest_backend *results = calloc(t->conf->num_backends + 1, sizeof *results);
    struct conf_error error;

    if (results == NULL || prepare(t) != 0) {
        free(results);
        return command_fail("out of memory");
    }
    for (size_t b = 0; b < t->conf->num_backends; b++) {
        results[b] = SELFTEST_DEAD;
    }
    if (!look_for_posternd(t, &error)) {
        free(results);
        fprintf(stderr, "posternctl: %s\n", error.text);
        return ASK_NOBODY;
    }
    look_at_as(t);
    selftest_settings(t);
    ask_backends(t, results);
    selftest_filters(t);
    ask_listeners(t, results);
    free(results);
    if (print_end(t, json) != 0) {
        return command_fail("out of memory");
    }
    if (t->report.num[FINDING_FAULT] > 0) {
        return EXIT_FINDING;
    }
    return t->report.num[FINDING_NOT_CHECKED] > 0 ? EXIT_NOT_ASKED : EXIT_SUCCESS;
}

/* Reads --as. 0, or EXIT_BAD_INPUT after it has reported the mistake. */
static int read_as(struct selftest *t, const struct invocation *invocation)
{
    const char *text = command_value(invocation, "as");

    if (text == NULL) {
        return 0;
    }
    if (!addr_parse(&t->as, text) || addr_is_unspecified(&t->as)) {
        return command_usage_error(invocation, "--as \"%s\" is not an IPv4 or IPv6 address", text);
    }
    addr_unmap(&t->as);
    return 0;
}

int command_selftest(const struct invocation *invocation)
{
    struct selftest t = {.out = invocation->json ? NULL : stdout};
    struct conf_error error;
    struct conf *conf;
    int status;

    if (read_as(&t, invocation) != 0) {
        return EXIT_BAD_INPUT;
    }
    if (tls_library_init() != 0) {
        return command_fail("TLS cannot be set up");
    }
    conf = readconf(invocation->file, &error);
    if (conf == NULL) {
        return command_fail(error.text);
    }
    /* errno shows that a server has closed. */
    signal(SIGPIPE, SIG_IGN);
    t.conf = conf;
    status = run(&t, invocation->json);
    clean_up(&t);
    conf_free(conf);
    return status;
}
