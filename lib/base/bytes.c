#include "lib/base/bytes.h"

struct bytes bytes_of(const void *data, size_t len)
{
    return (struct bytes){.data = data, .len = len};
}

bool bytes_take(struct bytes *in, size_t len, struct bytes *out)
{
    if (in->len < len) {
        return false;
    }
    *out = bytes_of(in->data, len);
    if (len > 0) {
        in->data += len;
        in->len -= len;
    }
    return true;
}

/* `len` big-endian bytes, at most 4, as a number. */
static bool take_number(struct bytes *in, size_t len, uint32_t *out)
{
    struct bytes raw;
    uint32_t value = 0;

    if (!bytes_take(in, len, &raw)) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        value = value << 8 | raw.data[i];
    }
    *out = value;
    return true;
}

bool bytes_u8(struct bytes *in, uint8_t *out)
{
    uint32_t value;

    if (!take_number(in, 1, &value)) {
        return false;
    }
    *out = (uint8_t)value;
    return true;
}

bool bytes_u16(struct bytes *in, uint16_t *out)
{
    uint32_t value;

    if (!take_number(in, 2, &value)) {
        return false;
    }
    *out = (uint16_t)value;
    return true;
}

bool bytes_u24(struct bytes *in, uint32_t *out)
{
    return take_number(in, 3, out);
}

/* A vector whose length is in its first `prefix` bytes. */
static bool take_vector(struct bytes *in, size_t prefix, struct bytes *out)
{
    struct bytes rest = *in;
    uint32_t len;

    if (!take_number(&rest, prefix, &len) || !bytes_take(&rest, len, out)) {
        return false;
    }
    *in = rest;
    return true;
}

bool bytes_vec8(struct bytes *in, struct bytes *out)
{
    return take_vector(in, 1, out);
}

bool bytes_vec16(struct bytes *in, struct bytes *out)
{
    return take_vector(in, 2, out);
}
