/* Which of several certificates is served, and whether TLS 1.2 has to serve it. */
#include "lib/tls/certsel_parts.h"

#include "lib/tls/names.h"

/* The first usable one without a fault, or otherwise the first usable one; -1 if there is none. */
static int best_of(const struct verdict *verdicts, size_t num)
{
    int best = -1;

    for (size_t i = 0; i < num; i++) {
        if (verdicts[i].reason == VERDICT_USABLE) {
            if (verdicts[i].fault == FAULT_NONE) {
                return (int)i;
            }
            best = best < 0 ? (int)i : best;
        }
    }
    return best;
}

/* Whether the schemes of TLS 1.3 are the only reason why this certificate cannot be used. */
static bool lacks_scheme(const struct certsel_profile *profile,
                         const struct certsel_certificate *certificate, const struct hello *hello,
                         const struct verdict *verdict)
{
    const struct question q = {.profile = profile, .certificate = certificate, .hello = hello};

    return (verdict->reason == VERDICT_NO_SIGNATURE_SCHEME ||
            verdict->reason == VERDICT_KEY_TOO_SMALL) &&
           certsel_choose_version(&q) == TLS13;
}

static struct certsel_profile capped_at_tls12(const struct certsel_profile *profile)
{
    struct certsel_profile capped = *profile;

    capped.max_version = TLS12;
    return capped;
}

static bool serves_one(const struct certsel_profile *profile,
                       const struct certsel_certificate *const *certificates, size_t num,
                       const struct hello *hello)
{
    for (size_t i = 0; i < num; i++) {
        if (certsel_judge(profile, certificates[i], hello).reason == VERDICT_USABLE) {
            return true;
        }
    }
    return false;
}

int certsel_choose(const struct certsel_profile *profile,
                   const struct certsel_certificate *const *certificates, size_t num,
                   const struct hello *hello, struct verdict *verdicts)
{
    struct certsel_profile capped;
    bool try_tls12 = false;
    int best;

    for (size_t i = 0; i < num; i++) {
        verdicts[i] = certsel_judge(profile, certificates[i], hello);
        try_tls12 = try_tls12 || lacks_scheme(profile, certificates[i], hello, &verdicts[i]);
    }
    best = best_of(verdicts, num);
    if (best >= 0 || !try_tls12) {
        return best;
    }
    capped = capped_at_tls12(profile);
    if (!serves_one(&capped, certificates, num, hello)) {
        return -1;
    }
    for (size_t i = 0; i < num; i++) {
        verdicts[i] = certsel_judge(&capped, certificates[i], hello);
        verdicts[i].capped = true;
    }
    return best_of(verdicts, num);
}
