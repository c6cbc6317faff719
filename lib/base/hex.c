#include "lib/base/hex.h"

/* Bytes that are written at a time. */
enum { STEP = 256 };

static const char digits[] = "0123456789abcdef";

int hex_value(uint8_t digit)
{
    if (digit >= '0' && digit <= '9') {
        return digit - '0';
    }
    digit |= 0x20;
    return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

void hex_add(struct text *out, struct bytes data)
{
    char hex[STEP * 2 + 1];
    struct bytes part;

    while (data.len > 0 && bytes_take(&data, data.len < STEP ? data.len : STEP, &part)) {
        for (size_t i = 0; i < part.len; i++) {
            hex[i * 2] = digits[part.data[i] >> 4];
            hex[i * 2 + 1] = digits[part.data[i] & 15];
        }
        hex[part.len * 2] = '\0';
        text_add(out, hex);
    }
}

void hex_add_fingerprint(struct text *out, struct bytes data)
{
    for (size_t i = 0; i < data.len; i++) {
        text_addf(out, "%s%02X", i > 0 ? ":" : "", data.data[i]);
    }
}

bool hex_read(struct bytes text, uint8_t *out, size_t size, size_t *len)
{
    *len = 0;
    if (text.len % 2 != 0 || text.len / 2 > size) {
        return false;
    }
    for (size_t i = 0; i < text.len / 2; i++) {
        int high = hex_value(text.data[i * 2]);
        int low = hex_value(text.data[i * 2 + 1]);

        if (high < 0 || low < 0) {
            return false;
        }
        out[i] = (uint8_t)(high << 4 | low);
    }
    *len = text.len / 2;
    return true;
}
