#include "tests/differential/server.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/common/pointformats.h"
#include "lib/tls/names.h"

#define NUM(array) (sizeof(array) / sizeof((array)[0]))

#define DHE_LAST "ALL:!aNULL:!eNULL:!EXPORT:!PSK:!SRP:!aDSS:+kDHE"

static const uint16_t all_groups[] = {0x001d, 0x0017, 0x0018, 0x0019, 0x001e};
static const uint16_t odd_groups[] = {0x0018, 0x0100, 0x001a, 0x001d};
static const uint16_t all_schemes[] = {0x0403, 0x0503, 0x0603, 0x0807, 0x0808, 0x0809, 0x080a,
                                       0x080b, 0x0804, 0x0805, 0x0806, 0x0401, 0x0501, 0x0601,
                                       0x0303, 0x0301, 0x0203, 0x0201, 0x0402, 0x0202};
static const uint16_t few_schemes[] = {0x0806, 0x0503, 0x0401, 0x0403, 0x0807, 0x080b};
static const uint16_t no_p256[] = {0x0503, 0x0804, 0x0201, 0x0402};

static const struct setup {
    const char *name;
    uint16_t min_version;
    uint16_t max_version;
    int level;
    const char *ciphers;
    const uint16_t *groups;
    size_t num_groups;
    const uint16_t *schemes;
    size_t num_schemes;
} setups[] = {
    {"opportunistic", TLS10, TLS13, 0, DHE_LAST, all_groups, NUM(all_groups), all_schemes,
     NUM(all_schemes)},
    {"modern", TLS12, TLS13, 2, "ECDHE:!aNULL:!eNULL:!PSK", all_groups, NUM(all_groups),
     all_schemes, NUM(all_schemes)},
    {"anonymous", TLS10, TLS13, 0, "ALL:!eNULL", all_groups, NUM(all_groups), all_schemes,
     NUM(all_schemes)},
    {"level 1, few schemes", TLS10, TLS13, 1, DHE_LAST, odd_groups, NUM(odd_groups), few_schemes,
     NUM(few_schemes)},
    {"TLS 1.2 at most", TLS11, TLS12, 0, DHE_LAST, odd_groups, NUM(odd_groups), no_p256,
     NUM(no_p256)},
    {"no scheme for P-256", TLS10, TLS13, 0, DHE_LAST, all_groups, NUM(all_groups), no_p256,
     NUM(no_p256)},
    {"level 4", TLS12, TLS13, 4, "ALL:!aNULL:!PSK", all_groups, NUM(all_groups), all_schemes,
     NUM(all_schemes)},
    {"level 3", TLS10, TLS13, 3, "ALL:!aNULL:!PSK", all_groups, NUM(all_groups), all_schemes,
     NUM(all_schemes)},
};

/* What the callbacks of one handshake share. */
struct handshake {
    const struct test_certificate *certificate;
    struct outcome outcome;
    bool retry;
};

static int ex_index;

static void must(long ok, const char *what)
{
    if (ok <= 0) {
        fprintf(stderr, "cannot set up a server: %s\n", what);
        ERR_print_errors_fp(stderr);
        exit(EXIT_FAILURE);
    }
}

static int put_certificate(SSL *ssl, int *alert, void *arg)
{
    struct handshake *h = SSL_get_ex_data(ssl, ex_index);

    (void)alert;
    (void)arg;
    return SSL_use_cert_and_key(ssl, h->certificate->leaf, h->certificate->key, NULL, 1) == 1
               ? SSL_CLIENT_HELLO_SUCCESS
               : SSL_CLIENT_HELLO_ERROR;
}

/* A ServerHello: the group of its key_share, and whether it is a HelloRetryRequest. */
static void see_server_hello(struct handshake *h, struct bytes body)
{
    static const uint8_t retry_random[] = {0xcf, 0x21, 0xad, 0x74};
    struct bytes random;
    struct bytes skip;
    struct bytes extensions;
    struct bytes extension;
    uint16_t number;

    if (!bytes_u16(&body, &number) || !bytes_take(&body, 32, &random) ||
        !bytes_vec8(&body, &skip) || !bytes_u16(&body, &h->outcome.suite) ||
        !bytes_take(&body, 1, &skip) || !bytes_vec16(&body, &extensions)) {
        return;
    }
    h->retry = memcmp(random.data, retry_random, sizeof retry_random) == 0;
    while (bytes_u16(&extensions, &number) && bytes_vec16(&extensions, &extension)) {
        if (number == 51 && !bytes_u16(&extension, &h->outcome.group)) {
            return;
        }
    }
}

