/* What `posternctl explain` prints for people. */
#include "daemon/common/ja4.h"
#include "daemon/posternctl/explain.h"
#include "lib/tls/names.h"
#include "lib/tls/unmatched.h"
#include "lib/tls/verdicttext.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

enum { MARGIN = 100, INDENT = 20 };

/* The suites that libssl may have been built without, TLS 1.3's optional ones too. */
#define ALL_SUITES "ALL:COMPLEMENTOFALL:@SECLEVEL=0"
#define ALL_TLS13                                                                                  \
    "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:"                  \
    "TLS_AES_128_CCM_SHA256:TLS_AES_128_CCM_8_SHA256"

/* --- lists ---------------------------------------------------------------------------------- */

/* A list that is being printed, wrapped at the margin. */
struct listing {
    FILE *out;
    size_t column;
    size_t num;
};

static struct listing begin_list(FILE *out, const char *label)
{
    int width = fprintf(out, "    %-*s ", INDENT - 5, label);

    return (struct listing){.out = out, .column = width > INDENT ? (size_t)width : INDENT};
}

static void add_item(struct listing *l, const char *item)
{
    size_t len = strlen(item);

    if (l->num > 0 && l->column + 1 + len > MARGIN) {
        fprintf(l->out, "\n%*s", INDENT, "");
        l->column = INDENT;
    } else if (l->num > 0) {
        fputs(" ", l->out);
        l->column++;
    }
    fputs(item, l->out);
    l->column += len;
    l->num++;
}

static void end_list(struct listing *l, const char *if_empty)
{
    fprintf(l->out, "%s\n", l->num == 0 ? if_empty : "");
}

/* Prints a sentence into a list, word by word. */
static void add_words(struct listing *l, const char *sentence)
{
    while (*sentence != '\0') {
        size_t len = strcspn(sentence, " ");
        char word[EXPLAIN_TEXT_SIZE];

        snprintf(word, sizeof word, "%.*s", (int)len, sentence);
        add_item(l, word);
        sentence += len + strspn(sentence + len, " ");
    }
}

/* --- what the client offers ----------------------------------------------------------------- */

/* The suites that this libssl has at all; `ids` is owned by the caller. */
struct known {
    uint16_t *ids;
    size_t num;
};

static int read_known(struct known *out, OSSL_LIB_CTX *libctx)
{
    SSL_CTX *ctx = SSL_CTX_new_ex(libctx, NULL, TLS_server_method());
    STACK_OF(SSL_CIPHER) *suites = NULL;
    int num;

    *out = (struct known){0};
    if (ctx != NULL && SSL_CTX_set_cipher_list(ctx, ALL_SUITES) == 1 &&
        SSL_CTX_set_ciphersuites(ctx, ALL_TLS13) == 1) {
        suites = SSL_CTX_get_ciphers(ctx);
        num = sk_SSL_CIPHER_num(suites);
        out->ids = calloc((size_t)num + 1, sizeof *out->ids);
        for (int i = 0; out->ids != NULL && i < num; i++) {
            out->ids[out->num++] = SSL_CIPHER_get_protocol_id(sk_SSL_CIPHER_value(suites, i));
        }
    }
    SSL_CTX_free(ctx);
    return out->ids != NULL ? 0 : -1;
}

static bool is_known(const struct known *known, uint16_t id)
{
    for (size_t i = 0; i < known->num; i++) {
        if (known->ids[i] == id) {
            return true;
        }
    }
    return false;
}

static const char *openssl_version(void)
{
    return OpenSSL_version(OPENSSL_VERSION_STRING);
}

/* The suites, with a mark at those that libssl lacks; says so below the list. */
static void print_suites(const struct hello *hello, const struct known *known, FILE *out)
{
    struct listing l = begin_list(out, "cipher suites");
    size_t num = 0;
    size_t lacking = 0;

    for (size_t i = 0; i < hello->suites.num; i++) {
        uint16_t id = id_at(&hello->suites, i);
        const struct suite *suite = suite_by_id(id);
        bool is_signal = suite != NULL && suite->kx == KX_NONE && id != 0;
        bool lacks = !is_signal && !is_known(known, id);
        char item[128];
        struct text t = text_in(item, sizeof item);

        if (id_is_grease(id)) {
            continue;
        }
        if (id == 0) {
            text_add(&t, "one of SSLv2"); /* id_at(): no number of TLS */
        } else {
            suite_text(&t, id);
        }
        text_add(&t, lacks ? "*" : "");
        add_item(&l, item);
        num += !is_signal;
        lacking += lacks;
    }
    end_list(&l, "none");
    if (num > 0 && lacking == num) {
        fprintf(out,
                "%*s* OpenSSL %s of this system has none of them: no certificate can help this "
                "client\n",
                INDENT, "", openssl_version());
    } else if (lacking > 0) {
        fprintf(out, "%*s* not in OpenSSL %s of this system\n", INDENT, "", openssl_version());
    }
}

