/*
 * clientkey: which addresses are one client.
 *
 * A client is an IPv4 address or an IPv6 network of 64 bits: within those anybody picks addresses
 * at will.
 */
#ifndef POSTERN_LIB_NET_CLIENTKEY_H
#define POSTERN_LIB_NET_CLIENTKEY_H

#include "lib/base/siphash.h"
#include "lib/net/addr.h"

/* What makes two addresses one client. */
struct client_key {
    enum addr_family family;
    uint64_t network; /* an IPv4 address, or the first 64 bits of an IPv6 one */
};

/* The client that has this address; v4-mapped ones count as what they stand for. */
struct client_key client_key_of(const struct addr *a);

/* The hash of a key. */
uint64_t client_key_hash(const uint8_t secret[SIPHASH_KEY_SIZE], const struct client_key *key);

bool client_key_equal(const struct client_key *a, const struct client_key *b);

#endif
