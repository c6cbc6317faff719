#include "lib/admin/logline.h"

#include "lib/base/hex.h"
#include "lib/base/table.h"
#include "lib/tls/names.h"

#include <string.h>

/* How much a line shows of texts that a client or a configuration can make long. */
#define NAME_MAX_SHOWN   64
#define DETAIL_MAX_SHOWN 256
#define GROUPS_MAX_SHOWN 16
#define HELLO_MAX_SHOWN  700

static void add_name(struct text *t, const char *name)
{
    text_escaped(t, name, strlen(name), NAME_MAX_SHOWN);
}

static void add_client(struct text *t, const struct logline_session *s)
{
    char address[ADDR_TEXT_SIZE];

    text_addf(t, "unknown[%s]:%u", addr_text(&s->client, address), s->client.port);
}

/* All lines of a session end in the same field: if necessary, the text before it is cut. */
static void add_session(struct text *t, const struct logline_session *s)
{
    static const char field[] = " session=";
    size_t need = sizeof field - 1 + strlen(s->id);

    if (need < t->size && t->len > t->size - 1 - need) {
        t->len = t->size - 1 - need;
        t->buf[t->len] = '\0';
        t->cut = true;
    }
    text_add(t, field);
    text_add(t, s->id);
}

/* Bytes that may stand between quotes. Escapes made earlier stay readable if `escaped`. */
static bool is_quotable(unsigned char byte, bool escaped)
{
    return byte >= ' ' && byte < 0x7f && byte != '"' && (escaped || byte != '\\');
}

/* field="..." */
static void add_quoted(struct text *t, const char *field, const char *detail, bool escaped)
{
    size_t len;

    if (detail == NULL || detail[0] == '\0') {
        return;
    }
    text_addf(t, " %s=\"", field);
    len = strlen(detail);
    for (size_t i = 0; i < len && i < DETAIL_MAX_SHOWN; i++) {
        unsigned char byte = (unsigned char)detail[i];

        text_addf(t, is_quotable(byte, escaped) ? "%c" : "\\x%02x", byte);
    }
    text_add(t, len > DETAIL_MAX_SHOWN ? "...\"" : "\"");
}

static void add_detail(struct text *t, const char *detail, bool escaped)
{
    add_quoted(t, "detail", detail, escaped);
}

void logline_connect(struct text *t, const struct logline_session *s)
{
    char address[ADDR_TEXT_SIZE];

    text_add(t, "connect from ");
    add_client(t, s);
    text_add(t, " to ");
    add_name(t, s->listener);
    text_addf(t, "[%s]:%u", addr_text(&s->destination, address), s->destination.port);
    if (s->upstream.family != ADDR_NONE) {
        text_addf(t, " via [%s]:%u", addr_text(&s->upstream, address), s->upstream.port);
    }
    add_session(t, s);
}

static void add_signature(struct text *t, const char *side, const struct tls_signature *signature)
{
    if (signature->algorithm[0] == '\0') {
        return;
    }
    text_addf(t, " %s-signature %s", side, signature->algorithm);
    if (signature->key[0] != '\0') {
        text_addf(t, " (%s)", signature->key);
    }
    if (signature->digest[0] != '\0') {
        text_addf(t, " %s-digest %s", side, signature->digest);
    }
}

/* A field of its own even where a certificate has no name in it. */
static void add_name_of_client(struct text *t, const char *name)
{
    text_add(t, name[0] == '\0' ? "\"\"" : "");
    add_name(t, name);
}

static void add_client_certificate(struct text *t, const struct tls_client *client)
{
    text_add(t, " client_certificate=");
    add_name_of_client(t, client->subject);
    text_addf(t, " client_fingerprint=%s client_issuer=", client->fingerprint);
    add_name_of_client(t, client->issuer);
}

/* Postfix's word for how the client has proved its identity. */
static const char *trust_word(enum tls_trust trust)
{
    static const char *const words[] = {
        [TLS_TRUST_NONE] = "Anonymous",
        [TLS_TRUST_UNTRUSTED] = "Untrusted",
        [TLS_TRUST_TRUSTED] = "Trusted",
    };

    TABLE_HAS_EACH(words, NUM_TLS_TRUSTS);
    return words[trust];
}

