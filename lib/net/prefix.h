/*
 * prefix: networks, as a configuration names them.
 */
#ifndef POSTERN_LIB_NET_PREFIX_H
#define POSTERN_LIB_NET_PREFIX_H

#include "lib/net/addr.h"

struct prefix {
    struct addr base; /* its port is 0; never v4-mapped */
    unsigned bits;    /* 0 to 32 or 128 */
};

/* Room for a prefix as text: an address, '/' and three digits. */
#define PREFIX_TEXT_SIZE (ADDR_TEXT_SIZE + 4)

/*
 * Reads "192.0.2.0/24", "2001:db8::/32", "[2001:db8::]/32" or one address alone. As in Postfix, no
 * bit after the prefix may be set. Returns 0, or -1 with `*why` set to a text of our own that
 * completes "OPTION: \"TEXT\": ...".
 */
MUST_USE int prefix_parse(struct prefix *out, const char *text, const char **why);

/* Whether the address, v4-mapped or not, is in the network. */
bool prefix_contains(const struct prefix *prefix, const struct addr *a);

/* The same for any of `num` networks. */
bool prefix_any_contains(const struct prefix *prefixes, size_t num, const struct addr *a);

/* The first address that a machine in the network may have: the one after the network's own, or the
 * first if the network has only one or two addresses (RFC 3021, RFC 6164). */
struct addr prefix_first(const struct prefix *prefix);

/* "192.0.2.0/24". Returns `out`. */
const char *prefix_text(const struct prefix *prefix, char out[PREFIX_TEXT_SIZE]);

#endif
