#include "lib/net/proxyproto.h"

#include <string.h>

static const uint8_t signature[12] = {0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d,
                                      0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a};

enum {
    VERSION_2_PROXY = 0x21,
    TCP_OVER_IPV4 = 0x11,
    TCP_OVER_IPV6 = 0x21,
};

/* The address as 16 bytes, IPv4 in its v4-mapped form. */
static void put_ipv6(uint8_t *out, const struct addr *a)
{
    if (a->family == ADDR_IPV4) {
        memset(out, 0, 10);
        memset(out + 10, 0xff, 2);
        memcpy(out + 12, a->ip, 4);
    } else {
        memcpy(out, a->ip, 16);
    }
}

static void put_port(uint8_t *out, uint16_t port)
{
    out[0] = (uint8_t)(port >> 8);
    out[1] = (uint8_t)port;
}

size_t proxyproto_v2(uint8_t out[PROXYPROTO_V2_SIZE], const struct addr *client,
                     const struct addr *destination)
{
    struct addr from = *client;
    struct addr to = *destination;
    size_t ip_len;

    addr_unmap(&from);
    addr_unmap(&to);
    memcpy(out, signature, sizeof signature);
    out[12] = VERSION_2_PROXY;
    if (from.family == ADDR_IPV4 && to.family == ADDR_IPV4) {
        ip_len = 4;
        out[13] = TCP_OVER_IPV4;
        memcpy(out + 16, from.ip, ip_len);
        memcpy(out + 16 + ip_len, to.ip, ip_len);
    } else {
        ip_len = 16;
        out[13] = TCP_OVER_IPV6;
        put_ipv6(out + 16, &from);
        put_ipv6(out + 16 + ip_len, &to);
    }
    put_port(out + 16 + 2 * ip_len, from.port);
    put_port(out + 18 + 2 * ip_len, to.port);
    put_port(out + 14, (uint16_t)(2 * ip_len + 4));
    return 16 + 2 * ip_len + 4;
}
