#include "lib/tls/hellolists.h"

#include <check.h>
#include <string.h>

#define SUITE(name) Suite *name##_suite(void);
#include "tests/unit/suites.h"
#undef SUITE

#define NUM(array) (sizeof(array) / sizeof((array)[0]))

enum { IDS_MAX = 4 };

/* Numbers that a hello is to have; a zero behind the first ends them. */
struct expected {
    uint16_t legacy_version;
    uint16_t versions[IDS_MAX];
    uint16_t suites[IDS_MAX];
    uint16_t groups[IDS_MAX];
    uint16_t schemes[IDS_MAX];
    uint16_t share; /* 0: no key_share with a share in it */
};

static const struct {
    const char *name;
    struct hellolists lists;
    struct expected expected;
} rows[] = {
    {"the story",
     {"1.2", "c0 2b c0 2f", "0017", "04 01 05 01", NULL},
     {0x0303, {0}, {0xc02b, 0xc02f}, {0x0017}, {0x0401, 0x0501}, 0}},
    {"one stream",
     {"1.2", "c02bc02f", "00170018", "04010501", NULL},
     {0x0303, {0}, {0xc02b, 0xc02f}, {0x0017, 0x0018}, {0x0401, 0x0501}, 0}},
    {"0x and commas",
     {"0x0303", "0xC02B,0xc02f", "0x0017", "0x0401, 0X0501", NULL},
     {0x0303, {0}, {0xc02b, 0xc02f}, {0x0017}, {0x0401, 0x0501}, 0}},
    {"braces as in RFCs",
     {"TLS 1.2", "{0xC0,0x2B}; {0xC0,0x2F}", NULL, NULL, NULL},
     {0x0303, {0}, {0xc02b, 0xc02f}, {0}, {0}, 0}},
    {"colons",
     {"03:03", "c0:2b:c0:2f", "00:17", "04:01", NULL},
     {0x0303, {0}, {0xc02b, 0xc02f}, {0x0017}, {0x0401}, 0}},
    {"OpenSSL's names",
     {"TLSv1.2", "ECDHE-ECDSA-AES128-GCM-SHA256:AES128-SHA", "P-256:X25519",
      "ECDSA+SHA256:RSA-PSS+SHA384:RSA+SHA1:PSS+SHA512", NULL},
     {0x0303, {0}, {0xc02b, 0x002f}, {0x0017, 0x001d}, {0x0403, 0x0805, 0x0201, 0x0806}, 0}},
    {"IANA's names",
     {"1.1", "TLS_RSA_WITH_AES_128_CBC_SHA", "secp384r1 x448", "ed25519 ed448 rsa_pkcs1_sha256",
      NULL},
     {0x0302, {0}, {0x002f}, {0x0018, 0x001e}, {0x0807, 0x0808, 0x0401}, 0}},
    {"names as Wireshark shows them",
     {"TLS 1.2 (0x0303)",
      "TLS_RSA_WITH_AES_128_CBC_SHA (0x002f)\n\tTLS_ECDHE_ECDSA_"
      "WITH_AES_128_GCM_SHA256 (0xc02b)",
      "secp256r1 (0x0017)", "ecdsa_secp256r1_sha256 (0x0403)", NULL},
     {0x0303, {0}, {0x002f, 0xc02b}, {0x0017}, {0x0403}, 0}},
    {"lines of Wireshark's tree",
     {"Version: TLS 1.2 (0x0303)",
      "Cipher Suites Length: 24\nCipher Suites (12 suites)\n    Cipher Suite: Reserved (GREASE) "
      "(0x3a3a)\n    Cipher Suite: TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 (0xc02f)\n",
      "Supported Group: secp256r1 (0x0017)",
      "Signature Algorithm: rsa_pkcs1_sha256 (0x0401)\n"
      "    Signature Hash Algorithm Hash: SHA256 (4)\n",
      NULL},
     {0x0303, {0}, {0x3a3a, 0xc02f}, {0x0017}, {0x0401}, 0}},
    {"a colon and a blank are no tree",
     {"1.2", "AES128-SHA: AES256-SHA (0035)", NULL, NULL, NULL},
     {0x0303, {0}, {0x002f, 0x0035}, {0}, {0}, 0}},
    {"names and numbers",
     {"1.2", "AES128-SHA c02b", "prime256v1, 0018", "0403 RSA+SHA256", NULL},
     {0x0303, {0}, {0x002f, 0xc02b}, {0x0017, 0x0018}, {0x0403, 0x0401}, 0}},
    {"parentheses without a name",
     {"1.0", "(002f)", NULL, NULL, NULL},
     {0x0301, {0}, {0x002f}, {0}, {0}, 0}},
    {"SSL 3.0", {"SSLv3", "000a", NULL, NULL, NULL}, {0x0300, {0}, {0x000a}, {0}, {0}, 0}},
    {"TLS 1.0 by its short name",
     {"TLSv1", "000a", NULL, NULL, NULL},
     {0x0301, {0}, {0x000a}, {0}, {0}, 0}},
    {"the highest version counts",
     {"1.0 1.2 1.1", "000a", NULL, NULL, NULL},
     {0x0303, {0}, {0x000a}, {0}, {0}, 0}},
    {"TLS 1.3 alone",
     {"1.3", "1301", "x25519 P-256", "0403", NULL},
     {0x0303, {0x0304}, {0x1301}, {0x001d, 0x0017}, {0x0403}, 0x001d}},
    {"TLS 1.3 with suites of TLS 1.2",
     {"1.3", "1301 00ff c02b c02f", "P-521", "0403", NULL},
     {0x0303, {0x0304, 0x0303}, {0x1301, 0x00ff, 0xc02b, 0xc02f}, {0x0019}, {0x0403}, 0x0019}},
    {"a signal is no suite of TLS 1.2",
     {"1.3", "1301 00ff", "P-384", "0403", NULL},
     {0x0303, {0x0304}, {0x1301, 0x00ff}, {0x0018}, {0x0403}, 0x0018}},
    {"TLS 1.3 and 1.1",
     {"1.1 1.3", "1301 c02b", "X448", "0403", NULL},
     {0x0303, {0x0302, 0x0304}, {0x1301, 0xc02b}, {0x001e}, {0x0403}, 0x001e}},
    {"a share of the first usual group",
     {"1.3", "1301", "11ed ffdhe2048 P-256 X25519", "0403", NULL},
     {0x0303, {0x0304}, {0x1301}, {0x11ed, 0x0100, 0x0017, 0x001d}, {0x0403}, 0x0017}},
    {"a share of the hybrid",
     {"1.3", "1301", "ffdhe2048 11ec", "0403", NULL},
     {0x0303, {0x0304}, {0x1301}, {0x0100, 0x11ec}, {0x0403}, 0x11ec}},
    {"no share to send",
     {"1.3", "1301", "ffdhe2048", "0403", NULL},
     {0x0303, {0x0304}, {0x1301}, {0x0100}, {0x0403}, 0}},
    {"an empty list", {"1.2", "c02b", "", NULL, NULL}, {0x0303, {0}, {0xc02b}, {0}, {0}, 0}},
    {"server name",
     {"1.2", "c02b", NULL, NULL, "mail.example.org"},
     {0x0303, {0}, {0xc02b}, {0}, {0}, 0}},
};

