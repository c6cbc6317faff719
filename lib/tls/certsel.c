/*
 * Theory of operation: libssl decides in this order, and so does certsel_judge().
 *
 * 1. SSL_use_cert_and_key() refuses a key below the security level.
 * 2. The version: the highest that both sides have. TLS 1.3 is offered only if some scheme of the
 *    profile names the curve of an ECDSA key. TLS_FALLBACK_SCSV is checked only against the
 *    versions of the profile.
 * 3. The bodies of the extensions of that version (hello_check).
 * 4. TLS 1.3: the first TLS 1.3 suite of ours that the client has; the first scheme of ours that
 *    the client has, that fits the key and its size; a key share of the client that we can use (the
 *    client's first, or for a newer libssl the one for our first group) or else, after a
 *    HelloRetryRequest, our first group that the client has.
 * 5. Before TLS 1.3: the first suite of ours that the client has and that this key can run. ECDHE
 *    needs a shared group and so the supported_groups extension; an ECDSA key must lie on a curve
 *    of supported_groups, be in one of ec_point_formats (older libssl) and be allowed to sign. In
 *    TLS 1.2 a scheme must be found as above, even for static RSA; without signature_algorithms it
 *    is SHA-1, and below TLS 1.2 MD5 and SHA-1 too, which only security level 0 allows.
 * 6. signature_algorithms_cert, if there is one, must name the signature on the leaf, from TLS 1.2
 *    on.
 *
 * Where libssl's steps end in one error for many causes ("no shared cipher"), the reason is the one
 * that an administrator can act on: first what this kind of key lacks, then the curve of this key,
 * then what the certificate itself lacks. certificate_authorities has no influence: libssl as a
 * server parses it and then ignores it.
 *
 * Where one libssl decides differently from another, profile->libssl says which one it is.
 */
#include "lib/tls/certsel_parts.h"

#include "lib/tls/names.h"
#include "lib/tls/strength.h"

#include <string.h>

enum {
    RSA_PKCS1_SHA1 = 0x0201,
    ECDSA_SHA1 = 0x0203,
    TLS_AES_128_GCM_SHA256 = 0x1301,
    POINT_UNCOMPRESSED = 0,
    POINT_COMPRESSED_PRIME = 1,
};

static bool has_id(const uint16_t *ids, size_t num, uint16_t id)
{
    for (size_t i = 0; i < num; i++) {
        if (ids[i] == id) {
            return true;
        }
    }
    return false;
}

/* Whether a group of the profile takes part in key exchange in this version. A group that the table
 * does not know is one of a newer libssl: it is in the profile, so it runs. */
static bool group_runs(const struct question *q, uint16_t id)
{
    const struct group *group = group_by_id(id);

    return group == NULL ||
           (q->version >= group->min_version && q->version <= group->max_version &&
            (group->bits == 0 || group->bits >= strength_of_level(q->profile->security_level)));
}

/* Our first group that the client has, or 0. */
static uint16_t shared_group(const struct question *q)
{
    for (size_t i = 0; i < q->profile->num_groups; i++) {
        uint16_t id = q->profile->groups[i];

        if (id_list_has(&q->hello->groups, id) && group_runs(q, id)) {
            return id;
        }
    }
    return 0;
}

/* Whether the key makes signatures of this scheme in this version. The schemes with SHA-1 and
 * SHA-224, which TLS 1.3 no longer has, name no curve. */
static bool scheme_fits(const struct question *q, const struct scheme *scheme)
{
    bool tls13 = q->version >= TLS13;

    switch (q->certificate->kind) {
    case KEY_RSA:
        return scheme->key == SCHEME_RSAE || (!tls13 && scheme->key == SCHEME_RSA);
    case KEY_RSA_PSS:
        return scheme->key == SCHEME_RSA_PSS;
    case KEY_ECDSA:
        return scheme->key == SCHEME_ECDSA && (!tls13 || scheme->curve == q->certificate->curve);
    case KEY_ED25519:
        return scheme->key == SCHEME_ED25519;
    case KEY_ED448:
        return scheme->key == SCHEME_ED448;
    case KEY_MLDSA44:
        return tls13 && scheme->key == SCHEME_MLDSA44;
    case KEY_MLDSA65:
        return tls13 && scheme->key == SCHEME_MLDSA65;
    case KEY_MLDSA87:
        return tls13 && scheme->key == SCHEME_MLDSA87;
    }
    return false;
}

