#include "daemon/tls/tls_parts.h"

#include <errno.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>

/* How many records without data (KeyUpdate, renegotiation, warnings) may follow each other. */
enum { SILENT_RECORDS_MAX = 32 };

int tls_library_init(void)
{
    tls_memory_begin();
    if (tls_memory_init() != 0 || OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG, NULL) != 1) {
        return -1;
    }
    /* Code that uses it unchecked would crash if there was no memory for it. */
    if (OSSL_LIB_CTX_get0_global_default() == NULL) {
        return -1;
    }
    tls_memory_prepare(NULL);
    return tls_memory_was_short() ? -1 : 0;
}

struct tls_session *tls_session_new(struct tls_listener *listener, int fd)
{
    struct tls_session *session = calloc(1, sizeof *session);

    ERR_clear_error();
    if (session == NULL) {
        return NULL;
    }
    session->listener = listener;
    session->certificate = -1;
    session->failure = HANDSHAKE_INTERNAL;
    session->handshake = calloc(1, sizeof *session->handshake);
    session->ssl = SSL_new(listener->ctx);
    if (session->handshake == NULL || session->ssl == NULL ||
        SSL_set_app_data(session->ssl, session) != 1 || SSL_set_fd(session->ssl, fd) != 1) {
        tls_session_free(session);
        ERR_clear_error();
        return NULL;
    }
    session->handshake->alert_sent = -1;
    SSL_set_accept_state(session->ssl);
    return session;
}

void tls_session_free(struct tls_session *session)
{
    if (session == NULL) {
        return;
    }
    tls_handshake_over(session);
    SSL_free(session->ssl);
    free(session->sni);
    free(session->client);
    free(session);
}

/* Where libssl will tell another one, or none. False without memory: rules depend on the name. */
static bool keep_server_name(struct tls_session *session)
{
    const struct hello *hello = &session->handshake->hello;

    if (hello->has_sni && SSL_session_reused(session->ssl) == 1) {
        session->sni = strndup((const char *)hello->sni.data, hello->sni.len);
        return session->sni != NULL;
    }
    return true;
}

void tls_handshake_over(struct tls_session *session)
{
    if (session->handshake == NULL) {
        return;
    }
    free(session->handshake->raw);
    free(session->handshake->verdicts);
    free(session->handshake);
    session->handshake = NULL;
    if (session->ssl != NULL) {
        SSL_set_msg_callback(session->ssl, NULL);
    }
}

/* The result of an operation that did not succeed. `error` becomes errno if the system failed,
 * otherwise 0; call this before anything else can change errno. */
static enum tls_status status_of(const struct tls_session *session, int result, int *error)
{
    int system_error = errno;

    *error = 0;
    switch (SSL_get_error(session->ssl, result)) {
    case SSL_ERROR_WANT_READ:
        return TLS_WANT_READ;
    case SSL_ERROR_WANT_WRITE:
        return TLS_WANT_WRITE;
    case SSL_ERROR_ZERO_RETURN:
        return TLS_EOF;
    case SSL_ERROR_SYSCALL:
        *error = system_error;
        return TLS_FAILED;
    default:
        return TLS_FAILED;
    }
}

/* Before each operation: errors left by another one do not belong to this one. */
static void forget_errors(void)
{
    tls_memory_begin();
    ERR_clear_error();
    errno = 0;
}

/* libssl has done its part; now keep what the session must know about it. */
static enum tls_status settle(struct tls_session *session)
{
    struct text detail = text_in(session->handshake->detail, sizeof session->handshake->detail);

    if (!keep_server_name(session)) {
        text_add(&detail, "out of memory");
        return TLS_FAILED;
    }
    return tls_client_settle(session) ? TLS_DONE : TLS_FAILED;
}

enum tls_status tls_handshake(struct tls_session *session)
{
    enum tls_status status;
    int error;
    int result;

    forget_errors();
    result = SSL_do_handshake(session->ssl);
    if (result == 1) {
        return settle(session);
    }
    status = status_of(session, result, &error);
    if (status == TLS_WANT_READ || status == TLS_WANT_WRITE) {
        return status;
    }
    if (status == TLS_EOF || error != 0 || ERR_peek_error() == 0) {
        tls_failure_explain_gone(session, error);
    } else {
        tls_failure_explain(session);
    }
    return TLS_FAILED;
}

enum tls_status tls_read(struct tls_session *session, uint8_t *out, size_t room, size_t *got)
{
    *got = 0;
    for (int i = 0; i < SILENT_RECORDS_MAX; i++) {
        enum tls_status status;
        bool socket_is_empty;
        int result;
        int error;

        forget_errors();
        result = SSL_read_ex(session->ssl, out, room, got);
        if (result == 1) {
            return TLS_DONE;
        }
        socket_is_empty = errno == EAGAIN || errno == EWOULDBLOCK;
        status = status_of(session, result, &error);
        /* Without auto-retry libssl also stops after a record that had no data. The socket is
         * announced again only if it was read and had nothing. */
        if (status != TLS_WANT_READ || socket_is_empty) {
            return status;
        }
    }
    return TLS_FAILED;
}

enum tls_status tls_write(struct tls_session *session, const uint8_t *data, size_t len, size_t *put)
{
    int result;
    int error;

    *put = 0;
    if (len == 0) {
        return TLS_DONE;
    }
    forget_errors();
    result = SSL_write_ex(session->ssl, data, len, put);
    return result == 1 ? TLS_DONE : status_of(session, result, &error);
}

enum tls_status tls_end_writing(struct tls_session *session)
{
    int result;
    int error;

    if (session->ended) {
        return TLS_DONE;
    }
    forget_errors();
    /* 0: close_notify is written, the client's has not arrived. Another call would wait for it. */
    result = SSL_shutdown(session->ssl);
    if (result < 0) {
        return status_of(session, result, &error);
    }
    session->ended = true;
    return TLS_DONE;
}
