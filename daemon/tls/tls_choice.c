/*
 * Theory of operation: libssl hands every message of the handshake to tls_on_message() before it
 * reads it itself, a ClientHello as a whole, however many segments and records it arrived in. The
 * first one is copied. Then libssl has parsed its frame and calls tls_on_client_hello(), where the
 * copy is decoded, judged, and a certificate given to the SSL that has none yet. After a
 * HelloRetryRequest both are called a second time: the first hello's choice is kept, because a
 * client must not change what the choice is based on.
 */
#include "daemon/tls/tls_parts.h"

#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>

/* A message of the record layer's "version" for an SSLv2-format hello, and its content type. */
#define SSLV2_CONTENT_TYPE 0

static void keep_hello(struct tls_handshake *handshake, int content_type, const void *data,
                       size_t len)
{
    if (len > HELLO_SIZE_MAX) {
        handshake->too_large = true;
        return;
    }
    handshake->raw = malloc(len);
    if (handshake->raw == NULL) {
        handshake->out_of_memory = true;
        return;
    }
    memcpy(handshake->raw, data, len);
    handshake->raw_len = len;
    handshake->sslv2 = content_type == SSLV2_CONTENT_TYPE;
}

static void on_read(struct tls_handshake *handshake, int content_type, const uint8_t *data,
                    size_t len)
{
    bool in_handshake = content_type == SSL3_RT_HANDSHAKE || content_type == SSLV2_CONTENT_TYPE;

    if (in_handshake && len > 0) {
        handshake->newest = data[0];
    }
    if (content_type == SSL3_RT_HEADER && !handshake->any_header &&
        len >= sizeof handshake->header) {
        memcpy(handshake->header, data, sizeof handshake->header);
        handshake->any_header = true;
    } else if (in_handshake && len > 0 && data[0] == SSL3_MT_CLIENT_HELLO &&
               handshake->raw == NULL) {
        keep_hello(handshake, content_type, data, len);
    }
}

void tls_on_message(int write_p, int version, int content_type, const void *data, size_t len,
                    SSL *ssl, void *arg)
{
    struct tls_session *session = SSL_get_app_data(ssl);
    const uint8_t *bytes = data;

    (void)version;
    (void)arg;
    if (session->handshake == NULL) {
        return;
    }
    if (!write_p) {
        on_read(session->handshake, content_type, bytes, len);
    } else if (content_type == SSL3_RT_HANDSHAKE && len > 0 &&
               bytes[0] == SSL3_MT_CERTIFICATE_REQUEST) {
        session->handshake->asked = true;
    } else if (content_type == SSL3_RT_HANDSHAKE && len > 0 &&
               bytes[0] ==
                   (session->certificate < 0 ? SSL3_MT_SERVER_KEY_EXCHANGE : SSL3_MT_CERTIFICATE)) {
        session->served = true;
    } else if (content_type == SSL3_RT_ALERT && len == 2) {
        session->handshake->alert_sent = bytes[1];
    }
}

size_t tls_listener_set_of(const struct tls_listener *listener, const struct hello *hello)
{
    if (!hello->has_sni) {
        return 0;
    }
    return sni_find(listener->names->names, listener->names->num, hello->sni, 0);
}

/* Returns whether the whole hello could be read. */
static bool decode(struct tls_handshake *handshake)
{
    struct bytes raw = bytes_of(handshake->raw, handshake->raw_len);
    enum hello_result result =
        handshake->sslv2 ? hello_decode_sslv2(&handshake->hello, raw, &handshake->malformed)
                         : hello_decode(&handshake->hello, raw, &handshake->malformed);

    handshake->decoded = true;
    return result == HELLO_DONE;
}

/* Judges; `certificate` becomes the one to serve. */
static bool decide(struct tls_session *session)
{
    struct tls_handshake *handshake = session->handshake;
    const struct tls_set *set =
        &session->listener->sets[tls_listener_set_of(session->listener, &handshake->hello)];
    int best = -1;

    handshake->verdicts = calloc(set->num, sizeof *handshake->verdicts);
    if (handshake->verdicts == NULL) {
        return false;
    }
    session->set = set;
    if (handshake->malformed == NULL) {
        best = certsel_choose(&session->listener->profile.rules, set->rules, set->num,
                              &handshake->hello, handshake->verdicts);
    } else {
        for (size_t i = 0; i < set->num; i++) {
            handshake->verdicts[i].reason = VERDICT_MALFORMED;
        }
    }
    session->usable = best >= 0;
    /* Nothing fits: libssl still gets the first certificate and gives its own answer. If it finds a
     * way that our rules do not see, they have not cost a mail. */
    session->certificate = best >= 0 ? best : 0;
    return true;
}

