/*
 * What Postfix does between an address and the mailbox depends on Postfix's settings, which are not
 * known here: it looks for %, ! and @ in a local part, quoted or not, completes missing or partial
 * domains, takes its own addresses in brackets for itself, and folds case by Unicode, or not. None
 * of that affects the plain addresses below, whose case is folded here; all others may be
 * anybody's.
 */
#include "lib/admin/policy_parts.h"

#include "lib/net/hostname.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unicase.h>
#include <unistr.h>

enum local_part {
    LOCAL_ROUTES, /* it may be read as a separate address */
    LOCAL_FOLDS,  /* it may be a different spelling */
    LOCAL_PLAIN,
};

static bool is_alnum(uint8_t c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

/* What a local part has without quotes (RFC 5321 section 4.1.2: atext), except the operators % and
 * !. Dots may be anywhere: such addresses exist, and Postfix leaves them as they are. */
static bool is_plain(uint8_t c)
{
    return is_alnum(c) || (c != '\0' && strchr("#$&'*+-/=?^_`{|}~.", c) != NULL);
}

static enum local_part local_part(struct bytes local)
{
    enum local_part kind = local.len == 0 ? LOCAL_ROUTES : LOCAL_PLAIN;

    for (size_t i = 0; i < local.len; i++) {
        if (local.data[i] >= 0x80) {
            kind = LOCAL_FOLDS;
        } else if (!is_plain(local.data[i])) {
            return LOCAL_ROUTES;
        }
    }
    return kind;
}

/* Dots that are not between others need quotes, and nothing else of a plain local part does. */
static struct bytes without_quotes(struct bytes local)
{
    struct bytes inner;

    if (local.len < 2 || local.data[0] != '"' || local.data[local.len - 1] != '"') {
        return local;
    }
    inner = bytes_of(local.data + 1, local.len - 2);
    return local_part(inner) == LOCAL_ROUTES ? local : inner;
}

/* Names, with underscores; the last label is not a number, or Postfix may take it for an address.
 */
static bool is_plain_domain(struct bytes domain, bool resolved)
{
    size_t label = 0;
    bool number = true;
    bool has_dot = false;

    for (size_t i = 0; i < domain.len; i++) {
        uint8_t c = domain.data[i];

        if (c == '.' && label > 0) {
            label = 0;
            number = true;
            has_dot = true;
            continue;
        }
        if (!is_alnum(c) && c != '-' && c != '_') {
            return false;
        }
        number = number && c >= '0' && c <= '9';
        label++;
    }
    return label > 0 && !number && domain.len <= HOSTNAME_MAX && (has_dot || resolved);
}

/* Appends as much as there is room for after the first `len` bytes; returns the new length. */
static size_t append(char out[POLICY_ADDRESS_SIZE], size_t len, struct bytes part)
{
    size_t room = POLICY_ADDRESS_SIZE - 1 - len;
    size_t take = part.len < room ? part.len : room;

    if (take > 0) {
        memcpy(out + len, part.data, take);
    }
    out[len + take] = '\0';
    return len + take;
}

/* Folds the case of an address beyond ASCII. False if it is not UTF-8, or too long afterwards. */
static bool fold(char text[POLICY_ADDRESS_SIZE], size_t len)
{
    uint8_t room[POLICY_ADDRESS_SIZE];
    size_t folded_len = sizeof room;
    uint8_t *folded;
    bool fits;

    if (u8_check((uint8_t *)text, len) != NULL) {
        return false;
    }
    folded = u8_casefold((uint8_t *)text, len, NULL, NULL, room, &folded_len);
    fits = folded == room && folded_len < sizeof room;
    if (fits) {
        memcpy(text, room, folded_len);
        text[folded_len] = '\0';
    }
    if (folded != room) {
        free(folded);
    }
    return fits;
}

bool policy_is_ascii(const char *text)
{
    while (*text != '\0' && (unsigned char)*text < 0x80) {
        text++;
    }
    return *text == '\0';
}

/* False if it is not certain what Postfix turns the text into. */
static bool write_text(struct policy_address *out, struct bytes local, struct bytes domain)
{
    size_t len = append(out->text, 0, local);

    if (domain.data != NULL) {
        len = append(out->text, len, bytes_of("@", 1));
        len = append(out->text, len, domain);
    }
    hostname_to_lower(out->text, len);
    return policy_is_ascii(out->text) || fold(out->text, len);
}

void policy_address_read(struct policy_address *out, struct bytes local, struct bytes domain,
                         bool resolved)
{
    static const char postmaster[] = "postmaster";
    enum local_part kind;

    local = resolved ? without_quotes(local) : local;
    domain.len -= domain.len > 0 && domain.data[domain.len - 1] == '.';
    kind = local_part(local);
    out->domain_known = kind != LOCAL_ROUTES && is_plain_domain(domain, resolved);
    out->local_known = out->domain_known && (kind == LOCAL_PLAIN || resolved);
    if (domain.data == NULL) {
        out->local_known =
            local.len == 0 || (local.len == sizeof postmaster - 1 &&
                               strncasecmp((const char *)local.data, postmaster, local.len) == 0);
        out->domain_known = local.len == 0;
    }
    if (out->domain_known && local.len + 1 + domain.len >= POLICY_ADDRESS_SIZE) {
        out->local_known = false;
        local.len = 0;
    }
    out->local_known = write_text(out, local, domain) && out->local_known;
}
