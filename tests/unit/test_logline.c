#include "lib/admin/logline.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

#define CLIENT "unknown[192.0.2.7]:49211"

static const struct logline_session session = {
    .client = {ADDR_IPV4, 49211, {192, 0, 2, 7}},
    .destination = {ADDR_IPV4, 25, {203, 0, 113, 5}},
    .listener = "mx",
    .id = "4Zk2m1QyTz",
};

static char line[LOGLINE_SIZE];

static struct text *fresh(void)
{
    static struct text t;

    memset(line, '#', sizeof line);
    t = text_in(line, sizeof line);
    return &t;
}

START_TEST(test_connect)
{
    static const struct logline_session v6 = {
        .client = {ADDR_IPV6, 1, {0x20, 0x01, 0x0d, 0xb8, [15] = 7}},
        .destination = {ADDR_IPV6, 25, {[15] = 1}},
        .listener = "m x]",
        .id = "i",
    };

    struct logline_session behind = session;

    logline_connect(fresh(), &session);
    ck_assert_str_eq(line, "connect from " CLIENT " to mx[203.0.113.5]:25 session=4Zk2m1QyTz");
    logline_connect(fresh(), &v6);
    ck_assert_str_eq(line, "connect from unknown[2001:db8::7]:1 to m\\x20x\\x5d[::1]:25 session=i");
    behind.upstream = v6.client;
    logline_connect(fresh(), &behind);
    ck_assert_str_eq(line, "connect from " CLIENT " to mx[203.0.113.5]:25 via [2001:db8::7]:1"
                           " session=4Zk2m1QyTz");
}
END_TEST

#define FACTS_12                                                                                   \
    .protocol = "TLSv1.2", .cipher = "ECDHE-ECDSA-AES128-GCM-SHA256", .bits = 128,                 \
    .algorithm_bits = 128, .certificate = "p256"
#define CIPHER_12 "TLSv1.2 with cipher ECDHE-ECDSA-AES128-GCM-SHA256 (128/128 bits)"

static const struct {
    const char *name;
    struct tls_facts facts;
    const char *out;
} established[] = {
    {"the contract's line",
     {FACTS_12, .key_exchange = "ECDHE (P-256)", .signature = {"ECDSA", "P-256", "SHA256"},
      .sni = "mail.example.org"},
     CIPHER_12 " key-exchange ECDHE (P-256) server-signature ECDSA (P-256) server-digest SHA256 "
               "certificate=p256 sni=mail.example.org reused=no"},
    {"a signature without a digest",
     {FACTS_12, .key_exchange = "X448", .signature = {"ED25519", "", ""}},
     CIPHER_12 " key-exchange X448 server-signature ED25519 certificate=p256 reused=no"},
    {"RSA key exchange signs nothing",
     {FACTS_12, .key_exchange = "RSA"},
     CIPHER_12 " key-exchange RSA certificate=p256 reused=no"},
    {"resumed", {FACTS_12, .reused = true}, CIPHER_12 " certificate=p256 reused=yes"},
    {"a fault, and down to TLS 1.2",
     {FACTS_12, .fault = "key-usage", .capped = true},
     CIPHER_12 " certificate=p256 reused=no fault=key-usage capped=yes"},
};

START_TEST(test_established)
{
    char want[512];

    snprintf(want, sizeof want,
             "Anonymous TLS connection established from " CLIENT ": %s session=4Zk2m1QyTz",
             established[_i].out);
    logline_established(fresh(), &session, &established[_i].facts);
    ck_assert_msg(strcmp(line, want) == 0, "%s: %s", established[_i].name, line);
}
END_TEST

/* --- clients with a certificate ------------------------------------------------------------- */

#define FINGERPRINT "AB:CD"
#define NAMED       .subject = "client.example.test", .issuer = "A CA", .fingerprint = FINGERPRINT
#define WITH_EC     .signature = {"ECDSA", "P-384", "SHA384"}
#define SIGNED      " client-signature ECDSA (P-384) client-digest SHA384"
#define SHOWN                                                                                      \
    " client_certificate=client.example.test client_fingerprint=" FINGERPRINT                      \
    " client_issuer=A\\x20CA"

