/*
 * certsel: the choice of a certificate for one ClientHello.
 *
 * Promise: for each certificate of a set, in the administrator's order, the verdict says whether
 * libssl, given only this certificate and this profile, would send it to this client, and if not,
 * the first reason against it in the client's hello or in the certificate. The choice is the first
 * usable certificate that no client has to refuse, or otherwise the first usable one. Arrays of
 * IANA numbers go in, numbers come out: no OpenSSL type crosses, and nothing is allocated.
 */
#ifndef POSTERN_LIB_TLS_CERTSEL_H
#define POSTERN_LIB_TLS_CERTSEL_H

#include "lib/tls/hello.h"

enum key_kind {
    KEY_RSA,
    KEY_RSA_PSS,
    KEY_ECDSA,
    KEY_ED25519,
    KEY_ED448,
    KEY_MLDSA44,
    KEY_MLDSA65,
    KEY_MLDSA87,
};

/* What the rules need to know about a certificate with its key and chain. */
struct certsel_certificate {
    enum key_kind kind;
    uint16_t curve;       /* KEY_ECDSA: the IANA group of the key; otherwise 0 */
    unsigned bits;        /* size of the key (RSA: of the modulus) */
    bool can_sign;        /* no keyUsage, or one with digitalSignature */
    uint16_t leaf_scheme; /* the scheme of the signature on the leaf; 0: none that IANA names */
    const struct bytes *issuers; /* borrowed: DER issuer names of the leaf and of its chain */
    size_t num_issuers;
    bool compressed;     /* KEY_ECDSA: the point of the public key is in compressed form */
    bool explicit_curve; /* KEY_ECDSA: the curve is given by explicit parameters, not by name */
    bool can_encipher;   /* no keyUsage, or one with keyEncipherment */
};

/* What the listener allows, read back from libssl or set by us. All arrays are borrowed. */
struct certsel_profile {
    uint16_t min_version; /* 0x0301 to 0x0304 */
    uint16_t max_version;
    int security_level;     /* of the SSL_CTX */
    const uint16_t *suites; /* in the server's order of preference, TLS 1.3 suites included */
    size_t num_suites;
    const uint16_t *groups; /* in the server's order of preference */
    size_t num_groups;
    const uint16_t *schemes; /* in the server's order of preference */
    size_t num_schemes;
    struct libssl libssl; /* the one that serves */
};

enum verdict_reason {
    VERDICT_USABLE,
    VERDICT_NO_VERSION,
    VERDICT_NO_SUITE,
    VERDICT_NO_SHARED_GROUP,
    VERDICT_CURVE_NOT_IN_GROUPS,
    VERDICT_NO_SIGNATURE_SCHEME,
    VERDICT_LEAF_SIGNATURE,
    VERDICT_KEY_USAGE,
    VERDICT_KEY_TOO_SMALL,
    VERDICT_CA_NAMES,
    VERDICT_MALFORMED,
    NUM_VERDICT_REASONS,
};

/* Why a client that checks it has to refuse a certificate that libssl still sends. */
enum verdict_fault {
    FAULT_NONE,
    FAULT_KEY_USAGE,             /* its keyUsage lacks digitalSignature, and it signs (RFC 5280
                                    section 4.2.1.3, RFC 8446 section 4.4.2.2) */
    FAULT_KEY_ENCIPHERMENT_ONLY, /* the same, for an RSA key that may only decrypt */
    FAULT_EXPLICIT_PARAMETERS,   /* its curve has no name (RFC 5480 section 2.1.1) */
    NUM_VERDICT_FAULTS,
};

struct verdict {
    enum verdict_reason reason;
    /* For VERDICT_USABLE, what libssl will negotiate; 0 where nothing is negotiated. */
    uint16_t version;
    uint16_t suite;
    uint16_t group;
    uint16_t scheme;
    enum verdict_fault fault; /* VERDICT_USABLE: it ranks after those without one */
    bool capped; /* judged as if the profile ended with TLS 1.2, to which libssl then has to be
                    limited */
};

/* Kinds of certificate that an administrator could add, in the order they are always named. */
enum fit { FIT_ECDSA_P256, FIT_RSA, FIT_ECDSA_P384, FIT_ECDSA_P521, FIT_ED25519, NUM_FITS };

/* The verdict on one certificate, in all versions of the profile. */
struct verdict certsel_judge(const struct certsel_profile *profile,
                             const struct certsel_certificate *certificate,
                             const struct hello *hello);

/*
 * Judges `num` certificates into `verdicts` (room for `num`) and returns the index of the choice,
 * or -1. If TLS 1.3 is negotiated and its schemes fit no certificate, but TLS 1.2 serves one, all
 * verdicts are for TLS 1.2 and `capped`. `certificates` holds pointers, so that sets can share
 * certificates.
 */
int certsel_choose(const struct certsel_profile *profile,
                   const struct certsel_certificate *const *certificates, size_t num,
                   const struct hello *hello, struct verdict *verdicts);

/*
 * The verdict on a handshake without a certificate, in which neither side proves who it is:
 * VERDICT_USABLE if libssl would begin one with these suites. `profile` has no suites but those of
 * AUTH_ANON and no version above TLS 1.2; `scheme` of the verdict is 0.
 */
struct verdict certsel_judge_anonymous(const struct certsel_profile *profile,
                                       const struct hello *hello);

/* What a client may have against the certificate in TLS 1.3, which has the strictest rules. */
enum verdict_fault certsel_fault(const struct certsel_certificate *certificate);

/* Which kinds of certificate would be usable (bit 1 << enum fit), as commonly issued today: RSA
 * 2048 bits, signed with rsa_pkcs1_sha256 or, for ECDSA, ecdsa_secp384r1_sha384. */
unsigned certsel_would_fit(const struct certsel_profile *profile, const struct hello *hello);

/* The words of the contract: "usable", "no-version", ...; "" for none, "key-usage", ...;
 * "ecdsa-p256", "rsa", ... */
const char *verdict_word(enum verdict_reason reason);
const char *fault_word(enum verdict_fault fault);
const char *fit_word(enum fit fit);

#endif
