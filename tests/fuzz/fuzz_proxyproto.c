/*
 * Fuzz target: the PROXY header with which an upstream begins.
 *
 * However the bytes come apart, the same header is read; what it says fits into a header of our
 * own, which says the same.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/net/claim.h"
#include "lib/net/proxyproto.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool good)
{
    if (!good) {
        abort();
    }
}

static bool same(const struct proxyproto *a, const struct proxyproto *b)
{
    return addr_equal(&a->client, &b->client) && addr_equal(&a->destination, &b->destination);
}

static void write_again(const struct proxyproto *header)
{
    size_t (*writers[])(uint8_t *, const struct addr *, const struct addr *) = {proxyproto_v1,
                                                                                proxyproto_v2};
    size_t sizes[] = {PROXYPROTO_V1_SIZE, PROXYPROTO_V2_SIZE};

    for (size_t i = 0; i < 2; i++) {
        uint8_t out[PROXYPROTO_MAX];
        size_t len = writers[i](out, &header->client, &header->destination);
        struct proxyproto again;
        const char *why;

        must(len <= sizes[i]);
        must(proxyproto_read(&again, bytes_of(out, len), &why) == PROXYPROTO_DONE);
        must(!again.local && again.len == len && same(&again, header));
    }
}

static void judge(const struct proxyproto *header)
{
    struct claim_rules none = {0};
    struct claim claim = {.client = header->client, .destination = header->destination};
    const char *fault = claim_fault(&none, &claim);

    must(fault != NULL || !addr_is_loopback(&header->client));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t most = size < PROXYPROTO_MAX ? size : PROXYPROTO_MAX;
    struct proxyproto whole;
    const char *why = NULL;
    enum proxyproto_result result = proxyproto_read(&whole, bytes_of(data, size), &why);

    must((result == PROXYPROTO_BAD) == (why != NULL));
    must(result != PROXYPROTO_MORE || size < PROXYPROTO_MAX);
    for (size_t len = 0; len <= most; len++) {
        struct proxyproto part;
        enum proxyproto_result early = proxyproto_read(&part, bytes_of(data, len), &why);

        must(early == PROXYPROTO_MORE || early == result);
        must(early != PROXYPROTO_DONE || (part.len <= len && part.len == whole.len));
        must((early == PROXYPROTO_DONE) == (result == PROXYPROTO_DONE && len >= whole.len));
    }
    if (result == PROXYPROTO_DONE) {
        must(whole.len <= PROXYPROTO_MAX && whole.len <= size);
        must(whole.local == (whole.client.family == ADDR_NONE));
        if (!whole.local) {
            write_again(&whole);
            judge(&whole);
        }
    }
    return 0;
}
