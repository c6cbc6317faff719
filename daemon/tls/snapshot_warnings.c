/* What a configuration may have, but probably does not intend. */
#include "daemon/tls/snapshot_parts.h"

#include "lib/base/text.h"
#include "lib/tls/verdicttext.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* The feature number of status_request (RFC 7633): "must staple". */
#define TLS_FEATURE_STATUS_REQUEST 5

/* Postfix's own limit is 300 s; pipelined replies can hand the turn back to the client early
 * (docs/design.md "Time"). */
#define IDLE_TIMEOUT_LOW 600

#define SMTP_PORT 25

/* The shortest prefixes of accept_proxy_from and starttls_except that are plausible. */
#define WIDE_IPV4 16
#define WIDE_IPV6 32

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

/* Certificates that rank after the others of their set, and what is served in their place. */
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
                        "ranks after the others, and \"%s\" is served in its place where "
                        "possible: with DANE, also publish a TLSA record for that one",
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

/* STARTTLS would bypass the first service's defence against strangers: postscreen. */
static void warn_of_way_around(const struct warnings *w, const struct conf_listener *listener)
{
    if (listener->tls == CONF_TLS_NONE || !conf_is_set(&listener->backend->tls_address)) {
        return;
    }
    for (size_t i = 0; i < listener->num_addresses; i++) {
        if (listener->addresses[i].endpoint.ip.port == SMTP_PORT) {
            add_warning(
                w, listener->addresses[i].line,
                "listener \"%s\": port 25, and backend \"%s\" has a tls_address: clients under "
                "TLS bypass the checks at the backend's address; use it for 465 and 587 only",
                listener->name, listener->backend->name);
        }
    }
}

/* A certificate is required, but clients without one, or with a worthless one, get in. */
static void warn_of_requiring(const struct warnings *w, const struct conf_listener *listener)
{
    if (listener->tls == CONF_TLS_MAY) {
        add_warning(w, listener->line,
                    "listener \"%s\": client_certificate = \"require\", but clients need not use "
                    "TLS (tls = \"may\"), and are then not asked",
                    listener->name);
    }
    if (listener->client_ca.text[0] == '\0') {
        add_warning(w, listener->client_ca.line,
                    "listener \"%s\": client_certificate = \"require\" without client_ca accepts "
                    "any certificate, even one that the client has made itself",
                    listener->name);
    }
    for (size_t i = 0; i < listener->num_sets; i++) {
        if (listener->sets[i]->unmatched == CONF_UNMATCHED_ANONYMOUS) {
            add_warning(w, listener->line,
                        "listener \"%s\": unmatched = \"anonymous\" of certificate_set \"%s\" "
                        "has no effect where client certificates are required",
                        listener->name, listener->sets[i]->name);
        }
    }
}

/* What is asked of clients, and its effect. */
static void warn_of_asking(const struct warnings *w, const struct conf_listener *listener)
{
    bool asks = listener->client_certificate != CONF_CLIENT_CERTIFICATE_NONE;

    if (listener->tls == CONF_TLS_NONE && asks) {
        add_warning(w, listener->line,
                    "listener \"%s\": client_certificate has no effect while tls is \"none\"",
                    listener->name);
    } else if (listener->client_certificate == CONF_CLIENT_CERTIFICATE_REQUIRE) {
        warn_of_requiring(w, listener);
    } else if (!asks && listener->client_ca.text[0] != '\0') {
        add_warning(w, listener->client_ca.line,
                    "listener \"%s\": client_ca has no effect while client_certificate is \"none\"",
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
                    "listener \"%s\": in a trial at %s: clients of %s are served only if they "
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
                    "certificate_set \"%s\": unmatched = \"try-anyway\" has no effect: %s",
                    from->name, why);
    } else {
        add_warning(
            l->w, from->line,
            "certificate_set \"%s\", listener \"%s\": unmatched = \"try-anyway\" is disabled for "
            "certificate \"%s\", because its test failed: %s",
            from->name, l->listener->name, certificate, why);
    }
}

void snapshot_warn(const struct conf *conf, void (*warn)(const char *text),
                   const struct keystore *keys, struct tls_listener *const *tls)
{
    const struct warnings warnings = {.conf = conf, .warn = warn};
    const struct warnings *w = &warnings;

    for (size_t i = 0; i < conf->num_certificates; i++) {
        warn_of_certificate(w, keys->entries[i], &conf->certificates[i]);
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
            tls_listener_each_unusable(tls[i], warn_of_attempt, &l);
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
