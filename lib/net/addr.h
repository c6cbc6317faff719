/*
 * addr: IP addresses with a port, and the addresses that a configuration names.
 *
 * Addresses are numeric only; names are never looked up.
 */
#ifndef POSTERN_LIB_NET_ADDR_H
#define POSTERN_LIB_NET_ADDR_H

#include "lib/base/bytes.h"

/* The longest text of an address without its port, NUL included. */
#define ADDR_TEXT_SIZE 46

/* The longest path of a unix-domain socket, NUL included (sockaddr_un on Linux). */
#define ADDR_PATH_SIZE 108

enum addr_family { ADDR_NONE, ADDR_IPV4, ADDR_IPV6 };

struct addr {
    enum addr_family family;
    uint16_t port;  /* host byte order */
    uint8_t ip[16]; /* network byte order; IPv4 in the first 4 bytes, the rest 0 */
};

/* Where to listen or connect: an IP address with port, or a unix-domain socket. */
struct endpoint {
    struct addr ip;            /* family ADDR_NONE for a unix-domain socket */
    char path[ADDR_PATH_SIZE]; /* "" for an IP address */
};

/* Reads an address alone, "192.0.2.7" or "2001:db8::7"; its port becomes 0. */
MUST_USE bool addr_parse(struct addr *out, const char *text);

/* Reads a decimal port, 0 to 65535, without sign, blanks or needless zeros. */
MUST_USE bool addr_parse_port(uint16_t *out, const char *text);

/* The address alone: "192.0.2.7", "2001:db8::7"; "unknown" without a family. Returns `out`. */
const char *addr_text(const struct addr *a, char out[ADDR_TEXT_SIZE]);

/* An IPv4 address in an IPv6 one (::ffff:192.0.2.7) becomes that IPv4 address, as in Postfix (RFC
 * 4291 section 2.5.5.2). Others are unchanged. */
void addr_unmap(struct addr *a);

/* The reverse: an IPv4 address becomes a v4-mapped one. Others are unchanged. */
void addr_map(struct addr *a);

/* 127.0.0.0/8 or ::1, also v4-mapped. */
bool addr_is_loopback(const struct addr *a);

/* 0.0.0.0 or ::, which means every address when listening. */
bool addr_is_unspecified(const struct addr *a);

bool addr_equal(const struct addr *a, const struct addr *b);

/* Equal, ignoring the ports. */
bool addr_same_ip(const struct addr *a, const struct addr *b);

/*
 * Reads "192.0.2.7:25", "[2001:db8::7]:25" or "unix:/path". Port 0 is allowed.
 * Returns 0, or -1 with `*why` set to a text of our own that completes "address: ...".
 */
MUST_USE int endpoint_parse(struct endpoint *out, const char *text, const char **why);

/* The endpoint as endpoint_parse() reads it. `size` should be ADDR_PATH_SIZE + 8. */
void endpoint_text(const struct endpoint *e, char *out, size_t size);

#endif