static const struct {
    const char *name;
    struct tls_client client;
    const char *word;
    const char *signature;
    const char *fields;
} clients[] = {
    {"trusted", {NAMED, WITH_EC, .trust = TLS_TRUST_TRUSTED}, "Trusted", SIGNED, SHOWN},
    {"untrusted",
     {NAMED, WITH_EC, .trust = TLS_TRUST_UNTRUSTED, .error = "self-signed certificate"},
     "Untrusted",
     SIGNED,
     SHOWN " client_error=\"self-signed certificate\""},
    {"no digest, no size",
     {NAMED, .trust = TLS_TRUST_TRUSTED, .signature = {"ED25519", "", ""}},
     "Trusted",
     " client-signature ED25519",
     SHOWN},
    {"no signature", {NAMED, .trust = TLS_TRUST_TRUSTED}, "Trusted", "", SHOWN},
    {"no names",
     {WITH_EC, .trust = TLS_TRUST_TRUSTED, .fingerprint = FINGERPRINT},
     "Trusted",
     SIGNED,
     " client_certificate=\"\" client_fingerprint=" FINGERPRINT " client_issuer=\"\""},
    {"names are escaped",
     {WITH_EC, .trust = TLS_TRUST_UNTRUSTED, .error = "e", .fingerprint = FINGERPRINT,
      .subject = "a\" b=c\xc3\xa9", .issuer = "x,\\y]\n"},
     "Untrusted",
     SIGNED,
     " client_certificate=a\\x22\\x20b\\x3dc\\xc3\\xa9 client_fingerprint=" FINGERPRINT
     " client_issuer=x\\x2c\\x5cy\\x5d\\x0a client_error=\"e\""},
};

START_TEST(test_client_certificate)
{
    struct tls_facts facts = {FACTS_12, .client = clients[_i].client};
    struct handshake_choice choice = {.client = &clients[_i].client};
    char fields[256];
    char want[1024];
    char *error;

    snprintf(want, sizeof want,
             "%s TLS connection established from " CLIENT ": " CIPHER_12 "%s certificate=p256 "
             "reused=no%s session=4Zk2m1QyTz",
             clients[_i].word, clients[_i].signature, clients[_i].fields);
    logline_established(fresh(), &session, &facts);
    ck_assert_msg(strcmp(line, want) == 0, "%s: %s", clients[_i].name, line);

    /* Where it ends the handshake, the error is the detail. */
    snprintf(fields, sizeof fields, "%s", clients[_i].fields);
    error = strstr(fields, " client_error");
    if (error != NULL) {
        *error = '\0';
    }
    snprintf(want, sizeof want,
             "TLS handshake failed from " CLIENT ": reason=client-certificate%s detail=\"why\" "
             "session=4Zk2m1QyTz",
             fields);
    logline_handshake_failed(fresh(), &session, HANDSHAKE_CLIENT_CERTIFICATE, &choice, "why");
    ck_assert_msg(strcmp(line, want) == 0, "%s: %s", clients[_i].name, line);
    logline_handshake_failed(fresh(), &session, HANDSHAKE_TIMEOUT, &choice, NULL);
    ck_assert_str_eq(line,
                     "TLS handshake failed from " CLIENT ": reason=timeout session=4Zk2m1QyTz");
}
END_TEST

/* The longest names and the longest server name leave room for the session. */
START_TEST(test_client_certificate_long)
{
    struct tls_facts facts = {FACTS_12, .client = {.trust = TLS_TRUST_UNTRUSTED, .error = "e"}};
    struct tls_client *client = &facts.client;

    memset(facts.sni, 'x', sizeof facts.sni - 1);
    memset(client->subject, '\n', sizeof client->subject - 1);
    memset(client->issuer, '\n', sizeof client->issuer - 1);
    memset(client->fingerprint, 'F', sizeof client->fingerprint - 1);
    logline_established(fresh(), &session, &facts);
    ck_assert_ptr_nonnull(strstr(line, " client_error=\"e\" session=4Zk2m1QyTz"));
    ck_assert_ptr_nonnull(strstr(line, "\\x0a... client_fingerprint=FF"));
}
END_TEST

