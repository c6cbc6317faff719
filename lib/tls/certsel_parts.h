/* What the files of certsel have in common. */
#ifndef POSTERN_LIB_TLS_CERTSEL_PARTS_H
#define POSTERN_LIB_TLS_CERTSEL_PARTS_H

#include "lib/tls/certsel.h"

/* Everything that one judgement is based on. */
struct question {
    const struct certsel_profile *profile;
    const struct certsel_certificate *certificate;
    const struct hello *hello;
    uint16_t version;
};

/* The version that libssl negotiates, or 0; q->version is not looked at. */
uint16_t certsel_choose_version(const struct question *q);

#endif
