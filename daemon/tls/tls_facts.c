#include "daemon/tls/tls_parts.h"
#include "lib/tls/names.h"
#include "lib/tls/verdicttext.h"

#include <string.h>

static void add_key_exchange(struct tls_facts *facts, SSL *ssl, const SSL_CIPHER *cipher)
{
    int group = (int)SSL_get_negotiated_group(ssl);

    switch (SSL_CIPHER_get_kx_nid(cipher)) {
    case NID_kx_rsa:
        facts_set_key_exchange(facts, "RSA", "");
        break;
    case NID_kx_dhe:
        facts_set_key_exchange(facts, "DHE", "");
        break;
    case NID_kx_any:
    case NID_kx_ecdhe:
        if (group != NID_undef) {
            facts_set_key_exchange(facts, tls_group_has_no_nid(group) ? "" : "ECDHE",
                                   tls_group_text(group));
        }
        break;
    default:
        break;
    }
}

static void add_signature(struct tls_signature *out, const struct tls_session *session)
{
    struct text key = text_in(out->key, sizeof out->key);
    int type;
    int digest;

    if (SSL_get_signature_type_nid(session->ssl, &type) != 1) {
        return;
    }
    tls_set_algorithm(out, type);
    if (session->certificate >= 0) {
        const struct certsel_certificate *rules = session->set->rules[session->certificate];

        key_size_text(&key, rules->kind, group_openssl_name(rules->curve), rules->bits);
    }
    if (SSL_get_signature_nid(session->ssl, &digest) == 1) {
        tls_set_digest(out, digest);
    }
}

const char *tls_certificate_name(const struct tls_session *session)
{
    int index = session->certificate;

    if (SSL_session_reused(session->ssl) == 1) {
        index = tls_resume_certificate(session->set, SSL_get_session(session->ssl));
    }
    return index < 0 ? "none" : session->set->names[index];
}

/* For a session resumed in TLS 1.2, libssl reports the server name of the first one, if any. */
static struct bytes server_name_of(const struct tls_session *session)
{
    const char *name = session->sni;

    if (session->handshake != NULL) {
        return session->handshake->hello.has_sni ? session->handshake->hello.sni
                                                 : bytes_of(NULL, 0);
    }
    if (name == NULL) {
        name = SSL_get_servername(session->ssl, TLSEXT_NAMETYPE_host_name);
    }
    return bytes_of(name, name == NULL ? 0 : strlen(name));
}

void tls_session_facts(const struct tls_session *session, struct tls_facts *out)
{
    SSL *ssl = session->ssl;
    const SSL_CIPHER *cipher = SSL_get_current_cipher(ssl);

    *out = (struct tls_facts){.reused = SSL_session_reused(ssl) == 1};
    text_copy(out->protocol, sizeof out->protocol, SSL_get_version(ssl));
    text_copy(out->cipher, sizeof out->cipher, SSL_CIPHER_get_name(cipher));
    text_copy(out->certificate, sizeof out->certificate, tls_certificate_name(session));
    out->bits = SSL_CIPHER_get_bits(cipher, &out->algorithm_bits);
    facts_set_sni(out, server_name_of(session));
    tls_choice_facts(session, out);
    add_key_exchange(out, ssl, cipher);
    /* With RSA key exchange the server signs nothing. */
    if (SSL_CIPHER_get_kx_nid(cipher) != NID_kx_rsa) {
        add_signature(&out->signature, session);
    }
    if (session->client != NULL) {
        out->client = *session->client;
    }
}
