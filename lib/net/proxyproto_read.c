#include "lib/net/proxyproto_parts.h"

#include <string.h>

static enum proxyproto_result bad(const char **why, const char *reason)
{
    *why = reason;
    return PROXYPROTO_BAD;
}

static bool begins_with(struct bytes in, const char *start, size_t len)
{
    return memcmp(in.data, start, in.len < len ? in.len : len) == 0;
}

/* The next of the fields, which are separated by one blank; NULL if there is none. */
static char *next_field(char **rest)
{
    char *field = *rest;
    char *blank;

    if (field == NULL) {
        return NULL;
    }
    blank = strchr(field, ' ');
    *rest = blank == NULL ? NULL : blank + 1;
    if (blank != NULL) {
        *blank = '\0';
    }
    return field;
}

static bool parse_ip(struct addr *out, const char *text, enum addr_family family)
{
    return text != NULL && addr_parse(out, text) && out->family == family;
}

static bool parse_port(struct addr *out, const char *text)
{
    return text != NULL && addr_parse_port(&out->port, text);
}

/* The line after "PROXY ", without its line end. */
static enum proxyproto_result read_fields(struct proxyproto *out, char *rest, const char **why)
{
    const char *word = next_field(&rest);
    enum addr_family family;

    if (strcmp(word, "TCP4") == 0) {
        family = ADDR_IPV4;
    } else if (strcmp(word, "TCP6") == 0) {
        family = ADDR_IPV6;
    } else if (strcmp(word, "UNKNOWN") == 0) {
        return bad(why, "version 1: UNKNOWN does not say who the client is");
    } else {
        return bad(why, "version 1: neither TCP4 nor TCP6");
    }
    if (!parse_ip(&out->client, next_field(&rest), family) ||
        !parse_ip(&out->destination, next_field(&rest), family)) {
        return bad(why, "version 1: an address is not one of its family");
    }
    if (!parse_port(&out->client, next_field(&rest)) ||
        !parse_port(&out->destination, next_field(&rest))) {
        return bad(why, "version 1: a port is not a number up to 65535");
    }
    return rest == NULL ? PROXYPROTO_DONE : bad(why, "version 1: something after the last port");
}

static enum proxyproto_result read_v1(struct proxyproto *out, struct bytes in, const char **why)
{
    static const char start[] = "PROXY ";
    size_t start_len = sizeof start - 1;
    char line[PROXYPROTO_V1_SIZE];
    size_t seen = in.len < PROXYPROTO_V1_SIZE ? in.len : PROXYPROTO_V1_SIZE;
    const uint8_t *end;

    if (!begins_with(in, start, start_len)) {
        return bad(why, "not a PROXY header");
    }
    end = memchr(in.data, '\n', seen);
    if (end == NULL) {
        return seen < PROXYPROTO_V1_SIZE ? PROXYPROTO_MORE
                                         : bad(why, "version 1: no line end within 107 bytes");
    }
    out->len = (size_t)(end - in.data) + 1;
    memcpy(line, in.data, out->len);
    if (line[out->len - 2] != '\r') {
        return bad(why, "version 1: the line does not end in CRLF");
    }
    line[out->len - 2] = '\0';
    if (strlen(line) != out->len - 2) {
        return bad(why, "version 1: a zero byte in the line");
    }
    return read_fields(out, line + start_len, why);
}

/* The two addresses and ports of version 2, each address `ip_len` bytes long. */
static void take_addresses(struct proxyproto *out, const uint8_t *at, enum addr_family family,
                           size_t ip_len)
{
    const uint8_t *ports = at + 2 * ip_len;

    out->client.family = family;
    out->destination.family = family;
    memcpy(out->client.ip, at, ip_len);
    memcpy(out->destination.ip, at + ip_len, ip_len);
    out->client.port = (uint16_t)(ports[0] << 8 | ports[1]);
    out->destination.port = (uint16_t)(ports[2] << 8 | ports[3]);
}

static enum proxyproto_result read_v2(struct proxyproto *out, struct bytes in, const char **why)
{
    bool ipv4;
    size_t len;

    if (!begins_with(in, SIGNATURE, SIGNATURE_LEN)) {
        return bad(why, "not a PROXY header");
    }
    if (in.len < FIXED_LEN) {
        return PROXYPROTO_MORE;
    }
    if (in.data[12] != VERSION_2_PROXY && in.data[12] != VERSION_2_LOCAL) {
        return bad(why, "neither version 2's PROXY nor its LOCAL");
    }
    len = (size_t)in.data[14] << 8 | in.data[15];
    ipv4 = in.data[13] == TCP_OVER_IPV4;
    out->local = in.data[12] == VERSION_2_LOCAL;
    out->len = FIXED_LEN + len;
    if (out->len > PROXYPROTO_MAX) {
        return bad(why, "version 2: longer than 536 bytes");
    }
    if (!out->local && !ipv4 && in.data[13] != TCP_OVER_IPV6) {
        return bad(why, "version 2: neither TCP over IPv4 nor over IPv6");
    }
    if (!out->local && len < (ipv4 ? IPV4_LEN : IPV6_LEN)) {
        return bad(why, "version 2: too short for its addresses");
    }
    if (in.len < out->len) {
        return PROXYPROTO_MORE;
    }
    if (!out->local) {
        take_addresses(out, in.data + FIXED_LEN, ipv4 ? ADDR_IPV4 : ADDR_IPV6, ipv4 ? 4 : 16);
    }
    return PROXYPROTO_DONE;
}

enum proxyproto_result proxyproto_read(struct proxyproto *out, struct bytes in, const char **why)
{
    enum proxyproto_result result;

    *out = (struct proxyproto){0};
    if (in.len == 0) {
        return PROXYPROTO_MORE;
    }
    result = in.data[0] == SIGNATURE[0] ? read_v2(out, in, why) : read_v1(out, in, why);
    addr_unmap(&out->client);
    addr_unmap(&out->destination);
    return result;
}
