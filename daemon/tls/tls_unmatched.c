/*
 * Theory of operation: libssl checks an ECDSA certificate against supported_groups by the public
 * key in the X509, and signs with the separate private key. A copy of the certificate whose parsed
 * public key has been replaced by one that is on no curve at all passes that test, while the client
 * gets the original encoding, which is correct. Nothing promises that libssl will stay like this;
 * so each such copy has its own SSL_CTX, serves one hello in memory before any client, and is not
 * used if that fails. The copy is used for nothing else. Such an attempt depends on the certificate
 * and on what the listener promises for the set, so one that was tested is shared by all later
 * listeners of which both are the same.
 *
 * Without a certificate there is nothing to replace: an SSL_CTX with only aNULL suites. libssl then
 * excludes TLS 1.3 by itself, because it can do nothing there without a certificate.
 *
 * Both are switched to with SSL_set_SSL_CTX(), which takes suites, schemes and security level
 * along, and leaves options, versions, groups and callbacks for messages to the SSL_CTX that the
 * session began with.
 */
#include "daemon/tls/sslerror.h"
#include "daemon/tls/tls_parts.h"
#include "lib/tls/hellobuild.h"
#include "lib/tls/names.h"
#include "lib/tls/unmatched.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct tls_attempt {
    SSL_CTX *ctx;  /* owned; NULL if this cannot be tried */
    char why[128]; /* not: "" if it can be, or never could (a key that is not ECDSA) */
    _Atomic unsigned references;
};

/* --- a certificate whatever its curve -------------------------------------------------------- */

/* Replaces the parsed public key by an X25519 key; its bytes do not matter. */
static int replace_public_key(SSL_CTX *ctx, OSSL_LIB_CTX *libctx)
{
    unsigned char bytes[32] = {9};
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, bytes, sizeof bytes),
        OSSL_PARAM_construct_end(),
    };
    EVP_PKEY *key = X509_get0_pubkey(SSL_CTX_get0_certificate(ctx));
    EVP_PKEY_CTX *maker = EVP_PKEY_CTX_new_from_name(libctx, "X25519", NULL);
    bool good = key != NULL && maker != NULL && EVP_PKEY_fromdata_init(maker) == 1 &&
                EVP_PKEY_fromdata(maker, &key, EVP_PKEY_PUBLIC_KEY, params) == 1;

    EVP_PKEY_CTX_free(maker);
    return good ? 0 : -1;
}

/* A copy of the certificate, on an SSL_CTX with the listener's profile. */
static SSL_CTX *make_context(const struct tls_listener *listener, const struct tls_making *m,
                             const struct keystore_entry *entry)
{
    SSL_CTX *ctx = tls_context_new(listener->libctx);
    X509 *copy = X509_dup(entry->leaf);
    struct tls_profile profile = {0};
    struct conf_error error;
    bool good =
        ctx != NULL && copy != NULL && tls_client_set_up(listener, ctx) == 0 &&
        tls_profile_apply(&profile, ctx, m->libctx, m->conf, m->from->profile, &error) == 0 &&
        SSL_CTX_use_cert_and_key(ctx, copy, entry->key, entry->chain, 1) == 1 &&
        replace_public_key(ctx, listener->libctx) == 0;

    tls_profile_free(&profile);
    X509_free(copy);
    if (!good) {
        SSL_CTX_free(ctx);
        return NULL;
    }
    return ctx;
}

/* --- its test -------------------------------------------------------------------------------- */

/* What the test looks for among libssl's messages. */
struct test {
    unsigned char *leaf; /* owned: DER */
    int leaf_len;
    bool served; /* its Certificate has this leaf */
    bool done;   /* ServerHelloDone was written, so that the signature was made */
};

static void on_test_message(int write_p, int version, int content_type, const void *data,
                            size_t len, SSL *ssl, void *arg)
{
    /* type, length, length of the list, length of the first certificate (RFC 5246 section 7.4.2) */
    enum { BEFORE_LEAF = 1 + 3 + 3 + 3 };
    struct test *test = arg;
    const uint8_t *message = data;
    size_t leaf_len = (size_t)test->leaf_len;

    (void)version;
    (void)ssl;
    if (!write_p || content_type != SSL3_RT_HANDSHAKE || len == 0) {
        return;
    }
    if (message[0] == SSL3_MT_CERTIFICATE) {
        test->served = len >= BEFORE_LEAF + leaf_len &&
                       memcmp(message + BEFORE_LEAF, test->leaf, leaf_len) == 0;
    } else if (message[0] == SSL3_MT_SERVER_DONE) {
        test->done = true;
    }
}

/* A hello of TLS 1.2 in its record, with everything in the profile except the curve of the
 * certificate. 0 if there is no other group for it. */
