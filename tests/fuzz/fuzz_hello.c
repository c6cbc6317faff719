/*
 * Fuzz target: the hello decoder, and everything that looks at what it has read.
 *
 * The input is a handshake message and an SSLv2-format message at once.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/tls/alpn.h"
#include "lib/tls/certsel.h"
#include "lib/tls/ja4.h"
#include "lib/tls/names.h"
#include "lib/tls/verdicttext.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define NUM(array) (sizeof(array) / sizeof((array)[0]))

static const uint16_t suites[] = {0x1302, 0x1301, 0xc02b, 0xc02f, 0xc013,
                                  0xc009, 0x009c, 0x002f, 0x009e, 0x0034};
static const uint16_t groups[] = {0x11ec, 0x001d, 0x0017, 0x0018, 0x0019, 0x0100};
static const uint16_t schemes[] = {0x0905, 0x0403, 0x0503, 0x0804, 0x0806,
                                   0x0807, 0x0401, 0x0203, 0x0201};

static const struct certsel_profile profiles[] = {
    {TLS10,
     TLS13,
     0,
     suites,
     NUM(suites),
     groups,
     NUM(groups),
     schemes,
     NUM(schemes),
     {.reads_point_formats = true,
      .checks_all_shares = true,
      .prefers_own_groups = true,
      .knows_client_certificate_type = true,
      .knows_server_certificate_type = true,
      .knows_compress_certificate = true,
      .reads_compress_certificate = true,
      .knows_brainpool_schemes = true}},
    {TLS12, TLS13, 2, suites, NUM(suites), groups, NUM(groups), schemes, NUM(schemes), {0}},
};

static const struct certsel_certificate certificates[] = {
    {KEY_RSA, 0, 2048, true, 0x0401, NULL, 0, false, false, true},
    {KEY_RSA_PSS, 0, 1024, true, 0x0804, NULL, 0, false, false, true},
    {KEY_ECDSA, 0x0017, 256, true, 0x0503, NULL, 0, false, false, true},
    {KEY_ECDSA, 0x0018, 384, false, 0x0503, NULL, 0, false, true, true},
    {KEY_ED25519, 0, 256, true, 0x0807, NULL, 0, false, false, true},
    {KEY_ED448, 0, 456, true, 0, NULL, 0, false, false, true},
    {KEY_MLDSA65, 0, 15616, true, 0x0905, NULL, 0, false, false, true},
    {KEY_RSA, 0, 2048, false, 0x0401, NULL, 0, false, false, true},
};

static void must(bool good)
{
    if (!good) {
        abort();
    }
}

/* Every view is one of the message. */
static void expect_inside(struct bytes message, const uint8_t *data, size_t len)
{
    must(len == 0 || (data >= message.data && data + len <= message.data + message.len));
}

static void expect_views(struct bytes message, const struct hello *hello)
{
    const struct id_list *lists[] = {&hello->suites, &hello->versions, &hello->groups,
                                     &hello->schemes, &hello->cert_schemes};

    for (size_t i = 0; i < NUM(lists); i++) {
        expect_inside(message, lists[i]->data, lists[i]->num * lists[i]->stride);
        must(lists[i]->num == 0 || lists[i]->present);
        for (size_t k = 0; k < lists[i]->num; k++) {
            must(id_list_has(lists[i], id_at(lists[i], k)));
        }
    }
    expect_inside(message, hello->session_id.data, hello->session_id.len);
    expect_inside(message, hello->extensions.data, hello->extensions.len);
    expect_inside(message, hello->key_share.data, hello->key_share.len);
    expect_inside(message, hello->sni.data, hello->sni.len);
    expect_inside(message, hello->alpn.data, hello->alpn.len);
    expect_inside(message, hello->ca_names.data, hello->ca_names.len);
    expect_inside(message, hello->point_formats.data, hello->point_formats.len);
}

/* The choice is one that can be used, and in TLS 1.2 where that had to be. */
static void choose(const struct certsel_profile *profile, const struct hello *hello)
{
    const struct certsel_certificate *set[NUM(certificates)];
    struct verdict verdicts[NUM(certificates)];
    int chosen;

    for (size_t i = 0; i < NUM(certificates); i++) {
        set[i] = &certificates[i];
    }
    chosen = certsel_choose(profile, set, NUM(certificates), hello, verdicts);
    for (size_t i = 0; i < NUM(certificates); i++) {
        bool usable = verdicts[i].reason == VERDICT_USABLE;

        must(chosen >= 0 || !usable);
        must(!verdicts[i].capped || (chosen >= 0 && verdicts[i].version < TLS13));
        must(!usable || (int)i >= chosen || verdicts[i].fault != FAULT_NONE);
    }
    must(chosen < 0 || verdicts[chosen].reason == VERDICT_USABLE);
}

static void judge(const struct hello *hello)
{
    for (size_t p = 0; p < NUM(profiles); p++) {
        choose(&profiles[p], hello);
        for (size_t i = 0; i < NUM(certificates); i++) {
            struct verdict verdict = certsel_judge(&profiles[p], &certificates[i], hello);
            char buf[VERDICT_TEXT_SIZE];
            struct text t = text_in(buf, sizeof buf);

            verdict_text(&t, &profiles[p], &certificates[i], hello, &verdict);
            must(t.len > 0 && strlen(buf) == t.len);
            must((verdict.reason == VERDICT_USABLE) == (verdict.suite != 0));
        }
        must(certsel_would_fit(&profiles[p], hello) < 1u << NUM_FITS);
    }
}

static void name_shape(const struct hello *hello)
{
    static char room[JA4_TEXT_SIZE];
    struct text t = text_in(room, sizeof room);
    char head[JA4_HEAD_SIZE];

    ja4_head(hello, head);
    must(strlen(head) == JA4_HEAD_SIZE - 1);
    ja4_suites(hello, &t);
    must(!t.cut);
    t = text_in(room, sizeof room);
    ja4_extensions(hello, &t);
    must(!t.cut);
}

/* The list of a hello that was not read to its end, too: it may be torn. */
static void judge_protocols(const struct hello *hello)
{
    char room[1024];
    struct text t = text_in(room, sizeof room);
    enum alpn_answer guard = alpn_judge(ALPN_GUARD, hello->alpn);
    enum alpn_answer strict = alpn_judge(ALPN_STRICT, hello->alpn);

    must(alpn_judge(ALPN_IGNORE, hello->alpn) == ALPN_SILENT);
    must((guard == ALPN_SELECT) == (strict == ALPN_SELECT));
    must(guard != ALPN_REFUSE || strict == ALPN_REFUSE);
    must(hello->alpn.len > 0 || strict == ALPN_SILENT);
    alpn_names(&t, hello->alpn);
    must(!t.cut);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum hello_result (*decoders[])(struct hello *, struct bytes,
                                    const char **) = {hello_decode, hello_decode_sslv2};
    struct bytes message = bytes_of(data, size);

    for (size_t i = 0; i < NUM(decoders); i++) {
        struct hello hello;
        const char *why = NULL;
        enum hello_result result = decoders[i](&hello, message, &why);

        must((result == HELLO_BAD) == (why != NULL));
        expect_views(message, &hello);
        name_shape(&hello);
        judge_protocols(&hello);
        if (result == HELLO_DONE) {
            judge(&hello);
        }
    }
    return 0;
}
