/* Certificates of every kind that certsel knows, made in memory. */
#ifndef POSTERN_TESTS_DIFFERENTIAL_CERTIFICATES_H
#define POSTERN_TESTS_DIFFERENTIAL_CERTIFICATES_H

#include <openssl/x509.h>

#include "lib/tls/certsel.h"

struct test_certificate {
    const char *name;
    struct certsel_certificate facts;
    X509 *leaf;
    EVP_PKEY *key;
};

/* Makes all certificates and returns them; `*num` is their number. Ends the program on failure. */
struct test_certificate *certificates_make(OSSL_LIB_CTX *libctx, size_t *num);
void certificates_free(struct test_certificate *certificates, size_t num);

#endif
