#include "tests/differential/server.h"

#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>

#include "daemon/tls/libssl.h"
#include "daemon/tls/reference.h"
#include "lib/tls/names.h"

#define NUM(array) (sizeof(array) / sizeof((array)[0]))

#define DHE_LAST "ALL:!aNULL:!eNULL:!EXPORT:!PSK:!SRP:!aDSS:+kDHE"

/* Of each list those that libssl has. */
static const uint16_t all_groups[] = {0x11ec, 0x001d, 0x0017, 0x0018, 0x0019, 0x001e};
static const uint16_t odd_groups[] = {0x0018, 0x0100, 0x11ed, 0x001a, 0x11eb, 0x001d};
static const uint16_t all_schemes[] = {
    0x0905, 0x0906, 0x0904, 0x0403, 0x0503, 0x0603, 0x0807, 0x0808, 0x0809, 0x080a, 0x080b, 0x0804,
    0x0805, 0x0806, 0x0401, 0x0501, 0x0601, 0x0303, 0x0301, 0x0203, 0x0201, 0x0402, 0x0202};
static const uint16_t few_schemes[] = {0x0806, 0x0503, 0x0401, 0x0904, 0x0403, 0x0807, 0x080b};
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

static const char *scheme_openssl(uint16_t id)
{
    return scheme_by_id(id)->openssl;
}

static int set_schemes(SSL_CTX *ctx, char *list)
{
    return (int)SSL_CTX_set1_sigalgs_list(ctx, list);
}

static int set_groups(SSL_CTX *ctx, char *list)
{
    return (int)SSL_CTX_set1_groups_list(ctx, list);
}

/* Gives libssl those of a list that it has; they are the result, and their number `*num`. */
static uint16_t *set_list(SSL_CTX *ctx, int (*set)(SSL_CTX *ctx, char *list),
                          const char *(*name)(uint16_t id), const uint16_t *wanted, size_t *num)
{
    uint16_t *ids = calloc(*num, sizeof *ids);
    char names[1024] = "";
    size_t len = 0;
    size_t found = 0;

    must(ids != NULL, "memory");
    for (size_t i = 0; i < *num; i++) {
        char one[64];

        snprintf(one, sizeof one, "%s", name(wanted[i]));
        if (set(ctx, one) == 1) {
            len += (size_t)snprintf(names + len, sizeof names - len, "%s%s", found > 0 ? ":" : "",
                                    one);
            ids[found++] = wanted[i];
        }
    }
    ERR_clear_error();
    must(set(ctx, names), names);
    *num = found;
    return ids;
}

static void make_server(struct server *server, OSSL_LIB_CTX *libctx, const struct setup *setup)
{
    SSL_CTX *ctx = reference_context(libctx);
    size_t num_groups = setup->num_groups;
    size_t num_schemes = setup->num_schemes;

    must(ctx != NULL, "SSL_CTX");
    SSL_CTX_set_security_level(ctx, setup->level);
    must(SSL_CTX_set_min_proto_version(ctx, setup->min_version), "lowest version");
    must(SSL_CTX_set_max_proto_version(ctx, setup->max_version), "highest version");
    must(SSL_CTX_set_cipher_list(ctx, setup->ciphers), setup->ciphers);
    server->name = setup->name;
    server->ctx = ctx;
    server->profile = (struct certsel_profile){
        .min_version = setup->min_version,
        .max_version = setup->max_version,
        .security_level = setup->level,
        .groups = set_list(ctx, set_groups, group_openssl_name, setup->groups, &num_groups),
        .schemes = set_list(ctx, set_schemes, scheme_openssl, setup->schemes, &num_schemes),
    };
    server->profile.num_groups = num_groups;
    server->profile.num_schemes = num_schemes;
    must(libssl_probe(&server->profile.libssl, libctx) == 0, "what libssl does");
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
        free((void *)(uintptr_t)servers[i].profile.groups);
        free((void *)(uintptr_t)servers[i].profile.schemes);
    }
    free(servers);
}