/* RSASSA-PSS with a salt as long as the digest needs two digests and two bytes of modulus. */
static bool is_large_enough(const struct certsel_certificate *certificate,
                            const struct scheme *scheme)
{
    return (scheme->key != SCHEME_RSAE && scheme->key != SCHEME_RSA_PSS) ||
           (certificate->bits + 7) / 8 >= 2 * hash_len(scheme->hash) + 2;
}

/* Whether a scheme of signature_algorithms_cert names a signature of `leaf`. libssl compares only
 * the digest and the kind of signature: neither the curve nor the kind of an RSA-PSS key. */
static bool names_signature(const struct question *q, const struct scheme *named,
                            const struct scheme *leaf)
{
    if (named->hash != leaf->hash) {
        return false;
    }
    switch (named->key) {
    case SCHEME_RSAE:
    case SCHEME_RSA_PSS:
        return leaf->key == SCHEME_RSAE || leaf->key == SCHEME_RSA_PSS;
    case SCHEME_BRAINPOOL:
        return q->profile->libssl.knows_brainpool_schemes && leaf->key == SCHEME_ECDSA;
    default:
        return named->key == leaf->key;
    }
}

/* Whether signature_algorithms_cert, if there is one, names the signature on the leaf. */
static bool leaf_is_welcome(const struct question *q)
{
    const struct scheme *leaf = scheme_by_id(q->certificate->leaf_scheme);
    const struct id_list *list = &q->hello->cert_schemes;

    if (!list->present) {
        return true;
    }
    if (leaf == NULL || leaf->key == SCHEME_OTHER) {
        return false;
    }
    for (size_t i = 0; i < list->num; i++) {
        const struct scheme *named = scheme_by_id(id_at(list, i));

        if (named != NULL && names_signature(q, named, leaf)) {
            return true;
        }
    }
    return false;
}

/* Our first scheme that the client has and the key can make, into `*out`. */
static enum verdict_reason shared_scheme(const struct question *q, uint16_t *out)
{
    enum verdict_reason reason = VERDICT_NO_SIGNATURE_SCHEME;

    for (size_t i = 0; i < q->profile->num_schemes; i++) {
        const struct scheme *scheme = scheme_by_id(q->profile->schemes[i]);

        if (scheme == NULL || !id_list_has(&q->hello->schemes, scheme->id) ||
            strength_of_scheme(scheme) < strength_of_level(q->profile->security_level) ||
            !scheme_fits(q, scheme)) {
            continue;
        }
        if (is_large_enough(q->certificate, scheme)) {
            *out = scheme->id;
            return VERDICT_USABLE;
        }
        reason = VERDICT_KEY_TOO_SMALL;
    }
    return reason;
}

/* What signs in TLS 1.2 without signature_algorithms, and before TLS 1.2: SHA-1 (with MD5 for RSA
 * before TLS 1.2), which level 1 forbids. Only TLS 1.2 asks whether it is in the profile. */
static enum verdict_reason default_scheme(const struct question *q, uint16_t *out)
{
    enum key_kind kind = q->certificate->kind;
    uint16_t id = kind == KEY_RSA ? RSA_PKCS1_SHA1 : ECDSA_SHA1;

    if ((kind != KEY_RSA && kind != KEY_ECDSA) || q->profile->security_level > 0) {
        return VERDICT_NO_SIGNATURE_SCHEME;
    }
    if (q->version < TLS12) {
        return VERDICT_USABLE;
    }
    if (q->hello->cert_schemes.present ||
        !has_id(q->profile->schemes, q->profile->num_schemes, id)) {
        return VERDICT_NO_SIGNATURE_SCHEME;
    }
    *out = id;
    return VERDICT_USABLE;
}

/* The position in the profile of a group that takes part in key exchange; num_groups if it is not
 * there. */
static size_t place_of_group(const struct question *q, uint16_t id)
{
    size_t i = 0;

    while (i < q->profile->num_groups && q->profile->groups[i] != id) {
        i++;
    }
    return i < q->profile->num_groups && group_runs(q, id) ? i : q->profile->num_groups;
}

/* Finds the share that libssl computes with: writes the position of its group in the profile, or
 * num_groups if there is none, into `*best`, and its length into `*len`. False if it refuses
 * key_share. */
static bool find_share(const struct question *q, size_t *best, size_t *len)
{
    const struct libssl *libssl = &q->profile->libssl;
    const size_t none = q->profile->num_groups;
    struct bytes shares = q->hello->key_share;
    struct bytes key;
    uint16_t id;

    *best = none;
    while (bytes_u16(&shares, &id) && bytes_vec16(&shares, &key)) {
        size_t place = place_of_group(q, id);

        if ((*best == none || libssl->checks_all_shares) && !id_list_has(&q->hello->groups, id)) {
            return false;
        }
        if (place < *best && (*best == none || libssl->prefers_own_groups)) {
            *best = place;
            *len = key.len;
        }
    }
    return true;
}

