#include "daemon/postern-milter/address.h"

#include "lib/net/hostname.h"

#include <idn2.h>
#include <string.h>

/* Room for a domain in UTF-8; a longer one has no ASCII form. */
#define DOMAIN_SIZE 1024

static bool is_ascii(struct bytes text)
{
    size_t i = 0;

    while (i < text.len && text.data[i] < 0x80) {
        i++;
    }
    return i == text.len;
}

/* The ASCII form of a domain by these flags; false if there is none. */
static bool convert(const char *domain, int flags, char out[HOSTNAME_MAX + 1])
{
    char *ascii = NULL;
    bool good = idn2_lookup_u8((const uint8_t *)domain, (uint8_t **)&ascii,
                               IDN2_NFC_INPUT | flags) == IDN2_OK &&
                strlen(ascii) <= HOSTNAME_MAX;

    if (good) {
        memcpy(out, ascii, strlen(ascii) + 1);
    }
    idn2_free(ascii);
    return good;
}

/*
 * False if there is none. Four characters, sharp s among them, are either themselves or, as
 * formerly and in Postfix's comparisons without case, equal to others (UTS 46 section 2.3): a
 * domain with one of them is two domains.
 */
static bool to_ascii(struct bytes domain, char out[HOSTNAME_MAX + 1])
{
    char text[DOMAIN_SIZE];
    char other[HOSTNAME_MAX + 1];

    if (domain.len >= sizeof text || memchr(domain.data, '\0', domain.len) != NULL) {
        return false;
    }
    memcpy(text, domain.data, domain.len);
    text[domain.len] = '\0';
    return convert(text, IDN2_NONTRANSITIONAL, out) && convert(text, IDN2_TRANSITIONAL, other) &&
           strcmp(out, other) == 0;
}

void address_read(struct policy_address *out, struct bytes address, bool resolved)
{
    const uint8_t *at = address.len == 0 ? NULL : memrchr(address.data, '@', address.len);
    struct bytes local = address;
    struct bytes domain = {NULL, 0};
    char ascii[HOSTNAME_MAX + 1];

    if (at != NULL) {
        local.len = (size_t)(at - address.data);
        domain = bytes_of(at + 1, address.len - local.len - 1);
        if (!is_ascii(domain) && to_ascii(domain, ascii)) {
            domain = bytes_of(ascii, strlen(ascii));
        }
    }
    policy_address_read(out, local, domain, resolved);
}
