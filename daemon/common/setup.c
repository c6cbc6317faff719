#include "daemon/common/setup.h"

#include "lib/base/text.h"
#include "lib/tls/verdicttext.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* The feature number of status_request (RFC 7633): "must staple". */
#define TLS_FEATURE_STATUS_REQUEST 5

/* Postfix's own limit is 300 s; pipelined replies can hand the turn back to the client early
 * (docs/design.md "Time"). */
#define IDLE_TIMEOUT_LOW 600

#define SMTP_PORT 25

/* The shortest prefixes of accept_proxy_from and starttls_except that may be meant. */
#define WIDE_IPV4 16
#define WIDE_IPV6 32

/* --- warnings ------------------------------------------------------------------------------- */

/* Where warnings go. */
struct warnings {
    const struct conf *conf;
    void (*warn)(const char *text);
};

static void add_warning(const struct warnings *w, unsigned line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void add_warning(const struct warnings *w, unsigned line, const char *format, ...)
{
    struct conf_error text;
    char words[384];
    va_list args;

    va_start(args, format);
    vsnprintf(words, sizeof words, format, args);
    va_end(args);
    conf_fail(&text, w->conf, line, "%s", words);
    w->warn(text.text);
}

/* Clients without SNI, MTA-STS senders among them, see the first set of a listener. */
static bool is_in_default_set(const struct conf *conf, const struct conf_certificate *certificate)
{
    for (size_t i = 0; i < conf->num_listeners; i++) {
        const struct conf_listener *listener = &conf->listeners[i];
        const struct conf_set *set = listener->num_sets > 0 ? listener->sets[0] : NULL;

        for (size_t k = 0; set != NULL && k < set->num_certificates; k++) {
            if (set->certificates[k] == certificate) {
                return true;
            }
        }
    }
    return false;
}

static bool must_staple(const X509 *x509)
{
    TLS_FEATURE *features = X509_get_ext_d2i(x509, NID_tlsfeature, NULL, NULL);
    bool found = false;

    for (int i = 0; i < sk_ASN1_INTEGER_num(features); i++) {
        found = found ||
                ASN1_INTEGER_get(sk_ASN1_INTEGER_value(features, i)) == TLS_FEATURE_STATUS_REQUEST;
    }
    TLS_FEATURE_free(features);
    return found;
}

static void warn_of_certificate(const struct warnings *w, const struct keystore_entry *entry,
                                const struct conf_certificate *certificate)
{
    const char *hostname = w->conf->hostname.text;
    unsigned line = certificate->chain.line;

    if (X509_cmp_current_time(X509_get0_notAfter(entry->leaf)) < 0) {
        add_warning(w, line, "certificate \"%s\" has expired", entry->name);
    }
    if (X509_cmp_current_time(X509_get0_notBefore(entry->leaf)) > 0) {
        add_warning(w, line, "certificate \"%s\" is not valid yet", entry->name);
    }
    if (must_staple(entry->leaf)) {
        add_warning(w, line,
                    "certificate \"%s\" is marked \"must staple\", but no OCSP response is sent: "
                    "some clients will refuse it",
                    entry->name);
    }
    if (is_in_default_set(w->conf, certificate) &&
        X509_check_host(entry->leaf, hostname, 0, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT, NULL) != 1) {
        add_warning(w, line, "certificate \"%s\" does not name \"%s\" (hostname): MTA-STS needs it",
                    entry->name, hostname);
    }
}

static void warn_of_set(const struct warnings *w, const struct keystore *keys,
                        const struct conf_set *set)
{
    const EVP_PKEY *first = keystore_of(keys, w->conf, set->certificates[0])->key;

    for (size_t i = 1; i < set->num_certificates; i++) {
        if (EVP_PKEY_eq(first, keystore_of(keys, w->conf, set->certificates[i])->key) != 1) {
            add_warning(w, set->line,
                        "certificate_set \"%s\" has several keys: with DANE, publish a TLSA record "
                        "for each before you enable it",
                        set->name);
            return;
        }
    }
}

/* The first certificate of the set that no client has to refuse, or its number of certificates. */
static size_t first_without_fault(const struct warnings *w, const struct keystore *keys,
                                  const struct conf_set *set)
{
    size_t i = 0;

    while (i < set->num_certificates &&
           certsel_fault(&keystore_of(keys, w->conf, set->certificates[i])->rules) != FAULT_NONE) {
        i++;
    }
    return i;
}

/* What ranks behind the others of its set, and what is served in its place. */
static void warn_of_faults(const struct warnings *w, const struct keystore *keys,
                           const struct conf_set *set)
{
    size_t good = first_without_fault(w, keys, set);

    for (size_t i = 0; i < set->num_certificates; i++) {
        const struct keystore_entry *entry = keystore_of(keys, w->conf, set->certificates[i]);
        char why[128];
        struct text t = text_in(why, sizeof why);

        fault_text(&t, certsel_fault(&entry->rules));
        if (why[0] == '\0') {
            continue;
        }
        if (good == set->num_certificates) {
            add_warning(w, set->line,
                        "certificate_set \"%s\": some clients refuse certificate \"%s\" (%s), and "
                        "no other one could be served in its place",
                        set->name, entry->name, why);
        } else if (good > i) {
            add_warning(w, set->line,
                        "certificate_set \"%s\": some clients refuse certificate \"%s\" (%s): it "
                        "ranks behind the others, and \"%s\" is served in its place where it can "
                        "be: with DANE, publish a TLSA record for that one as well",
                        set->name, entry->name, why, set->certificates[good]->name);
        }
    }
}

static void warn_of_address(const struct warnings *w, const struct conf_backend *backend,
                            const struct conf_endpoint *address)
{
    char text[ADDR_PATH_SIZE + 8];

    if (address->endpoint.ip.family != ADDR_NONE && !addr_is_loopback(&address->endpoint.ip)) {
        endpoint_text(&address->endpoint, text, sizeof text);
        add_warning(w, address->line,
                    "backend \"%s\": %s is neither loopback nor a unix-domain socket: mail "
                    "goes there in plaintext",
                    backend->name, text);
    }
}

static void warn_of_backend(const struct warnings *w, const struct conf_backend *backend)
{
    for (size_t i = 0; i < backend->num_addresses; i++) {
        warn_of_address(w, backend, &backend->addresses[i]);
    }
    warn_of_address(w, backend, &backend->tls_address);
}

/* STARTTLS would be a way around what the first service holds against strangers: postscreen. */
static void warn_of_way_around(const struct warnings *w, const struct conf_listener *listener)
{
    if (listener->tls == CONF_TLS_NONE || !conf_is_set(&listener->backend->tls_address)) {
        return;
    }
    for (size_t i = 0; i < listener->num_addresses; i++) {
        if (listener->addresses[i].endpoint.ip.port == SMTP_PORT) {
            add_warning(
                w, listener->addresses[i].line,
                "listener \"%s\": port 25, and backend \"%s\" has a tls_address: with TLS a "
                "client passes by what is checked at the backend's address; for 465 and "
                "587 only",
                listener->name, listener->backend->name);
        }
    }
}

/* A certificate is required, and somebody gets in who has none, or one that is worth nothing. */
static void warn_of_requiring(const struct warnings *w, const struct conf_listener *listener)
{
    if (listener->tls == CONF_TLS_MAY) {
        add_warning(w, listener->line,
                    "listener \"%s\": client_certificate = \"require\", but clients may do without "
                    "TLS (tls = \"may\"), and are not asked then",
                    listener->name);
    }
    if (listener->client_ca.text[0] == '\0') {
        add_warning(w, listener->client_ca.line,
                    "listener \"%s\": client_certificate = \"require\" without client_ca takes any "
                    "certificate, also one that the client has made itself",
                    listener->name);
    }
    for (size_t i = 0; i < listener->num_sets; i++) {
        if (listener->sets[i]->unmatched == CONF_UNMATCHED_ANONYMOUS) {
            add_warning(w, listener->line,
                        "listener \"%s\": unmatched = \"anonymous\" of certificate_set \"%s\" does "
                        "nothing where client certificates are required",
                        listener->name, listener->sets[i]->name);
        }
    }
}

/* What is asked of clients, and what comes of it. */
static void warn_of_asking(const struct warnings *w, const struct conf_listener *listener)
{
    bool asks = listener->client_certificate != CONF_CLIENT_CERTIFICATE_NONE;

    if (listener->tls == CONF_TLS_NONE && asks) {
        add_warning(w, listener->line,
                    "listener \"%s\": client_certificate does nothing while tls is \"none\"",
                    listener->name);
    } else if (listener->client_certificate == CONF_CLIENT_CERTIFICATE_REQUIRE) {
        warn_of_requiring(w, listener);
    } else if (!asks && listener->client_ca.text[0] != '\0') {
        add_warning(w, listener->client_ca.line,
                    "listener \"%s\": client_ca does nothing while client_certificate is \"none\"",
                    listener->name);
    }
}

static bool is_wide(const struct prefix *network)
{
    return network->bits < (network->base.family == ADDR_IPV4 ? WIDE_IPV4 : WIDE_IPV6);
}

static void warn_of_upstreams(const struct warnings *w, const struct conf_listener *listener)
{
    for (size_t i = 0; i < listener->accept_proxy_from.num; i++) {
        const struct prefix *from = &listener->accept_proxy_from.items[i];
        char text[PREFIX_TEXT_SIZE];

        if (is_wide(from)) {
            add_warning(w, listener->line,
                        "listener \"%s\": accept_proxy_from: everybody in %s can claim to be any "
                        "client: name single hosts",
                        listener->name, prefix_text(from, text));
        }
    }
}

static void warn_of_exceptions(const struct warnings *w, const struct conf_listener *listener)
{
    for (size_t i = 0; i < listener->starttls_except.num; i++) {
        const struct prefix *network = &listener->starttls_except.items[i];
        char text[PREFIX_TEXT_SIZE];

        if (is_wide(network)) {
            add_warning(w, listener->line,
                        "listener \"%s\": starttls_except: nobody in %s is offered STARTTLS: name "
                        "single senders",
                        listener->name, prefix_text(network, text));
        }
    }
}

/* Addresses with commas between them. */
static void add_addresses(struct text *t, const struct conf_endpoint *addresses, size_t num)
{
    for (size_t i = 0; i < num; i++) {
        char text[ADDR_PATH_SIZE + 8];

        endpoint_text(&addresses[i].endpoint, text, sizeof text);
        text_addf(t, "%s%s", i > 0 ? ", " : "", text);
    }
}

static void warn_of_trial(const struct warnings *w, const struct conf_listener *listener)
{
    char bound[128];
    char used[128];
    struct text b = text_in(bound, sizeof bound);
    struct text u = text_in(used, sizeof used);

    if (listener->num_trial_addresses > 0) {
        add_addresses(&b, listener->trial_addresses, listener->num_trial_addresses);
        add_addresses(&u, listener->addresses, listener->num_addresses);
        add_warning(w, listener->trial_addresses[0].line,
                    "listener \"%s\": in a trial at %s: clients of %s are served only where they "
                    "are redirected there",
                    listener->name, bound, used);
    }
}

/* What a listener's warnings are about. */
struct listener_warnings {
    const struct warnings *w;
    const struct conf_listener *listener;
};

static void warn_of_attempt(void *arg, size_t set, const char *certificate, const char *why)
{
    const struct listener_warnings *l = arg;
    const struct conf_set *from = l->listener->sets[set];

    if (certificate == NULL) {
        add_warning(l->w, from->line,
                    "certificate_set \"%s\": unmatched = \"try-anyway\" does nothing: %s",
                    from->name, why);
    } else {
        add_warning(
            l->w, from->line,
            "certificate_set \"%s\", listener \"%s\": unmatched = \"try-anyway\" is switched "
            "off for certificate \"%s\", its test failed: %s",
            from->name, l->listener->name, certificate, why);
    }
}

static void warn_of_all(const struct warnings *w, const struct keystore *keys,
                        struct tls_listener *const *tls)
{
    const struct conf *conf = w->conf;

    for (size_t i = 0; i < conf->num_certificates; i++) {
        warn_of_certificate(w, &keys->entries[i], &conf->certificates[i]);
    }
    for (size_t i = 0; i < conf->num_sets; i++) {
        warn_of_set(w, keys, &conf->sets[i]);
        warn_of_faults(w, keys, &conf->sets[i]);
    }
    for (size_t i = 0; i < conf->num_backends; i++) {
        warn_of_backend(w, &conf->backends[i]);
    }
    for (size_t i = 0; i < conf->num_listeners; i++) {
        struct listener_warnings l = {w, &conf->listeners[i]};

        warn_of_way_around(w, &conf->listeners[i]);
        if (tls[i] != NULL) {
            tls_listener_each_off(tls[i], warn_of_attempt, &l);
        }
        warn_of_asking(w, &conf->listeners[i]);
        warn_of_upstreams(w, &conf->listeners[i]);
        warn_of_exceptions(w, &conf->listeners[i]);
        warn_of_trial(w, &conf->listeners[i]);
    }
    if (conf->limits.idle_timeout < IDLE_TIMEOUT_LOW) {
        add_warning(w, 0,
                    "limits: idle_timeout is below %d: a client that waits for a slow reply may "
                    "be cut off, and send its mail twice",
                    IDLE_TIMEOUT_LOW);
    }
    ERR_clear_error();
}

/* --- snapshots ------------------------------------------------------------------------------ */

static int load_worker(struct snapshot_worker *worker, const struct conf *conf,
                       const struct keyfiles *files, const struct tls_shared *shared,
                       struct conf_error *error)
{
    worker->libctx = OSSL_LIB_CTX_new();
    worker->tls = calloc(conf->num_listeners + 1, sizeof(struct tls_listener *));
    if (worker->libctx == NULL || worker->tls == NULL) {
        return conf_fail(error, conf, 0, "out of memory");
    }
    tls_memory_prepare(worker->libctx);
    if (keystore_load(&worker->keys, worker->libctx, conf, files, error) != 0) {
        return -1;
    }
    for (size_t i = 0; i < conf->num_listeners; i++) {
        if (conf->listeners[i].tls == CONF_TLS_NONE) {
            continue;
        }
        worker->tls[i] = tls_listener_new(worker->libctx, conf, &conf->listeners[i], &worker->keys,
                                          files, shared, error);
        if (worker->tls[i] == NULL) {
            return -1;
        }
    }
    /* What this thread keeps for itself in the worker's library context would outlive it. */
    OPENSSL_thread_stop_ex(worker->libctx);
    return 0;
}

static void unload_worker(struct snapshot_worker *worker, size_t num_listeners)
{
    for (size_t i = 0; worker->tls != NULL && i < num_listeners; i++) {
        tls_listener_free(worker->tls[i]);
    }
    free(worker->tls);
    keystore_unload(&worker->keys);
    OSSL_LIB_CTX_free(worker->libctx);
}

static void snapshot_free(struct snapshot *s)
{
    for (unsigned i = 0; s->workers != NULL && i < s->num_workers; i++) {
        unload_worker(&s->workers[i], s->conf->num_listeners);
    }
    free(s->workers);
    claims_free(&s->claims);
    tls_shared_free(s->shared);
    conf_free(s->conf);
    free(s);
}

static unsigned count_workers(const struct conf *conf)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);

    if (conf->workers > 0) {
        return conf->workers;
    }
    return processors > 0 ? (unsigned)processors : 1;
}

