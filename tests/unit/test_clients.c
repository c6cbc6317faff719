#include "lib/tls/clients.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "lib/tls/certsel.h"
#include "lib/tls/names.h"
#include "tests/unit/hello_text.h"

#define SUITE(name) Suite *name##_suite(void);
#include "tests/unit/suites.h"
#undef SUITE

#define NUM(array) (sizeof(array) / sizeof((array)[0]))

#define SNI "mail.example.org"

/* A client's hello, decoded. Ends the test if that fails. */
static struct hello decode(const struct client *client, uint8_t out[HELLO_SIZE_MAX])
{
    size_t len = client_hello(client, SNI, out, HELLO_SIZE_MAX);
    struct bytes message = bytes_of(out, len);
    struct hello hello;
    const char *why = "no hello";

    ck_assert_msg(len > 0, "%s: %s", client->name, why);
    ck_assert_msg((client->sslv2 ? hello_decode_sslv2(&hello, message, &why)
                                 : hello_decode(&hello, message, &why)) == HELLO_DONE,
                  "%s: %s", client->name, why);
    return hello;
}

/* --- the rows -------------------------------------------------------------------------------- */

/* Holds a list of the hello against the text of its row. */
static void compare(const struct client *client, const char *which, const struct id_list *list,
                    const char *text)
{
    const char *at = text;

    ck_assert_msg(list->present == (text != NULL), "%s: %s", client->name, which);
    for (size_t i = 0; i < list->num; i++) {
        char *end;
        unsigned long value = strtoul(at, &end, 16);

        ck_assert_msg(end != at && value == id_at(list, i), "%s: %s: entry %zu", client->name,
                      which, i);
        at = end;
    }
    ck_assert_msg(at == NULL || at[strspn(at, " ")] == '\0', "%s: %s: more entries", client->name,
                  which);
}

START_TEST(row_becomes_hello)
{
    const struct client *client = client_at((size_t)_i);
    uint8_t bytes[HELLO_SIZE_MAX];
    struct hello hello = decode(client, bytes);

    ck_assert_uint_eq(hello.legacy_version, client->version);
    compare(client, "groups", &hello.groups, client->groups);
    compare(client, "schemes", &hello.schemes, client->schemes);
    compare(client, "cert_schemes", &hello.cert_schemes, client->cert_schemes);
    compare(client, "versions", &hello.versions, client->versions);
    ck_assert_msg(hello.has_key_share == (client->shares != NULL), "%s", client->name);
    if (client->sslv2) {
        size_t words = 0;
        size_t kinds = 0;
        char *at;

        for (const char *rest = client->suites; *rest != '\0'; rest = at, words++) {
            kinds += strtoul(rest, &at, 16) > UINT16_MAX;
        }
        ck_assert_msg(hello.suites.num == words, "%s: suites", client->name);
        for (size_t i = 0; i < words; i++) {
            ck_assert_msg((id_at(&hello.suites, i) == 0) == (i < kinds), "%s: suite %zu",
                          client->name, i);
        }
    } else {
        compare(client, "suites", &hello.suites, client->suites);
    }
}
END_TEST

/* Whether the list of decimal numbers has this one. */
static bool has_extension(const char *list, unsigned long type)
{
    while (list != NULL && *list != '\0') {
        char *end;

        if (strtoul(list, &end, 10) == type) {
            return true;
        }
        list = end;
    }
    return false;
}

