/* A listener of the configuration as SSL_CTX, certificate sets and rules. */
#include "daemon/tls/sslerror.h"
#include "daemon/tls/tls_parts.h"

#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>

static int bind_set(struct tls_set *set, const struct conf *conf, const struct conf_set *from,
                    const struct keystore *store)
{
    size_t num = from->num_certificates;

    set->entries = calloc(num + 1, sizeof *set->entries);
    set->rules = calloc(num + 1, sizeof *set->rules);
    set->names = calloc(num + 1, sizeof *set->names);
    if (set->entries == NULL || set->rules == NULL || set->names == NULL) {
        return -1;
    }
    for (size_t i = 0; i < num; i++) {
        set->entries[i] = keystore_of(store, conf, from->certificates[i]);
        set->rules[i] = &set->entries[i]->rules;
        set->names[i] = from->certificates[i]->name;
    }
    set->num = num;
    set->unmatched = from->unmatched;
    return 0;
}

static void free_set(struct tls_set *set)
{
    tls_unmatched_free_set(set);
    free(set->entries);
    free(set->rules);
    free(set->names);
}

/* If libssl refuses to serve it at the profile's security level, find out now and not when a client
 * connects. What it took at one level it takes at lower ones. */
static int try_certificate(SSL *ssl, struct keystore_entry *entry, int level)
{
    int taken;

    if (level <= entry->accepted_level) {
        return 0;
    }
    taken = SSL_use_cert_and_key(ssl, entry->leaf, entry->key, entry->chain, 1);
    SSL_certs_clear(ssl);
    if (taken != 1) {
        return -1;
    }
    entry->accepted_level = level;
    return 0;
}

static int try_certificates(const struct tls_listener *listener, const struct tls_making *m,
                            struct conf_error *error)
{
    const struct conf *conf = m->conf;
    const struct conf_listener *from = m->from;
    int level = listener->profile.rules.security_level;
    SSL *ssl = SSL_new(listener->ctx);
    int result = 0;

    if (ssl == NULL) {
        return conf_fail(error, conf, from->line, "out of memory");
    }
    for (size_t i = 0; i < listener->num_sets && result == 0; i++) {
        for (size_t k = 0; k < listener->sets[i].num && result == 0; k++) {
            const struct conf_certificate *certificate = from->sets[i]->certificates[k];
            struct keystore_entry *entry = m->store->entries[certificate - conf->certificates];

            if (try_certificate(ssl, entry, level) != 0) {
                result = conf_fail(error, conf, certificate->chain.line,
                                   "listener \"%s\" cannot serve certificate \"%s\" at security "
                                   "level %d: %s",
                                   from->name, certificate->name, level, sslerror_words());
            }
        }
    }
    SSL_free(ssl);
    return result;
}

/* A ticket would not contain what a client proves with its certificate: where clients are asked for
 * one, no tickets are issued or accepted. */
static bool wants_tickets(const struct tls_listener *listener, const struct conf *conf)
{
    return conf->tickets && listener->client_auth.mode == CONF_CLIENT_CERTIFICATE_NONE;
}

static int fill(struct tls_listener *listener, const struct tls_making *m, struct conf_error *error)
{
    const struct conf *conf = m->conf;
    const struct conf_listener *from = m->from;

    listener->libctx = m->libctx;
    listener->alpn = from->profile->alpn;
    if (tls_client_read(&listener->client_auth, m->libctx, conf, from, m->files, error) != 0) {
        return -1;
    }
    listener->ctx = tls_context_new(m->libctx);
    if (listener->ctx == NULL || tls_client_set_up(listener, listener->ctx) != 0 ||
        tls_resume_set_up(listener, wants_tickets(listener, conf)) != 0) {
        return conf_fail(error, conf, from->line, "TLS cannot be set up: %s", sslerror_words());
    }
    SSL_CTX_set_msg_callback(listener->ctx, tls_on_message);
    SSL_CTX_set_client_hello_cb(listener->ctx, tls_on_client_hello, NULL);
    if (tls_profile_apply(&listener->profile, listener->ctx, m->libctx, conf, from->profile,
                          error) != 0) {
        return -1;
    }
    listener->sets = calloc(from->num_sets + 1, sizeof *listener->sets);
    if (listener->sets == NULL) {
        return conf_fail(error, conf, from->line, "out of memory");
    }
    for (size_t i = 0; i < from->num_sets; i++) {
        listener->num_sets++;
        if (bind_set(&listener->sets[i], conf, from->sets[i], m->store) != 0) {
            return conf_fail(error, conf, from->line, "out of memory");
        }
    }
    if (tls_resume_bind_sets(listener, from) != 0) {
        return conf_fail(error, conf, from->line, "out of memory");
    }
    if (try_certificates(listener, m, error) != 0) {
        return -1;
    }
    return tls_unmatched_set_up(listener, m, error);
}

struct tls_listener *tls_listener_new(const struct tls_making *making, struct conf_error *error)
{
    struct tls_listener *made = calloc(1, sizeof *made);

    ERR_clear_error();
    if (made == NULL) {
        conf_fail(error, making->conf, making->from->line, "out of memory");
        return NULL;
    }
    made->names = &making->shared->listeners[making->from - making->conf->listeners];
    made->tickets = making->shared->tickets;
    if (fill(made, making, error) != 0) {
        tls_listener_free(made);
        made = NULL;
    }
    ERR_clear_error();
    return made;
}

void tls_listener_free(struct tls_listener *listener)
{
    if (listener == NULL) {
        return;
    }
    for (size_t i = 0; i < listener->num_sets; i++) {
        free_set(&listener->sets[i]);
    }
    free(listener->sets);
    tls_profile_free(&listener->profile);
    tls_profile_free(&listener->anonymous_profile);
    tls_client_free(&listener->client_auth);
    EVP_CIPHER_free(listener->ticket_cipher);
    SSL_CTX_free(listener->anonymous);
    SSL_CTX_free(listener->ctx);
    free(listener);
}

const struct certsel_profile *tls_listener_rules(const struct tls_listener *listener)
{
    return &listener->profile.rules;
}
