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
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/tls/names.h"
#include "lib/tls/strength.h"
#include "tests/differential/server.h"

enum { NUM_RANDOM = 18000, SHOWN_MAX = 20 };

struct tally {
    size_t hellos;
    size_t checks;
    size_t failures;
    size_t usable;
    size_t retried;
    size_t by_reason[VERDICT_MALFORMED + 1];
};

static struct verdict predict(const struct server *server,
                              const struct test_certificate *certificate,
                              const struct description *d, const char **why)
{
    uint8_t message[HELLO_ROOM];
    struct bytes bytes = bytes_of(message, hello_write(d, message));
    struct hello hello;
    enum hello_result result =
        d->sslv2 ? hello_decode_sslv2(&hello, bytes, why) : hello_decode(&hello, bytes, why);

    if (result != HELLO_DONE) {
        return (struct verdict){.reason = VERDICT_MALFORMED};
    }
    return certsel_judge(&server->profile, &certificate->facts, &hello);
}

static bool agree(const struct verdict *verdict, const struct outcome *outcome)
{
    if (verdict->reason != VERDICT_USABLE || !outcome->certificate) {
        return verdict->reason != VERDICT_USABLE && !outcome->certificate;
    }
    return verdict->version == outcome->version && verdict->suite == outcome->suite &&
           verdict->group == outcome->group && verdict->scheme == outcome->scheme;
}

static void show(size_t number, const struct server *server,
                 const struct test_certificate *certificate, const struct description *d,
                 const struct verdict *verdict, const struct outcome *outcome, const char *why)
{
    uint8_t message[HELLO_ROOM];
    size_t len = hello_write(d, message);
    const char *error = ERR_reason_error_string(outcome->error);

    printf("hello %zu, %s, %s: certsel %s %04x %04x %04x %04x (%s), libssl %s %04x %04x %04x "
           "%04x (%s)\n  ",
           number, server->name, certificate->name, verdict_word(verdict->reason), verdict->version,
           verdict->suite, verdict->group, verdict->scheme, why != NULL ? why : "well-formed",
           outcome->certificate ? "served" : "refused", outcome->version, outcome->suite,
           outcome->group, outcome->scheme, error != NULL ? error : "no error");
    for (size_t i = 0; i < len && i < 600; i++) {
        printf("%02x", message[i]);
    }
    printf("\n");
}

/* libssl refuses a leaf with a weak signature when it is given it, which is not certsel's: such a
 * certificate never gets into a set. */
static bool cannot_be_loaded(const struct server *server,
                             const struct test_certificate *certificate)
{
    return strength_of_scheme(scheme_by_id(certificate->facts.leaf_scheme)) <
           strength_of_level(server->profile.security_level);
}

static void compare(struct tally *tally, size_t number, const struct server *server,
                    const struct test_certificate *certificate, const struct description *d)
{
    const char *why = NULL;
    struct verdict verdict;
    struct outcome outcome;

    if (cannot_be_loaded(server, certificate)) {
        return;
    }
    verdict = predict(server, certificate, d, &why);
    outcome = serve(server, certificate, d);
    tally->checks++;
    tally->by_reason[verdict.reason]++;
    tally->usable += outcome.certificate;
    tally->retried += outcome.retried && outcome.certificate;
    if (!agree(&verdict, &outcome) && tally->failures++ < SHOWN_MAX) {
        show(number, server, certificate, d, &verdict, &outcome, why);
    }
}

/* All certificates with the first server, and one of the others in turn. */
static void try_hello(struct tally *tally, size_t number, const struct server *servers,
                      size_t num_servers, const struct test_certificate *certificates,
                      size_t num_certificates)
{
    const struct server *other = &servers[1 + number % (num_servers - 1)];
    struct description d;

    hello_describe(&d, number);
    tally->hellos++;
    for (size_t i = 0; i < num_certificates; i++) {
        compare(tally, number, &servers[0], &certificates[i], &d);
        if ((number + i) % 4 == 0) {
            compare(tally, number, other, &certificates[i], &d);
        }
    }
}

int main(int argc, char **argv)
{
    struct tally tally = {0};
    OSSL_LIB_CTX *libctx;
    struct test_certificate *certificates;
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
    for (size_t i = 0; i < wanted; i++) {
        try_hello(&tally, i * num / wanted, servers, num_servers, certificates, num_certificates);
    }
    servers_free(servers, num_servers);
    certificates_free(certificates, num_certificates);
    OSSL_LIB_CTX_free(libctx);
    printf("%zu hellos, %zu certificates, %zu servers; served %zu, of these after a "
           "HelloRetryRequest %zu\n",
           tally.hellos, num_certificates, num_servers, tally.usable, tally.retried);
    for (unsigned i = 0; i <= VERDICT_MALFORMED; i++) {
        printf("  %-20s %zu\n", verdict_word(i), tally.by_reason[i]);
    }
    printf("%zu%%: Checks: %zu, Failures: %zu, Errors: 0\n",
           (tally.checks - tally.failures) * 100 / tally.checks, tally.checks, tally.failures);
    return tally.failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