/* A ServerKeyExchange: with ECDHE the group, in TLS 1.2 the scheme of its signature. */
static void see_key_exchange(struct handshake *h, struct bytes body)
{
    const struct suite *suite = suite_by_id(h->outcome.suite);
    struct bytes skip;
    uint8_t type;

    if (suite == NULL) {
        return;
    }
    if (suite->kx == KX_ECDHE) {
        if (!bytes_u8(&body, &type) || !bytes_u16(&body, &h->outcome.group) ||
            !bytes_vec8(&body, &skip)) {
            return;
        }
    } else if (!bytes_vec16(&body, &skip) || !bytes_vec16(&body, &skip) ||
               !bytes_vec16(&body, &skip)) {
        return;
    }
    if (h->outcome.version == TLS12 && !bytes_u16(&body, &h->outcome.scheme)) {
        h->outcome.scheme = 0;
    }
}

static void see_message(int is_ours, int version, int content_type, const void *data, size_t len,
                        SSL *ssl, void *arg)
{
    struct handshake *h = SSL_get_ex_data(ssl, ex_index);
    struct bytes message = bytes_of(data, len);
    uint8_t type;
    uint32_t body_len;

    (void)version;
    (void)arg;
    if (!is_ours || content_type != SSL3_RT_HANDSHAKE || !bytes_u8(&message, &type) ||
        !bytes_u24(&message, &body_len)) {
        return;
    }
    switch (type) {
    case SSL3_MT_SERVER_HELLO:
        see_server_hello(h, message);
        break;
    case SSL3_MT_CERTIFICATE:
        h->outcome.certificate = true;
        h->outcome.version = (uint16_t)SSL_version(ssl);
        break;
    case SSL3_MT_SERVER_KEY_EXCHANGE:
        see_key_exchange(h, message);
        break;
    case SSL3_MT_CERTIFICATE_VERIFY:
        if (!bytes_u16(&message, &h->outcome.scheme)) {
            h->outcome.scheme = 0;
        }
        break;
    default:
        break;
    }
}

static void read_back_suites(struct server *server)
{
    SSL *ssl = SSL_new(server->ctx);
    STACK_OF(SSL_CIPHER) * stack;
    uint16_t *suites;
    size_t num;

    must(ssl != NULL, "SSL");
    stack = SSL_get1_supported_ciphers(ssl);
    must(stack != NULL, "suites");
    num = (size_t)sk_SSL_CIPHER_num(stack);
    suites = calloc(num, sizeof *suites);
    must(suites != NULL, "memory");
    for (size_t i = 0; i < num; i++) {
        suites[i] = SSL_CIPHER_get_protocol_id(sk_SSL_CIPHER_value(stack, (int)i));
    }
    server->profile.suites = suites;
    server->profile.num_suites = num;
    sk_SSL_CIPHER_free(stack);
    SSL_free(ssl);
}

/* The profile's numbers as OpenSSL's names, joined by colons. */
static void join_schemes(char *out, size_t size, const struct setup *setup)
{
    size_t len = 0;

    for (size_t i = 0; i < setup->num_schemes; i++) {
        len += (size_t)snprintf(out + len, size - len, "%s%s", i > 0 ? ":" : "",
                                scheme_by_id(setup->schemes[i])->openssl);
    }
}

static void join_groups(char *out, size_t size, const struct setup *setup)
{
    size_t len = 0;

    for (size_t i = 0; i < setup->num_groups; i++) {
        len += (size_t)snprintf(out + len, size - len, "%s%s", i > 0 ? ":" : "",
                                group_by_id(setup->groups[i])->openssl);
    }
}

