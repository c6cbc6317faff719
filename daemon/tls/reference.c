#include "daemon/tls/reference.h"

#include "lib/tls/hellobuild.h"
#include "lib/tls/names.h"

#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Postfix 3.7: smtpd_tls_ciphers = medium, tls_medium_cipherlist, tls_eecdh_auto_curves. */
#define POSTFIX_CIPHERS "aNULL:-aNULL:HIGH:MEDIUM:+RC4:@STRENGTH"
#define POSTFIX_GROUPS  "X25519:X448:P-256:P-521:P-384"

enum { EXT_PRE_SHARED_KEY = 41, EXT_EARLY_DATA = 42, EXT_KEY_SHARE = 51 };
enum { FFDHE_FIRST = 0x0100, FFDHE_LAST = 0x0104, SHARE_ROOM = 2048, RANDOM_LEN = 32 };

/* One run, as the callback sees it. */
struct run {
    struct reference *out;
    const struct keystore_entry *const *certificates;
    size_t num;
    bool capped;
};

/* --- watching ------------------------------------------------------------------------------- */

/* A ServerHello: its suite, the group of its key_share, and whether it is a HelloRetryRequest. */
static void see_server_hello(struct run *run, struct bytes body)
{
    /* SHA-256 of "HelloRetryRequest" (RFC 8446 section 4.1.3), its beginning. */
    static const uint8_t retry_random[] = {0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11};
    struct bytes random;
    struct bytes skip;
    struct bytes extensions;
    struct bytes extension;
    uint16_t number;

    if (!bytes_u16(&body, &number) || !bytes_take(&body, RANDOM_LEN, &random) ||
        !bytes_vec8(&body, &skip) || !bytes_u16(&body, &run->out->suite) ||
        !bytes_take(&body, 1, &skip) || !bytes_vec16(&body, &extensions)) {
        return;
    }
    run->out->retried |= memcmp(random.data, retry_random, sizeof retry_random) == 0;
    while (bytes_u16(&extensions, &number) && bytes_vec16(&extensions, &extension)) {
        if (number == EXT_KEY_SHARE && !bytes_u16(&extension, &run->out->group)) {
            return;
        }
    }
}

/* A ServerKeyExchange: with ECDHE the group, in TLS 1.2 the scheme of its signature. */
static void see_key_exchange(struct run *run, struct bytes body)
{
    const struct suite *suite = suite_by_id(run->out->suite);
    struct bytes skip;
    uint8_t type;

    if (suite == NULL) {
        return;
    }
    if (suite->kx == KX_ECDHE) {
        if (!bytes_u8(&body, &type) || !bytes_u16(&body, &run->out->group) ||
            !bytes_vec8(&body, &skip)) {
            return;
        }
    } else if (!bytes_vec16(&body, &skip) || !bytes_vec16(&body, &skip) ||
               !bytes_vec16(&body, &skip)) {
        return;
    }
    if (run->out->version == TLS12 && !bytes_u16(&body, &run->out->scheme)) {
        run->out->scheme = 0;
    }
}

static void see_certificate(struct run *run, SSL *ssl)
{
    const X509 *leaf = SSL_get_certificate(ssl);

    run->out->served = true;
    run->out->version = (uint16_t)SSL_version(ssl);
    for (size_t i = 0; i < run->num; i++) {
        if (run->certificates[i]->leaf == leaf) {
            run->out->chosen = (int)i;
        }
    }
}

static void see_message(struct run *run, SSL *ssl, struct bytes message)
{
    const struct suite *suite;
    uint8_t type;
    uint32_t len;

    if (!bytes_u8(&message, &type) || !bytes_u24(&message, &len)) {
        return;
    }
    switch (type) {
    case SSL3_MT_SERVER_HELLO:
        see_server_hello(run, message);
        break;
    case SSL3_MT_CERTIFICATE:
        see_certificate(run, ssl);
        break;
    case SSL3_MT_SERVER_KEY_EXCHANGE:
        suite = suite_by_id(run->out->suite);
        if (!run->out->served && suite != NULL && suite->auth == AUTH_ANON) {
            run->out->anonymous = true;
            run->out->version = (uint16_t)SSL_version(ssl);
        }
        see_key_exchange(run, message);
        break;
    case SSL3_MT_CERTIFICATE_VERIFY:
        if (!bytes_u16(&message, &run->out->scheme)) {
            run->out->scheme = 0;
        }
        break;
    default:
        break;
    }
}

