/*
 * Theory of operation: a client's certificate is never needed to encrypt, so libssl's opinion of it
 * is recorded and decides nothing. libssl passes the certificate to on_certificate(), which
 * describes it, and verifies it against client_ca if there is one; the first objection is kept.
 * Only a listener that requires a certificate then ends the handshake. Without client_ca nothing is
 * verified: there is nothing that it could chain to. If memory ran out, the handshake ends at any
 * listener: mail is judged by these facts, and they would be wrong.
 *
 * Anyone who can connect can make us read certificates, so their size and number are bounded before
 * libssl reads them, and chains are built from our side: the first signature that is verified must
 * be one that an authority of client_ca has made.
 */
#include "daemon/tls/keyfiles.h"
#include "daemon/tls/sslerror.h"
#include "daemon/tls/tls_parts.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

enum {
    DEPTH_MAX = 10, /* authorities below client_ca; Postfix's default allows that many */
    CHAIN_SIZE_MAX = 16 * 1024, /* bytes of a client's Certificate; libssl keeps four times that */
    NAMES_SIZE_MAX = 32 * 1024, /* bytes of the names that are sent to clients */
};

/* --- client_ca ------------------------------------------------------------------------------ */

/* A file while it is read. */
struct reading {
    struct tls_client_auth *out;
    const struct conf *conf;
    const struct conf_text *path;
    struct conf_error *error;
    size_t names_len;
};

static bool has_name(const struct tls_client_auth *client_auth, const X509_NAME *name)
{
    for (int i = 0; i < sk_X509_NAME_num(client_auth->names); i++) {
        if (X509_NAME_cmp(sk_X509_NAME_value(client_auth->names, i), name) == 0) {
            return true;
        }
    }
    return false;
}

static int add_name(struct reading *r, X509 *authority)
{
    const X509_NAME *name = X509_get_subject_name(authority);
    const unsigned char *der;
    X509_NAME *copy;
    size_t len;

    if (has_name(r->out, name)) {
        return 0;
    }
    if (X509_NAME_get0_der(name, &der, &len) == 1) {
        r->names_len += 2 + len;
    }
    if (r->names_len > NAMES_SIZE_MAX) {
        return conf_fail(r->error, r->conf, r->path->line,
                         "client_ca: %s: the names of its authorities, which are sent to clients, "
                         "are longer than %d bytes",
                         r->path->text, NAMES_SIZE_MAX);
    }
    copy = X509_NAME_dup(name);
    if (copy == NULL || sk_X509_NAME_push(r->out->names, copy) == 0) {
        X509_NAME_free(copy);
        return conf_fail(r->error, r->conf, r->path->line, "out of memory");
    }
    return 0;
}

static int add_authority(struct reading *r, X509 *authority)
{
    if (X509_STORE_add_cert(r->out->store, authority) != 1) {
        return conf_fail(r->error, r->conf, r->path->line, "client_ca: %s: %s", r->path->text,
                         sslerror_words());
    }
    return add_name(r, authority);
}

static int read_authorities(struct reading *r, BIO *pem, OSSL_LIB_CTX *libctx)
{
    int result = 0;

    while (result == 0) {
        X509 *authority = X509_new_ex(libctx, NULL);

        ERR_clear_error();
        if (authority == NULL || PEM_read_bio_X509_AUX(pem, &authority, NULL, NULL) == NULL) {
            X509_free(authority);
            break;
        }
        result = add_authority(r, authority);
        X509_free(authority);
    }
    if (result != 0) {
        return result;
    }
    if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE) {
        return conf_fail(r->error, r->conf, r->path->line,
                         "client_ca: %s: not a PEM certificate: %s", r->path->text,
                         sslerror_words());
    }
    if (sk_X509_NAME_num(r->out->names) == 0) {
        return conf_fail(r->error, r->conf, r->path->line,
                         "client_ca: %s: it contains no certificate", r->path->text);
    }
    return 0;
}

static int read_file(struct reading *r, OSSL_LIB_CTX *libctx, const struct keyfile *file)
{
    EVP_MD *sha256 = EVP_MD_fetch(libctx, "SHA256", NULL);
    BIO *pem = BIO_new_mem_buf(file->data, (int)file->len);
    int result;

    r->out->store = X509_STORE_new();
    r->out->names = sk_X509_NAME_new_null();
    if (sha256 == NULL || pem == NULL || r->out->store == NULL || r->out->names == NULL ||
        EVP_Digest(file->data, file->len, r->out->ca_hash, NULL, sha256, NULL) != 1) {
        result = conf_fail(r->error, r->conf, r->path->line, "out of memory");
    } else {
        result = read_authorities(r, pem, libctx);
    }
    BIO_free(pem);
    EVP_MD_free(sha256);
    ERR_clear_error();
    return result;
}

int tls_client_read(struct tls_client_auth *out, OSSL_LIB_CTX *libctx, const struct conf *conf,
                    const struct conf_listener *from, const struct keyfiles *files,
                    struct conf_error *error)
{
    struct reading r = {.out = out, .conf = conf, .path = &from->client_ca, .error = error};
    const struct keyfile *file = &files->client_cas[from - conf->listeners];

    *out = (struct tls_client_auth){.mode = from->client_certificate};
    return file->data == NULL ? 0 : read_file(&r, libctx, file);
}

