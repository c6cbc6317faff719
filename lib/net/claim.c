#include "lib/net/claim.h"

#include <string.h>

/* "This host on this network": 0.0.0.0/8 is never a client's (RFC 1122 section 3.2.1.3). */
static bool is_unspecified(const struct addr *a)
{
    return a->family == ADDR_IPV4 ? a->ip[0] == 0 : addr_is_unspecified(a);
}

/* 224.0.0.0/4, 255.255.255.255 or ff00::/8. */
static bool is_for_many(const struct addr *a)
{
    static const uint8_t broadcast[4] = {0xff, 0xff, 0xff, 0xff};

    if (a->family == ADDR_IPV4) {
        return a->ip[0] >> 4 == 0xe || memcmp(a->ip, broadcast, sizeof broadcast) == 0;
    }
    return a->ip[0] == 0xff;
}

/* fe80::/10: without an interface it is unknown whose it is, so it might be our own. */
static bool is_link_local(const struct addr *a)
{
    return a->family == ADDR_IPV6 && a->ip[0] == 0xfe && (a->ip[1] & 0xc0) == 0x80;
}

static bool same(const struct addr *plain, const struct addr *other)
{
    struct addr unmapped = *other;

    addr_unmap(&unmapped);
    return addr_same_ip(plain, &unmapped);
}

static bool is_own(const struct claim_rules *rules, const struct claim *claim,
                   const struct addr *client)
{
    if (claim->is_host || same(client, &claim->destination) || same(client, &claim->local)) {
        return true;
    }
    for (size_t i = 0; i < rules->num_own; i++) {
        if (same(client, &rules->own[i])) {
            return true;
        }
    }
    return false;
}

const char *claim_fault(const struct claim_rules *rules, const struct claim *claim)
{
    struct addr client = claim->client;

    addr_unmap(&client);
    if (client.family == ADDR_NONE || is_unspecified(&client)) {
        return "it claims an unspecified address";
    }
    if (addr_is_loopback(&client)) {
        return "it claims a loopback address";
    }
    if (is_for_many(&client)) {
        return "it claims a multicast address";
    }
    if (is_link_local(&client)) {
        return "it claims a link-local address";
    }
    if (is_own(rules, claim, &client)) {
        return "it claims an address of this host";
    }
    if (prefix_any_contains(rules->upstreams, rules->num_upstreams, &client)) {
        return "it claims an address of accept_proxy_from";
    }
    return NULL;
}
