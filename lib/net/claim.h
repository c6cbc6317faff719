/*
 * claim: which client addresses a PROXY header may claim.
 *
 * A mail server trusts some addresses more than others: loopback, its own, those of its network. An
 * upstream may say which client it speaks for, but not that this client is one of the machines in
 * between.
 */
#ifndef POSTERN_LIB_NET_CLAIM_H
#define POSTERN_LIB_NET_CLAIM_H

#include "lib/net/prefix.h"

/* What the claims of all headers are checked against. */
struct claim_rules {
    struct addr *own; /* addresses that we listen on; ports do not count */
    size_t num_own;
    struct prefix *upstreams; /* whose headers are believed, on any listener */
    size_t num_upstreams;
};

/* What one header says, and what is known about its connection. */
struct claim {
    struct addr client;
    struct addr destination;
    struct addr local; /* our end of the connection */
    bool is_host;      /* the system knows `client` as an address of this host */
};

/*
 * NULL if the client may be claimed; otherwise the reason, a static text: it is an unspecified,
 * loopback, multicast (or broadcast), IPv6 link-local, own or upstream address. A v4-mapped address
 * counts as the IPv4 one.
 */
MUST_USE const char *claim_fault(const struct claim_rules *rules, const struct claim *claim);

#endif