static void on_message(int is_ours, int version, int content_type, const void *data, size_t len,
                       SSL *ssl, void *arg)
{
    struct run *run = SSL_get_app_data(ssl);
    const uint8_t *bytes = data;

    (void)version;
    (void)arg;
    if (is_ours && content_type == SSL3_RT_HANDSHAKE) {
        see_message(run, ssl, bytes_of(data, len));
    } else if (is_ours && content_type == SSL3_RT_ALERT && len == 2) {
        run->out->alert = bytes[1];
    }
}

static int on_client_hello(SSL *ssl, int *alert, void *arg)
{
    const struct run *run = SSL_get_app_data(ssl);

    (void)arg;
    *alert = SSL_AD_INTERNAL_ERROR;
    return !run->capped || SSL_set_max_proto_version(ssl, TLS1_2_VERSION) == 1
               ? SSL_CLIENT_HELLO_SUCCESS
               : SSL_CLIENT_HELLO_ERROR;
}

/* --- contexts ------------------------------------------------------------------------------- */

static SSL_CTX *new_context(OSSL_LIB_CTX *libctx)
{
    SSL_CTX *ctx = SSL_CTX_new_ex(libctx, NULL, TLS_server_method());

    if (ctx != NULL) {
        SSL_CTX_set_options(ctx,
                            SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_NO_TICKET);
        SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
        SSL_CTX_set_mode(ctx, SSL_MODE_NO_AUTO_CHAIN);
        SSL_CTX_set_dh_auto(ctx, 1);
        SSL_CTX_set_msg_callback(ctx, on_message);
        SSL_CTX_set_client_hello_cb(ctx, on_client_hello, NULL);
    }
    return ctx;
}

SSL_CTX *reference_context(OSSL_LIB_CTX *libctx)
{
    SSL_CTX *ctx = new_context(libctx);

    if (ctx != NULL) {
        SSL_CTX_set_options(ctx, SSL_OP_CIPHER_SERVER_PREFERENCE);
    }
    return ctx;
}

SSL_CTX *reference_postfix(OSSL_LIB_CTX *libctx)
{
    SSL_CTX *ctx = new_context(libctx);

    if (ctx != NULL) {
        SSL_CTX_set_security_level(ctx, 0);
        if (SSL_CTX_set_min_proto_version(ctx, TLS1_VERSION) != 1 ||
            SSL_CTX_set_cipher_list(ctx, POSTFIX_CIPHERS) != 1 ||
            SSL_CTX_set1_groups_list(ctx, POSTFIX_GROUPS) != 1) {
            SSL_CTX_free(ctx);
            ctx = NULL;
        }
    }
    return ctx;
}

/* --- running -------------------------------------------------------------------------------- */

/* Puts a message into the server's input, in a TLS record or after the SSLv2 header. */
static int feed(BIO *in, bool sslv2, struct bytes message)
{
    uint8_t header[5] = {SSL3_RT_HANDSHAKE, 3, 1, (uint8_t)(message.len >> 8),
                         (uint8_t)message.len};
    int header_len = 5;

    if (sslv2) {
        header[0] = (uint8_t)(0x80 | message.len >> 8);
        header[1] = (uint8_t)message.len;
        header_len = 2;
    }
    return BIO_write(in, header, header_len) == header_len &&
                   BIO_write(in, message.data, (int)message.len) == (int)message.len
               ? 0
               : -1;
}

static void put_u16(uint8_t *out, size_t value)
{
    out[0] = (uint8_t)(value >> 8);
    out[1] = (uint8_t)value;
}

/* A key_share extension with one share that libssl can compute with; its length, 0 on failure. */
static size_t write_share(uint8_t *out, size_t size, uint16_t group)
{
    const uint16_t suite = 0x1301;
    uint8_t message[SHARE_ROOM];
    const struct hello_lists lists = {
        .legacy_version = TLS12, .suites = {&suite, 1, true}, .shares = {&group, 1, true}};
    struct bytes built = bytes_of(message, hello_build(&lists, message, sizeof message));
    struct hello hello;
    const char *why;
    size_t len;

    if (built.len == 0 || hello_decode(&hello, built, &why) != HELLO_DONE ||
        hello.key_share.len + 6 > size) {
        return 0;
    }
    len = hello.key_share.len;
    put_u16(out, EXT_KEY_SHARE);
    put_u16(out + 2, len + 2);
    put_u16(out + 4, len);
    memcpy(out + 6, hello.key_share.data, len);
    if (group >= FFDHE_FIRST && group <= FFDHE_LAST) {
        out[6 + len - 1] = 2; /* the generator (RFC 7919 appendix A) */
    }
    return len + 6;
}