/* A list of numbers with names; `words` names one. */
static void print_ids(FILE *out, const char *label, const struct id_list *list,
                      const char *(*name)(uint16_t id))
{
    struct listing l = begin_list(out, label);

    for (size_t i = 0; i < list->num; i++) {
        uint16_t id = id_at(list, i);
        const char *words = name(id);
        char number[8];

        snprintf(number, sizeof number, "0x%04x", id);
        if (!id_is_grease(id)) {
            add_item(&l, words != NULL ? words : number);
        }
    }
    end_list(&l, list->present ? "none" : "not sent");
}

static void print_versions(const struct hello *hello, FILE *out)
{
    struct listing l = begin_list(out, "versions");
    char item[32];

    for (size_t i = 0; i < hello->versions.num; i++) {
        struct text t = text_in(item, sizeof item);

        version_text(&t, id_at(&hello->versions, i));
        if (!id_is_grease(id_at(&hello->versions, i))) {
            add_item(&l, item);
        }
    }
    if (!hello->versions.present) {
        struct text t = text_in(item, sizeof item);

        text_add(&t, "up to ");
        version_text(&t, hello->legacy_version);
        add_item(&l, item);
    }
    end_list(&l, "none");
}

static void print_shares(const struct hello *hello, FILE *out)
{
    struct listing l = begin_list(out, "key_share");
    struct bytes shares = hello->key_share;
    struct bytes key;
    uint16_t id;

    while (bytes_u16(&shares, &id) && bytes_vec16(&shares, &key)) {
        const char *words = group_name(id);
        char number[8];

        snprintf(number, sizeof number, "0x%04x", id);
        if (!id_is_grease(id)) {
            add_item(&l, words != NULL ? words : number);
        }
    }
    end_list(&l, "none: HelloRetryRequest");
}

static void print_names(const struct hello *hello, FILE *out)
{
    struct listing sni = begin_list(out, "server_name");
    struct bytes protocols = hello->alpn;
    struct bytes protocol;
    char item[1024];
    struct text t = text_in(item, sizeof item);

    text_escaped(&t, hello->sni.data, hello->sni.len, hello->sni.len);
    if (hello->has_sni) {
        add_item(&sni, item);
    }
    end_list(&sni, "not sent");
    if (hello->has_alpn) {
        struct listing alpn = begin_list(out, "ALPN");

        while (bytes_vec8(&protocols, &protocol)) {
            t = text_in(item, sizeof item);
            text_escaped(&t, protocol.data, protocol.len, protocol.len);
            add_item(&alpn, item);
        }
        end_list(&alpn, "none");
    }
}

static int print_client(const struct explain *e, FILE *out)
{
    const struct hello *hello = &e->client.hello;
    char ja4[JA4_SIZE];
    struct known known;

    if (!ja4_fingerprint(e->server.libctx, hello, ja4) ||
        read_known(&known, e->server.libctx) != 0) {
        return -1;
    }
    fprintf(out, "The client's hello");
    if (!e->client.from_lists) {
        fprintf(out, ": %zu bytes%s", e->client.message.len,
                e->client.sslv2 ? " in SSLv2 format" : "");
        if (e->client.malformed == NULL) {
            fprintf(out, ", JA4 %s", ja4);
        } else {
            fputs(", as far as it can be read", out);
        }
    }
    fputs("\n", out);
    print_versions(hello, out);
    print_names(hello, out);
    print_suites(hello, &known, out);
    print_ids(out, "groups", &hello->groups, group_name);
    print_ids(out, "signatures", &hello->schemes, scheme_name);
    if (hello->cert_schemes.present) {
        print_ids(out, "  in certificates", &hello->cert_schemes, scheme_name);
    }
    if (hello->has_key_share) {
        print_shares(hello, out);
    }
    if (e->client.left > 0) {
        fprintf(out, "    (%zu bytes behind it were not looked at)\n", e->client.left);
    }
    free(known.ids);
    return 0;
}

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
    static const char *const words[NUM_FITS] = {
        [FIT_ECDSA_P256] = "an ECDSA P-256 certificate",
        [FIT_RSA] = "an RSA certificate",
        [FIT_ECDSA_P384] = "an ECDSA P-384 certificate",
        [FIT_ECDSA_P521] = "an ECDSA P-521 certificate",
        [FIT_ED25519] = "an Ed25519 certificate",
    };
    size_t num = 0;

    fputs("What would have worked: ", out);
    for (unsigned fit = 0; fit < NUM_FITS; fit++) {
        if ((e->would_fit & 1u << fit) != 0) {
            fprintf(out, "%s%s", num++ > 0 ? ", or " : "", words[fit]);
        }
    }
    fputs(num > 0 ? "\n" : "no certificate of any kind\n", out);
}

