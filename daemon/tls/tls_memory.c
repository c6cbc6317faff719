/*
 * Memory for OpenSSL, with a record of refusals.
 *
 * If libcrypto runs out of memory, it often continues without what it could not create: a key that
 * cannot be decoded gives a certificate without one, and a chain that cannot be built gives one
 * without an issuer. Both are reported as if the client's certificate were at fault. So code that
 * must know asks here whether any memory was refused meanwhile.
 */
#include "daemon/tls/tls_parts.h"

#include <openssl/decoder.h>
#include <openssl/encoder.h>
#include <openssl/err.h>
#include <openssl/kdf.h>
#include <stdlib.h>

static _Thread_local bool was_short;

static void *take(size_t size, const char *file, int line)
{
    void *block = size == 0 ? NULL : malloc(size);

    (void)file;
    (void)line;
    was_short = was_short || (block == NULL && size != 0);
    return block;
}

static void *change(void *block, size_t size, const char *file, int line)
{
    void *changed;

    (void)file;
    (void)line;
    if (size == 0) {
        free(block);
        return NULL;
    }
    changed = realloc(block, size);
    was_short = was_short || changed == NULL;
    return changed;
}

static void give_back(void *block, const char *file, int line)
{
    (void)file;
    (void)line;
    free(block);
}

int tls_memory_init(void)
{
    return CRYPTO_set_mem_functions(take, change, give_back) == 1 ? 0 : -1;
}

void tls_memory_begin(void)
{
    was_short = false;
}

bool tls_memory_was_short(void)
{
    return was_short;
}

void tls_memory_prepare(OSSL_LIB_CTX *libctx)
{
    EVP_MD_free(EVP_MD_fetch(libctx, "SHA256", NULL));
    EVP_CIPHER_free(EVP_CIPHER_fetch(libctx, "AES-256-GCM", NULL));
    EVP_MAC_free(EVP_MAC_fetch(libctx, "HMAC", NULL));
    EVP_KDF_free(EVP_KDF_fetch(libctx, "HKDF", NULL));
    EVP_RAND_free(EVP_RAND_fetch(libctx, "CTR-DRBG", NULL));
    EVP_KEYMGMT_free(EVP_KEYMGMT_fetch(libctx, "EC", NULL));
    EVP_KEYEXCH_free(EVP_KEYEXCH_fetch(libctx, "ECDH", NULL));
    EVP_KEM_free(EVP_KEM_fetch(libctx, "RSA", NULL));
    EVP_SIGNATURE_free(EVP_SIGNATURE_fetch(libctx, "ECDSA", NULL));
    EVP_ASYM_CIPHER_free(EVP_ASYM_CIPHER_fetch(libctx, "RSA", NULL));
    OSSL_DECODER_free(OSSL_DECODER_fetch(libctx, "EC", NULL));
    OSSL_ENCODER_free(OSSL_ENCODER_fetch(libctx, "EC", NULL));
    /* It is no error if this OpenSSL does not have one. */
    ERR_clear_error();
}
