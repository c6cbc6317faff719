/*
 * Differential test: certsel against libssl itself.
 *
 * Every hello is given to certsel and to a libssl server that has the certificate alone, for every
 * kind of certificate and for servers set up in several ways. They agree if libssl writes its
 * Certificate exactly when certsel says `usable`, and then with the version, suite, group and
 * scheme that certsel foretold.
 *
 *   differential [HELLOS]    so many hellos, spread evenly over all; without it, all
 */
#include <stdio.h>
#include <stdlib.h>

#include "daemon/tls/reference.h"
#include "lib/tls/names.h"
#include "lib/tls/strength.h"
#include "tests/differential/certificates.h"
#include "tests/differential/hellos.h"
#include "tests/differential/server.h"

enum { NUM_RANDOM = 18000, SHOWN_MAX = 20 };

struct tally {
    size_t hellos;
    size_t checks;
    size_t failures;
    size_t usable;
    size_t retried;
    size_t capped;
    size_t by_reason[VERDICT_MALFORMED + 1];
};

/* What releases do differently, and what this one does. */
static void tell_libssl(const struct libssl *libssl)
{
    const struct {
        const char *name;
        bool holds;
    } rules[] = {
        {"reads_point_formats", libssl->reads_point_formats},
        {"checks_all_shares", libssl->checks_all_shares},
        {"prefers_own_groups", libssl->prefers_own_groups},
        {"knows_client_certificate_type", libssl->knows_client_certificate_type},
        {"knows_server_certificate_type", libssl->knows_server_certificate_type},
        {"knows_compress_certificate", libssl->knows_compress_certificate},
        {"reads_compress_certificate", libssl->reads_compress_certificate},
        {"knows_brainpool_schemes", libssl->knows_brainpool_schemes},
    };

    printf("%s:", OpenSSL_version(OPENSSL_VERSION));
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        printf("%s %s", rules[i].holds ? "" : " not", rules[i].name);
    }
    printf("\n");
}

static struct verdict predict(const struct server *server, const struct keystore_entry *certificate,
                              bool sslv2, struct bytes message, const char **why)
{
    const struct certsel_certificate *rules = &certificate->rules;
    struct verdict verdict;
    struct hello hello;
    enum hello_result result =
        sslv2 ? hello_decode_sslv2(&hello, message, why) : hello_decode(&hello, message, why);

    if (result != HELLO_DONE) {
        return (struct verdict){.reason = VERDICT_MALFORMED};
    }
    (void)certsel_choose(&server->profile, &rules, 1, &hello, &verdict);
    return verdict;
}

static void show(size_t number, const struct server *server,
                 const struct keystore_entry *certificate, struct bytes message,
                 const struct verdict *verdict, const struct reference *outcome, const char *why)
{
    printf("hello %zu, %s, %s: certsel %s %04x %04x %04x %04x (%s), libssl %s %04x %04x %04x "
           "%04x (%s)\n  ",
           number, server->name, certificate->name, verdict_word(verdict->reason), verdict->version,
           verdict->suite, verdict->group, verdict->scheme, why != NULL ? why : "well-formed",
           outcome->served ? "served" : "refused", outcome->version, outcome->suite, outcome->group,
           outcome->scheme, outcome->words);
    for (size_t i = 0; i < message.len && i < 600; i++) {
        printf("%02x", message.data[i]);
    }
    printf("\n");
}

/* libssl refuses a leaf with a weak signature when it is given it, which is not certsel's: such a
 * certificate never gets into a set. */
static bool cannot_be_loaded(const struct server *server, const struct keystore_entry *certificate)
{
    return strength_of_scheme(scheme_by_id(certificate->rules.leaf_scheme)) <
           strength_of_level(server->profile.security_level);
}

static void run(struct reference *out, size_t number, const struct server *server,
                const struct keystore_entry *certificate, bool capped, bool sslv2,
                struct bytes message)
{
    if (reference_run(out, server->ctx, &certificate, 1, capped, sslv2, message) != 0) {
        fprintf(stderr, "hello %zu, %s, %s: cannot be tried\n", number, server->name,
                certificate->name);
        exit(EXIT_FAILURE);
    }
}

static void compare(struct tally *tally, size_t number, const struct server *server,
                    const struct keystore_entry *certificate, bool sslv2, struct bytes message)
{
    const char *why = NULL;
    struct verdict verdict;
    struct reference outcome;

    if (cannot_be_loaded(server, certificate)) {
        return;
    }
    verdict = predict(server, certificate, sslv2, message, &why);
    run(&outcome, number, server, certificate, verdict.capped, sslv2, message);
    if (verdict.capped) {
        struct reference uncapped;

        /* Only what TLS 1.3 does not serve is held to TLS 1.2. */
        run(&uncapped, number, server, certificate, false, sslv2, message);
        tally->capped++;
        if (uncapped.served) {
            outcome = uncapped;
        }
    }
    tally->checks++;
    tally->by_reason[verdict.reason]++;
    tally->usable += outcome.served;
    tally->retried += outcome.retried && outcome.served;
    if (!reference_agrees(&outcome, &verdict) && tally->failures++ < SHOWN_MAX) {
        show(number, server, certificate, message, &verdict, &outcome, why);
    }
}

/* All certificates with the first server, and one of the others in turn. */
static void try_hello(struct tally *tally, size_t number, const struct server *servers,
                      size_t num_servers, const struct keystore_entry *certificates,
                      size_t num_certificates)
{
    const struct server *other = &servers[1 + number % (num_servers - 1)];
    struct description d;
    uint8_t room[HELLO_ROOM];
    struct bytes message;

    hello_describe(&d, number);
    message = bytes_of(room, hello_write(&d, room));
    tally->hellos++;
    for (size_t i = 0; i < num_certificates; i++) {
        compare(tally, number, &servers[0], &certificates[i], d.sslv2, message);
        if ((number + i) % 4 == 0) {
            compare(tally, number, other, &certificates[i], d.sslv2, message);
        }
    }
}

int main(int argc, char **argv)
{
    struct tally tally = {0};
    OSSL_LIB_CTX *libctx;
    struct keystore_entry *certificates;
    struct server *servers;
    size_t num_certificates;
    size_t num_servers;
    size_t num = hello_num_systematic() + NUM_RANDOM;
    size_t wanted = argc > 1 ? (size_t)strtoul(argv[1], NULL, 10) : num;

    if (wanted == 0 || wanted > num) {
        wanted = num;
    }
    OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
    libctx = OSSL_LIB_CTX_new();
    shares_make(libctx);
    certificates = certificates_make(libctx, &num_certificates);
    servers = servers_make(libctx, &num_servers);
    tell_libssl(&servers[0].profile.libssl);
    for (size_t i = 0; i < wanted; i++) {
        try_hello(&tally, i * num / wanted, servers, num_servers, certificates, num_certificates);
    }
    servers_free(servers, num_servers);
    certificates_free(certificates, num_certificates);
    OSSL_LIB_CTX_free(libctx);
    printf("%zu hellos, %zu certificates, %zu servers; served %zu, of these after a "
           "HelloRetryRequest %zu, down to TLS 1.2 %zu\n",
           tally.hellos, num_certificates, num_servers, tally.usable, tally.retried, tally.capped);
    for (unsigned i = 0; i <= VERDICT_MALFORMED; i++) {
        printf("  %-20s %zu\n", verdict_word(i), tally.by_reason[i]);
    }
    printf("%zu%%: Checks: %zu, Failures: %zu, Errors: 0\n",
           (tally.checks - tally.failures) * 100 / tally.checks, tally.checks, tally.failures);
    return tally.failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