/* --- failures ------------------------------------------------------------------------------- */

static const char *const names[] = {"p384", "r sa"};
static const struct verdict verdicts[] = {{.reason = VERDICT_CURVE_NOT_IN_GROUPS},
                                          {.reason = VERDICT_NO_SUITE}};

static const struct {
    const char *name;
    enum handshake_failure reason;
    bool hello;
    size_t num;
    const char *groups;
    size_t num_groups;
    unsigned would_fit;
    const char *detail;
    const char *out;
} failures[] = {
    {"the contract's line", HANDSHAKE_NO_CERTIFICATE_FITS, true, 1, "\x00\x17", 1,
     1U << FIT_RSA | 1U << FIT_ECDSA_P256, NULL,
     "no-certificate-fits p384=curve-not-in-groups groups=secp256r1 would_fit=ecdsa-p256,rsa"},
    {"every verdict, every group, GREASE left out", HANDSHAKE_NO_CERTIFICATE_FITS, true, 2,
     "\x0a\x0a\x00\x1d\x12\x34\x00\x18", 4, 1U << FIT_ED25519, "",
     "no-certificate-fits p384=curve-not-in-groups r\\x20sa=no-suite "
     "groups=x25519,0x1234,secp384r1 would_fit=ed25519"},
    {"everything would fit", HANDSHAKE_NO_CERTIFICATE_FITS, true, 1, "\x00\x17", 1,
     (1U << NUM_FITS) - 1, NULL,
     "no-certificate-fits p384=curve-not-in-groups groups=secp256r1 "
     "would_fit=ecdsa-p256,rsa,ecdsa-p384,ecdsa-p521,ed25519"},
    {"nothing would fit, no groups", HANDSHAKE_NO_CERTIFICATE_FITS, true, 1, "", 0, 0, NULL,
     "no-certificate-fits p384=curve-not-in-groups groups=none would_fit=none"},
    {"sixteen groups", HANDSHAKE_NO_CERTIFICATE_FITS, true, 0,
     "\0\x17\0\x17\0\x17\0\x17\0\x17\0\x17\0\x17\0\x17\0\x17\0\x17\0\x17\0\x17\0\x17\0\x17\0\x17"
     "\0\x18",
     16, 0, NULL,
     "no-certificate-fits groups=secp256r1,secp256r1,secp256r1,secp256r1,secp256r1,secp256r1,"
     "secp256r1,secp256r1,secp256r1,secp256r1,secp256r1,secp256r1,secp256r1,secp256r1,secp256r1,"
     "secp384r1 would_fit=none"},
    {"seventeen groups", HANDSHAKE_NO_CERTIFICATE_FITS, true, 0,
     "\0\x17\0\x17\0\x17\0\x17\0\x17\0\x17\0\x17\0\x17\0\x17\0\x17\0\x17\0\x17\0\x17\0\x17\0\x17"
     "\0\x18\0\x17",
     17, 0, NULL,
     "no-certificate-fits groups=secp256r1,secp256r1,secp256r1,secp256r1,secp256r1,secp256r1,"
     "secp256r1,secp256r1,secp256r1,secp256r1,secp256r1,secp256r1,secp256r1,secp256r1,secp256r1,"
     "secp384r1,... would_fit=none"},
    {"no hello", HANDSHAKE_NO_CERTIFICATE_FITS, false, 1, "", 0, 3, "no shared cipher",
     "no-certificate-fits detail=\"no shared cipher\""},
    {"verdicts belong to their reason only", HANDSHAKE_CLIENT_ALERT, true, 1, "\x00\x17", 1, 3,
     "unknown CA", "client-alert detail=\"unknown CA\""},
    {"escapes stay readable", HANDSHAKE_NOT_TLS, false, 0, "", 0, 0, "HTTP request: GET\\x20/",
     "not-tls detail=\"HTTP request: GET\\x20/\""},
    {"a detail cannot end its field", HANDSHAKE_MALFORMED, false, 0, "", 0, 0, "a\" b=\n\x7f\xff",
     "malformed detail=\"a\\x22 b=\\x0a\\x7f\\xff\""},
    {"no detail", HANDSHAKE_TIMEOUT, false, 0, "", 0, 0, NULL, "timeout"},
    {"empty detail", HANDSHAKE_CLIENT_GONE, false, 0, "", 0, 0, "", "client-gone"},
};

