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

/* The limits are the shortest moduli of which RSA_security_bits() says so; in between it follows
 * the formula of FIPS 140-2 IG 7.5. */
static unsigned strength_of_modulus(unsigned modulus)
{
    static const struct {
        unsigned modulus;
        unsigned bits;
    } steps[] = {{13914, 256}, {6947, 192}, {2671, 128}, {1963, 112}, {920, 80}};

    for (size_t i = 0; i < NUM(steps); i++) {
        if (modulus >= steps[i].modulus) {
            return steps[i].bits;
        }
    }
    return 0;
}

unsigned strength_of_key(const struct certsel_certificate *certificate)
{
    const struct group *group;

    switch (certificate->kind) {
    case KEY_RSA:
    case KEY_RSA_PSS:
        return strength_of_modulus(certificate->bits);
    case KEY_ECDSA:
        group = group_by_id(certificate->curve);
        return group != NULL ? group->bits : certificate->bits / 2;
    case KEY_ED25519:
        return 128;
    case KEY_ED448:
        return 224;
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
    default:
        /* Half the digest, but for SHA-1, whose collisions are cheaper. */
        return scheme->hash == HASH_SHA1 ? 64 : (unsigned)hash_len(scheme->hash) * 4;
    }
}
