/*
 * hellobuild: a ClientHello from lists of numbers.
 *
 * For judging without a client: the known clients of `posternctl check`, the lists given to
 * `posternctl explain`. The message is what a client with these lists would send, so that the one
 * decoder and certsel judge it like any other. It carries no secret and is not intended for a
 * network: the random is constant, the key shares are known points.
 */
#ifndef POSTERN_LIB_TLS_HELLOBUILD_H
#define POSTERN_LIB_TLS_HELLOBUILD_H

#include "lib/tls/hello.h"

/* Numbers to be written; `present` distinguishes an empty list from none, as in struct id_list. */
struct hello_ids {
    const uint16_t *ids; /* borrowed */
    size_t num;
    bool present;
};

struct hello_lists {
    bool sslv2;              /* SSLv2 format: only version, suites and sslv2_kinds are written */
    uint16_t legacy_version; /* client_version; 0x0303 in TLS 1.3 */
    struct hello_ids suites;
    const uint32_t *sslv2_kinds; /* borrowed: cipher kinds of SSLv2 itself, written before suites */
    size_t num_sslv2_kinds;

    /* Extensions, each written if present. */
    struct hello_ids versions;     /* supported_versions */
    struct hello_ids groups;       /* supported_groups */
    struct hello_ids shares;       /* the groups of key_share */
    struct hello_ids schemes;      /* signature_algorithms */
    struct hello_ids cert_schemes; /* signature_algorithms_cert */
    const char *sni;               /* server_name; NULL: none */
    struct bytes alpn;             /* protocol_name_list without its length; len 0: none */

    /* The types of all extensions, in the order in which they are written. A type that belongs to a
     * field above is written at its position here, if the field is present; types that a field
     * needs and this list does not name follow at the end. The others get the body that clients
     * usually send
     * with them, or an empty one. */
    struct hello_ids extensions;
};

/*
 * Writes the handshake message (for SSLv2 format: the message without its record header) into
 * `out`, which has room for `size` bytes. Returns its length; 0 if it does not fit, or if a list is
 * too long for its length field.
 */
MUST_USE size_t hello_build(const struct hello_lists *lists, uint8_t *out, size_t size);

#endif
