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
    pthread_mutex_init(&out->lock, NULL);
    pthread_cond_init(&out->unused, NULL);
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

void libctxs_enter(struct libctxs *libctxs)
{
    pthread_mutex_lock(&libctxs->lock);
    libctxs->users++;
    pthread_mutex_unlock(&libctxs->lock);
}

void libctxs_leave(struct libctxs *libctxs)
{
    pthread_mutex_lock(&libctxs->lock);
    libctxs->users--;
    if (libctxs->users == 0) {
        pthread_cond_signal(&libctxs->unused);
    }
    pthread_mutex_unlock(&libctxs->lock);
}

void libctxs_close(struct libctxs *libctxs)
{
    if (libctxs->items == NULL) {
        return;
    }
    pthread_mutex_lock(&libctxs->lock);
    while (libctxs->users > 0) {
        pthread_cond_wait(&libctxs->unused, &libctxs->lock);
    }
    pthread_mutex_unlock(&libctxs->lock);
    for (unsigned i = 0; i < libctxs->num; i++) {
        OSSL_LIB_CTX_free(libctxs->items[i]);
    }
    free(libctxs->items);
    pthread_cond_destroy(&libctxs->unused);
    pthread_mutex_destroy(&libctxs->lock);
    *libctxs = (struct libctxs){0};
}
