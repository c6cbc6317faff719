/*
 * Fuzz target: what comes on the socket of the policy service.
 *
 * The requests of the input are the same, and as many, if the first of them is given byte by byte.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/smtp/delegation.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool good)
{
    if (!good) {
        abort();
    }
}

static void must_be_within(struct bytes value, const uint8_t *data, size_t size)
{
    must(value.data == NULL || (value.data >= data && value.data + value.len <= data + size));
}

static void check(const struct delegation *d, const uint8_t *data, size_t size)
{
    char text[64];
    uint16_t number;

    must_be_within(d->protocol_state, data, size);
    must_be_within(d->instance, data, size);
    must_be_within(d->sender, data, size);
    must_be_within(d->recipient, data, size);
    must_be_within(d->client_address, data, size);
    must_be_within(d->client_port, data, size);
    must_be_within(d->server_address, data, size);
    must_be_within(d->server_port, data, size);
    must(!delegation_value(d->client_address, text, sizeof text) ||
         strlen(text) == d->client_address.len);
    must(!delegation_number(d->client_port, &number) || d->client_port.len <= 5);
}

/* How long the first request is, read as it comes; 0 if there is none. */
static size_t by_bytes(const uint8_t *data, size_t size)
{
    struct delegation d;
    const char *why;

    for (size_t len = 1; len <= size; len++) {
        struct bytes in = bytes_of(data, len);
        enum delegation_result result = delegation_read(&in, &d, &why);

        if (result != DELEGATION_MORE) {
            must(result == DELEGATION_BAD || in.len == 0);
            return result == DELEGATION_DONE ? len : 0;
        }
    }
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes in = bytes_of(data, size);
    struct delegation d;
    const char *why;
    bool first = true;

    while (delegation_read(&in, &d, &why) == DELEGATION_DONE) {
        check(&d, data, size);
        must(!first || size > 512 || by_bytes(data, size) == size - in.len);
        first = false;
    }
    must(!first || size > 512 || by_bytes(data, size) == 0);
    return 0;
}