START_TEST(row_is_plausible)
{
    const struct client *client = client_at((size_t)_i);
    uint8_t bytes[HELLO_SIZE_MAX];
    struct hello hello = decode(client, bytes);
    uint16_t highest = client->version;
    const char *why = "";

    for (size_t i = 0; i < hello.versions.num; i++) {
        highest = id_at(&hello.versions, i) > highest ? id_at(&hello.versions, i) : highest;
    }
    for (uint16_t version = TLS10; version <= highest; version++) {
        ck_assert_msg(hello_check(&hello, &newest_libssl, version, &why) == HELLO_DONE,
                      "%s: %04x: %s", client->name, version, why);
    }
    ck_assert_msg(client->source[0] != '\0', "%s: has no source", client->name);
    ck_assert_msg(highest == TLS13 ? hello.has_key_share : !hello.has_key_share, "%s: key_share",
                  client->name);
    for (size_t i = 0; i < hello.suites.num; i++) {
        uint16_t id = id_at(&hello.suites, i);

        /* 0: a kind of SSLv2 itself; 0xff00 and above are for private use. */
        ck_assert_msg((client->sslv2 && id == 0) || id >= 0xff00 || suite_by_id(id) != NULL,
                      "%s: nothing has number %04x", client->name, id);
    }
    for (size_t i = 0; i < hello.groups.num; i++) {
        ck_assert_msg(group_by_id(id_at(&hello.groups, i)) != NULL, "%s: group %zu", client->name,
                      i);
    }
    for (size_t i = 0; i < hello.schemes.num; i++) {
        uint16_t id = id_at(&hello.schemes, i);

        ck_assert_msg(scheme_by_id(id) != NULL, "%s: scheme %04x", client->name, id);
    }
    /* What the rows list is what is sent, so each list must stand among the extensions. */
    ck_assert_msg((client->groups != NULL) == has_extension(client->extensions, 10), "%s: groups",
                  client->name);
    ck_assert_msg((client->schemes != NULL) == has_extension(client->extensions, 13), "%s: schemes",
                  client->name);
    ck_assert_msg((client->versions != NULL) == has_extension(client->extensions, 43),
                  "%s: versions", client->name);
    ck_assert_msg((client->shares != NULL) == has_extension(client->extensions, 51), "%s: shares",
                  client->name);
}
END_TEST

START_TEST(names_are_different)
{
    ck_assert_uint_ge(clients_num(), 25);
    for (size_t i = 0; i < clients_num(); i++) {
        for (size_t k = 0; k < i; k++) {
            ck_assert_str_ne(client_at(i)->name, client_at(k)->name);
        }
    }
}
END_TEST

START_TEST(name_is_sent_by_some)
{
    const struct client *client = client_at((size_t)_i);
    uint8_t bytes[HELLO_SIZE_MAX];
    struct hello hello = decode(client, bytes);
    size_t len;
    const char *why;

    ck_assert_msg(hello.has_sni == (!client->sslv2 && has_extension(client->extensions, 0)), "%s",
                  client->name);
    if (hello.has_sni) {
        ck_assert_uint_eq(hello.sni.len, strlen(SNI));
        ck_assert_int_eq(memcmp(hello.sni.data, SNI, strlen(SNI)), 0);
        len = client_hello(client, NULL, bytes, sizeof bytes);
        ck_assert_int_eq(hello_decode(&hello, bytes_of(bytes, len), &why), HELLO_DONE);
        ck_assert(!hello.has_sni);
    }
}
END_TEST

/* --- rows that are wrong --------------------------------------------------------------------- */

static const struct {
    const char *name;
    struct client client;
    bool good;
} rows[] = {
    {"plain", {.version = 0x0303, .suites = "002f 0035"}, true},
    {"blanks", {.version = 0x0303, .suites = "  002f   35 "}, true},
    {"not hex", {.version = 0x0303, .suites = "002f xyz"}, false},
    {"upper case", {.version = 0x0303, .suites = "002F"}, false},
    {"comma", {.version = 0x0303, .suites = "002f,0035"}, false},
    {"17 bits", {.version = 0x0303, .suites = "1002f"}, false},
    {"24 bits in SSLv2 format", {.sslv2 = true, .version = 0x0301, .suites = "0700c0 002f"}, true},
    {"25 bits in SSLv2 format", {.sslv2 = true, .version = 0x0301, .suites = "1000000"}, false},
    {"hex among extensions", {.version = 0x0303, .suites = "002f", .extensions = "0 0a"}, false},
    {"bad groups", {.version = 0x0303, .suites = "002f", .groups = "g"}, false},
    {"bad schemes", {.version = 0x0303, .suites = "002f", .schemes = "g"}, false},
    {"bad cert_schemes", {.version = 0x0303, .suites = "002f", .cert_schemes = "g"}, false},
    {"bad versions", {.version = 0x0303, .suites = "002f", .versions = "g"}, false},
    {"bad shares", {.version = 0x0303, .suites = "002f", .shares = "g"}, false},
};

START_TEST(wrong_row)
{
    uint8_t bytes[1024];

    ck_assert_msg((client_hello(&rows[_i].client, SNI, bytes, sizeof bytes) > 0) == rows[_i].good,
                  "%s", rows[_i].name);
}
END_TEST