static int load_workers(struct snapshot *s, struct conf_error *error)
{
    struct keyfiles *files = keyfiles_read(s->conf, error);
    int result = 0;

    if (files == NULL) {
        return -1;
    }
    s->shared = tls_shared_new(s->conf, files, error);
    if (s->shared == NULL) {
        keyfiles_free(files);
        return -1;
    }
    s->num_workers = count_workers(s->conf);
    s->workers = calloc(s->num_workers, sizeof *s->workers);
    if (s->workers == NULL) {
        result = conf_fail(error, s->conf, 0, "out of memory");
    }
    for (unsigned i = 0; i < s->num_workers && result == 0; i++) {
        result = load_worker(&s->workers[i], s->conf, files, s->shared, error);
    }
    keyfiles_free(files);
    return result;
}

struct snapshot *snapshot_load(const char *file, void (*warn)(const char *text),
                               struct conf_error *error)
{
    struct conf *conf = setup_read_conf(file, error);
    struct snapshot *s;

    if (conf == NULL) {
        return NULL;
    }
    s = calloc(1, sizeof *s);
    if (s == NULL) {
        conf_fail(error, conf, 0, "out of memory");
        conf_free(conf);
        return NULL;
    }
    s->conf = conf;
    atomic_init(&s->references, 1);
    if (claims_gather(&s->claims, conf) != 0) {
        conf_fail(error, conf, 0, "out of memory");
        snapshot_free(s);
        return NULL;
    }
    tls_memory_begin();
    if (load_workers(s, error) == 0) {
        warn_of_all(&(struct warnings){.conf = conf, .warn = warn}, &s->workers[0].keys,
                    s->workers[0].tls);
        if (!tls_memory_was_short()) {
            return s;
        }
    }
    /* OpenSSL does without what it has no memory for, or blames a file for it. */
    if (tls_memory_was_short()) {
        conf_fail(error, conf, 0, "out of memory");
    }
    snapshot_free(s);
    return NULL;
}

struct snapshot *snapshot_ref(struct snapshot *s)
{
    atomic_fetch_add_explicit(&s->references, 1, memory_order_relaxed);
    return s;
}

void snapshot_unref(struct snapshot *s)
{
    if (atomic_fetch_sub_explicit(&s->references, 1, memory_order_acq_rel) == 1) {
        snapshot_free(s);
    }
}
