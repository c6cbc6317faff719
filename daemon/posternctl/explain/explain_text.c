/* What `posternctl explain` prints for people. */
#include "daemon/posternctl/explain/explain.h"
#include "daemon/posternctl/listing.h"
#include "lib/base/hex.h"
#include "lib/base/table.h"
#include "lib/tls/unmatched.h"
#include "lib/tls/verdicttext.h"

#include <openssl/crypto.h>
#include <stdlib.h>

/* --- verdicts ------------------------------------------------------------------------------- */

static void print_source(const struct explain_server *server, FILE *out)
{
    const struct conf *conf;

    if (server->snapshot == NULL) {
        fputs("\nHypothetical certificates, with tls_profile \"opportunistic\"\n", out);
        return;
    }
    conf = server->snapshot->conf;
    fprintf(out,
            "\nCertificates of certificate_set \"%s\" at listener \"%s\" (tls_profile \"%s\")\n",
            server->set->name, server->listener->name, server->listener->profile->name);
    for (size_t i = 0, num = 0; i < conf->num_listeners; i++) {
        if (&conf->listeners[i] != server->listener && conf->listeners[i].num_sets > 0) {
            fprintf(out, "%s\"%s\"", num++ == 0 ? "    (--listener for the others: " : ", ",
                    conf->listeners[i].name);
        }
        if (i + 1 == conf->num_listeners && num > 0) {
            fputs(")\n", out);
        }
    }
}

static void print_would_fit(const struct explain *e, FILE *out)
{
    static const char *const words[] = {
        [FIT_ECDSA_P256] = "an ECDSA P-256 certificate",
        [FIT_RSA] = "an RSA certificate",
        [FIT_ECDSA_P384] = "an ECDSA P-384 certificate",
        [FIT_ECDSA_P521] = "an ECDSA P-521 certificate",
        [FIT_ED25519] = "an Ed25519 certificate",
    };
    TABLE_HAS_EACH(words, NUM_FITS);
    size_t num = 0;

    fputs("What would have worked: ", out);
    for (unsigned fit = 0; fit < NUM_FITS; fit++) {
        if ((e->would_fit & 1u << fit) != 0) {
            fprintf(out, "%s%s", num++ > 0 ? ", or " : "", words[fit]);
        }
    }
    fputs(num > 0 ? "\n" : "no certificate of any kind\n", out);
}

/* Whether posternd would begin a handshake without a certificate. */
static bool goes_on_anonymously(const struct explain *e)
{
    const struct explain_server *server = &e->server;
    SSL_CTX *ctx = reference_context(server->libctx);
    struct tls_profile profile = {0};
    struct conf_error error;
    bool goes_on = ctx != NULL &&
                   tls_profile_apply(&profile, ctx, server->libctx, server->snapshot->conf,
                                     server->listener->profile, &error) == 0 &&
                   tls_profile_make_anonymous(&profile, ctx) == 0 &&
                   server->listener->client_certificate != CONF_CLIENT_CERTIFICATE_REQUIRE &&
                   unmatched_anonymous(&server->profile.rules, &profile.rules, &e->client.hello);

    tls_profile_free(&profile);
    SSL_CTX_free(ctx);
    return goes_on;
}

/* The certificate that posternd would send anyway, or -1. */
static int tried_anyway(const struct explain *e)
{
    const struct explain_server *server = &e->server;
    bool *may_try = calloc(server->num + 1, sizeof *may_try);
    int tried = -1;

    for (size_t i = 0; may_try != NULL && i < server->num; i++) {
        may_try[i] = server->rules[i]->kind == KEY_ECDSA;
    }
    if (may_try != NULL) {
        tried = unmatched_try_anyway(&server->profile.rules, server->rules, may_try, server->num,
                                     &e->client.hello, e->verdicts);
    }
    free(may_try);
    return tried;
}

