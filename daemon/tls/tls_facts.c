#include "daemon/tls/tls_parts.h"

#include <string.h>

static void add_key_exchange(struct tls_facts *facts, SSL *ssl, const SSL_CIPHER *cipher)
{
    int group = (int)SSL_get_negotiated_group(ssl);

    switch (SSL_CIPHER_get_kx_nid(cipher)) {
    case NID_kx_rsa:
        facts->key_exchange = "RSA";
        break;
    case NID_kx_dhe:
        facts->key_exchange = "DHE";
        break;
    case NID_kx_any:
    case NID_kx_ecdhe:
        if (group != NID_undef) {
            facts->key_exchange = tls_group_has_no_nid(group) ? "" : "ECDHE";
            facts->group = tls_group_text(group);
        }
        break;
    default:
        break;
    }
}

static void add_signature(struct tls_facts *facts, const struct tls_session *session)
{
    int type;
    int digest;

    if (SSL_get_signature_type_nid(session->ssl, &type) != 1) {
        return;
    }
    facts->signature = tls_signature_text(type);
    if (session->certificate >= 0) {
        facts->key = session->set->keys[session->certificate];
    }
    if (SSL_get_signature_nid(session->ssl, &digest) == 1) {
        facts->digest = tls_digest_text(digest);
    }
}

/* The certificate that the client has seen, now or in the session that this one resumes. */
static const char *certificate_of(const struct tls_session *session)
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

struct tls_facts tls_session_facts(const struct tls_session *session)
{
    SSL *ssl = session->ssl;
    const SSL_CIPHER *cipher = SSL_get_current_cipher(ssl);
    struct tls_facts facts = {
        .protocol = SSL_get_version(ssl),
        .cipher = SSL_CIPHER_get_name(cipher),
        .key_exchange = "",
        .group = "",
        .signature = "",
        .key = "",
        .digest = "",
        .certificate = certificate_of(session),
        .fault = "",
        .reused = SSL_session_reused(ssl) == 1,
        .client = session->client,
    };

    facts.cipher_bits = SSL_CIPHER_get_bits(cipher, &facts.algorithm_bits);
    facts.sni = server_name_of(session);
    tls_choice_facts(session, &facts);
    add_key_exchange(&facts, ssl, cipher);
    /* With RSA key exchange the server signs nothing. */
    if (SSL_CIPHER_get_kx_nid(cipher) != NID_kx_rsa) {
        add_signature(&facts, session);
    }
    return facts;
}
