/* What libssl itself does with a ClientHello and one certificate, over memory BIOs. */
#ifndef POSTERN_TESTS_DIFFERENTIAL_SERVER_H
#define POSTERN_TESTS_DIFFERENTIAL_SERVER_H

#include <openssl/ssl.h>

#include "lib/tls/certsel.h"
#include "tests/differential/certificates.h"
#include "tests/differential/hellos.h"

/* One way to set up the server, and what certsel is told of it. */
struct server {
    const char *name;
    SSL_CTX *ctx;
    struct certsel_profile profile; /* its arrays are owned by the server */
};

/* What libssl did. */
struct outcome {
    bool certificate; /* it wrote a Certificate */
    bool retried;     /* after a HelloRetryRequest */
    uint16_t version;
    uint16_t suite;
    uint16_t group;  /* of ServerHello's key_share or of ServerKeyExchange; else 0 */
    uint16_t scheme; /* of CertificateVerify or of ServerKeyExchange in TLS 1.2; else 0 */
    unsigned long error;
};

/* Makes every server and returns them. Ends the program on failure. */
struct server *servers_make(OSSL_LIB_CTX *libctx, size_t *num);
void servers_free(struct server *servers, size_t num);

struct outcome serve(const struct server *server, const struct test_certificate *certificate,
                     const struct description *d);

#endif
