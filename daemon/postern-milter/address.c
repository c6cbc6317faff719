#include "daemon/postern-milter/address.h"

#include <idn2.h>
#include <stdio.h>
#include <string.h>

static bool is_ascii(const char *text)
{
    while (*text != '\0' && (unsigned char)*text < 0x80) {
        text++;
    }
    return *text == '\0';
}

/* Without the closing bracket of an address, which is no part of its domain. */
static bool copy_domain(const char *domain, char *out, size_t size)
{
    size_t len = strlen(domain);

    len -= len > 0 && domain[len - 1] == '>';
    if (len >= size) {
        return false;
    }
    memcpy(out, domain, len);
    out[len] = '\0';
    return true;
}

const char *address_plain(const char *address, char out[POLICY_ADDRESS_SIZE])
{
    const char *at = strrchr(address, '@');
    char whole[2 * POLICY_ADDRESS_SIZE];
    char domain[POLICY_ADDRESS_SIZE];
    char *ascii = NULL;
    int local;

    if (at == NULL || is_ascii(at) || !copy_domain(at + 1, domain, sizeof domain) ||
        idn2_lookup_u8((uint8_t *)domain, (uint8_t **)&ascii,
                       IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL) != IDN2_OK) {
        return policy_address(address, out);
    }
    address += address[0] == '<';
    /* One that is longer than any rule's is not compared, however long it is. */
    local = at - address < POLICY_ADDRESS_SIZE ? (int)(at - address) : POLICY_ADDRESS_SIZE;
    snprintf(whole, sizeof whole, "%.*s@%s", local, address, ascii);
    idn2_free(ascii);
    return policy_address(whole, out);
}
