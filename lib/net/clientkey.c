#include "lib/net/clientkey.h"

#include <string.h>

struct client_key client_key_of(const struct addr *a)
{
    struct addr plain = *a;
    struct client_key key;
    size_t len;

    addr_unmap(&plain);
    key = (struct client_key){.family = plain.family};
    len = plain.family == ADDR_IPV4 ? 4 : 8;
    for (size_t i = 0; i < len; i++) {
        key.network = key.network << 8 | plain.ip[i];
    }
    return key;
}

uint64_t client_key_hash(const uint8_t secret[SIPHASH_KEY_SIZE], const struct client_key *key)
{
    uint8_t bytes[1 + sizeof key->network];

    bytes[0] = (uint8_t)key->family;
    memcpy(bytes + 1, &key->network, sizeof key->network);
    return siphash(secret, bytes, sizeof bytes);
}

bool client_key_equal(const struct client_key *a, const struct client_key *b)
{
    return a->family == b->family && a->network == b->network;
}
