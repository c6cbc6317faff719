/* Servers of libssl, each set up in a way of its own. */
#ifndef POSTERN_TESTS_DIFFERENTIAL_SERVER_H
#define POSTERN_TESTS_DIFFERENTIAL_SERVER_H

#include <openssl/ssl.h>

#include "lib/tls/certsel.h"

/* One way to set up the server, and what certsel is told of it. */
struct server {
    const char *name;
    SSL_CTX *ctx;                   /* for reference_run() */
    struct certsel_profile profile; /* its arrays are owned by the server */
};

/* Makes every server and returns them. Ends the program on failure. */
struct server *servers_make(OSSL_LIB_CTX *libctx, size_t *num);
void servers_free(struct server *servers, size_t num);

#endif
