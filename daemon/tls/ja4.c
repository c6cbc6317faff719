#include "daemon/tls/ja4.h"

#include "lib/base/hex.h"
#include "lib/tls/ja4.h"

#include <openssl/evp.h>
#include <stdlib.h>

/* How much of a hash is kept, in bytes. */
#define HASH_KEPT 6

static bool add_hash(struct text *out, OSSL_LIB_CTX *libctx, const struct text *over)
{
    unsigned char digest[EVP_MAX_MD_SIZE] = {0};
    size_t len;

    /* No hash over nothing: the specification wants zeros there, which are recognised at once. */
    if (over->len > 0 &&
        EVP_Q_digest(libctx, "SHA256", NULL, over->buf, over->len, digest, &len) != 1) {
        return false;
    }
    text_add(out, "_");
    hex_add(out, bytes_of(digest, HASH_KEPT));
    return true;
}

bool ja4_fingerprint(OSSL_LIB_CTX *libctx, const struct hello *hello, char out[JA4_SIZE])
{
    struct text fingerprint = text_in(out, JA4_SIZE);
    char *room = malloc(JA4_TEXT_SIZE);
    bool done = false;

    if (room != NULL) {
        struct text suites = text_in(room, JA4_TEXT_SIZE);
        char head[JA4_HEAD_SIZE];

        ja4_head(hello, head);
        text_add(&fingerprint, head);
        ja4_suites(hello, &suites);
        if (add_hash(&fingerprint, libctx, &suites)) {
            struct text extensions = text_in(room, JA4_TEXT_SIZE);

            ja4_extensions(hello, &extensions);
            done = add_hash(&fingerprint, libctx, &extensions);
        }
    }
    free(room);
    if (!done) {
        out[0] = '\0';
    }
    return done;
}
