/*
 * strength: bits of security, as libssl counts them for its security levels.
 */
#ifndef POSTERN_LIB_TLS_STRENGTH_H
#define POSTERN_LIB_TLS_STRENGTH_H

#include "lib/tls/certsel.h"
#include "lib/tls/names.h"

/* What a security level requires (SSL_CTX_set_security_level(3)). */
unsigned strength_of_level(int level);

/* Of a certificate's key, rounded down to what some level requires. */
unsigned strength_of_key(const struct certsel_certificate *certificate);

/* Of the signatures of a scheme. */
unsigned strength_of_scheme(const struct scheme *scheme);

#endif
