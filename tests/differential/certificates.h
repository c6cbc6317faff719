/* Certificates of every kind that certsel knows, made in memory. */
#ifndef POSTERN_TESTS_DIFFERENTIAL_CERTIFICATES_H
#define POSTERN_TESTS_DIFFERENTIAL_CERTIFICATES_H

#include "daemon/tls/keystore.h"

/* Makes all certificates and returns them; `*num` is their number. What the keystore reads of them
 * is checked. Ends the program on failure. */
struct keystore_entry *certificates_make(OSSL_LIB_CTX *libctx, size_t *num);
void certificates_free(struct keystore_entry *certificates, size_t num);

#endif
