#include "lib/tls/strength.h"

#define NUM(array) (sizeof(array) / sizeof((array)[0]))

unsigned strength_of_level(int level)
{
    static const unsigned bits[] = {0, 80, 112, 128, 192, 256};

    if (level <= 0) {
        return 0;
    }
    return bits[level < 5 ? level : 5];
}

/* The bits of the first step that `size` reaches. */
static unsigned climb(const unsigned (*steps)[2], size_t num, unsigned size)
{
    for (size_t i = 0; i < num; i++) {
        if (size >= steps[i][0]) {
            return steps[i][1];
        }
    }
    return 0;
}

unsigned strength_of_key(const struct certsel_certificate *certificate)
{
    /* The shortest moduli of which RSA_security_bits() says so; in between it follows the formula
     * of FIPS 140-2 IG 7.5. */
    static const unsigned modulus[][2] = {
        {13914, 256}, {6947, 192}, {2671, 128}, {1963, 112}, {920, 80}};
    static const unsigned order[][2] = {{512, 256}, {384, 192}, {256, 128}, {224, 112}, {160, 80}};

    switch (certificate->kind) {
    case KEY_RSA:
    case KEY_RSA_PSS:
        return climb(modulus, NUM(modulus), certificate->bits);
    case KEY_ECDSA:
        return climb(order, NUM(order), certificate->bits);
    case KEY_ED25519:
        return 128;
    case KEY_ED448:
        return 224;
    case KEY_MLDSA44:
        return 128;
    case KEY_MLDSA65:
        return 192;
    case KEY_MLDSA87:
        return 256;
    }
    return 0;
}

unsigned strength_of_scheme(const struct scheme *scheme)
{
    switch (scheme->key) {
    case SCHEME_ED25519:
        return 128;
    case SCHEME_ED448:
        return 224;
    case SCHEME_MLDSA44:
        return 128;
    case SCHEME_MLDSA65:
        return 192;
    case SCHEME_MLDSA87:
        return 256;
    default:
        /* Half the digest, except for SHA-1, whose collisions are cheaper. */
        return scheme->hash == HASH_SHA1 ? 64 : (unsigned)hash_len(scheme->hash) * 4;
    }
}