/* The group of a TLS 1.3 handshake, into `*out`. */
static enum verdict_reason tls13_group(const struct question *q, uint16_t *out)
{
    const struct group *group;
    size_t best;
    size_t len = 0;

    if (!q->hello->has_key_share || !q->hello->groups.present) {
        return VERDICT_NO_SHARED_GROUP;
    }
    if (!find_share(q, &best, &len)) {
        return VERDICT_MALFORMED;
    }
    if (best == q->profile->num_groups) {
        *out = shared_group(q);
        return *out != 0 ? VERDICT_USABLE : VERDICT_NO_SHARED_GROUP;
    }
    *out = q->profile->groups[best];
    group = group_by_id(*out);
    return group == NULL || group->share == 0 || len == group->share ? VERDICT_USABLE
                                                                     : VERDICT_MALFORMED;
}

static enum verdict_reason judge_tls13(const struct question *q, struct verdict *out)
{
    enum verdict_reason reason;

    for (size_t i = 0; i < q->profile->num_suites && out->suite == 0; i++) {
        const struct suite *suite = suite_by_id(q->profile->suites[i]);

        if (suite != NULL && suite->min_version == TLS13 &&
            id_list_has(&q->hello->suites, suite->id)) {
            out->suite = suite->id;
        }
    }
    if (out->suite == 0) {
        return VERDICT_NO_SUITE;
    }
    reason = tls13_group(q, &out->group);
    if (reason != VERDICT_USABLE) {
        return reason;
    }
    reason = shared_scheme(q, &out->scheme);
    if (reason != VERDICT_USABLE) {
        return reason;
    }
    return leaf_is_welcome(q) ? VERDICT_USABLE : VERDICT_LEAF_SIGNATURE;
}

/* Our first suite before TLS 1.3 that the client has and that runs with this kind of key or with
 * none; NULL if there is none, and then says whether only a group was missing. */
static const struct suite *shared_suite(const struct question *q, bool *needs_group)
{
    enum key_kind kind = q->certificate->kind;
    bool is_rsa = kind == KEY_RSA || kind == KEY_RSA_PSS;
    bool has_group = shared_group(q) != 0;

    *needs_group = false;
    for (size_t i = 0; i < q->profile->num_suites; i++) {
        const struct suite *suite = suite_by_id(q->profile->suites[i]);

        if (suite == NULL || suite->min_version > q->version ||
            !id_list_has(&q->hello->suites, suite->id) ||
            (suite->auth != (is_rsa ? AUTH_RSA : AUTH_ECDSA) && suite->auth != AUTH_ANON)) {
            continue;
        }
        if (suite->kx == KX_DHE || (suite->kx == KX_RSA && kind == KEY_RSA) ||
            (suite->kx == KX_ECDHE && has_group)) {
            return suite;
        }
        if (suite->kx == KX_ECDHE && suite->auth != AUTH_ANON) {
            *needs_group = true;
        }
    }
    return NULL;
}

/* Whether the curve of an ECDSA key is one that libssl knows and the client names. */
static bool curve_is_named(const struct question *q)
{
    const struct group *group = group_by_id(q->certificate->curve);

    return group != NULL && group->bits != 0 && id_list_has(&q->hello->groups, group->id);
}

/* Whether the client accepts the form of an ECDSA key's point. RFC 8422 section 5.1.2 requires
 * every client that sends a list to accept the uncompressed one. */
static bool point_is_welcome(const struct question *q)
{
    const struct bytes *formats = &q->hello->point_formats;
    uint8_t format = q->certificate->compressed ? POINT_COMPRESSED_PRIME : POINT_UNCOMPRESSED;

    return !q->profile->libssl.reads_point_formats || !q->hello->has_point_formats ||
           memchr(formats->data, format, formats->len) != NULL;
}

static enum verdict_reason judge_tls12(const struct question *q, struct verdict *out)
{
    bool needs_group;
    const struct suite *suite = shared_suite(q, &needs_group);
    bool is_ecdsa = q->certificate->kind == KEY_ECDSA;
    enum verdict_reason reason;