START_TEST(test_failure)
{
    struct hello hello = {.groups = {.data = (const uint8_t *)failures[_i].groups,
                                     .num = failures[_i].num_groups,
                                     .stride = 2,
                                     .present = true}};
    struct handshake_choice choice = {
        .hello = failures[_i].hello ? &hello : NULL,
        .names = names,
        .verdicts = verdicts,
        .num = failures[_i].num,
        .would_fit = failures[_i].would_fit,
    };
    char want[1024];

    snprintf(want, sizeof want,
             "TLS handshake failed from " CLIENT ": reason=%s session=4Zk2m1QyTz",
             failures[_i].out);
    logline_handshake_failed(fresh(), &session, failures[_i].reason, &choice, failures[_i].detail);
    ck_assert_msg(strcmp(line, want) == 0, "%s: %s", failures[_i].name, line);
}
END_TEST

/* Behind the facts and before the detail, whatever the reason. */
START_TEST(test_fingerprint)
{
    struct hello hello = {0};
    struct handshake_choice choice = {
        .hello = &hello, .names = names, .verdicts = verdicts, .num = 1, .ja4 = "t12d_0_1"};

    logline_handshake_failed(fresh(), &session, HANDSHAKE_NO_CERTIFICATE_FITS, &choice, "words");
    ck_assert_str_eq(line, "TLS handshake failed from " CLIENT ": reason=no-certificate-fits "
                           "p384=curve-not-in-groups groups=none would_fit=none ja4=t12d_0_1 "
                           "detail=\"words\" session=4Zk2m1QyTz");
    logline_handshake_failed(fresh(), &session, HANDSHAKE_CLIENT_ALERT, &choice, NULL);
    ck_assert_str_eq(line, "TLS handshake failed from " CLIENT
                           ": reason=client-alert ja4=t12d_0_1 session=4Zk2m1QyTz");
    choice.ja4 = "";
    logline_handshake_failed(fresh(), &session, HANDSHAKE_CLIENT_ALERT, &choice, NULL);
    ck_assert_str_eq(line, "TLS handshake failed from " CLIENT
                           ": reason=client-alert session=4Zk2m1QyTz");
}
END_TEST

START_TEST(test_limit)
{
    logline_limit(fresh(), &session, LOGLINE_SESSIONS, 51, 1);
    ck_assert_str_eq(line, "Connection concurrency limit exceeded: 51 from " CLIENT
                           " for service mx refused=1 session=4Zk2m1QyTz");
    logline_limit(fresh(), &session, LOGLINE_HANDSHAKES, 11, 30);
    ck_assert_str_eq(line, "New TLS session rate limit exceeded: 11 from " CLIENT
                           " for service mx refused=30 session=4Zk2m1QyTz");
}
END_TEST

static const struct {
    enum logline_bound bound;
    struct bound_news news;
    const char *line;
} crossings[] = {
    {LOGLINE_STRESS, {BOUND_CROSSED, 1}, "stress begins"},
    {LOGLINE_STRESS, {BOUND_CROSSED, 2}, "stress begins times=2"},
    {LOGLINE_STRESS, {BOUND_LEFT, 0}, "stress is over"},
    {LOGLINE_STRESS, {BOUND_LEFT, 1}, "stress is over times=1"},
    {LOGLINE_FULL, {BOUND_CROSSED, 1}, "silent clients make room for new ones"},
    {LOGLINE_FULL, {BOUND_CROSSED, 26}, "silent clients make room for new ones times=26"},
    {LOGLINE_FULL, {BOUND_LEFT, 0}, "there is room again evicted=17 refused=2"},
    {LOGLINE_FULL, {BOUND_LEFT, 26}, "there is room again evicted=17 refused=2 times=26"},
};