static void expect_ids(const char *name, const char *list, const struct id_list *got,
                       const uint16_t *expected)
{
    size_t num = 0;

    while (num < IDS_MAX && expected[num] != 0) {
        num++;
    }
    ck_assert_msg(got->num == num, "%s: %zu %s", name, got->num, list);
    for (size_t i = 0; i < num; i++) {
        ck_assert_msg(id_at(got, i) == expected[i], "%s: %s: %04x", name, list, id_at(got, i));
    }
}

/* The groups of the key shares that are made for these lists. */
START_TEST(shares_of_the_hybrid)
{
    static const struct {
        const char *groups;
        uint16_t shares[3];
    } tries[] = {
        {"11ec X25519 P-256", {0x11ec, 0x001d}},
        {"11ec ffdhe2048 P-256 X25519", {0x11ec, 0x0017}},
        {"X25519 11ec P-256", {0x001d}},
        {"11ec", {0x11ec}},
    };

    for (size_t i = 0; i < NUM(tries); i++) {
        struct hellolists lists = {"1.3", "1301", tries[i].groups, "0403", NULL};
        char buf[200];
        struct text why = text_in(buf, sizeof buf);
        uint8_t out[2048];
        size_t len = hellolists_build(&lists, out, sizeof out, &why);
        struct hello hello;
        const char *fault;
        struct bytes key;
        uint16_t id;

        ck_assert_int_eq(hello_decode(&hello, bytes_of(out, len), &fault), HELLO_DONE);
        for (const uint16_t *want = tries[i].shares; *want != 0; want++) {
            ck_assert(bytes_u16(&hello.key_share, &id) && bytes_vec16(&hello.key_share, &key));
            ck_assert_uint_eq(id, *want);
        }
        ck_assert_uint_eq(hello.key_share.len, 0);
    }
}
END_TEST