static size_t build_hello(const struct certsel_profile *rules, uint16_t curve, uint8_t *out,
                          size_t size)
{
    enum { RECORD_HEADER = 5 };
    uint16_t group = 0;
    struct hello_lists lists = {
        .legacy_version = TLS12,
        .suites = {rules->suites, rules->num_suites, true},
        .groups = {&group, 1, true},
        .schemes = {rules->schemes, rules->num_schemes, true},
    };
    size_t len;

    for (size_t i = 0; i < rules->num_groups && group == 0; i++) {
        const struct group *row = group_by_id(rules->groups[i]);

        if (row != NULL && row->id != curve && row->min_version <= TLS12) {
            group = row->id;
        }
    }
    if (group == 0) {
        return 0;
    }
    len = hello_build(&lists, out + RECORD_HEADER, size - RECORD_HEADER);
    if (len == 0) {
        return 0;
    }
    out[0] = SSL3_RT_HANDSHAKE;
    out[1] = SSL3_VERSION_MAJOR;
    out[2] = TLS1_VERSION & 0xff;
    out[3] = (uint8_t)(len >> 8);
    out[4] = (uint8_t)len;
    return RECORD_HEADER + len;
}

/* Whether libssl serves the certificate to a client that does not list its curve. */
static bool run_test(SSL_CTX *ctx, const struct keystore_entry *entry,
                     const struct certsel_profile *rules)
{
    struct test test = {0};
    uint8_t hello[2048];
    size_t len = build_hello(rules, entry->rules.curve, hello, sizeof hello);
    SSL *ssl = SSL_new(ctx);
    BIO *in = BIO_new(BIO_s_mem());
    BIO *out = BIO_new(BIO_s_mem());
    bool good = len > 0 && ssl != NULL && in != NULL && out != NULL &&
                BIO_write(in, hello, (int)len) == (int)len;

    test.leaf_len = i2d_X509(entry->leaf, &test.leaf);
    if (good && test.leaf_len > 0) {
        SSL_set_bio(ssl, in, out);
        in = out = NULL;
        SSL_set_accept_state(ssl);
        SSL_set_msg_callback(ssl, on_test_message);
        SSL_set_msg_callback_arg(ssl, &test);
        (void)SSL_do_handshake(ssl);
    }
    BIO_free(in);
    BIO_free(out);
    SSL_free(ssl);
    OPENSSL_free(test.leaf);
    return test.served && test.done;
}

static void test_attempt(struct tls_attempt *out, const struct tls_listener *listener,
                         const struct tls_making *m, const struct keystore_entry *entry)
{
    if (entry->rules.kind != KEY_ECDSA) {
        return;
    }
    ERR_clear_error();
    out->ctx = make_context(listener, m, entry);
    if (out->ctx == NULL || !run_test(out->ctx, entry, &listener->profile.rules)) {
        snprintf(out->why, sizeof out->why, "%s",
                 ERR_peek_error() != 0 ? sslerror_words()
                                       : "this tls_profile allows no test hello for it");
        SSL_CTX_free(out->ctx);
        out->ctx = NULL;
    }
    ERR_clear_error();
}

/* --- setting up ------------------------------------------------------------------------------ */

static struct tls_attempt *new_attempt(const struct tls_listener *listener,
                                       const struct tls_making *m,
                                       const struct keystore_entry *entry)
{
    struct tls_attempt *made = calloc(1, sizeof *made);

    if (made != NULL) {
        atomic_init(&made->references, 1);
        test_attempt(made, listener, m, entry);
    }
    return made;
}

static void attempt_unref(struct tls_attempt *attempt)
{
    if (attempt != NULL &&
        atomic_fetch_sub_explicit(&attempt->references, 1, memory_order_acq_rel) == 1) {
        SSL_CTX_free(attempt->ctx);
        free(attempt);
    }
}

/* The set of an earlier listener that promises the same as `set`, or NULL. Sets usually keep their
 * order, so the search begins at `*next`. */
static const struct tls_set *find_previous(const struct tls_listener *previous,
                                           const struct tls_set *set, size_t *next)
{
    for (size_t i = 0; previous != NULL && i < previous->num_sets; i++) {
        size_t at = (*next + i) % previous->num_sets;

        if (memcmp(previous->sets[at].context, set->context, sizeof set->context) == 0) {
            *next = at + 1;
            return &previous->sets[at];
        }
    }
    return NULL;
}

/* A further reference to the attempt of `previous` (may be NULL) with this certificate, or NULL. */
static struct tls_attempt *ref_previous(const struct tls_set *previous,
                                        const struct keystore_entry *entry)
{
    for (size_t i = 0; previous != NULL && i < previous->num; i++) {
        if (previous->entries[i] == entry) {
            atomic_fetch_add_explicit(&previous->attempts[i]->references, 1, memory_order_relaxed);
            return previous->attempts[i];
        }
    }
    return NULL;
}

static int set_up_attempts(struct tls_set *set, const struct tls_listener *listener,
                           const struct tls_making *m, size_t *next)
{
    const struct tls_set *previous = find_previous(m->previous, set, next);

    set->may_try = calloc(set->num + 1, sizeof *set->may_try);
    set->attempts = calloc(set->num + 1, sizeof(struct tls_attempt *));
    if (set->may_try == NULL || set->attempts == NULL) {
        return -1;
    }
    for (size_t i = 0; i < set->num; i++) {
        set->attempts[i] = ref_previous(previous, set->entries[i]);
        if (set->attempts[i] == NULL) {
            set->attempts[i] = new_attempt(listener, m, set->entries[i]);
        }
        if (set->attempts[i] == NULL) {
            return -1;
        }
        set->may_try[i] = set->attempts[i]->ctx != NULL;
    }
    return 0;
}

