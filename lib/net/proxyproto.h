/*
 * proxyproto: the header of the PROXY protocol, which says who the client of a connection is.
 *
 * Written for the backend, and read from an upstream. Format: "The PROXY protocol, versions 1 & 2",
 * section 2.1 (the text line) and 2.2 (the binary header).
 */
#ifndef POSTERN_LIB_NET_PROXYPROTO_H
#define POSTERN_LIB_NET_PROXYPROTO_H

#include "lib/net/addr.h"

/* The longest header written here: 16 bytes, and 36 of two IPv6 addresses and ports; and the
 * longest line of version 1, its CRLF included. */
#define PROXYPROTO_V2_SIZE 52
#define PROXYPROTO_V1_SIZE 107

/* The longest header that is read: a header is sent in a single segment, and this is how much TCP
 * over IPv4 sends in one to a peer that it knows nothing about (RFC 9293 section 3.7.1). Postfix
 * accepts no longer one either. */
#define PROXYPROTO_MAX 536

/*
 * Writes the header of a TCP connection from `client` to `destination` and returns its length. Both
 * must have a family; v4-mapped addresses are written as IPv4 ones, and if only one of the two is
 * IPv4, it is written v4-mapped beside the IPv6 one.
 */
size_t proxyproto_v2(uint8_t out[PROXYPROTO_V2_SIZE], const struct addr *client,
                     const struct addr *destination);
size_t proxyproto_v1(uint8_t out[PROXYPROTO_V1_SIZE], const struct addr *client,
                     const struct addr *destination);

enum proxyproto_result {
    PROXYPROTO_DONE,
    PROXYPROTO_MORE, /* so far it may be the beginning of a header, and no more than that */
    PROXYPROTO_BAD,
};

/* What a header says. */
struct proxyproto {
    bool local;         /* the upstream speaks for itself: there are no addresses */
    struct addr client; /* neither is v4-mapped: that becomes the IPv4 address */
    struct addr destination;
    size_t len; /* bytes of the header; what follows is the client's */
};

/*
 * Reads a header of either version from the beginning of a connection's bytes; call it with all of
 * them again when more have arrived. Sets `*out` for PROXYPROTO_DONE, and `*why` to a static reason
 * for PROXYPROTO_BAD, which is always reached within PROXYPROTO_MAX bytes.
 *
 * Stricter than the format with headers that do not name the client: version 1's UNKNOWN, and
 * version 2's PROXY with a family other than TCP over IPv4 or IPv6. A receiver may then use the
 * connection's own addresses, but those are the upstream's, which the mail server may trust. For
 * version 2's LOCAL the family and everything after it is ignored, as are the fields (TLV) after
 * the addresses.
 */
MUST_USE enum proxyproto_result proxyproto_read(struct proxyproto *out, struct bytes in,
                                                const char **why);

#endif
