#include "lib/admin/failures_parts.h"

#include "lib/tls/names.h"

#include <string.h>

enum {
    EXT_GROUPS = 10,
    EXT_SCHEMES = 13,
    EXT_PADDING = 21,
    EXT_SESSION_TICKET = 35,
    EXT_PRE_SHARED_KEY = 41,
    EXT_VERSIONS = 43,
    EXT_COOKIE = 44,
    EXT_SCHEMES_CERT = 50,
    EXT_KEY_SHARE = 51,
    EXT_ENCRYPTED_CLIENT_HELLO = 0xfe0d,
};

/* An extension takes four bytes at least. */
#define EXTENSIONS_MAX (HELLO_SIZE_MAX / 4)

static void put(struct shape *out, const void *data, size_t len)
{
    if (len > 0 && len <= sizeof out->data - out->len) {
        memcpy(out->data + out->len, data, len);
        out->len += len;
    }
}

static void put_u16(struct shape *out, size_t number)
{
    put(out, (uint8_t[]){(uint8_t)(number >> 8), (uint8_t)number}, 2);
}

/* The numbers of a list, without GREASE, after their count. */
static void put_ids(struct shape *out, const struct id_list *list)
{
    size_t start = out->len;
    size_t num = 0;

    put_u16(out, 0);
    for (size_t i = 0; i < list->num; i++) {
        const uint8_t *entry = list->data + i * list->stride;

        if (list->stride != 2 || !id_is_grease(id_at(list, i))) {
            put(out, entry, list->stride);
            num++;
        }
    }
    out->data[start] = (uint8_t)(num >> 8);
    out->data[start + 1] = (uint8_t)num;
}

/* The groups that keys are sent for, not the keys. */
static void put_key_share(struct shape *out, struct bytes shares)
{
    struct bytes key;
    uint16_t group;

    while (bytes_u16(&shares, &group) && bytes_vec16(&shares, &key)) {
        if (!id_is_grease(group)) {
            put_u16(out, group);
        }
    }
}

static void put_body(struct shape *out, const struct hello *hello, uint16_t type, struct bytes body)
{
    switch (type) {
    case EXT_GROUPS:
        put_ids(out, &hello->groups);
        break;
    case EXT_SCHEMES:
        put_ids(out, &hello->schemes);
        break;
    case EXT_SCHEMES_CERT:
        put_ids(out, &hello->cert_schemes);
        break;
    case EXT_VERSIONS:
        put_ids(out, &hello->versions);
        break;
    case EXT_KEY_SHARE:
        put_key_share(out, hello->key_share);
        break;
    case EXT_PADDING:
    case EXT_SESSION_TICKET:
    case EXT_PRE_SHARED_KEY:
    case EXT_COOKIE:
    case EXT_ENCRYPTED_CLIENT_HELLO:
        break;
    default:
        put_u16(out, body.len);
        put(out, body.data, body.len);
        break;
    }
}

/* The extensions of a hello: where each begins in the block. */
struct places {
    uint16_t at[EXTENSIONS_MAX];
    size_t num;
};

static void find_extensions(struct places *out, struct bytes block)
{
    struct bytes rest = block;
    struct bytes body;
    uint16_t type;

    out->num = 0;
    while (out->num < EXTENSIONS_MAX && rest.len > 0) {
        uint16_t at = (uint16_t)(block.len - rest.len);

        if (!bytes_u16(&rest, &type) || !bytes_vec16(&rest, &body)) {
            return;
        }
        if (!id_is_grease(type)) {
            out->at[out->num++] = at;
        }
    }
}

/* By type; extensions of one type in their original order. */
static bool comes_before(struct bytes block, uint16_t a, uint16_t b)
{
    int order = memcmp(block.data + a, block.data + b, 2);

    return order != 0 ? order < 0 : a < b;
}

/* Some clients send their extensions in a different order each time. Shellsort. */
static void sort(struct places *places, struct bytes block)
{
    size_t gap = 1;

    while (gap < places->num / 3) {
        gap = gap * 3 + 1;
    }
    for (; gap > 0; gap /= 3) {
        for (size_t i = gap; i < places->num; i++) {
            uint16_t moved = places->at[i];
            size_t at = i;

            for (; at >= gap && comes_before(block, moved, places->at[at - gap]); at -= gap) {
                places->at[at] = places->at[at - gap];
            }
            places->at[at] = moved;
        }
    }
}

static void put_extensions(struct shape *out, const struct hello *hello)
{
    struct places places;

    find_extensions(&places, hello->extensions);
    sort(&places, hello->extensions);
    for (size_t i = 0; i < places.num; i++) {
        struct bytes rest = hello->extensions;
        struct bytes before;
        struct bytes body;
        uint16_t type;

        if (bytes_take(&rest, places.at[i], &before) && bytes_u16(&rest, &type) &&
            bytes_vec16(&rest, &body)) {
            put_u16(out, type);
            put_body(out, hello, type, body);
        }
    }
}

bool shape_of(struct shape *out, struct bytes *sni, struct bytes raw, bool sslv2)
{
    struct hello hello;
    const char *why;

    if ((sslv2 ? hello_decode_sslv2(&hello, raw, &why) : hello_decode(&hello, raw, &why)) !=
        HELLO_DONE) {
        return false;
    }
    *sni = hello.has_sni ? hello.sni : bytes_of(NULL, 0);
    out->len = 0;
    put(out, &(uint8_t){sslv2}, 1);
    put_u16(out, hello.legacy_version);
    put_ids(out, &hello.suites);
    put_u16(out, hello.compression.len);
    put(out, hello.compression.data, hello.compression.len);
    put_extensions(out, &hello);
    return true;
}

/* FNV-1a. */
uint64_t shape_hash(const struct shape *shape)
{
    uint64_t hash = 0xcbf29ce484222325;

    for (size_t i = 0; i < shape->len; i++) {
        hash = (hash ^ shape->data[i]) * 0x100000001b3;
    }
    return hash;
}