void logline_established(struct text *t, const struct logline_session *s,
                         const struct tls_facts *facts)
{
    const struct tls_client *client = &facts->client;

    text_addf(t, "%s TLS connection established from ", trust_word(client->trust));
    add_client(t, s);
    text_addf(t, ": %s with cipher %s (%d/%d bits)", facts->protocol, facts->cipher, facts->bits,
              facts->algorithm_bits);
    if (facts->key_exchange[0] != '\0') {
        text_addf(t, " key-exchange %s", facts->key_exchange);
    }
    add_signature(t, "server", &facts->signature);
    add_signature(t, "client", &client->signature);
    text_add(t, " certificate=");
    add_name(t, facts->certificate);
    if (facts->sni[0] != '\0') {
        text_addf(t, " sni=%s", facts->sni);
    }
    text_addf(t, " reused=%s", facts->reused ? "yes" : "no");
    if (client->trust != TLS_TRUST_NONE) {
        add_client_certificate(t, client);
        add_quoted(t, "client_error", client->error, false);
    }
    if (facts->fault[0] != '\0') {
        text_addf(t, " fault=%s", facts->fault);
    }
    text_add(t, facts->capped ? " capped=yes" : "");
    add_session(t, s);
}

/* p384=curve-not-in-groups rsa=no-suite */
static void add_verdicts(struct text *t, const struct handshake_choice *choice)
{
    for (size_t i = 0; i < choice->num; i++) {
        text_add(t, " ");
        add_name(t, choice->names[i]);
        text_addf(t, "=%s", verdict_word(choice->verdicts[i].reason));
    }
}

static void add_groups(struct text *t, const struct id_list *groups)
{
    size_t shown = 0;

    text_add(t, " groups=");
    for (size_t i = 0; i < groups->num; i++) {
        uint16_t id = id_at(groups, i);
        const char *name = group_name(id);

        if (id_is_grease(id)) {
            continue;
        }
        if (shown == GROUPS_MAX_SHOWN) {
            text_add(t, ",...");
            return;
        }
        text_add(t, shown > 0 ? "," : "");
        if (name != NULL) {
            text_add(t, name);
        } else {
            text_addf(t, "0x%04x", id);
        }
        shown++;
    }
    if (shown == 0) {
        text_add(t, "none");
    }
}

static void add_would_fit(struct text *t, unsigned would_fit)
{
    const char *separator = "";

    text_add(t, " would_fit=");
    for (int fit = 0; fit < NUM_FITS; fit++) {
        if ((would_fit & 1U << fit) != 0) {
            text_addf(t, "%s%s", separator, fit_word((enum fit)fit));
            separator = ",";
        }
    }
    if (would_fit == 0) {
        text_add(t, "none");
    }
}

static void add_ja4(struct text *t, const struct handshake_choice *choice)
{
    if (choice->ja4 != NULL && choice->ja4[0] != '\0') {
        text_addf(t, " ja4=%s", choice->ja4);
    }
}

void logline_handshake_failed(struct text *t, const struct logline_session *s,
                              enum handshake_failure reason, const struct handshake_choice *choice,
                              const char *detail)
{
    text_add(t, "TLS handshake failed from ");
    add_client(t, s);
    text_addf(t, ": reason=%s", handshake_failure_word(reason));
    if (reason == HANDSHAKE_NO_CERTIFICATE_FITS && choice->hello != NULL) {
        add_verdicts(t, choice);
        add_groups(t, &choice->hello->groups);
        add_would_fit(t, choice->would_fit);
    }
    if (reason == HANDSHAKE_CLIENT_CERTIFICATE && choice->client != NULL) {
        add_client_certificate(t, choice->client);
    }
    add_ja4(t, choice);
    add_detail(t, detail, true);
    add_session(t, s);
}

