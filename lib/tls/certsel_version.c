/* Which version of TLS a hello leads to. */
#include "lib/tls/certsel_parts.h"

#include "lib/tls/names.h"

/* Whether TLS 1.3 has any scheme for a key of this kind and curve. */
static bool speaks_tls13(const struct question *q)
{
    if (q->certificate->kind != KEY_ECDSA) {
        return true;
    }
    for (size_t i = 0; i < q->profile->num_schemes; i++) {
        const struct scheme *scheme = scheme_by_id(q->profile->schemes[i]);

        if (scheme != NULL && scheme->curve != 0 && scheme->curve == q->certificate->curve) {
            return true;
        }
    }
    return false;
}

static bool version_allowed(const struct certsel_profile *profile, uint16_t version)
{
    if (version < profile->min_version || version > profile->max_version || version < TLS10 ||
        version > TLS13) {
        return false;
    }
    return profile->security_level < 3 || version > (profile->security_level == 3 ? TLS10 : TLS11);
}

/* The version of a hello with supported_versions, or 0. */
static uint16_t version_from_list(const struct question *q)
{
    const struct id_list *list = &q->hello->versions;
    uint16_t best = 0;

    if (q->hello->legacy_version <= SSL3) {
        return 0;
    }
    for (size_t i = 0; i < list->num; i++) {
        uint16_t version = id_at(list, i);

        if (version > best && version_allowed(q->profile, version) &&
            (version != TLS13 || speaks_tls13(q))) {
            best = version;
        }
    }
    return best;
}

/* The highest version of the profile that is not above `version`, or 0. */
static uint16_t version_up_to(const struct certsel_profile *profile, uint16_t version)
{
    while (version >= TLS10 && !version_allowed(profile, version)) {
        version--;
    }
    return version >= TLS10 ? version : 0;
}

uint16_t certsel_choose_version(const struct question *q)
{
    uint16_t legacy = q->hello->legacy_version;
    uint16_t version;

    if (q->hello->versions.present) {
        version = version_from_list(q);
    } else if (q->hello->sslv2 && legacy >> 8 != SSL3 >> 8) {
        version = 0;
    } else {
        version = version_up_to(q->profile, legacy > TLS12 ? TLS12 : legacy);
    }
    if (id_list_has(&q->hello->suites, SCSV_FALLBACK) &&
        version != version_up_to(q->profile, TLS13)) {
        return 0;
    }
    return version;
}
