/*
 * proxyproto: the PROXY protocol header that tells the backend who the client is.
 *
 * Format: "The PROXY protocol, versions 1 & 2", section 2.2 (the binary header).
 */
#ifndef POSTERN_LIB_NET_PROXYPROTO_H
#define POSTERN_LIB_NET_PROXYPROTO_H

#include "lib/net/addr.h"

/* The longest header written here: 16 bytes, and 36 of two IPv6 addresses and ports. */
#define PROXYPROTO_V2_SIZE 52

/*
 * Writes the version 2 header of a TCP connection from `client` to `destination` and returns its
 * length. Both must have a family; v4-mapped addresses go out as the IPv4 ones they stand for, and
 * when only one of the two is IPv4 it goes out v4-mapped beside the IPv6 one.
 */
size_t proxyproto_v2(uint8_t out[PROXYPROTO_V2_SIZE], const struct addr *client,
                     const struct addr *destination);

#endif