static int set_up_anonymous(struct tls_listener *listener, const struct tls_making *m,
                            const struct conf_set *set, struct conf_error *error)
{
    const struct conf *conf = m->conf;
    const struct conf_listener *from = m->from;

    if (listener->anonymous != NULL) {
        return 0;
    }
    listener->anonymous = tls_context_new(listener->libctx);
    if (listener->anonymous == NULL || tls_client_set_up(listener, listener->anonymous) != 0) {
        return conf_fail(error, conf, set->line, "out of memory");
    }
    if (tls_profile_apply(&listener->anonymous_profile, listener->anonymous, listener->libctx, conf,
                          from->profile, error) != 0) {
        return -1;
    }
    if (tls_profile_make_anonymous(&listener->anonymous_profile, listener->anonymous) != 0) {
        return conf_fail(error, conf, set->line,
                         "certificate_set \"%s\": unmatched = \"anonymous\" is not possible with "
                         "tls_profile \"%s\" of listener \"%s\": it needs security level 0 and "
                         "TLS 1.2 or older",
                         set->name, from->profile->name, from->name);
    }
    return 0;
}

int tls_unmatched_set_up(struct tls_listener *listener, const struct tls_making *making,
                         struct conf_error *error)
{
    size_t next = 0;

    for (size_t i = 0; i < listener->num_sets; i++) {
        const struct conf_set *from = making->from->sets[i];
        struct tls_set *set = &listener->sets[i];

        if (set->unmatched == CONF_UNMATCHED_ANONYMOUS &&
            set_up_anonymous(listener, making, from, error) != 0) {
            return -1;
        }
        if (set->unmatched == CONF_UNMATCHED_TRY_ANYWAY &&
            set_up_attempts(set, listener, making, &next) != 0) {
            return conf_fail(error, making->conf, from->line, "out of memory");
        }
    }
    return 0;
}

void tls_unmatched_free_set(struct tls_set *set)
{
    for (size_t i = 0; set->attempts != NULL && i < set->num; i++) {
        attempt_unref(set->attempts[i]);
    }
    free(set->attempts);
    free(set->may_try);
}

void tls_listener_each_unusable(const struct tls_listener *listener,
                                void (*tell)(void *arg, size_t set, const char *certificate,
                                             const char *why),
                                void *arg)
{
    for (size_t s = 0; s < listener->num_sets; s++) {
        const struct tls_set *set = &listener->sets[s];
        bool any = set->unmatched != CONF_UNMATCHED_TRY_ANYWAY;

        for (size_t i = 0; set->attempts != NULL && i < set->num; i++) {
            any = any || set->rules[i]->kind == KEY_ECDSA;
            if (set->attempts[i]->why[0] != '\0') {
                tell(arg, s, set->names[i], set->attempts[i]->why);
            }
        }
        if (!any) {
            tell(arg, s, NULL, "the set has no ECDSA certificate");
        }
    }
}

/* --- sessions -------------------------------------------------------------------------------- */

/* A ticket would resume something that was only tried, or that nobody has authenticated. */
static bool switch_to(struct tls_session *session, SSL_CTX *ctx)
{
    SSL_set_options(session->ssl, SSL_OP_NO_TICKET);
    session->unmatched = session->set->unmatched;
    return SSL_set_SSL_CTX(session->ssl, ctx) != NULL;
}

static bool switch_to_anonymous(struct tls_session *session)
{
    const struct tls_listener *listener = session->listener;

    /* A server without a certificate may not ask for one (RFC 5246 section 7.4.4). */
    if (listener->client_auth.mode == CONF_CLIENT_CERTIFICATE_REQUIRE ||
        !unmatched_anonymous(&listener->profile.rules, &listener->anonymous_profile.rules,
                             &session->handshake->hello)) {
        return true;
    }
    session->certificate = -1;
    return switch_to(session, listener->anonymous);
}

static bool switch_to_attempt(struct tls_session *session)
{
    const struct tls_set *set = session->set;
    int index =
        unmatched_try_anyway(&session->listener->profile.rules, set->rules, set->may_try, set->num,
                             &session->handshake->hello, session->handshake->verdicts);

    if (index < 0) {
        return true;
    }
    session->certificate = index;
    return switch_to(session, set->attempts[index]->ctx);
}

bool tls_unmatched_switch(struct tls_session *session)
{
    switch (session->set->unmatched) {
    case CONF_UNMATCHED_ANONYMOUS:
        return switch_to_anonymous(session);
    case CONF_UNMATCHED_TRY_ANYWAY:
        return switch_to_attempt(session);
    case CONF_UNMATCHED_FAIL:
    case NUM_CONF_UNMATCHED:
        break;
    }
    return true;
}