START_TEST(lists_read)
{
    const struct expected *expected = &rows[_i].expected;
    const char *name = rows[_i].name;
    const char *sni = rows[_i].lists.sni;
    char buf[200];
    struct text why = text_in(buf, sizeof buf);
    uint8_t out[2048];
    size_t len = hellolists_build(&rows[_i].lists, out, sizeof out, &why);
    struct hello hello;
    struct bytes shares;
    const char *fault;
    uint16_t share = 0;
    bool has_empty_groups;

    ck_assert_msg(len > 0, "%s: %s", name, buf);
    has_empty_groups = rows[_i].lists.groups != NULL && rows[_i].lists.groups[0] == '\0';
    ck_assert_msg((hello_decode(&hello, bytes_of(out, len), &fault) == HELLO_DONE) ==
                      !has_empty_groups,
                  "%s", name);
    ck_assert_msg(hello.legacy_version == expected->legacy_version, "%s: %04x", name,
                  hello.legacy_version);
    expect_ids(name, "versions", &hello.versions, expected->versions);
    expect_ids(name, "suites", &hello.suites, expected->suites);
    expect_ids(name, "groups", &hello.groups, expected->groups);
    expect_ids(name, "schemes", &hello.schemes, expected->schemes);
    ck_assert_msg(hello.groups.present == (expected->groups[0] != 0), "%s", name);
    ck_assert_msg(hello.schemes.present == (rows[_i].lists.sigalgs != NULL), "%s", name);
    ck_assert_msg(hello.has_key_share == (expected->versions[0] != 0), "%s", name);
    shares = hello.key_share;
    ck_assert_msg(bytes_u16(&shares, &share) == (expected->share != 0), "%s", name);
    ck_assert_msg(share == expected->share, "%s: share of %04x", name, share);
    ck_assert_msg(hello.has_sni == (sni != NULL), "%s", name);
    if (sni != NULL) {
        ck_assert(hello.sni.len == strlen(sni) && memcmp(hello.sni.data, sni, hello.sni.len) == 0);
    }
}
END_TEST

