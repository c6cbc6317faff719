/*
 * hello: the decoded ClientHello.
 *
 * Decodes one whole ClientHello (RFC 8446 section 4.1.2, RFC 5246 section 7.4.1.2; the SSLv2
 * format: RFC 5246 appendix E.2) into views of the caller's bytes. Nothing is copied or allocated,
 * so the result lives as long as the bytes. "Absent" and "empty" are distinguished. A hello that
 * every libssl would refuse while reading it is BAD, with the reason in words.
 */
#ifndef POSTERN_LIB_TLS_HELLO_H
#define POSTERN_LIB_TLS_HELLO_H

#include "lib/base/bytes.h"
#include "lib/tls/libssl.h"

/* The longest ClientHello that is decoded, including the handshake header; longer ones are refused.
 */
#define HELLO_SIZE_MAX ((size_t)16384)

/* A list of 16-bit IANA numbers as in the hello, including GREASE. */
struct id_list {
    const uint8_t *data; /* borrowed */
    size_t num;          /* entries */
    size_t stride;       /* bytes of an entry: 2, or 3 for the cipher specs of an SSLv2 hello */
    bool present;        /* the list was present, perhaps empty */
};

struct hello {
    bool sslv2;              /* SSLv2 format: no extensions */
    uint16_t legacy_version; /* client_version as sent */
    struct bytes session_id;
    struct id_list suites; /* SSLv2-only cipher specs count as entries; id_at() gives 0 for them */
    struct bytes compression;
    struct bytes extensions;     /* the whole extension block without its length; len 0 if none */
    struct id_list versions;     /* supported_versions */
    struct id_list groups;       /* supported_groups */
    struct id_list schemes;      /* signature_algorithms */
    struct id_list cert_schemes; /* signature_algorithms_cert */
    bool has_point_formats;
    struct bytes point_formats; /* ec_point_formats: one byte each */
    bool has_key_share;
    struct bytes key_share; /* body of key_share: client_shares without its length */
    bool has_sni;
    struct bytes sni; /* first host_name of server_name */
    bool has_alpn;
    struct bytes alpn; /* protocol_name_list without its length */
    bool has_ca_names;
    struct bytes ca_names; /* certificate_authorities without its length */
};

enum hello_result { HELLO_DONE, HELLO_BAD };

/* A handshake message: type 1, 24-bit length, body. On HELLO_BAD `*why` is set to a static text,
 * and `out` holds what was read before the fault. */
MUST_USE enum hello_result hello_decode(struct hello *out, struct bytes message, const char **why);

/* An SSLv2-format hello, without its 2-byte record header: type 1, version, three lengths, ... */
MUST_USE enum hello_result hello_decode_sslv2(struct hello *out, struct bytes message,
                                              const char **why);

/*
 * What libssl reads only once it has chosen `version` (0x0301 to 0x0304): HELLO_BAD, with `*why`,
 * for a fault in an extension of that version, for example an odd signature_algorithms in TLS 1.2
 * or a broken key_share in TLS 1.3; and for what one libssl refuses and another does not, such as
 * an extension that appears twice and that only `libssl` knows. `hello` comes from a successful
 * decoding.
 */
MUST_USE enum hello_result hello_check(const struct hello *hello, const struct libssl *libssl,
                                       uint16_t version, const char **why);

/* Entry `i` (below list->num) of a list. */
uint16_t id_at(const struct id_list *list, size_t i);

bool id_list_has(const struct id_list *list, uint16_t id);

/* RFC 8701: numbers that mean nothing and must be ignored. */
bool id_is_grease(uint16_t id);

#endif