/* What posternd does if nothing fits. */
static void print_unmatched(const struct explain *e, FILE *out)
{
    int tried;

    if (e->server.set == NULL || e->client.malformed != NULL) {
        return;
    }
    switch (e->server.set->unmatched) {
    case CONF_UNMATCHED_FAIL:
    case NUM_CONF_UNMATCHED:
        break;
    case CONF_UNMATCHED_ANONYMOUS:
        fprintf(out, "unmatched = \"anonymous\": posternd %s\n",
                goes_on_anonymously(e) ? "continues without a certificate"
                                       : "cannot continue without a certificate either");
        break;
    case CONF_UNMATCHED_TRY_ANYWAY:
        tried = tried_anyway(e);
        fputs("unmatched = \"try-anyway\": posternd ", out);
        if (tried >= 0) {
            fprintf(out, "sends \"%s\" anyway\n", e->server.entries[tried]->name);
        } else {
            fputs("has no certificate to try\n", out);
        }
        break;
    }
}

/* posternd's answer to the protocols that the client names, before it looks at certificates. */
static void print_alpn(const struct explain *e, FILE *out)
{
    enum alpn_rule rule = explain_alpn_rule(e);

    if (e->client.malformed != NULL || !e->client.hello.has_alpn) {
        return;
    }
    fprintf(out, "alpn = \"%s\": posternd ", conf_alpn_word(rule));
    switch (alpn_judge(rule, e->client.hello.alpn)) {
    case ALPN_SILENT:
        fputs("continues without an answer\n", out);
        break;
    case ALPN_SELECT:
        fputs("selects " ALPN_SMTP "\n", out);
        break;
    case ALPN_REFUSE:
        fprintf(out,
                "refuses this client whatever the certificate: it names %s, not " ALPN_SMTP "\n",
                rule == ALPN_GUARD ? "the protocol of another service" : "protocols");
        break;
    }
}

/* Whether a certificate before the chosen one is usable as well, but with a fault. */
static bool was_passed_over(const struct explain *e)
{
    for (int i = 0; i < e->chosen; i++) {
        if (e->verdicts[i].reason == VERDICT_USABLE) {
            return true;
        }
    }
    return false;
}

static void print_chosen(const struct explain *e, FILE *out)
{
    const struct verdict *verdict = &e->verdicts[e->chosen];

    fprintf(out, "Chosen: \"%s\", the first that is usable%s\n", e->server.entries[e->chosen]->name,
            verdict->fault != FAULT_NONE ? "; none is without a fault"
            : was_passed_over(e)         ? " and that no client refuses"
                                         : "");
    if (verdict->capped) {
        fputs("    in TLS 1.2: the client also offers TLS 1.3, but no signature scheme for any of "
              "them there\n",
              out);
    }
}

static void print_verdicts(const struct explain *e, FILE *out)
{
    print_source(&e->server, out);
    for (size_t i = 0; i < e->server.num; i++) {
        struct listing l = listing_begin(out, e->server.entries[i]->name);
        char text[EXPLAIN_TEXT_SIZE];

        snprintf(text, sizeof text, "%s:", verdict_word(e->verdicts[i].reason));
        listing_words(&l, text);
        explain_verdict(e, i, text);
        listing_words(&l, text);
        listing_end(&l, "");
    }
    if (e->chosen >= 0) {
        print_chosen(e, out);
        print_alpn(e, out);
        return;
    }
    fputs("Chosen: none\n", out);
    print_alpn(e, out);
    if (e->client.malformed == NULL) {
        print_would_fit(e, out);
    }
    print_unmatched(e, out);
}

/* --- what libssl does ----------------------------------------------------------------------- */

/* At most HELLO_SIZE_MAX bytes. */
static void print_hex(struct bytes b, FILE *out)
{
    char hex[2 * HELLO_SIZE_MAX + 1];
    struct text t = text_in(hex, sizeof hex);

    hex_add(&t, b);
    fprintf(out, "%s\n", hex);
}

/* "TLSv1.2 ..., x25519, ..." or "refuses: no shared cipher; alert 40, handshake failure" */
static void add_outcome(struct listing *l, const struct reference *r)
{
    const struct verdict as_verdict = {.reason = VERDICT_USABLE,
                                       .version = r->version,
                                       .suite = r->suite,
                                       .group = r->group,
                                       .scheme = r->scheme};
    char buf[EXPLAIN_TEXT_SIZE];
    struct text t = text_in(buf, sizeof buf);

    if (r->served || r->anonymous) {
        verdict_text(&t, NULL, NULL, NULL, &as_verdict);
    } else {
        text_addf(&t, "refuses: %s", r->words);
        if (r->alert >= 0) {
            text_addf(&t, "; alert %d, %s", r->alert, SSL_alert_desc_string_long(r->alert));
        }
    }
    listing_words(l, buf);
}

