/*
 * libssl: what one libssl does with a ClientHello and another does not.
 *
 * Plain data. The rooms of lib/tls that predict libssl follow it and need not know releases: a rule
 * may be new in any release, or be backported to an older one by a distribution, so each is a
 * separate field. What the present libssl does is found by trying (daemon/tls/libssl). All false is
 * what OpenSSL 3.0 does since 3.0.22.
 */
#ifndef POSTERN_LIB_TLS_LIBSSL_H
#define POSTERN_LIB_TLS_LIBSSL_H

#include <stdbool.h>

struct libssl {
    /* Up to TLS 1.2, ec_point_formats must name the form of an ECDSA certificate's key. */
    bool reads_point_formats;

    /* TLS 1.3: each share of key_share must be for a group of supported_groups. Otherwise only
     * those up to the first that the server can use. */
    bool checks_all_shares;

    /* TLS 1.3: of the shares that the server can use, the one for the first of its own groups
     * counts. Otherwise the first of the client's. */
    bool prefers_own_groups;

    /* It knows these extensions, and so accepts them only once (RFC 7250: 19, 20; RFC 8879: 27). */
    bool knows_client_certificate_type;
    bool knows_server_certificate_type;
    bool knows_compress_certificate;

    /* TLS 1.3: compress_certificate must be a list of 16-bit numbers, and not empty. A libssl that
     * knows the extension need not: it may be built without a compression. */
    bool reads_compress_certificate;

    /* 0x081a to 0x081c (RFC 8734) in signature_algorithms_cert name the digest of an ECDSA
     * signature. Otherwise they mean nothing. */
    bool knows_brainpool_schemes;
};

#endif
