#include "tests/differential/server.h"

#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>

#include "daemon/common/reference.h"
#include "daemon/common/traits.h"
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

static void must(long ok, const char *what)
{
    if (ok <= 0) {
        fprintf(stderr, "cannot set up a server: %s\n", what);
        ERR_print_errors_fp(stderr);
        exit(EXIT_FAILURE);
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
    SSL_CTX *ctx = reference_context(libctx);
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
    };
    must(traits_read(&server->profile.libssl, libctx) == 0, "what libssl does");
    read_back_suites(server);
}

struct server *servers_make(OSSL_LIB_CTX *libctx, size_t *num)
{
    struct server *servers = calloc(NUM(setups), sizeof *servers);

    must(servers != NULL, "memory");
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