START_TEST(list_is_too_long)
{
    char text[5 * 300];
    uint8_t bytes[4096];
    struct client client = {.version = 0x0303, .suites = text};

    for (size_t i = 0; i < 193; i++) {
        memcpy(text + 5 * i, "002f ", 6);
    }
    ck_assert_uint_eq(client_hello(&client, SNI, bytes, sizeof bytes), 0);
    text[5 * 192] = '\0';
    ck_assert_uint_gt(client_hello(&client, SNI, bytes, sizeof bytes), 0);
}
END_TEST

/* --- what is known of some of them ----------------------------------------------------------- */

/* The server: what Debian 12's libssl has of it for the "opportunistic" profile, in short. */
static const uint16_t suites[] = {0x1302, 0x1301, 0xc02c, 0xc030, 0xc02b, 0xc02f, 0xc00a,
                                  0xc009, 0xc014, 0xc013, 0x0035, 0x002f, 0x0039};
static const uint16_t groups[] = {0x001d, 0x0017, 0x0018, 0x0019, 0x001e};
static const uint16_t schemes[] = {0x0403, 0x0807, 0x0503, 0x0603, 0x0804, 0x0401, 0x0203, 0x0201};
static const struct certsel_profile profile = {
    0x0301, 0x0304, 0, suites, NUM(suites), groups, NUM(groups), schemes, NUM(schemes), {0}};

enum {
    P256 = 1u << FIT_ECDSA_P256,
    RSA = 1u << FIT_RSA,
    P384 = 1u << FIT_ECDSA_P384,
    P521 = 1u << FIT_ECDSA_P521,
    ED25519 = 1u << FIT_ED25519,
};

static const struct {
    const char *client;
    unsigned fits;
} known[] = {
    {"Windows 2000 and XP, SSL 3.0 in SSLv2 format", 0},
    {"Windows XP and Server 2003 (Exchange 2003)", 0},
    {"Windows Server 2008 R2 as shipped, TLS 1.0", P256 | RSA | P384 | P521},
    {"Windows sender that offers only P-256", P256 | RSA},
    {"Windows Server 2019 (Exchange 2016, 2019)", P256 | RSA | P384},
    {"Windows Server 2022 (Exchange 2019, SE)", P256 | RSA | P384 | P521},
    {"OpenSSL 0.9.7 and 0.9.8 in SSLv2 format", RSA},
    {"OpenSSL 0.9.8", RSA},
    {"OpenSSL 1.0.1", P256 | RSA | P384 | P521},
    {"OpenSSL 3.5", P256 | RSA | P384 | P521 | ED25519},
    {"OpenSSL 3.5 with certificate compression", P256 | RSA | P384 | P521 | ED25519},
    {"Postfix 3.10 with OpenSSL 3.5", P256 | RSA | P384 | P521 | ED25519},
    {"Go 1.24", P256 | RSA | P384 | P521 | ED25519},
    {"NSS 3.110", P256 | RSA | P384 | P521},
    {"GnuTLS 2.x, TLS 1.1", RSA},
    {"Java 6 in SSLv2 format", RSA},
    {"Android 4.4", P256 | RSA | P384 | P521},
    {"BoringSSL of 2017 (Android 8)", P256 | RSA | P384},
};

START_TEST(known_fits)
{
    for (size_t i = 0; i < clients_num(); i++) {
        if (strcmp(client_at(i)->name, known[_i].client) == 0) {
            uint8_t bytes[HELLO_SIZE_MAX];
            struct hello hello = decode(client_at(i), bytes);
            unsigned fits = certsel_would_fit(&profile, &hello);

            ck_assert_msg(fits == known[_i].fits, "%s: %x", known[_i].client, fits);
            return;
        }
    }
    ck_abort_msg("%s: there is no such row", known[_i].client);
}
END_TEST

Suite *clients_suite(void)
{
    Suite *suite = suite_create("clients");
    TCase *tcase = tcase_create("clients");

    tcase_add_loop_test(tcase, row_becomes_hello, 0, (int)clients_num());
    tcase_add_loop_test(tcase, row_is_plausible, 0, (int)clients_num());
    tcase_add_loop_test(tcase, name_is_sent_by_some, 0, (int)clients_num());
    tcase_add_test(tcase, names_are_different);
    tcase_add_loop_test(tcase, wrong_row, 0, (int)NUM(rows));
    tcase_add_test(tcase, list_is_too_long);
    tcase_add_loop_test(tcase, known_fits, 0, (int)NUM(known));
    suite_add_tcase(suite, tcase);
    return suite;
}
