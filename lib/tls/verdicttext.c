#include "lib/tls/verdicttext.h"

#include "lib/base/table.h"
#include "lib/tls/names.h"

#include <string.h>

/* Names of a list that are shown. */
#define LISTED_MAX 8

/* --- names ---------------------------------------------------------------------------------- */

void key_size_text(struct text *out, enum key_kind kind, const char *curve, unsigned bits)
{
    if (kind == KEY_RSA || kind == KEY_RSA_PSS) {
        text_addf(out, "%u bits", bits);
    } else if (kind == KEY_ECDSA) {
        text_add(out, curve);
    }
}

void key_text(struct text *out, const struct certsel_certificate *certificate)
{
    const struct group *group = group_by_id(certificate->curve);

    switch (certificate->kind) {
    case KEY_RSA:
        text_add(out, "RSA ");
        break;
    case KEY_RSA_PSS:
        text_add(out, "RSA-PSS ");
        break;
    case KEY_ECDSA:
        text_add(out, "ECDSA ");
        break;
    case KEY_ED25519:
        text_add(out, "Ed25519");
        break;
    case KEY_ED448:
        text_add(out, "Ed448");
        break;
    case KEY_MLDSA44:
        text_add(out, "ML-DSA-44");
        break;
    case KEY_MLDSA65:
        text_add(out, "ML-DSA-65");
        break;
    case KEY_MLDSA87:
        text_add(out, "ML-DSA-87");
        break;
    }
    key_size_text(out, certificate->kind, group != NULL ? group->openssl : "on an unknown curve",
                  certificate->bits);
}

void version_text(struct text *out, uint16_t version)
{
    const char *name = version_name(version);

    if (name != NULL) {
        text_add(out, name);
    } else {
        text_addf(out, "0x%04x", version);
    }
}

void suite_text(struct text *out, uint16_t suite)
{
    const struct suite *row = suite_by_id(suite);

    if (row == NULL) {
        text_addf(out, "0x%04x", suite);
    } else {
        text_add(out, row->openssl[0] != '\0' ? row->openssl : row->name);
    }
}

static void group_text(struct text *out, uint16_t id)
{
    const char *name = group_name(id);

    if (name != NULL) {
        text_add(out, name);
    } else {
        text_addf(out, "0x%04x", id);
    }
}

static void scheme_text(struct text *out, uint16_t id)
{
    const char *name = scheme_name(id);

    if (name != NULL) {
        text_add(out, name);
    } else {
        text_addf(out, "0x%04x", id);
    }
}

/* --- what the client offers ----------------------------------------------------------------- */

static bool is_signal(uint16_t id)
{
    return id == SCSV_RENEGOTIATION || id == SCSV_FALLBACK;
}

/* Names the entries of a list, without GREASE and, of suites, without signals. */
static void add_list(struct text *out, const struct id_list *list,
                     void (*name)(struct text *out, uint16_t id))
{
    size_t shown = 0;

    if (!list->present) {
        text_add(out, " not sent");
        return;
    }
    for (size_t i = 0; i < list->num; i++) {
        uint16_t id = id_at(list, i);

        if (id_is_grease(id) || (name == suite_text && (is_signal(id) || id == 0))) {
            continue;
        }
        if (shown == LISTED_MAX) {
            text_add(out, " ...");
            return;
        }
        text_add(out, " ");
        name(out, id);
        shown++;
    }
    if (shown == 0) {
        text_add(out, " empty");
    }
}

static void add_offered_versions(struct text *out, const struct hello *hello)
{
    if (hello->versions.present) {
        text_add(out, "the client offers");
        add_list(out, &hello->versions, version_text);
    } else {
        text_add(out, "the client offers up to ");
        version_text(out, hello->legacy_version);
    }
}

/* --- clauses -------------------------------------------------------------------------------- */

void fault_text(struct text *out, enum verdict_fault fault)
{
    static const char *const texts[] = {
        [FAULT_NONE] = "",
        [FAULT_KEY_USAGE] = "its keyUsage lacks digitalSignature",
        [FAULT_KEY_ENCIPHERMENT_ONLY] = "its keyUsage allows keyEncipherment but no signature",
        [FAULT_EXPLICIT_PARAMETERS] = "its curve is given by parameters, not by name",
    };
    TABLE_HAS_EACH(texts, NUM_VERDICT_FAULTS);

    text_add(out, texts[fault]);
}

static void add_usable(struct text *out, const struct verdict *verdict)
{
    version_text(out, verdict->version);
    text_add(out, " ");
    suite_text(out, verdict->suite);
    if (verdict->group != 0) {
        text_add(out, ", ");
        group_text(out, verdict->group);
    }
    if (verdict->scheme != 0) {
        text_add(out, ", ");
        scheme_text(out, verdict->scheme);
    }
    if (verdict->fault != FAULT_NONE) {
        text_add(out, "; some clients refuse it, ");
        fault_text(out, verdict->fault);
    }
}