void logline_verdict_wrong(struct text *t, const struct logline_session *s,
                           const struct handshake_choice *choice, const char *certificate,
                           struct bytes raw_hello)
{
    text_add(t, "verdict=wrong for ");
    add_client(t, s);
    text_add(t, ": libssl served ");
    add_name(t, certificate);
    text_add(t, " although");
    add_verdicts(t, choice);
    text_add(t, ": hello=");
    hex_add(t, bytes_of(raw_hello.data,
                        raw_hello.len < HELLO_MAX_SHOWN ? raw_hello.len : HELLO_MAX_SHOWN));
    if (raw_hello.len > HELLO_MAX_SHOWN) {
        text_add(t, "...");
    }
    add_session(t, s);
}

void logline_unmatched(struct text *t, const struct logline_session *s,
                       const struct handshake_choice *choice, const char *outcome,
                       const char *detail)
{
    text_addf(t, "unmatched=%s for ", choice->unmatched);
    add_client(t, s);
    text_addf(t, ": outcome=%s certificate=", outcome);
    add_name(t, choice->certificate);
    add_verdicts(t, choice);
    add_groups(t, &choice->hello->groups);
    add_would_fit(t, choice->would_fit);
    add_ja4(t, choice);
    add_detail(t, detail, true);
    add_session(t, s);
}

void logline_disconnect(struct text *t, const struct logline_session *s,
                        const struct logline_end *end)
{
    text_add(t, "disconnect from ");
    add_client(t, s);
    if (end->certificate != NULL) {
        text_add(t, " tls=yes certificate=");
        add_name(t, end->certificate);
    } else {
        text_add(t, " tls=no");
    }
    text_addf(t, " received=%llu sent=%llu seconds=%.2f", (unsigned long long)end->received,
              (unsigned long long)end->sent, end->seconds);
    text_add(t, end->excepted ? " starttls_except=yes" : "");
    add_session(t, s);
}

void logline_lost(struct text *t, const struct logline_session *s, const char *stage)
{
    text_addf(t, "lost connection after %s from ", stage);
    add_client(t, s);
    add_session(t, s);
}

void logline_auth_refused(struct text *t, const struct logline_session *s, const char *mechanism)
{
    add_client(t, s);
    text_add(t, ": SASL ");
    if (mechanism[0] != '\0') {
        add_name(t, mechanism);
        text_add(t, " ");
    }
    text_add(t, "authentication failed: encryption required");
    add_session(t, s);
}

void logline_too_many_errors(struct text *t, const struct logline_session *s, const char *stage)
{
    text_addf(t, "too many errors after %s from ", stage);
    add_client(t, s);
}

void logline_warning(struct text *t, const struct logline_session *s, const char *text,
                     const char *detail)
{
    text_addf(t, "%s: client=", text);
    add_client(t, s);
    add_detail(t, detail, false);
    add_session(t, s);
}

void logline_limit(struct text *t, const struct logline_session *s, enum logline_limit what,
                   unsigned count, unsigned refused)
{
    text_addf(t, "%s limit exceeded: %u from ",
              what == LOGLINE_SESSIONS ? "Connection concurrency" : "New TLS session rate", count);
    add_client(t, s);
    text_add(t, " for service ");
    add_name(t, s->listener);
    text_addf(t, " refused=%u", refused);
    add_session(t, s);
}

void logline_times(struct text *t, struct bound_news news)
{
    if (news.crossed != (news.line == BOUND_CROSSED ? 1 : 0)) {
        text_addf(t, " times=%u", news.crossed);
    }
}

void logline_stress(struct text *t, enum logline_bound bound, struct bound_news news,
                    const struct logline_stress *facts)
{
    static const char *const words[][2] = {
        [LOGLINE_STRESS] = {"stress is over", "stress begins"},
        [LOGLINE_FULL] = {"there is room again", "silent clients make room for new ones"},
    };
    TABLE_HAS_EACH(words, NUM_LOGLINE_BOUNDS);
    bool over = news.line == BOUND_CROSSED;

    text_add(t, "backend=");
    add_name(t, facts->backend);
    text_addf(t, ": %u of %u connections: %s", facts->taken, facts->max, words[bound][over]);
    if (bound == LOGLINE_FULL && !over) {
        text_addf(t, " evicted=%u refused=%u", facts->evicted, facts->refused);
    }
    logline_times(t, news);
}
