#include "lib/tls/unmatched.h"

#include "lib/tls/names.h"

static bool names_ecdsa(const struct id_list *schemes)
{
    for (size_t i = 0; i < schemes->num; i++) {
        const struct scheme *scheme = scheme_by_id(id_at(schemes, i));

        if (scheme != NULL && scheme->key == SCHEME_ECDSA) {
            return true;
        }
    }
    return false;
}

/* A group of the client's that libssl knows, or 0: a certificate on it would not be refused for its
 * curve. */
static uint16_t group_of_client(const struct id_list *groups)
{
    for (size_t i = 0; i < groups->num; i++) {
        const struct group *group = group_by_id(id_at(groups, i));

        if (group != NULL && group->bits != 0) {
            return group->id;
        }
    }
    return 0;
}

int unmatched_try_anyway(const struct certsel_profile *profile,
                         const struct certsel_certificate *const *certificates, const bool *may_try,
                         size_t num, const struct hello *hello, const struct verdict *verdicts)
{
    struct certsel_profile up_to_tls12 = *profile;
    int chosen = -1;

    if (!names_ecdsa(&hello->schemes)) {
        return -1;
    }
    if (up_to_tls12.max_version > TLS12) {
        up_to_tls12.max_version = TLS12;
    }
    for (size_t i = 0; i < num; i++) {
        struct certsel_certificate moved = *certificates[i];

        if (verdicts[i].reason == VERDICT_USABLE) {
            return -1;
        }
        /* This verdict is given in TLS 1.2 and below only, so the limit changes nothing else. */
        moved.curve = group_of_client(&hello->groups);
        if (chosen < 0 && may_try[i] && verdicts[i].reason == VERDICT_CURVE_NOT_IN_GROUPS &&
            certsel_judge(&up_to_tls12, &moved, hello).reason == VERDICT_USABLE) {
            chosen = (int)i;
        }
    }
    return chosen;
}

bool unmatched_anonymous(const struct certsel_profile *listener,
                         const struct certsel_profile *anonymous, const struct hello *hello)
{
    if (listener->max_version > TLS12 && id_list_has(&hello->suites, SCSV_FALLBACK)) {
        return false;
    }
    return certsel_judge_anonymous(anonymous, hello).reason == VERDICT_USABLE;
}