    if (suite == NULL) {
        return needs_group ? VERDICT_NO_SHARED_GROUP : VERDICT_NO_SUITE;
    }
    if (suite->auth == AUTH_ANON) {
        return VERDICT_NO_SUITE;
    }
    if (is_ecdsa && !curve_is_named(q)) {
        return VERDICT_CURVE_NOT_IN_GROUPS;
    }
    if (is_ecdsa && !point_is_welcome(q)) {
        return VERDICT_MALFORMED;
    }
    reason = q->version >= TLS12 && q->hello->schemes.present ? shared_scheme(q, &out->scheme)
                                                              : default_scheme(q, &out->scheme);
    if (reason != VERDICT_USABLE) {
        return reason;
    }
    if (is_ecdsa && !q->certificate->can_sign) {
        return VERDICT_KEY_USAGE;
    }
    if (q->version >= TLS12 && !leaf_is_welcome(q)) {
        return VERDICT_LEAF_SIGNATURE;
    }
    out->suite = suite->id;
    out->group = suite->kx == KX_ECDHE ? shared_group(q) : 0;
    if (suite->kx == KX_RSA) {
        out->scheme = 0;
    }
    return VERDICT_USABLE;
}

/* A key signs in TLS 1.3, and before it with every key exchange but RSA. */
static bool signs(const struct verdict *verdict)
{
    const struct suite *suite = suite_by_id(verdict->suite);

    return suite == NULL || suite->kx != KX_RSA;
}

static enum verdict_fault fault_of(const struct certsel_certificate *certificate,
                                   const struct verdict *verdict)
{
    if (certificate->explicit_curve) {
        return FAULT_EXPLICIT_PARAMETERS;
    }
    if (certificate->can_sign || !signs(verdict)) {
        return FAULT_NONE;
    }
    return certificate->kind == KEY_RSA && certificate->can_encipher ? FAULT_KEY_ENCIPHERMENT_ONLY
                                                                     : FAULT_KEY_USAGE;
}

enum verdict_fault certsel_fault(const struct certsel_certificate *certificate)
{
    return fault_of(certificate, &(struct verdict){.suite = TLS_AES_128_GCM_SHA256});
}

static enum verdict_reason judge(struct question *q, struct verdict *out)
{
    const char *why;

    if (strength_of_key(q->certificate) < strength_of_level(q->profile->security_level)) {
        return VERDICT_KEY_TOO_SMALL;
    }
    q->version = certsel_choose_version(q);
    if (q->version == 0) {
        return VERDICT_NO_VERSION;
    }
    out->version = q->version;
    if (hello_check(q->hello, &q->profile->libssl, q->version, &why) != HELLO_DONE) {
        return VERDICT_MALFORMED;
    }
    return q->version == TLS13 ? judge_tls13(q, out) : judge_tls12(q, out);
}

struct verdict certsel_judge(const struct certsel_profile *profile,
                             const struct certsel_certificate *certificate,
                             const struct hello *hello)
{
    struct question q = {.profile = profile, .certificate = certificate, .hello = hello};
    struct verdict verdict = {0};
    enum verdict_reason reason = judge(&q, &verdict);

    if (reason != VERDICT_USABLE) {
        return (struct verdict){.reason = reason};
    }
    verdict.fault = fault_of(certificate, &verdict);
    return verdict;
}

/* Without a certificate nothing is signed, but before libssl knows that, it checks whether
 * something could be, as soon as one of the extensions is present. */
static bool could_sign(const struct question *q)
{
    if (q->version < TLS12 || (!q->hello->schemes.present && !q->hello->cert_schemes.present)) {
        return true;
    }
    for (size_t i = 0; i < q->profile->num_schemes; i++) {
        if (id_list_has(&q->hello->schemes, q->profile->schemes[i])) {
            return true;
        }
    }
    return false;
}

struct verdict certsel_judge_anonymous(const struct certsel_profile *profile,
                                       const struct hello *hello)
{
    static const struct certsel_certificate none = {.kind = KEY_RSA};
    struct question q = {.profile = profile, .certificate = &none, .hello = hello};
    const struct suite *suite;
    const char *why;
    bool needs_group;

    q.version = certsel_choose_version(&q);
    if (q.version == 0) {
        return (struct verdict){.reason = VERDICT_NO_VERSION};
    }
    if (hello_check(hello, &profile->libssl, q.version, &why) != HELLO_DONE) {
        return (struct verdict){.reason = VERDICT_MALFORMED};
    }
    if (!could_sign(&q)) {
        return (struct verdict){.reason = VERDICT_NO_SIGNATURE_SCHEME};
    }
    suite = shared_suite(&q, &needs_group);
    if (suite == NULL) {
        return (struct verdict){.reason = VERDICT_NO_SUITE};
    }
    return (struct verdict){
        .reason = VERDICT_USABLE,
        .version = q.version,
        .suite = suite->id,
        .group = suite->kx == KX_ECDHE ? shared_group(&q) : 0,
    };
}
