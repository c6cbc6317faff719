/* What `posternctl explain` prints about the client. */
#include "daemon/posternctl/explain/explain.h"
#include "daemon/posternctl/listing.h"
#include "daemon/tls/ja4.h"
#include "lib/tls/names.h"
#include "lib/tls/verdicttext.h"

#include <stdlib.h>

/* The suites that libssl may have been built without, including TLS 1.3's optional ones. */
#define ALL_SUITES "ALL:COMPLEMENTOFALL:@SECLEVEL=0"
#define ALL_TLS13                                                                                  \
    "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:"                  \
    "TLS_AES_128_CCM_SHA256:TLS_AES_128_CCM_8_SHA256"

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

/* The suites, with a mark on those that libssl lacks, which is explained below the list. */
static void print_suites(const struct hello *hello, const struct known *known, FILE *out)
{
    struct listing l = listing_begin(out, "cipher suites");
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
            text_add(&t, "an SSLv2 suite"); /* id_at(): no number of TLS */
        } else {
            suite_text(&t, id);
        }
        text_add(&t, lacks ? "*" : "");
        listing_item(&l, item);
        num += !is_signal;
        lacking += lacks;
    }
    listing_end(&l, "none");
    if (num > 0 && lacking == num) {
        fprintf(out,
                "%*s* this system's OpenSSL %s has none of them: no certificate can help this "
                "client\n",
                LISTING_INDENT, "", openssl_version());
    } else if (lacking > 0) {
        fprintf(out, "%*s* not in this system's OpenSSL %s\n", LISTING_INDENT, "",
                openssl_version());
    }
}

/* A list of numbers with names; `words` names one. */
static void print_ids(FILE *out, const char *label, const struct id_list *list,
                      const char *(*name)(uint16_t id))
{
    struct listing l = listing_begin(out, label);

    for (size_t i = 0; i < list->num; i++) {
        uint16_t id = id_at(list, i);
        const char *words = name(id);
        char number[8];

        snprintf(number, sizeof number, "0x%04x", id);
        if (!id_is_grease(id)) {
            listing_item(&l, words != NULL ? words : number);
        }
    }
    listing_end(&l, list->present ? "none" : "not sent");
}

static void print_versions(const struct hello *hello, FILE *out)
{
    struct listing l = listing_begin(out, "versions");
    char item[32];

    for (size_t i = 0; i < hello->versions.num; i++) {
        struct text t = text_in(item, sizeof item);

        version_text(&t, id_at(&hello->versions, i));
        if (!id_is_grease(id_at(&hello->versions, i))) {
            listing_item(&l, item);
        }
    }
    if (!hello->versions.present) {
        struct text t = text_in(item, sizeof item);

        text_add(&t, "up to ");
        version_text(&t, hello->legacy_version);
        listing_item(&l, item);
    }
    listing_end(&l, "none");
}

static void print_shares(const struct hello *hello, FILE *out)
{
    struct listing l = listing_begin(out, "key_share");
    struct bytes shares = hello->key_share;
    struct bytes key;
    uint16_t id;

    while (bytes_u16(&shares, &id) && bytes_vec16(&shares, &key)) {
        const char *words = group_name(id);
        char number[8];

        snprintf(number, sizeof number, "0x%04x", id);
        if (!id_is_grease(id)) {
            listing_item(&l, words != NULL ? words : number);
        }
    }
    listing_end(&l, "none: HelloRetryRequest");
}

static void print_names(const struct hello *hello, FILE *out)
{
    struct listing sni = listing_begin(out, "server_name");
    struct bytes protocols = hello->alpn;
    struct bytes protocol;
    char item[1024];
    struct text t = text_in(item, sizeof item);

    text_escaped(&t, hello->sni.data, hello->sni.len, hello->sni.len);
    if (hello->has_sni) {
        listing_item(&sni, item);
    }
    listing_end(&sni, "not sent");
    if (hello->has_alpn) {
        struct listing alpn = listing_begin(out, "ALPN");

        while (bytes_vec8(&protocols, &protocol)) {
            t = text_in(item, sizeof item);
            text_escaped(&t, protocol.data, protocol.len, protocol.len);
            listing_item(&alpn, item);
        }
        listing_end(&alpn, "none");
    }
}

int explain_print_client(const struct explain *e, FILE *out)
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
        fprintf(out, "    (%zu bytes after it were ignored)\n", e->client.left);
    }
    free(known.ids);
    return 0;
}