void tls_client_free(struct tls_client_auth *client_auth)
{
    X509_STORE_free(client_auth->store);
    sk_X509_NAME_pop_free(client_auth->names, X509_NAME_free);
    *client_auth = (struct tls_client_auth){0};
}

/* --- the certificate ------------------------------------------------------------------------ */

/* Verifies the certificate of `store` against client_ca. */
static void verify(struct tls_client *client, const struct tls_client_auth *client_auth,
                   X509_STORE_CTX *store)
{
    int error;

    if (client_auth->store == NULL) {
        text_copy(client->error, sizeof client->error, "there is no client_ca");
        return;
    }
    if (X509_verify_cert(store) == 1) {
        client->trust = TLS_TRUST_TRUSTED;
        return;
    }
    error = X509_STORE_CTX_get_error(store);
    text_copy(client->error, sizeof client->error,
              X509_verify_cert_error_string(error == X509_V_OK ? X509_V_ERR_UNSPECIFIED : error));
}

/* libssl's question whether the certificate is good: 1 or 0. */
static int on_certificate(X509_STORE_CTX *store, void *arg)
{
    SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    struct tls_session *session = SSL_get_app_data(ssl);
    const struct tls_client_auth *client_auth = &session->listener->client_auth;

    (void)arg;
    free(session->client);
    session->client =
        tls_client_describe(X509_STORE_CTX_get0_cert(store), session->listener->libctx);
    if (session->client != NULL) {
        verify(session->client, client_auth, store);
    }
    /* libssl has read the certificate in the operation in which it asks this. */
    if (session->client == NULL || tls_memory_was_short()) {
        X509_STORE_CTX_set_error(store, X509_V_ERR_OUT_OF_MEM);
        return 0;
    }
    return session->client->trust == TLS_TRUST_TRUSTED ||
           client_auth->mode != CONF_CLIENT_CERTIFICATE_REQUIRE || client_auth->store == NULL;
}

int tls_client_set_up(const struct tls_listener *listener, SSL_CTX *ctx)
{
    const struct tls_client_auth *client_auth = &listener->client_auth;
    bool required = client_auth->mode == CONF_CLIENT_CERTIFICATE_REQUIRE;
    STACK_OF(X509_NAME) * names;

    if (client_auth->mode == CONF_CLIENT_CERTIFICATE_NONE) {
        return 0;
    }
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | (required ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0),
                       NULL);
    SSL_CTX_set_verify_depth(ctx, DEPTH_MAX);
    SSL_CTX_set_max_cert_list(ctx, CHAIN_SIZE_MAX);
    SSL_CTX_set_cert_verify_callback(ctx, on_certificate, NULL);
    if (client_auth->store == NULL) {
        return 0;
    }
    names = SSL_dup_CA_list(client_auth->names);
    if (names == NULL) {
        return -1;
    }
    SSL_CTX_set_client_CA_list(ctx, names);
    SSL_CTX_set1_cert_store(ctx, client_auth->store);
    return 0;
}

/* --- the end of the handshake --------------------------------------------------------------- */

bool tls_client_settle(struct tls_session *session)
{
    struct tls_client *client = session->client;
    int nid;

    if (client == NULL || SSL_get0_peer_certificate(session->ssl) == NULL) {
        struct text detail = text_in(session->handshake->detail, sizeof session->handshake->detail);

        if (session->listener->client_auth.mode != CONF_CLIENT_CERTIFICATE_REQUIRE) {
            return true;
        }
        session->failure = HANDSHAKE_CLIENT_CERTIFICATE;
        text_add(&detail, "the client sent no certificate");
        return false;
    }
    if (SSL_get_peer_signature_type_nid(session->ssl, &nid) == 1) {
        tls_set_algorithm(&client->signature, nid);
    }
    if (SSL_get_peer_signature_nid(session->ssl, &nid) == 1) {
        tls_set_digest(&client->signature, nid);
    }
    return true;
}

/*
 * Which message libssl failed at is known from the newest that it has read; from an error about the
 * next one's length, that it was the next. SSL_get_state() would say, but its numbers differ
 * between releases of libssl 3, and a build against one runs with another.
 */
bool tls_client_has_failed(const struct tls_session *session, unsigned long error)
{
    const struct tls_handshake *handshake = session->handshake;
    bool unread =
        ERR_GET_LIB(error) == ERR_LIB_SSL && ERR_GET_REASON(error) == SSL_R_EXCESSIVE_MESSAGE_SIZE;

    if (!handshake->asked || handshake->alert_sent == SSL_AD_INTERNAL_ERROR) {
        return false;
    }
    switch (handshake->newest) {
    case SSL3_MT_CLIENT_HELLO:
        return unread;
    case SSL3_MT_CERTIFICATE:
        return !unread || SSL_version(session->ssl) >= TLS1_3_VERSION;
    case SSL3_MT_CLIENT_KEY_EXCHANGE:
        return unread && session->client != NULL;
    case SSL3_MT_CERTIFICATE_VERIFY:
        return !unread;
    default:
        return false;
    }
}

void tls_client_explain(const struct tls_session *session, unsigned long error, struct text *detail)
{
    bool refused = ERR_GET_REASON(error) == SSL_R_CERTIFICATE_VERIFY_FAILED;

    text_add(detail,
             refused && session->client != NULL ? session->client->error : sslerror_text(error));
}