/*
 * The hello that follows a HelloRetryRequest for `group` (RFC 8446 section 4.1.2): the same with
 * one share and without early_data; pre_shared_key stays the last. `out` has room for the first
 * hello and SHARE_ROOM bytes more. Its length, 0 on failure.
 */
static size_t write_second(uint8_t *out, const struct hello *hello, struct bytes first,
                           uint16_t group)
{
    size_t front = (size_t)(hello->extensions.data - first.data);
    struct bytes rest = hello->extensions;
    struct bytes body;
    size_t len = front;
    size_t share_len;
    uint16_t type;
    bool has_share = false;
    bool more = true;

    memcpy(out, first.data, front);
    while (more) {
        const uint8_t *start = rest.data;

        more = bytes_u16(&rest, &type) && bytes_vec16(&rest, &body);
        if (!has_share && (!more || type == EXT_PRE_SHARED_KEY)) {
            share_len = write_share(out + len, SHARE_ROOM, group);
            if (share_len == 0) {
                return 0;
            }
            len += share_len;
            has_share = true;
        }
        if (more && type != EXT_KEY_SHARE && type != EXT_EARLY_DATA) {
            memcpy(out + len, start, body.len + 4);
            len += body.len + 4;
        }
    }
    put_u16(out + front - 2, len - front);
    out[1] = (uint8_t)((len - 4) >> 16);
    put_u16(out + 2, len - 4);
    return len;
}

/* Answers a HelloRetryRequest. */
static int retry(SSL *ssl, BIO *in, const struct run *run, struct bytes first)
{
    uint8_t *second = malloc(first.len + SHARE_ROOM);
    struct hello hello;
    const char *why;
    size_t len = 0;
    int result = -1;

    if (second != NULL && hello_decode(&hello, first, &why) == HELLO_DONE) {
        len = write_second(second, &hello, first, run->out->group);
    }
    if (len > 0 && feed(in, false, bytes_of(second, len)) == 0) {
        (void)SSL_do_handshake(ssl);
        result = 0;
    }
    free(second);
    return result;
}

/* The text of the error queue's oldest entry, which is the cause. */
static void explain_refusal(struct reference *out)
{
    const char *words = ERR_reason_error_string(ERR_peek_error());

    snprintf(out->words, sizeof out->words, "%s", words != NULL ? words : "no reason given");
    out->version = out->suite = out->group = out->scheme = 0;
}

/* False if libssl refuses one of the certificates. */
static bool use_certificates(SSL *ssl, const struct run *run)
{
    for (size_t i = 0; i < run->num; i++) {
        const struct keystore_entry *entry = run->certificates[i];

        if (SSL_use_cert_and_key(ssl, entry->leaf, entry->key, entry->chain, 1) != 1) {
            return false;
        }
    }
    return true;
}

int reference_run(struct reference *out, SSL_CTX *ctx,
                  const struct keystore_entry *const *certificates, size_t num, bool capped,
                  bool sslv2, struct bytes message)
{
    struct run run = {.out = out, .certificates = certificates, .num = num, .capped = capped};
    BIO *in = BIO_new(BIO_s_mem());
    BIO *to_nowhere = BIO_new(BIO_s_mem());
    SSL *ssl = SSL_new(ctx);
    int result;

    *out = (struct reference){.chosen = -1, .alert = -1};
    if (ssl == NULL || in == NULL || to_nowhere == NULL || SSL_set_app_data(ssl, &run) != 1) {
        SSL_free(ssl);
        BIO_free(in);
        BIO_free(to_nowhere);
        return -1;
    }
    SSL_set_bio(ssl, in, to_nowhere);
    SSL_set_accept_state(ssl);
    ERR_clear_error();
    result = feed(in, sslv2, message);
    if (result == 0 && use_certificates(ssl, &run)) {
        (void)SSL_do_handshake(ssl);
        result = out->retried ? retry(ssl, in, &run, message) : 0;
    }
    if (!out->served && !out->anonymous) {
        explain_refusal(out);
    }
    SSL_free(ssl);
    ERR_clear_error();
    return result;
}

bool reference_agrees(const struct reference *reference, const struct verdict *verdict)
{
    if (verdict->reason != VERDICT_USABLE || !reference->served) {
        return verdict->reason != VERDICT_USABLE && !reference->served;
    }
    return verdict->version == reference->version && verdict->suite == reference->suite &&
           verdict->group == reference->group && verdict->scheme == reference->scheme;
}
