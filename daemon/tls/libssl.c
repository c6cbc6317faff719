#include "daemon/tls/libssl.h"

#include "daemon/common/log.h"
#include "daemon/tls/reference.h"
#include "lib/tls/hellobuild.h"
#include "lib/tls/names.h"

#include <openssl/evp.h>
#include <pthread.h>
#include <stddef.h>
#include <string.h>

enum { X25519 = 0x001d, P256 = 0x0017 };

/* The server's groups, in its order. */
#define GROUPS "X25519:P-256"

#define LIST(...)                                                                                  \
    {                                                                                              \
        (const uint16_t[]){__VA_ARGS__}, sizeof((uint16_t[]){__VA_ARGS__}) / sizeof(uint16_t),     \
            true                                                                                   \
    }

/* A hello of TLS 1.3 with these supported_groups and key shares. */
#define TLS13_HELLO(groups_, shares_)                                                              \
    .legacy_version = TLS12, .suites = LIST(0x1301), .versions = LIST(TLS13), .groups = groups_,   \
    .shares = shares_, .schemes = LIST(0x0403)

#define PLAIN TLS13_HELLO(LIST(X25519), LIST(X25519))

/* How the rule of a probe shows. */
enum sign {
    IS_SERVED,
    IS_REFUSED,
    HAS_OWN_GROUP, /* X25519 rather than P-256; it must be served */
};

/* A hello, and the rule that it tests. */
struct probe {
    struct hello_lists lists;
    uint8_t more[8]; /* extensions after those of the lists */
    size_t more_len;
    enum sign sign;
    int alert; /* by which libssl refuses it, if it does */
    size_t rule;
    const char *name; /* of the rule */
};

#define RULE(field) offsetof(struct libssl, field), #field

static const struct probe probes[] = {
    /* Only the compressed form, which is not the certificate's. */
    {{.legacy_version = TLS12,
      .suites = LIST(0xc02b),
      .groups = LIST(P256),
      .schemes = LIST(0x0403)},
     {0, 11, 0, 2, 1, 1},
     6,
     IS_REFUSED,
     SSL_AD_HANDSHAKE_FAILURE,
     RULE(reads_point_formats)},
    {{TLS13_HELLO(LIST(X25519), LIST(X25519, P256))},
     {0},
     0,
     IS_REFUSED,
     SSL_AD_ILLEGAL_PARAMETER,
     RULE(checks_all_shares)},
    {{TLS13_HELLO(LIST(P256, X25519), LIST(P256, X25519))},
     {0},
     0,
     HAS_OWN_GROUP,
     -1,
     RULE(prefers_own_groups)},
    {{PLAIN},
     {0, 19, 0, 0, 0, 19, 0, 0},
     8,
     IS_REFUSED,
     SSL_AD_ILLEGAL_PARAMETER,
     RULE(knows_client_certificate_type)},
    {{PLAIN},
     {0, 20, 0, 0, 0, 20, 0, 0},
     8,
     IS_REFUSED,
     SSL_AD_ILLEGAL_PARAMETER,
     RULE(knows_server_certificate_type)},
    {{PLAIN},
     {0, 27, 0, 0, 0, 27, 0, 0},
     8,
     IS_REFUSED,
     SSL_AD_ILLEGAL_PARAMETER,
     RULE(knows_compress_certificate)},
    {{PLAIN},
     {0, 27, 0, 1, 0},
     5,
     IS_REFUSED,
     SSL_AD_DECODE_ERROR,
     RULE(reads_compress_certificate)},
    {{PLAIN, .cert_schemes = LIST(0x081a)},
     {0},
     0,
     IS_SERVED,
     SSL_AD_HANDSHAKE_FAILURE,
     RULE(knows_brainpool_schemes)},
};

/* Appends extensions to a hello, which has some; its length. */
static size_t add_extensions(uint8_t *message, size_t len, const struct probe *probe)
{
    struct hello hello;
    const char *why;
    uint8_t *block;

    if (hello_decode(&hello, bytes_of(message, len), &why) != HELLO_DONE) {
        return 0;
    }
    block = message + (hello.extensions.data - message);
    memcpy(message + len, probe->more, probe->more_len);
    len += probe->more_len;
    block[-2] = (uint8_t)((hello.extensions.len + probe->more_len) >> 8);
    block[-1] = (uint8_t)(hello.extensions.len + probe->more_len);
    message[2] = (uint8_t)((len - 4) >> 8);
    message[3] = (uint8_t)(len - 4);
    return len;
}

/* Tests one rule. 0, or -1 if there is no memory for it. An answer that is neither of the two is
 * treated as that of a libssl without the rule: it may cost an explanation, but no mail. */
static int try_rule(bool *out, SSL_CTX *ctx, const struct keystore_entry *entry,
                    const struct probe *probe)
{
    uint8_t message[512];
    size_t len = hello_build(&probe->lists, message, sizeof message - sizeof probe->more);
    struct reference answer;

    len = len == 0 ? 0 : add_extensions(message, len, probe);
    if (len == 0 ||
        reference_run(&answer, ctx, &entry, 1, false, false, bytes_of(message, len)) != 0) {
        return -1;
    }
    if (!answer.served && answer.alert != probe->alert) {
        log_line(LOG_WARNING, "libssl answers the test hello for \"%s\" in an unknown way (%s)",
                 probe->name, answer.words);
        return 0;
    }
    switch (probe->sign) {
    case IS_SERVED:
        *out = answer.served;
        break;
    case IS_REFUSED:
        *out = !answer.served;
        break;
    case HAS_OWN_GROUP:
        *out = answer.group == X25519;
        break;
    }
    return 0;
}

/* A certificate that nobody will verify. */
static X509 *make_certificate(OSSL_LIB_CTX *libctx, EVP_PKEY *key)
{
    X509 *made = X509_new_ex(libctx, NULL);

    if (made == NULL || X509_gmtime_adj(X509_getm_notBefore(made), 0) == NULL ||
        X509_gmtime_adj(X509_getm_notAfter(made), 60) == NULL || X509_set_pubkey(made, key) != 1 ||
        X509_sign(made, key, EVP_sha256()) == 0) {
        X509_free(made);
        return NULL;
    }
    return made;
}

static int try_all(struct libssl *out, OSSL_LIB_CTX *libctx)
{
    SSL_CTX *ctx = reference_context(libctx);
    struct keystore_entry entry = {.key = EVP_PKEY_Q_keygen(libctx, NULL, "EC", "P-256")};
    int result = -1;

    entry.leaf = entry.key == NULL ? NULL : make_certificate(libctx, entry.key);
    if (ctx != NULL && entry.leaf != NULL && SSL_CTX_set1_groups_list(ctx, GROUPS) == 1) {
        result = 0;
    }
    for (size_t i = 0; i < sizeof probes / sizeof probes[0] && result == 0; i++) {
        result = try_rule((bool *)((char *)out + probes[i].rule), ctx, &entry, &probes[i]);
    }
    X509_free(entry.leaf);
    EVP_PKEY_free(entry.key);
    SSL_CTX_free(ctx);
    return result;
}

int libssl_probe(struct libssl *out, OSSL_LIB_CTX *libctx)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static struct libssl answer;
    static bool known;
    int result = 0;

    pthread_mutex_lock(&lock);
    if (!known) {
        result = try_all(&answer, libctx);
        known = result == 0;
    }
    *out = answer;
    pthread_mutex_unlock(&lock);
    return result;
}
