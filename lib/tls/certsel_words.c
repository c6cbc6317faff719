/* What verdicts are called, and what an administrator could add. */
#include "lib/base/table.h"
#include "lib/tls/certsel.h"

enum { SECP256R1 = 0x0017, SECP384R1 = 0x0018, SECP521R1 = 0x0019 };

unsigned certsel_would_fit(const struct certsel_profile *profile, const struct hello *hello)
{
    static const struct certsel_certificate typical[] = {
        [FIT_ECDSA_P256] = {KEY_ECDSA, SECP256R1, 256, true, 0x0503, NULL, 0, false, false, true},
        [FIT_RSA] = {KEY_RSA, 0, 2048, true, 0x0401, NULL, 0, false, false, true},
        [FIT_ECDSA_P384] = {KEY_ECDSA, SECP384R1, 384, true, 0x0503, NULL, 0, false, false, true},
        [FIT_ECDSA_P521] = {KEY_ECDSA, SECP521R1, 521, true, 0x0503, NULL, 0, false, false, true},
        [FIT_ED25519] = {KEY_ED25519, 0, 256, true, 0x0401, NULL, 0, false, false, true},
    };
    TABLE_HAS_EACH(typical, NUM_FITS);
    unsigned fits = 0;

    for (unsigned i = 0; i < NUM_FITS; i++) {
        const struct certsel_certificate *one = &typical[i];
        struct verdict verdict;

        fits |= certsel_choose(profile, &one, 1, hello, &verdict) == 0 ? 1u << i : 0;
    }
    return fits;
}

const char *verdict_word(enum verdict_reason reason)
{
    static const char *const words[] = {
        [VERDICT_USABLE] = "usable",
        [VERDICT_NO_VERSION] = "no-version",
        [VERDICT_NO_SUITE] = "no-suite",
        [VERDICT_NO_SHARED_GROUP] = "no-shared-group",
        [VERDICT_CURVE_NOT_IN_GROUPS] = "curve-not-in-groups",
        [VERDICT_NO_SIGNATURE_SCHEME] = "no-signature-scheme",
        [VERDICT_LEAF_SIGNATURE] = "leaf-signature",
        [VERDICT_KEY_USAGE] = "key-usage",
        [VERDICT_KEY_TOO_SMALL] = "key-too-small",
        [VERDICT_CA_NAMES] = "ca-names",
        [VERDICT_MALFORMED] = "malformed",
    };
    TABLE_HAS_EACH(words, NUM_VERDICT_REASONS);

    return words[reason];
}

const char *fault_word(enum verdict_fault fault)
{
    static const char *const words[] = {
        [FAULT_NONE] = "",
        [FAULT_KEY_USAGE] = "key-usage",
        [FAULT_KEY_ENCIPHERMENT_ONLY] = "key-encipherment-only",
        [FAULT_EXPLICIT_PARAMETERS] = "explicit-parameters",
    };
    TABLE_HAS_EACH(words, NUM_VERDICT_FAULTS);

    return words[fault];
}

const char *fit_word(enum fit fit)
{
    static const char *const words[] = {
        [FIT_ECDSA_P256] = "ecdsa-p256", [FIT_RSA] = "rsa",         [FIT_ECDSA_P384] = "ecdsa-p384",
        [FIT_ECDSA_P521] = "ecdsa-p521", [FIT_ED25519] = "ed25519",
    };
    TABLE_HAS_EACH(words, NUM_FITS);

    return words[fit];
}