static void make_server(struct server *server, OSSL_LIB_CTX *libctx, const struct setup *setup)
{
    SSL_CTX *ctx = SSL_CTX_new_ex(libctx, NULL, TLS_server_method());
    char names[1024];

    must(ctx != NULL, "SSL_CTX");
    SSL_CTX_set_security_level(ctx, setup->level);
    must(SSL_CTX_set_min_proto_version(ctx, setup->min_version), "lowest version");
    must(SSL_CTX_set_max_proto_version(ctx, setup->max_version), "highest version");
    must(SSL_CTX_set_cipher_list(ctx, setup->ciphers), setup->ciphers);
    join_groups(names, sizeof names, setup);
    must(SSL_CTX_set1_groups_list(ctx, names), names);
    join_schemes(names, sizeof names, setup);
    must(SSL_CTX_set1_sigalgs_list(ctx, names), names);
    must(SSL_CTX_set_dh_auto(ctx, 1), "DH");
    SSL_CTX_set_options(ctx, SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_NO_RENEGOTIATION);
    SSL_CTX_set_num_tickets(ctx, 0);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_client_hello_cb(ctx, put_certificate, NULL);
    SSL_CTX_set_msg_callback(ctx, see_message);
    server->name = setup->name;
    server->ctx = ctx;
    server->profile = (struct certsel_profile){
        .min_version = setup->min_version,
        .max_version = setup->max_version,
        .security_level = setup->level,
        .groups = setup->groups,
        .num_groups = setup->num_groups,
        .schemes = setup->schemes,
        .num_schemes = setup->num_schemes,
        .reads_point_formats = pointformats_matter(libctx),
    };
    read_back_suites(server);
}

struct server *servers_make(OSSL_LIB_CTX *libctx, size_t *num)
{
    struct server *servers = calloc(NUM(setups), sizeof *servers);

    must(servers != NULL, "memory");
    ex_index = SSL_get_ex_new_index(0, NULL, NULL, NULL, NULL);
    for (size_t i = 0; i < NUM(setups); i++) {
        make_server(&servers[i], libctx, &setups[i]);
    }
    *num = NUM(setups);
    return servers;
}

void servers_free(struct server *servers, size_t num)
{
    for (size_t i = 0; i < num; i++) {
        SSL_CTX_free(servers[i].ctx);
        free((void *)(uintptr_t)servers[i].profile.suites);
    }
    free(servers);
}

/* Puts a message into the server's input, in a TLS record or behind the SSLv2 header. */
static void feed(BIO *in, const struct description *d)
{
    uint8_t message[HELLO_ROOM];
    size_t len = hello_write(d, message);
    uint8_t header[5] = {SSL3_RT_HANDSHAKE, 3, 1, (uint8_t)(len >> 8), (uint8_t)len};

    if (d->sslv2) {
        header[0] = (uint8_t)(0x80 | len >> 8);
        header[1] = (uint8_t)len;
    }
    must(BIO_write(in, header, d->sslv2 ? 2 : 5), "memory");
    must(BIO_write(in, message, (int)len), "memory");
}

struct outcome serve(const struct server *server, const struct test_certificate *certificate,
                     const struct description *d)
{
    struct handshake h = {.certificate = certificate};
    SSL *ssl = SSL_new(server->ctx);
    BIO *in = BIO_new(BIO_s_mem());
    BIO *out = BIO_new(BIO_s_mem());

    must(ssl != NULL && in != NULL && out != NULL && SSL_set_ex_data(ssl, ex_index, &h), "SSL");
    SSL_set_bio(ssl, in, out);
    SSL_set_accept_state(ssl);
    ERR_clear_error();
    feed(in, d);
    (void)SSL_do_handshake(ssl);
    if (h.retry && !h.outcome.certificate) {
        struct description second = *d;

        h.outcome.retried = true;
        hello_repair(&second);
        second.shares = (struct list){.present = true, .num = 1, .ids = {h.outcome.group}};
        feed(in, &second);
        (void)SSL_do_handshake(ssl);
    }
    h.outcome.error = ERR_peek_error();
    SSL_free(ssl);
    return h.outcome;
}