START_TEST(test_stress)
{
    struct logline_stress facts = {
        .backend = "postfix", .taken = 3, .max = 480, .evicted = 17, .refused = 2};
    char expected[128];

    logline_stress(fresh(), crossings[_i].bound, crossings[_i].news, &facts);
    snprintf(expected, sizeof expected, "backend=postfix: 3 of 480 connections: %s",
             crossings[_i].line);
    ck_assert_str_eq(line, expected);
}
END_TEST

START_TEST(test_verdict_wrong)
{
    static const uint8_t raw[701] = {0x01, 0x00, 0xff};
    struct hello hello = {0};
    struct handshake_choice choice = {
        .hello = &hello, .names = names, .verdicts = verdicts, .num = 2};

    logline_verdict_wrong(fresh(), &session, &choice, "p384", bytes_of(raw, 3));
    ck_assert_str_eq(line, "verdict=wrong for " CLIENT
                           ": libssl served p384 although p384=curve-not-in-groups "
                           "r\\x20sa=no-suite: hello=0100ff session=4Zk2m1QyTz");
    logline_verdict_wrong(fresh(), &session, &choice, "p384", bytes_of(raw, 700));
    ck_assert_ptr_null(strstr(line, "..."));
    logline_verdict_wrong(fresh(), &session, &choice, "p384", bytes_of(raw, 701));
    ck_assert_ptr_nonnull(strstr(line, "0000... session=4Zk2m1QyTz"));
}
END_TEST

START_TEST(test_unmatched)
{
    struct hello hello = {
        .groups = {.data = (const uint8_t *)"\0\x17", .num = 1, .stride = 2, .present = true}};
    struct handshake_choice choice = {.hello = &hello,
                                      .names = names,
                                      .verdicts = verdicts,
                                      .num = 2,
                                      .would_fit = 1U << FIT_ECDSA_P256,
                                      .unmatched = "try-anyway",
                                      .certificate = "p 384",
                                      .ja4 = "t12d"};

    logline_unmatched(fresh(), &session, &choice, "client-alert", "illegal parameter");
    ck_assert_str_eq(line, "unmatched=try-anyway for " CLIENT
                           ": outcome=client-alert certificate=p\\x20384 p384=curve-not-in-groups "
                           "r\\x20sa=no-suite groups=secp256r1 would_fit=ecdsa-p256 "
                           "ja4=t12d detail=\"illegal parameter\" session=4Zk2m1QyTz");
    choice.unmatched = "anonymous";
    choice.certificate = "none";
    choice.would_fit = 0;
    choice.num = 1;
    choice.ja4 = NULL;
    logline_unmatched(fresh(), &session, &choice, "accepted", NULL);
    ck_assert_str_eq(line, "unmatched=anonymous for " CLIENT
                           ": outcome=accepted certificate=none p384=curve-not-in-groups "
                           "groups=secp256r1 would_fit=none session=4Zk2m1QyTz");
}
END_TEST

START_TEST(test_disconnect)
{
    struct logline_end end = {"p256", 4812, 1203, 1.418, false};

    logline_disconnect(fresh(), &session, &end);
    ck_assert_str_eq(line, "disconnect from " CLIENT
                           " tls=yes certificate=p256 received=4812 sent=1203 seconds=1.42 "
                           "session=4Zk2m1QyTz");
    end = (struct logline_end){.received = UINT64_MAX};
    logline_disconnect(fresh(), &session, &end);
    ck_assert_str_eq(line, "disconnect from " CLIENT
                           " tls=no received=18446744073709551615 sent=0 seconds=0.00 "
                           "session=4Zk2m1QyTz");
    end = (struct logline_end){.received = 6, .sent = 7, .excepted = true};
    logline_disconnect(fresh(), &session, &end);
    ck_assert_str_eq(line, "disconnect from " CLIENT
                           " tls=no received=6 sent=7 seconds=0.00 starttls_except=yes "
                           "session=4Zk2m1QyTz");
}
END_TEST

START_TEST(test_lost)
{
    logline_lost(fresh(), &session, "MAIL");
    ck_assert_str_eq(line, "lost connection after MAIL from " CLIENT " session=4Zk2m1QyTz");
}
END_TEST