/* The choice of this session's certificate, if it has to be logged; NULL: nothing was chosen. */
static const struct verdict *verdict_of(const struct tls_session *session)
{
    return session->usable ? &session->handshake->verdicts[session->certificate] : NULL;
}

/* Lets libssl serve what was decided. */
static bool give_certificate(struct tls_session *session)
{
    const struct tls_set *set = session->set;
    const struct verdict *verdict = verdict_of(session);
    const struct keystore_entry *entry;

    if (!session->usable && session->handshake->malformed == NULL &&
        !tls_unmatched_switch(session)) {
        return false;
    }
    if (session->unmatched != CONF_UNMATCHED_FAIL) {
        return true;
    }
    if (verdict != NULL && verdict->capped &&
        SSL_set_max_proto_version(session->ssl, TLS1_2_VERSION) != 1) {
        return false;
    }
    entry = set->entries[session->certificate];
    return SSL_use_cert_and_key(session->ssl, entry->leaf, entry->key, entry->chain, 1) == 1;
}

int tls_on_client_hello(SSL *ssl, int *alert, void *arg)
{
    struct tls_session *session = SSL_get_app_data(ssl);
    struct tls_handshake *handshake = session->handshake;

    (void)arg;
    if (session->set != NULL) {
        return SSL_CLIENT_HELLO_SUCCESS;
    }
    if (handshake->too_large) {
        *alert = SSL_AD_HANDSHAKE_FAILURE;
        return SSL_CLIENT_HELLO_ERROR;
    }
    *alert = SSL_AD_INTERNAL_ERROR;
    if (handshake->raw == NULL) {
        return SSL_CLIENT_HELLO_ERROR;
    }
    if (decode(handshake) && tls_alpn_refuses(session, handshake->hello.alpn)) {
        *alert = SSL_AD_NO_APPLICATION_PROTOCOL;
        return SSL_CLIENT_HELLO_ERROR;
    }
    if (!decide(session)) {
        return SSL_CLIENT_HELLO_ERROR;
    }
    if (SSL_set_session_id_context(ssl, session->set->context, sizeof session->set->context) != 1 ||
        !give_certificate(session)) {
        return SSL_CLIENT_HELLO_ERROR;
    }
    return SSL_CLIENT_HELLO_SUCCESS;
}

void tls_choice_facts(const struct tls_session *session, struct tls_facts *facts)
{
    const struct verdict *verdict = session->handshake == NULL ? NULL : verdict_of(session);

    if (verdict != NULL && !facts->reused) {
        text_copy(facts->fault, sizeof facts->fault, fault_word(verdict->fault));
        facts->capped = verdict->capped;
    }
}

struct handshake_choice tls_choice(const struct tls_session *session)
{
    const struct tls_handshake *handshake = session->handshake;
    struct handshake_choice choice = {.client = session->client};

    if (handshake == NULL || handshake->verdicts == NULL) {
        return choice;
    }
    choice.hello = &handshake->hello;
    choice.names = session->set->names;
    choice.verdicts = handshake->verdicts;
    choice.num = session->set->num;
    if (session->served && session->unmatched != CONF_UNMATCHED_FAIL) {
        choice.unmatched = conf_unmatched_word(session->unmatched);
        choice.certificate =
            session->certificate < 0 ? "none" : session->set->names[session->certificate];
    }
    if (!session->usable && handshake->malformed == NULL) {
        choice.would_fit = certsel_would_fit(&session->listener->profile.rules, &handshake->hello);
    }
    return choice;
}

bool tls_verdict_wrong(const struct tls_session *session, struct bytes *raw)
{
    if (session->handshake == NULL || session->usable || !session->served ||
        session->unmatched != CONF_UNMATCHED_FAIL) {
        return false;
    }
    *raw = bytes_of(session->handshake->raw, session->handshake->raw_len);
    return true;
}

struct bytes tls_raw_hello(const struct tls_session *session, bool *sslv2)
{
    const struct tls_handshake *handshake = session->handshake;

    if (handshake == NULL || handshake->raw == NULL) {
        return bytes_of(NULL, 0);
    }
    *sslv2 = handshake->sslv2;
    return bytes_of(handshake->raw, handshake->raw_len);
}

const char *tls_ja4(const struct tls_session *session)
{
    struct tls_handshake *handshake = session->handshake;

    if (handshake == NULL || !handshake->decoded) {
        return "";
    }
    if (handshake->ja4[0] == '\0' &&
        !ja4_fingerprint(session->listener->libctx, &handshake->hello, handshake->ja4)) {
        return "";
    }
    return handshake->ja4;
}
