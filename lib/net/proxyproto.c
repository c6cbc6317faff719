#include "lib/net/proxyproto_parts.h"

#include <stdio.h>
#include <string.h>

/* Makes both IPv4 if they are, v4-mapped or not, and otherwise both IPv6. */
static void make_alike(struct addr *a, struct addr *b)
{
    addr_unmap(a);
    addr_unmap(b);
    if (a->family != b->family) {
        addr_map(a);
        addr_map(b);
    }
}

static void put_u16(uint8_t *out, size_t value)
{
    out[0] = (uint8_t)(value >> 8);
    out[1] = (uint8_t)value;
}

size_t proxyproto_v2(uint8_t out[PROXYPROTO_V2_SIZE], const struct addr *client,
                     const struct addr *destination)
{
    struct addr from = *client;
    struct addr to = *destination;
    size_t ip_len;
    size_t len;

    make_alike(&from, &to);
    ip_len = from.family == ADDR_IPV4 ? 4 : 16;
    len = 2 * ip_len + 4;
    memcpy(out, SIGNATURE, SIGNATURE_LEN);
    out[12] = VERSION_2_PROXY;
    out[13] = from.family == ADDR_IPV4 ? TCP_OVER_IPV4 : TCP_OVER_IPV6;
    put_u16(out + 14, len);
    memcpy(out + FIXED_LEN, from.ip, ip_len);
    memcpy(out + FIXED_LEN + ip_len, to.ip, ip_len);
    put_u16(out + FIXED_LEN + 2 * ip_len, from.port);
    put_u16(out + FIXED_LEN + 2 * ip_len + 2, to.port);
    return FIXED_LEN + len;
}

size_t proxyproto_v1(uint8_t out[PROXYPROTO_V1_SIZE], const struct addr *client,
                     const struct addr *destination)
{
    struct addr from = *client;
    struct addr to = *destination;
    char from_text[ADDR_TEXT_SIZE];
    char to_text[ADDR_TEXT_SIZE];
    char line[PROXYPROTO_V1_SIZE + 1];
    int len;

    make_alike(&from, &to);
    len = snprintf(line, sizeof line, "PROXY TCP%c %s %s %u %u\r\n",
                   from.family == ADDR_IPV4 ? '4' : '6', addr_text(&from, from_text),
                   addr_text(&to, to_text), from.port, to.port);
    memcpy(out, line, (size_t)len);
    return (size_t)len;
}