START_TEST(test_auth_refused)
{
    logline_auth_refused(fresh(), &session, "PLAIN");
    ck_assert_str_eq(line, CLIENT ": SASL PLAIN authentication failed: encryption required "
                                  "session=4Zk2m1QyTz");
    logline_auth_refused(fresh(), &session, "");
    ck_assert_str_eq(line, CLIENT ": SASL authentication failed: encryption required "
                                  "session=4Zk2m1QyTz");
    logline_auth_refused(fresh(), &session, "a\x1b]x\xff");
    ck_assert_str_eq(line,
                     CLIENT ": SASL a\\x1b\\x5dx\\xff authentication failed: encryption required "
                            "session=4Zk2m1QyTz");
}
END_TEST

START_TEST(test_too_many_errors)
{
    logline_too_many_errors(fresh(), &session, "AUTH");
    ck_assert_str_eq(line, "too many errors after AUTH from " CLIENT);
}
END_TEST

START_TEST(test_warning)
{
    logline_warning(fresh(), &session, "timeout", NULL);
    ck_assert_str_eq(line, "timeout: client=" CLIENT " session=4Zk2m1QyTz");
    logline_warning(fresh(), &session, "backend", "no \"route\" \\x\r\n");
    ck_assert_str_eq(line, "backend: client=" CLIENT
                           " detail=\"no \\x22route\\x22 \\x5cx\\x0d\\x0a\" session=4Zk2m1QyTz");
}
END_TEST

/* However long the rest is, the session stands at the end of the line. */
START_TEST(test_session_is_kept)
{
    static char detail[4096];
    static const char *many[64];
    static struct verdict reasons[64];
    struct hello hello = {0};
    struct handshake_choice choice = {
        .hello = &hello, .names = many, .verdicts = reasons, .num = 64};
    static const char *const tail = " session=4Zk2m1QyTz";
    struct text *t;

    memset(detail, '\n', sizeof detail - 1);
    for (size_t i = 0; i < 64; i++) {
        many[i] = "a-name-of-some-length-for-one-certificate";
        reasons[i].reason = VERDICT_CURVE_NOT_IN_GROUPS;
    }
    t = fresh();
    logline_handshake_failed(t, &session, HANDSHAKE_NO_CERTIFICATE_FITS, &choice, detail);
    ck_assert(t->cut);
    ck_assert_uint_eq(t->len, sizeof line - 1);
    ck_assert_str_eq(line + t->len - strlen(tail), tail);
    t = fresh();
    logline_handshake_failed(t, &session, HANDSHAKE_MALFORMED, &choice, detail);
    ck_assert(!t->cut);
    ck_assert_str_eq(line + t->len - strlen(tail) - 4, "...\" session=4Zk2m1QyTz");
}
END_TEST

Suite *logline_suite(void);

Suite *logline_suite(void)
{
    Suite *suite = suite_create("logline");
    TCase *tcase = tcase_create("all");

    tcase_add_test(tcase, test_connect);
    tcase_add_loop_test(tcase, test_established, 0, sizeof established / sizeof established[0]);
    tcase_add_loop_test(tcase, test_client_certificate, 0, sizeof clients / sizeof clients[0]);
    tcase_add_test(tcase, test_client_certificate_long);
    tcase_add_loop_test(tcase, test_failure, 0, sizeof failures / sizeof failures[0]);
    tcase_add_test(tcase, test_fingerprint);
    tcase_add_test(tcase, test_verdict_wrong);
    tcase_add_test(tcase, test_unmatched);
    tcase_add_test(tcase, test_disconnect);
    tcase_add_test(tcase, test_lost);
    tcase_add_test(tcase, test_auth_refused);
    tcase_add_test(tcase, test_too_many_errors);
    tcase_add_test(tcase, test_warning);
    tcase_add_test(tcase, test_session_is_kept);
    tcase_add_test(tcase, test_limit);
    tcase_add_loop_test(tcase, test_stress, 0, (int)(sizeof crossings / sizeof crossings[0]));
    suite_add_tcase(suite, tcase);
    return suite;
}