static const struct {
    const char *name;
    struct hellolists lists;
    const char *why;
} mistakes[] = {
    {"no version", {NULL, "c02b", NULL, NULL, NULL}, "--version is needed"},
    {"empty version", {"", "c02b", NULL, NULL, NULL}, "--version is needed"},
    {"no suites", {"1.2", NULL, NULL, NULL, NULL}, "--ciphers is needed"},
    {"unknown version",
     {"1.4", "c02b", NULL, NULL, NULL},
     "--version: \"1.4\" is neither hex bytes nor the name of a version"},
    {"unknown suite",
     {"1.2", "HIGH:!aNULL", NULL, NULL, NULL},
     "--ciphers: \"HIGH\" is neither hex bytes nor the name of a cipher suite"},
    {"unknown group",
     {"1.2", "c02b", "P-257", NULL, NULL},
     "--groups: \"P-257\" is neither hex bytes nor the name of a group"},
    {"unknown scheme",
     {"1.2", "c02b", "0017", "RSA+SHA257", NULL},
     "--sigalgs: \"RSA+SHA257\" is neither hex bytes nor the name of a signature scheme"},
    {"no scheme of that pair", {"1.2", "c02b", "0017", "RSA-PSS+SHA1", NULL}, "--sigalgs: \"RSA"},
    {"odd digits", {"1.2", "c02", NULL, NULL, NULL}, "--ciphers: \"c02\" is neither"},
    {"no digits", {"1.2", "0x", NULL, NULL, NULL}, "--ciphers: \"0x\" is neither"},
    {"odd bytes", {"1.2", "c0 2b c0", NULL, NULL, NULL}, "--ciphers: an odd number of bytes"},
    {"name in the middle of a number",
     {"1.2", "c0 AES128-SHA", NULL, NULL, NULL},
     "--ciphers: \"AES128-SHA\" is neither"},
    {"odd digits in a tree",
     {"1.2", "Cipher Suite: X (0xc02)", NULL, NULL, NULL},
     "--ciphers: \"0xc02\" is neither"},
    {"an empty server name", {"1.2", "c02b", NULL, NULL, ""}, "--sni: \"\" is not a host name"},
    {"a server name in letters of another language",
     {"1.2", "c02b", NULL, NULL, "b\xc3\xbc.example"},
     "--sni: \"b\\xc3\\xbc.example\" is not a host name"},
    {"a server name with a blank",
     {"1.2", "c02b", NULL, NULL, "a b"},
     "--sni: \"a\\x20b\" is not a host"},
    {"escaped", {"1.2", "\x1b[2J", NULL, NULL, NULL}, "--ciphers: \"\\x1b\" is neither"},
};

START_TEST(mistake)
{
    char buf[200];
    struct text why = text_in(buf, sizeof buf);
    uint8_t out[512];

    ck_assert_msg(hellolists_build(&mistakes[_i].lists, out, sizeof out, &why) == 0, "%s",
                  mistakes[_i].name);
    ck_assert_msg(strncmp(buf, mistakes[_i].why, strlen(mistakes[_i].why)) == 0, "%s: %s",
                  mistakes[_i].name, buf);
}
END_TEST

/* More than a list may have, more than the room has, and a long stream of hex. */
START_TEST(limits)
{
    static char many[1025 * 4 + 1];
    char buf[200];
    struct text why = text_in(buf, sizeof buf);
    struct hellolists lists = {.version = "1.2", .ciphers = many};
    uint8_t out[4096];
    struct hello hello;
    const char *fault;
    size_t len;

    for (size_t i = 0; i < sizeof many - 1; i += 4) {
        memcpy(many + i, "c02b", 4);
    }
    ck_assert_uint_eq(hellolists_build(&lists, out, sizeof out, &why), 0);
    ck_assert_str_eq(buf, "--ciphers: more than 1024 entries");
    many[sizeof many - 5] = '\0';
    len = hellolists_build(&lists, out, sizeof out, &why);
    ck_assert_uint_eq(len, 4 + 2 + 32 + 1 + 2 + 2048 + 2);
    ck_assert_int_eq(hello_decode(&hello, bytes_of(out, len), &fault), HELLO_DONE);
    ck_assert_uint_eq(hello.suites.num, 1024);
    why = text_in(buf, sizeof buf);
    ck_assert_uint_eq(hellolists_build(&lists, out, len - 1, &why), 0);
    ck_assert_str_eq(buf, "the lists are too long for a ClientHello");
}
END_TEST

Suite *hellolists_suite(void)
{
    Suite *suite = suite_create("hellolists");
    TCase *tests = tcase_create("hellolists");

    tcase_add_test(tests, shares_of_the_hybrid);
    tcase_add_loop_test(tests, lists_read, 0, NUM(rows));
    tcase_add_loop_test(tests, mistake, 0, NUM(mistakes));
    tcase_add_test(tests, limits);
    suite_add_tcase(suite, tests);
    return suite;
}
