/*
 * Theory of operation: a session can be resumed only where it could have begun. libssl resumes one
 * only under an equal session id context, and that is a hash over everything that a listener
 * promises to a client of this set; it is put on each SSL once the hello's set is known, which is
 * before libssl looks at a ticket. All certificates of a set have the same one, so that tickets
 * survive a change of certificate; the ticket says which of them the client has seen. If that one
 * is no longer in the set, the administrator has removed it, and the client begins a new session.
 * There is no session cache: everything is kept by the client, under keys of tls_tickets.c.
 */
#include "daemon/tls/sslerror.h"
#include "daemon/tls/tls_parts.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/rand.h>
#include <string.h>

/* --- the session id context ----------------------------------------------------------------- */

/* Appends a value with its length, so that no two lists of values look alike. */
static bool add(EVP_MD_CTX *hash, const void *data, size_t len)
{
    uint8_t head[4] = {(uint8_t)(len >> 24), (uint8_t)(len >> 16), (uint8_t)(len >> 8),
                       (uint8_t)len};

    return EVP_DigestUpdate(hash, head, sizeof head) == 1 && EVP_DigestUpdate(hash, data, len) == 1;
}

static bool add_text(EVP_MD_CTX *hash, const char *text)
{
    return add(hash, text, strlen(text));
}

static bool add_number(EVP_MD_CTX *hash, unsigned number)
{
    uint8_t bytes[2] = {(uint8_t)(number >> 8), (uint8_t)number};

    return add(hash, bytes, sizeof bytes);
}

static bool add_numbers(EVP_MD_CTX *hash, const uint16_t *numbers, size_t num)
{
    bool good = add_number(hash, (unsigned)num);

    for (size_t i = 0; i < num && good; i++) {
        good = add_number(hash, numbers[i]);
    }
    return good;
}

/* What the profile allows rather than its name: the same name may mean something else tomorrow, and
 * a ticket may return to a different machine. */
static bool add_profile(EVP_MD_CTX *hash, const struct certsel_profile *p)
{
    return add_number(hash, p->min_version) && add_number(hash, p->max_version) &&
           add_number(hash, (unsigned)p->security_level) &&
           add_numbers(hash, p->suites, p->num_suites) &&
           add_numbers(hash, p->groups, p->num_groups) &&
           add_numbers(hash, p->schemes, p->num_schemes);
}

/* Whom the listener admits, and which authorities it trusts. */
static bool add_asking(EVP_MD_CTX *hash, const struct tls_client_auth *client_auth)
{
    return add_number(hash, client_auth->mode) &&
           add(hash, client_auth->ca_hash, sizeof client_auth->ca_hash);
}

/* What follows the listener's part: that of one set. */
static bool end_context(struct tls_set *set, const struct conf_set *from, EVP_MD_CTX *hash)
{
    return add_text(hash, from->name) && add_number(hash, set->unmatched) &&
           EVP_DigestFinal_ex(hash, set->context, NULL) == 1;
}

int tls_resume_bind_sets(struct tls_listener *listener, const struct conf_listener *from)
{
    EVP_MD *sha256 = EVP_MD_fetch(listener->libctx, "SHA256", NULL);
    EVP_MD_CTX *common = EVP_MD_CTX_new();
    EVP_MD_CTX *hash = EVP_MD_CTX_new();
    bool good = sha256 != NULL && common != NULL && hash != NULL &&
                EVP_DigestInit_ex2(common, sha256, NULL) == 1 && add_text(common, "postern 1") &&
                add_profile(common, &listener->profile.rules) &&
                add_asking(common, &listener->client_auth);

    for (size_t i = 0; i < listener->num_sets && good; i++) {
        good = EVP_MD_CTX_copy_ex(hash, common) == 1 &&
               end_context(&listener->sets[i], from->sets[i], hash);
    }
    EVP_MD_CTX_free(common);
    EVP_MD_CTX_free(hash);
    EVP_MD_free(sha256);
    return good ? 0 : -1;
}

/* --- keys ----------------------------------------------------------------------------------- */

/* What libssl is told about a ticket. */
enum { TICKET_ERROR = -1, TICKET_UNKNOWN = 0, TICKET_GOOD = 1, TICKET_GOOD_RENEW = 2 };