static bool print_alone(const struct explain *e, FILE *out)
{
    bool all_agree = true;

    for (size_t i = 0; i < e->server.num; i++) {
        struct listing l = listing_begin(out, e->server.entries[i]->name);
        bool agrees = explain_agrees(e, i);

        listing_words(&l, e->alone[i].served ? "serves it:" : "");
        add_outcome(&l, &e->alone[i]);
        listing_words(&l, agrees ? "(as predicted)" : "(NOT AS PREDICTED)");
        listing_end(&l, "");
        all_agree = all_agree && agrees;
    }
    return all_agree;
}

/* Certificates that share a place in libssl, which holds only one of them. */
static bool is_same_type(const struct certsel_certificate *a, const struct certsel_certificate *b)
{
    return a->kind == b->kind;
}

/*
 * Fills `out` with certificate number `turn` of each type, or the last of a type that has fewer;
 * returns how many these are, or 0 if no type has so many.
 */
static size_t pick_one_of_each(const struct explain_server *server, size_t turn,
                               const struct keystore_entry **out)
{
    size_t num = 0;
    bool any = false;

    for (size_t i = 0; i < server->num; i++) {
        size_t before = 0;
        size_t behind = 0;

        for (size_t k = 0; k < server->num; k++) {
            if (is_same_type(server->rules[i], server->rules[k])) {
                before += k < i;
                behind += k > i;
            }
        }
        if (before == turn || (before < turn && behind == 0)) {
            out[num++] = server->entries[i];
            any = any || before == turn;
        }
    }
    return any ? num : 0;
}

static void print_choice(const struct reference *r,
                         const struct keystore_entry *const *certificates, size_t num, FILE *out)
{
    char names[EXPLAIN_TEXT_SIZE];
    struct text t = text_in(names, sizeof names);
    struct listing l;

    for (size_t i = 0; i < num; i++) {
        text_addf(&t, "%s%s", i > 0 ? ", " : "", certificates[i]->name);
    }
    l = listing_begin(out, names);
    if (r->chosen >= 0) {
        snprintf(names, sizeof names, "serves %s:", certificates[r->chosen]->name);
        listing_words(&l, names);
    } else if (r->anonymous) {
        listing_words(&l, "continues without a certificate:");
    }
    add_outcome(&l, r);
    listing_end(&l, "");
}

static int print_postfix(const struct explain *e, SSL_CTX *ctx,
                         const struct keystore_entry **certificates, FILE *out)
{
    for (size_t turn = 0;; turn++) {
        size_t num = pick_one_of_each(&e->server, turn, certificates);
        struct reference r;

        if (num == 0) {
            return 0;
        }
        if (reference_run(&r, ctx, certificates, num, false, e->client.sslv2, e->client.message) !=
            0) {
            return -1;
        }
        print_choice(&r, certificates, num, out);
    }
}

static int print_reference(const struct explain *e, FILE *out)
{
    const struct keystore_entry **certificates = NULL;
    SSL_CTX *postfix = NULL;
    int status = -1;

    if (!e->compared) {
        fputs("\nThe hello is too long to be judged: posternd refuses it\n", out);
        return 0;
    }
    fprintf(out,
            "\nWhat OpenSSL %s does with this hello, tried just now with each certificate alone\n",
            OpenSSL_version(OPENSSL_VERSION_STRING));
    if (!print_alone(e, out)) {
        fputs("This is a bug in postern. Please report it with this hello:\n", out);
        print_hex(e->client.message, out);
    }
    fputs(
        "What a Postfix with default TLS settings does, with one certificate of each type of key\n",
        out);
    certificates = calloc(e->server.num + 1, sizeof *certificates);
    postfix = reference_postfix(e->server.libctx);
    if (certificates != NULL && postfix != NULL) {
        status = print_postfix(e, postfix, certificates, out);
    }
    free(certificates);
    SSL_CTX_free(postfix);
    return status;
}

int explain_print_text(const struct explain *e, FILE *out)
{
    if (explain_print_client(e, out) != 0) {
        return -1;
    }
    print_verdicts(e, out);
    return print_reference(e, out);
}
