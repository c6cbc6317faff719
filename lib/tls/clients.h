/*
 * clients: well-known mail clients, and the ClientHello that each of them sends.
 *
 * `posternctl check` tries a configuration with these. The rows are in clients_windows.inc,
 * clients_libraries.inc and clients_mail.inc, each with the source that it is based on; they are
 * compiled in, so that they are wherever the program is.
 */
#ifndef POSTERN_LIB_TLS_CLIENTS_H
#define POSTERN_LIB_TLS_CLIENTS_H

#include "lib/tls/hellobuild.h"

/* What a row is based on. */
enum client_basis {
    CLIENT_CAPTURED,   /* a published capture of this client, or of one with the same TLS library */
    CLIENT_RUN,        /* the program itself was run */
    CLIENT_DOCUMENTED, /* documents, or captures of parts; `source` says what is inferred */
    NUM_CLIENT_BASES,
};

/* Lists are numbers in hexadecimal with blanks between them, in the client's order; NULL: it does
 * not send this list. GREASE and extensions that only a browser requests from its library (ALPN,
 * NPN, token binding, ...) are omitted. */
struct client {
    const char *name;
    enum client_basis basis;
    const char *source;
    bool sslv2;       /* SSLv2 format; cipher kinds of SSLv2 itself are among the suites */
    uint16_t version; /* client_version */
    const char *suites;
    const char *groups;
    const char *schemes;      /* signature_algorithms */
    const char *cert_schemes; /* signature_algorithms_cert */
    const char *versions;     /* supported_versions */
    const char *shares;       /* groups of key_share */
    const char *extensions;   /* types of all extensions, in decimal; NULL: no extension block */
};

size_t clients_num(void);

/* Row `i`, below clients_num(). */
const struct client *client_at(size_t i);

/* "capture", "run" or "documents". */
const char *client_basis_word(enum client_basis basis);

/*
 * Writes the hello of `client` into `out`, which has room for `size` bytes: a handshake message, or
 * for SSLv2 format a message without its record header. `sni` is sent by the clients that send a
 * server_name at all; NULL: none. Returns its length; 0 if it does not fit or the row is wrong.
 */
MUST_USE size_t client_hello(const struct client *client, const char *sni, uint8_t *out,
                             size_t size);

#endif