static void add_no_version(struct text *out, const struct certsel_profile *profile,
                           const struct hello *hello)
{
    add_offered_versions(out, hello);
    if (id_list_has(&hello->suites, SCSV_FALLBACK)) {
        text_add(out, " and says that it tried a higher one before (TLS_FALLBACK_SCSV)");
    }
    text_add(out, "; the listener allows ");
    version_text(out, profile->min_version);
    text_add(out, " to ");
    version_text(out, profile->max_version);
}

static void add_no_suite(struct text *out, const struct certsel_certificate *certificate,
                         const struct hello *hello)
{
    text_add(out, "no cipher suite that both sides have works with its key (");
    key_text(out, certificate);
    text_add(out, "); the client's suites:");
    add_list(out, &hello->suites, suite_text);
}

static void add_no_scheme(struct text *out, const struct certsel_certificate *certificate,
                          const struct hello *hello)
{
    text_add(out, "no signature scheme that both sides have fits its key (");
    key_text(out, certificate);
    text_add(out, "); the client's signature_algorithms:");
    add_list(out, &hello->schemes, scheme_text);
}

static void add_leaf_signature(struct text *out, const struct certsel_certificate *certificate,
                               const struct hello *hello)
{
    text_add(out, "its own signature is ");
    if (certificate->leaf_scheme == 0) {
        text_add(out, "not of a TLS scheme");
    } else {
        scheme_text(out, certificate->leaf_scheme);
    }
    text_add(out, "; the client's signature_algorithms_cert:");
    add_list(out, &hello->cert_schemes, scheme_text);
}

static void add_curve(struct text *out, const struct certsel_certificate *certificate,
                      const struct hello *hello)
{
    text_add(out, "its key is on ");
    group_text(out, certificate->curve);
    text_add(out, "; the client's supported_groups:");
    add_list(out, &hello->groups, group_text);
}

/* What older releases of libssl do not tolerate in a client with an ECDSA certificate (RFC 8422
 * section 5.1.2). */
static bool add_point_formats(struct text *out, const struct certsel_profile *profile,
                              const struct certsel_certificate *certificate,
                              const struct hello *hello)
{
    const struct bytes *formats = &hello->point_formats;

    if (!profile->libssl.reads_point_formats || certificate->kind != KEY_ECDSA ||
        !hello->has_point_formats ||
        memchr(formats->data, certificate->compressed, formats->len) != NULL) {
        return false;
    }
    text_addf(out, ": its ec_point_formats lack %s",
              certificate->compressed ? "the compressed one of this key" : "\"uncompressed\"");
    return true;
}

/* What is wrong with a share of key_share (RFC 8446 section 4.2.8). */
static bool add_share(struct text *out, const struct hello *hello, uint16_t id, size_t len)
{
    const struct group *group = group_by_id(id);

    if (!id_list_has(&hello->groups, id)) {
        text_add(out, ": its key_share has ");
        group_text(out, id);
        text_add(out, ", which its supported_groups lack");
        return true;
    }
    if (group != NULL && group->share != 0 && len != group->share) {
        text_addf(out, ": its key_share for %s has %zu bytes, not %u", group->name, len,
                  group->share);
        return true;
    }
    return false;
}

static void add_malformed(struct text *out, const struct certsel_profile *profile,
                          const struct certsel_certificate *certificate, const struct hello *hello)
{
    struct bytes shares = hello->key_share;
    struct bytes key;
    uint16_t id;
    bool told;

    text_add(out, "the hello is malformed");
    told = add_point_formats(out, profile, certificate, hello);
    while (!told && bytes_u16(&shares, &id) && bytes_vec16(&shares, &key)) {
        told = add_share(out, hello, id, key.len);
    }
}

void verdict_text(struct text *out, const struct certsel_profile *profile,
                  const struct certsel_certificate *certificate, const struct hello *hello,
                  const struct verdict *verdict)
{
    switch (verdict->reason) {
    case VERDICT_USABLE:
        add_usable(out, verdict);
        break;
    case VERDICT_NO_VERSION:
        add_no_version(out, profile, hello);
        break;
    case VERDICT_NO_SUITE:
        add_no_suite(out, certificate, hello);
        break;
    case VERDICT_NO_SHARED_GROUP:
        text_add(out, "the two sides have no group in common; the client's supported_groups:");
        add_list(out, &hello->groups, group_text);
        break;
    case VERDICT_CURVE_NOT_IN_GROUPS:
        add_curve(out, certificate, hello);
        break;
    case VERDICT_NO_SIGNATURE_SCHEME:
        add_no_scheme(out, certificate, hello);
        break;
    case VERDICT_LEAF_SIGNATURE:
        add_leaf_signature(out, certificate, hello);
        break;
    case VERDICT_KEY_USAGE:
        text_add(out, "its keyUsage does not allow it to sign");
        break;
    case VERDICT_KEY_TOO_SMALL:
        text_add(out, "its key (");
        key_text(out, certificate);
        text_add(out,
                 ") is too small for the security level of the profile, or for every signature "
                 "scheme that both sides have");
        break;
    case VERDICT_CA_NAMES:
        text_add(out, "no CA of its chain is among the client's certificate_authorities");
        break;
    case VERDICT_MALFORMED:
        add_malformed(out, profile, certificate, hello);
        break;
    case NUM_VERDICT_REASONS:
        break;
    }
}
