#include "lib/net/packet.h"

enum { ETHERTYPE_IPV4 = 0x0800, ETHERTYPE_IPV6 = 0x86dd, ETHERTYPE_VLAN = 0x8100 };
enum { IPV4_HEADER = 20, IPV6_HEADER = 40, TCP_HEADER = 20, PROTOCOL_TCP = 6 };

/* Where a link layer keeps the type of what follows, and how long its header is. */
static const struct link {
    size_t type_at;
    size_t header;
    uint8_t vlan; /* additional bytes if the type is that of a VLAN tag; 0: it has none */
} links[] = {
    {12, 14, 4}, /* Ethernet */
    {14, 16, 0}, /* Linux cooked capture */
    {0, 20, 0},  /* Linux cooked capture, version 2 */
};

static uint16_t u16_at(struct bytes b, size_t at)
{
    return (uint16_t)(b.data[at] << 8 | b.data[at + 1]);
}

static struct bytes from(struct bytes b, size_t at)
{
    return bytes_of(b.data + at, b.len - at);
}

/* The IP header and what follows, as far as the packet goes; its length in full in `*total`. */
static bool read_ip(struct bytes in, struct bytes *tcp, size_t *total)
{
    size_t header;
    size_t len; /* as given: for IPv6 without the header; 0 if it was not known yet */

    if (in.len >= IPV4_HEADER && in.data[0] >> 4 == 4 && in.data[9] == PROTOCOL_TCP) {
        header = (size_t)(in.data[0] & 15) * 4;
        len = u16_at(in, 2);
        *total = len;
        if (header < IPV4_HEADER) {
            return false;
        }
    } else if (in.len >= IPV6_HEADER && in.data[0] >> 4 == 6 && in.data[6] == PROTOCOL_TCP) {
        header = IPV6_HEADER;
        len = u16_at(in, 4);
        *total = header + len;
    } else {
        return false;
    }
    if (len == 0 || *total > in.len) {
        *total = in.len;
    }
    if (*total < header + TCP_HEADER) {
        return false;
    }
    *tcp = bytes_of(in.data + header, *total - header);
    return true;
}

/* Takes a packet whose IP header begins `at` bytes from the front. */
static bool take_at(struct bytes *in, size_t at, struct bytes *payload)
{
    struct bytes tcp;
    size_t header;
    size_t total;

    if (in->len < at || !read_ip(from(*in, at), &tcp, &total)) {
        return false;
    }
    header = (size_t)(tcp.data[12] >> 4) * 4;
    if (header < TCP_HEADER || header > tcp.len) {
        return false;
    }
    *payload = from(tcp, header);
    *in = from(*in, at + total);
    return true;
}

static bool is_loopback_header(struct bytes in)
{
    return in.len >= 4 && ((in.data[0] == 0 && in.data[1] == 0 && in.data[2] == 0) ||
                           (in.data[1] == 0 && in.data[2] == 0 && in.data[3] == 0));
}

bool packet_take(struct bytes *in, struct bytes *payload)
{
    if (take_at(in, 0, payload)) {
        return true;
    }
    for (size_t i = 0; i < sizeof links / sizeof links[0]; i++) {
        const struct link *link = &links[i];
        uint16_t type;
        size_t skip = 0;

        if (in->len < link->header) {
            continue;
        }
        type = u16_at(*in, link->type_at);
        if (type == ETHERTYPE_VLAN && link->vlan > 0 && in->len >= link->header + link->vlan) {
            skip = link->vlan;
            type = u16_at(*in, link->type_at + skip);
        }
        if ((type == ETHERTYPE_IPV4 || type == ETHERTYPE_IPV6) &&
            take_at(in, link->header + skip, payload)) {
            return true;
        }
    }
    return is_loopback_header(*in) && take_at(in, 4, payload);
}
