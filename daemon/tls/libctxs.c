#include "daemon/tls/libctxs.h"

#include "daemon/tls/tls.h"

#include <openssl/crypto.h>
#include <stdlib.h>

int libctxs_open(struct libctxs *out, unsigned num)
{
    *out = (struct libctxs){.items = calloc(num, sizeof(OSSL_LIB_CTX *))};
    if (out->items == NULL) {
        return -1;
    }
    for (; out->num < num; out->num++) {
        OSSL_LIB_CTX *made = OSSL_LIB_CTX_new();

        if (made == NULL) {
            libctxs_close(out);
            return -1;
        }
        out->items[out->num] = made;
        tls_memory_prepare(made);
    }
    return 0;
}

void libctxs_close(struct libctxs *libctxs)
{
    for (unsigned i = 0; i < libctxs->num; i++) {
        OSSL_LIB_CTX_free(libctxs->items[i]);
    }
    free(libctxs->items);
    *libctxs = (struct libctxs){0};
}