/* What posternd does although nothing fits. */
static int print_unmatched(const struct explain *e, FILE *out)
{
    const struct explain_server *server = &e->server;
    bool *may_try;
    int tried;

    if (server->set == NULL || server->set->unmatched != CONF_UNMATCHED_TRY_ANYWAY ||
        e->client.malformed != NULL) {
        return 0;
    }
    may_try = calloc(server->num + 1, sizeof *may_try);
    if (may_try == NULL) {
        return -1;
    }
    for (size_t i = 0; i < server->num; i++) {
        may_try[i] = server->rules[i]->kind == KEY_ECDSA;
    }
    tried = unmatched_try_anyway(&server->profile.rules, server->rules, may_try, server->num,
                                 &e->client.hello, e->verdicts);
    if (tried >= 0) {
        fprintf(out, "unmatched = \"try-anyway\": posternd sends \"%s\" all the same\n",
                server->entries[tried]->name);
    }
    free(may_try);
    return 0;
}

static int print_verdicts(const struct explain *e, FILE *out)
{
    print_source(&e->server, out);
    for (size_t i = 0; i < e->server.num; i++) {
        struct listing l = begin_list(out, e->server.entries[i]->name);
        char text[EXPLAIN_TEXT_SIZE];

        snprintf(text, sizeof text, "%s:", verdict_word(e->verdicts[i].reason));
        add_words(&l, text);
        explain_verdict(e, i, text);
        add_words(&l, text);
        end_list(&l, "");
    }
    if (e->chosen >= 0) {
        fprintf(out, "Chosen: \"%s\", the first that is usable\n",
                e->server.entries[e->chosen]->name);
        return 0;
    }
    fputs("Chosen: none\n", out);
    if (e->client.malformed == NULL) {
        print_would_fit(e, out);
    }
    return print_unmatched(e, out);
}

/* --- what libssl does ----------------------------------------------------------------------- */

static void print_hex(struct bytes b, FILE *out)
{
    for (size_t i = 0; i < b.len; i++) {
        fprintf(out, "%02x", b.data[i]);
    }
    fputs("\n", out);
}

/* "TLSv1.2 ..., x25519, ..." or "refuses: no shared cipher, alert 40" */
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
            text_addf(&t, ", alert %d", r->alert);
        }
    }
    add_words(l, buf);
}

static bool print_alone(const struct explain *e, FILE *out)
{
    bool all_agree = true;

    for (size_t i = 0; i < e->server.num; i++) {
        struct listing l = begin_list(out, e->server.entries[i]->name);
        bool agrees = explain_agrees(e, i);

        add_words(&l, e->alone[i].served ? "serves it:" : "");
        add_outcome(&l, &e->alone[i]);
        add_words(&l, agrees ? "(as foretold)" : "(NOT AS FORETOLD)");
        end_list(&l, "");
        all_agree = all_agree && agrees;
    }
    return all_agree;
}

/* Certificates that libssl keeps in one place: one of them is all it can have. */
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
    struct listing l = begin_list(out, "with");

    for (size_t i = 0; i < num; i++) {
        char name[EXPLAIN_TEXT_SIZE];

        snprintf(name, sizeof name, "%s%s", certificates[i]->name, i + 1 < num ? "," : ":");
        add_item(&l, name);
    }
    if (r->chosen >= 0) {
        add_words(&l, "serves");
        add_words(&l, certificates[r->chosen]->name);
        add_words(&l, "with");
    } else if (r->anonymous) {
        add_words(&l, "goes on without a certificate:");
    }
    add_outcome(&l, r);
    end_list(&l, "");
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
        if (reference_run(&r, ctx, certificates, num, e->client.sslv2, e->client.message) != 0) {
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
        fputs("\nThe hello is too long to be looked at: posternd refuses it\n", out);
        return 0;
    }
    fprintf(out,
            "\nWhat OpenSSL %s does with this hello, tried just now, one certificate at a time\n",
            openssl_version());
    if (!print_alone(e, out)) {
        fputs("This is a bug of postern. Please report it with this hello:\n", out);
        print_hex(e->client.message, out);
    }
    fputs("and in a Postfix with default settings, which takes one certificate of each type\n",
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
    return print_client(e, out) == 0 && print_verdicts(e, out) == 0 && print_reference(e, out) == 0
               ? 0
               : -1;
}
