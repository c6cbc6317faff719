/*
 * Memory for OpenSSL, which says when there was none.
 *
 * Where libcrypto has no memory it often goes on without what it could not make: a key that cannot
 * be decoded is a certificate without one, and a chain that cannot be built is one without an
 * issuer. Both are told as if the client's certificate were at fault. So whoever must know asks
 * here whether anything was refused meanwhile.
 */
#include "daemon/common/tls_parts.h"

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