static bool set_up(const struct tls_listener *listener, const struct ticket_key *key,
                   const unsigned char *iv, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, int encrypt)
{
    static char digest[] = "SHA256";
    struct ticket_key copy = *key;
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, copy.mac, sizeof copy.mac),
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, sizeof digest - 1),
        OSSL_PARAM_construct_end(),
    };
    bool good =
        EVP_CipherInit_ex2(cipher, listener->ticket_cipher, copy.cipher, iv, encrypt, NULL) == 1 &&
        EVP_MAC_CTX_set_params(mac, params) == 1;

    OPENSSL_cleanse(&copy, sizeof copy);
    return good;
}

/* libssl asks for the key of a ticket that it creates (`encrypt`) or has received. */
static int on_ticket_key(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher,
                         EVP_MAC_CTX *mac, int encrypt)
{
    const struct tls_session *session = SSL_get_app_data(ssl);
    const struct tls_listener *listener = session->listener;
    struct ticket_key key;
    int index = tls_tickets_pick(listener->tickets, encrypt ? NULL : name, &key);
    bool good;

    if (index < 0) {
        return encrypt ? TICKET_ERROR : TICKET_UNKNOWN;
    }
    if (encrypt) {
        memcpy(name, key.name, sizeof key.name);
        good = RAND_bytes_ex(listener->libctx, iv,
                             (size_t)EVP_CIPHER_get_iv_length(listener->ticket_cipher), 0) == 1;
    } else {
        good = true;
    }
    good = good && set_up(listener, &key, iv, cipher, mac, encrypt);
    OPENSSL_cleanse(&key, sizeof key);
    if (!good) {
        return TICKET_ERROR;
    }
    return index == 0 ? TICKET_GOOD : TICKET_GOOD_RENEW;
}

/* --- what a ticket contains ------------------------------------------------------------------- */

int tls_resume_certificate(const struct tls_set *set, SSL_SESSION *resumed)
{
    void *name;
    size_t len;

    if (SSL_SESSION_get0_ticket_appdata(resumed, &name, &len) != 1 || name == NULL) {
        return -1;
    }
    for (size_t i = 0; i < set->num; i++) {
        if (strlen(set->names[i]) == len && memcmp(set->names[i], name, len) == 0) {
            return (int)i;
        }
    }
    return -1;
}

/* A further ticket of a resumed session has the contents of the first one. */
static int on_new_ticket(SSL *ssl, void *arg)
{
    const struct tls_session *session = SSL_get_app_data(ssl);
    const char *name;

    (void)arg;
    if (SSL_session_reused(ssl) == 1) {
        return 1;
    }
    name = session->set->names[session->certificate];
    return SSL_SESSION_set1_ticket_appdata(SSL_get_session(ssl), name, strlen(name));
}

static SSL_TICKET_RETURN on_ticket(SSL *ssl, SSL_SESSION *ticket, const unsigned char *key_name,
                                   size_t key_name_len, SSL_TICKET_STATUS status, void *arg)
{
    const struct tls_session *session = SSL_get_app_data(ssl);

    (void)key_name;
    (void)key_name_len;
    (void)arg;
    if ((status != SSL_TICKET_SUCCESS && status != SSL_TICKET_SUCCESS_RENEW) ||
        tls_resume_certificate(session->set, ticket) < 0) {
        return SSL_TICKET_RETURN_IGNORE_RENEW;
    }
    /* In TLS 1.3 a client uses a ticket once (RFC 8446 appendix C.4). */
    return status == SSL_TICKET_SUCCESS_RENEW || SSL_version(ssl) == TLS1_3_VERSION
               ? SSL_TICKET_RETURN_USE_RENEW
               : SSL_TICKET_RETURN_USE;
}

int tls_resume_set_up(struct tls_listener *listener, bool tickets)
{
    SSL_CTX *ctx = listener->ctx;

    if (!tickets) {
        SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
        return SSL_CTX_set_num_tickets(ctx, 0) == 1 ? 0 : -1;
    }
    listener->ticket_cipher = EVP_CIPHER_fetch(listener->libctx, "AES-256-CBC", NULL);
    return listener->ticket_cipher != NULL && SSL_CTX_set_num_tickets(ctx, 1) == 1 &&
                   SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx, on_ticket_key) == 1 &&
                   SSL_CTX_set_session_ticket_cb(ctx, on_new_ticket, on_ticket, NULL) == 1
               ? 0
               : -1;
}
