/* Words for the numbers that libssl gives. */
#include "daemon/tls/tls_parts.h"
#include "lib/base/text.h"
#include "lib/tls/names.h"

#include <openssl/ec.h>
#include <openssl/objects.h>

/* OBJ_nid2sn() says "UNDEF" for 0. */
static const char *name_of(int nid, const char *otherwise)
{
    const char *name = nid == NID_undef ? NULL : OBJ_nid2sn(nid);

    return name != NULL ? name : otherwise;
}

bool tls_group_has_no_nid(int group)
{
    return (group & TLSEXT_nid_unknown) != 0;
}

/* X25519 has one name only. */
const char *tls_group_text(int group)
{
    const char *name = tls_group_has_no_nid(group)
                           ? group_openssl_name((uint16_t)(group & UINT16_MAX))
                           : EC_curve_nid2nist(group);

    return name != NULL ? name
                        : name_of(tls_group_has_no_nid(group) ? NID_undef : group, "unknown");
}

static const char *signature_word(int nid)
{
    switch (nid) {
    case EVP_PKEY_RSA:
        return "RSA";
    case EVP_PKEY_RSA_PSS:
        return "RSA-PSS";
    case EVP_PKEY_EC:
        return "ECDSA";
    default:
        return name_of(nid, "unknown");
    }
}

void tls_set_algorithm(struct tls_signature *out, int nid)
{
    text_copy(out->algorithm, sizeof out->algorithm, signature_word(nid));
}

void tls_set_digest(struct tls_signature *out, int nid)
{
    text_copy(out->digest, sizeof out->digest, name_of(nid, ""));
}
