#include "daemon/posternctl/selftest.h"

#include "daemon/common/ctlclient.h"
#include "daemon/common/setup.h"
#include "daemon/posternctl/command.h"
#include "daemon/posternctl/jsontext.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* --- checks --------------------------------------------------------------------------------- */

/* `before` is the check in front of it, or NULL: what both are about is said once. */
static void print_check(const struct selftest_check *check, const struct selftest_check *before,
                        FILE *out)
{
    static const char *const words[] = {
        [SELFTEST_OK] = "ok", [SELFTEST_FAULT] = "FAULT", [SELFTEST_NOT_CHECKED] = "not checked"};

    if (before == NULL || strcmp(before->subject, check->subject) != 0) {
        fprintf(out, "%s\n", check->subject);
    }
    fprintf(out, "    %-11s  %s\n", words[check->result], check->text);
    if (check->cure[0] != '\0') {
        fprintf(out, "                 cure%s: %s\n",
                check->cure[0] == '-'              ? ", for this service in master.cf"
                : strcmp(check->name, "loop") == 0 ? ", in postern.conf"
                                                   : "",
                check->cure);
    }
    fflush(out);
}

static void add(struct selftest *t, enum selftest_result result, const char *name,
                const char *subject, const char *cure, const char *format, va_list args)
    __attribute__((format(printf, 6, 0)));

static void add(struct selftest *t, enum selftest_result result, const char *name,
                const char *subject, const char *cure, const char *format, va_list args)
{
    struct selftest_check *more = realloc(t->checks, (t->num + 1) * sizeof *more);

    if (more == NULL) {
        t->failed = true;
        return;
    }
    t->checks = more;
    more += t->num++;
    more->name = name;
    more->result = result;
    snprintf(more->subject, sizeof more->subject, "%s", subject);
    snprintf(more->cure, sizeof more->cure, "%s", cure);
    vsnprintf(more->text, sizeof more->text, format, args);
    t->num_by_result[result]++;
    if (t->out != NULL) {
        print_check(more, t->num > 1 ? more - 1 : NULL, t->out);
    }
}

void selftest_ok(struct selftest *t, const char *name, const char *subject, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    add(t, SELFTEST_OK, name, subject, "", format, args);
    va_end(args);
}

void selftest_not_checked(struct selftest *t, const char *name, const char *subject,
                          const char *format, ...)
{
    va_list args;

    va_start(args, format);
    add(t, SELFTEST_NOT_CHECKED, name, subject, "", format, args);
    va_end(args);
}

void selftest_fault(struct selftest *t, const char *name, const char *subject, const char *cure,
                    const char *format, ...)
{
    va_list args;

    va_start(args, format);
    add(t, SELFTEST_FAULT, name, subject, cure, format, args);
    va_end(args);
}

/* --- the client's TLS ----------------------------------------------------------------------- */

static int keep_session(SSL *ssl, SSL_SESSION *session)
{
    struct selftest *t = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));

    SSL_SESSION_free(t->resumable);
    t->resumable = session;
    return 1; /* it is ours now */
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
    free(t->checks);
}

/* --- the whole ------------------------------------------------------------------------------ */

/* What an address comes to for the listeners of every backend that has it. A tls_address that is a
 * loop is one for all of them; that one is dead is seen through the listeners. */
static void take_result(const struct conf *conf, const struct endpoint *address,
                        enum selftest_backend result, enum selftest_backend *results)
{
    for (size_t b = 0; b < conf->num_backends; b++) {
        const struct conf_backend *backend = &conf->backends[b];
        bool for_tls = postfix_same(address, &backend->tls_address.endpoint);

        if (postfix_has_address(backend, address) && results[b] != SELFTEST_LOOP &&
            (result == SELFTEST_LOOP || (result == SELFTEST_ALIVE && !for_tls))) {
            results[b] = result;
        }
    }
}

/* Asks each address once. */
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
                                                         : "gives no session");
            continue;
        }
        for (size_t i = 0; i < bound.num; i++) {
            selftest_listener(t, listener, &bound.addresses[i]);
        }
    }
}

/* Asks the running posternd for its version. False: there is none. */
static bool ask_posternd(struct selftest *t, struct conf_error *error)
{
    const char *socket = t->conf->control.text;
    json_t *answer = NULL;

    if (socket[0] == '\0') {
        selftest_not_checked(t, "posternd", "posternd", "control = \"\": it cannot be asked");
        return true;
    }
    switch (ctlclient_ask(t->conf, json_pack("{s:s}", "request", "version"), &answer, error)) {
    case CTL_DONE:
        selftest_ok(t, "posternd", "posternd", "runs: version %s",
                    json_string_value(json_object_get(answer, "version")));
        json_decref(answer);
        return true;
    case CTL_REFUSED:
        selftest_not_checked(t, "posternd", "posternd", "cannot be asked: %s", error->text);
        return true;
    case CTL_NOBODY:
        break;
    }
    return false;
}

/* --- output --------------------------------------------------------------------------------- */

static json_t *check_json(const struct selftest_check *check)
{
    static const char *const words[] = {
        [SELFTEST_OK] = "ok", [SELFTEST_FAULT] = "fault", [SELFTEST_NOT_CHECKED] = "not-checked"};
    json_t *cure = check->cure[0] == '\0' ? json_null() : json_text(check->cure);

    return json_pack("{s:s, s:o, s:s, s:o, s:o}", "name", check->name, "subject",
                     json_text(check->subject), "result", words[check->result], "text",
                     json_text(check->text), "cure", cure);
}

static int print_json(const struct selftest *t)
{
    json_t *checks = json_array();
    json_t *root;
    int status = -1;

    for (size_t i = 0; i < t->num; i++) {
        if (json_array_append_new(checks, check_json(&t->checks[i])) != 0) {
            json_decref(checks);
            return -1;
        }
    }
    root = json_pack("{s:o}", "checks", checks);
    if (root != NULL) {
        json_dumpf(root, stdout, JSON_INDENT(1));
        fputs("\n", stdout);
        status = 0;
    }
    json_decref(root);
    return status;
}

static int print_end(const struct selftest *t, bool json)
{
    if (json) {
        return print_json(t);
    }
    printf("%zu ok, %zu FAULT, %zu not checked\n", t->num_by_result[SELFTEST_OK],
           t->num_by_result[SELFTEST_FAULT], t->num_by_result[SELFTEST_NOT_CHECKED]);
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
    if (!ask_posternd(t, &error)) {
        free(results);
        fprintf(stderr, "posternctl: %s\n", error.text);
        return CTL_NOBODY;
    }
    ask_backends(t, results);
    ask_listeners(t, results);
    free(results);
    if (t->failed || print_end(t, json) != 0) {
        return command_fail("out of memory");
    }
    return t->num_by_result[SELFTEST_FAULT] > 0 ? EXIT_FINDING : EXIT_SUCCESS;
}

int command_selftest(const struct invocation *invocation)
{
    struct selftest t = {.out = invocation->json ? NULL : stdout};
    struct conf_error error;
    struct conf *conf;
    int status;

    if (tls_library_init() != 0) {
        return command_fail("TLS cannot be set up");
    }
    conf = setup_read_conf(invocation->file, &error);
    if (conf == NULL) {
        return command_fail(error.text);
    }
    /* A server that closes is told by errno. */
    signal(SIGPIPE, SIG_IGN);
    t.conf = conf;
    status = run(&t, invocation->json);
    clean_up(&t);
    conf_free(conf);
    return status;
}
