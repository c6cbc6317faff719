/*
 * proxyproto: the header of the PROXY protocol, which says who the client of a connection is.
 *
 * Written for the backend, and read from an upstream that stands in front. Format: "The PROXY
 * protocol, versions 1 & 2", section 2.1 (the line that can be read) and 2.2 (the binary header).
 */
#ifndef POSTERN_LIB_NET_PROXYPROTO_H
#define POSTERN_LIB_NET_PROXYPROTO_H

#include "lib/net/addr.h"

/* The longest header written here: 16 bytes, and 36 of two IPv6 addresses and ports; and the
 * longest line of version 1, its CRLF included. */
#define PROXYPROTO_V2_SIZE 52
#define PROXYPROTO_V1_SIZE 107

/* The longest header that is read: one is sent in a single segment, and this is how much a TCP over
 * IPv4 sends in one to a peer of which it knows nothing (RFC 9293 section 3.7.1). Postfix takes no
 * longer one either. */
#define PROXYPROTO_MAX 536

/*
 * Writes the header of a TCP connection from `client` to `destination` and returns its length.
 * Both must have a family; v4-mapped addresses go out as the IPv4 ones they stand for, and when
 * only one of the two is IPv4 it goes out v4-mapped beside the IPv6 one.
 */
size_t proxyproto_v2(uint8_t out[PROXYPROTO_V2_SIZE], const struct addr *client,
                     const struct addr *destination);
size_t proxyproto_v1(uint8_t out[PROXYPROTO_V1_SIZE], const struct addr *client,
                     const struct addr *destination);

enum proxyproto_result {
    PROXYPROTO_DONE,
    PROXYPROTO_MORE, /* what there is may be the beginning of a header, and is no more than that */
    PROXYPROTO_BAD,
};

/* What a header says. */
struct proxyproto {
    bool local;         /* the upstream speaks for itself: there are no addresses */
    struct addr client; /* neither is v4-mapped: such a one is the IPv4 address it stands for */
    struct addr destination;
    size_t len; /* bytes of the header; what stands behind them is the client's */
};

/*
 * Reads a header of either version from the beginning of a connection's bytes; called with all of
 * them again when more have come. Sets `*out` for PROXYPROTO_DONE, and `*why` to a reason of our
 * own for PROXYPROTO_BAD, which is always reached within PROXYPROTO_MAX bytes.
 *
 * Stricter than the format in what does not say who the client is: version 1's UNKNOWN, and
 * version 2's PROXY with another family than TCP over IPv4 or IPv6. A receiver may then use the
 * connection's own addresses, but those are the upstream's, whom the mail server may trust. Of
 * version 2's LOCAL the family and all that follows is passed over, as are the fields (TLV) behind
 * the addresses.
 */
MUST_USE enum proxyproto_result proxyproto_read(struct proxyproto *out, struct bytes in,
                                                const char **why);

#endif
