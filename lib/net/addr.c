#include "lib/net/addr.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

static const uint8_t mapped_prefix[12] = {[10] = 0xff, [11] = 0xff};

const char *addr_text(const struct addr *a, char out[ADDR_TEXT_SIZE])
{
    int family = a->family == ADDR_IPV4 ? AF_INET : AF_INET6;

    if (a->family == ADDR_NONE || inet_ntop(family, a->ip, out, ADDR_TEXT_SIZE) == NULL) {
        snprintf(out, ADDR_TEXT_SIZE, "unknown");
    }
    return out;
}

bool addr_parse(struct addr *out, const char *text)
{
    *out = (struct addr){.family = ADDR_IPV4};
    if (inet_pton(AF_INET, text, out->ip) == 1) {
        return true;
    }
    *out = (struct addr){.family = ADDR_IPV6};
    return inet_pton(AF_INET6, text, out->ip) == 1;
}

void addr_unmap(struct addr *a)
{
    uint8_t last[4];

    if (a->family != ADDR_IPV6 || memcmp(a->ip, mapped_prefix, sizeof mapped_prefix) != 0) {
        return;
    }
    memcpy(last, a->ip + sizeof mapped_prefix, sizeof last);
    memset(a->ip, 0, sizeof a->ip);
    memcpy(a->ip, last, sizeof last);
    a->family = ADDR_IPV4;
}

void addr_map(struct addr *a)
{
    if (a->family == ADDR_IPV4) {
        memmove(a->ip + sizeof mapped_prefix, a->ip, 4);
        memcpy(a->ip, mapped_prefix, sizeof mapped_prefix);
        a->family = ADDR_IPV6;
    }
}

bool addr_is_loopback(const struct addr *a)
{
    static const uint8_t one[16] = {[15] = 1};
    struct addr plain = *a;

    addr_unmap(&plain);
    if (plain.family == ADDR_IPV4) {
        return plain.ip[0] == 127;
    }
    return plain.family == ADDR_IPV6 && memcmp(plain.ip, one, sizeof one) == 0;
}

bool addr_is_unspecified(const struct addr *a)
{
    static const uint8_t zero[sizeof a->ip];

    return memcmp(a->ip, zero, sizeof zero) == 0;
}

bool addr_equal(const struct addr *a, const struct addr *b)
{
    return a->port == b->port && addr_same_ip(a, b);
}

bool addr_same_ip(const struct addr *a, const struct addr *b)
{
    return a->family == b->family && memcmp(a->ip, b->ip, sizeof a->ip) == 0;
}

bool addr_parse_port(uint16_t *out, const char *text)
{
    uint32_t port = 0;
    size_t len = strlen(text);

    if (len == 0 || len > 5 || (len > 1 && text[0] == '0')) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        if (text[i] < '0' || text[i] > '9') {
            return false;
        }
        port = port * 10 + (uint32_t)(text[i] - '0');
    }
    if (port > UINT16_MAX) {
        return false;
    }
    *out = (uint16_t)port;
    return true;
}

static int parse_path(struct endpoint *out, const char *path, const char **why)
{
    if (path[0] != '/') {
        *why = "a unix-domain socket needs an absolute path";
        return -1;
    }
    if (strlen(path) >= ADDR_PATH_SIZE) {
        *why = "the path of a unix-domain socket has at most 107 bytes";
        return -1;
    }
    snprintf(out->path, sizeof out->path, "%s", path);
    return 0;
}

int endpoint_parse(struct endpoint *out, const char *text, const char **why)
{
    char host[ADDR_TEXT_SIZE];
    const char *colon = strrchr(text, ':');
    bool brackets = text[0] == '[';
    uint16_t port;
    size_t len;

    *out = (struct endpoint){0};
    if (strncmp(text, "unix:", 5) == 0) {
        return parse_path(out, text + 5, why);
    }
    *why = "not ADDRESS:PORT, [ADDRESS]:PORT or unix:/PATH (numeric addresses only)";
    if (colon == NULL || !addr_parse_port(&port, colon + 1)) {
        return -1;
    }
    if (brackets && (colon - text < 3 || colon[-1] != ']')) {
        return -1;
    }
    len = (size_t)(colon - text) - (brackets ? 2 : 0);
    if (len >= sizeof host) {
        return -1;
    }
    memcpy(host, text + (brackets ? 1 : 0), len);
    host[len] = '\0';
    if (!addr_parse(&out->ip, host) || (out->ip.family == ADDR_IPV6) != brackets) {
        return -1;
    }
    out->ip.port = port;
    return 0;
}

void endpoint_text(const struct endpoint *e, char *out, size_t size)
{
    char host[ADDR_TEXT_SIZE];

    if (e->ip.family == ADDR_NONE) {
        snprintf(out, size, "unix:%s", e->path);
    } else {
        snprintf(out, size, e->ip.family == ADDR_IPV6 ? "[%s]:%u" : "%s:%u",
                 addr_text(&e->ip, host), e->ip.port);
    }
}
