#include "lib/tls/hellobuild.h"

#include <string.h>

#include "lib/tls/names.h"

#define NUM(array) (sizeof(array) / sizeof((array)[0]))

enum {
    CLIENT_HELLO = 1,
    RANDOM_LEN = 32,
    EXT_SNI = 0,
    EXT_GROUPS = 10,
    EXT_SCHEMES = 13,
    EXT_ALPN = 16,
    EXT_VERSIONS = 43,
    EXT_CERT_SCHEMES = 50,
    EXT_KEY_SHARE = 51,
};

/* How libssl treats a share depends on whether it is a point on the curve: these are the curves'
 * base points (SEC 2; RFC 7748: 9 and 5). An ML-KEM key of zeros is one (FIPS 203 section 7.2); in
 * X25519MLKEM768 it comes first, in the other hybrids last (draft-ietf-tls-ecdhe-mlkem). */
static const uint8_t p256_base[] = {
    0x04, 0x6b, 0x17, 0xd1, 0xf2, 0xe1, 0x2c, 0x42, 0x47, 0xf8, 0xbc, 0xe6, 0xe5,
    0x63, 0xa4, 0x40, 0xf2, 0x77, 0x03, 0x7d, 0x81, 0x2d, 0xeb, 0x33, 0xa0, 0xf4,
    0xa1, 0x39, 0x45, 0xd8, 0x98, 0xc2, 0x96, 0x4f, 0xe3, 0x42, 0xe2, 0xfe, 0x1a,
    0x7f, 0x9b, 0x8e, 0xe7, 0xeb, 0x4a, 0x7c, 0x0f, 0x9e, 0x16, 0x2b, 0xce, 0x33,
    0x57, 0x6b, 0x31, 0x5e, 0xce, 0xcb, 0xb6, 0x40, 0x68, 0x37, 0xbf, 0x51, 0xf5};

static const uint8_t p384_base[] = {
    0x04, 0xaa, 0x87, 0xca, 0x22, 0xbe, 0x8b, 0x05, 0x37, 0x8e, 0xb1, 0xc7, 0x1e, 0xf3,
    0x20, 0xad, 0x74, 0x6e, 0x1d, 0x3b, 0x62, 0x8b, 0xa7, 0x9b, 0x98, 0x59, 0xf7, 0x41,
    0xe0, 0x82, 0x54, 0x2a, 0x38, 0x55, 0x02, 0xf2, 0x5d, 0xbf, 0x55, 0x29, 0x6c, 0x3a,
    0x54, 0x5e, 0x38, 0x72, 0x76, 0x0a, 0xb7, 0x36, 0x17, 0xde, 0x4a, 0x96, 0x26, 0x2c,
    0x6f, 0x5d, 0x9e, 0x98, 0xbf, 0x92, 0x92, 0xdc, 0x29, 0xf8, 0xf4, 0x1d, 0xbd, 0x28,
    0x9a, 0x14, 0x7c, 0xe9, 0xda, 0x31, 0x13, 0xb5, 0xf0, 0xb8, 0xc0, 0x0a, 0x60, 0xb1,
    0xce, 0x1d, 0x7e, 0x81, 0x9d, 0x7a, 0x43, 0x1d, 0x7c, 0x90, 0xea, 0x0e, 0x5f};

static const uint8_t p521_base[] = {
    0x04, 0x00, 0xc6, 0x85, 0x8e, 0x06, 0xb7, 0x04, 0x04, 0xe9, 0xcd, 0x9e, 0x3e, 0xcb, 0x66,
    0x23, 0x95, 0xb4, 0x42, 0x9c, 0x64, 0x81, 0x39, 0x05, 0x3f, 0xb5, 0x21, 0xf8, 0x28, 0xaf,
    0x60, 0x6b, 0x4d, 0x3d, 0xba, 0xa1, 0x4b, 0x5e, 0x77, 0xef, 0xe7, 0x59, 0x28, 0xfe, 0x1d,
    0xc1, 0x27, 0xa2, 0xff, 0xa8, 0xde, 0x33, 0x48, 0xb3, 0xc1, 0x85, 0x6a, 0x42, 0x9b, 0xf9,
    0x7e, 0x7e, 0x31, 0xc2, 0xe5, 0xbd, 0x66, 0x01, 0x18, 0x39, 0x29, 0x6a, 0x78, 0x9a, 0x3b,
    0xc0, 0x04, 0x5c, 0x8a, 0x5f, 0xb4, 0x2c, 0x7d, 0x1b, 0xd9, 0x98, 0xf5, 0x44, 0x49, 0x57,
    0x9b, 0x44, 0x68, 0x17, 0xaf, 0xbd, 0x17, 0x27, 0x3e, 0x66, 0x2c, 0x97, 0xee, 0x72, 0x99,
    0x5e, 0xf4, 0x26, 0x40, 0xc5, 0x50, 0xb9, 0x01, 0x3f, 0xad, 0x07, 0x61, 0x35, 0x3c, 0x70,
    0x86, 0xa2, 0x72, 0xc2, 0x40, 0x88, 0xbe, 0x94, 0x76, 0x9f, 0xd1, 0x66, 0x50};

/* What is not given here is zero up to the length of a share. */
static const uint8_t x25519_base[] = {9};
static const uint8_t x448_base[] = {5};

static const struct base_point {
    uint16_t group;
    const uint8_t *data;
    size_t len;
    size_t offset; /* in the share */
} base_points[] = {
    {0x0017, p256_base, sizeof p256_base, 0},        {0x0018, p384_base, sizeof p384_base, 0},
    {0x0019, p521_base, sizeof p521_base, 0},        {0x001d, x25519_base, sizeof x25519_base, 0},
    {0x001e, x448_base, sizeof x448_base, 0},        {0x11eb, p256_base, sizeof p256_base, 0},
    {0x11ec, x25519_base, sizeof x25519_base, 1184}, {0x11ed, p384_base, sizeof p384_base, 0},
};

/* What clients usually send in extensions that certsel ignores. */
static const struct usual_body {
    uint16_t type;
    size_t len;
    uint8_t data[9];
} usual_bodies[] = {
    {1, 1, {4}},              /* max_fragment_length: 4096 */
    {5, 5, {1}},              /* status_request: OCSP, no responders, no extensions */
    {11, 2, {1, 0}},          /* ec_point_formats: uncompressed */
    {17, 9, {0, 7, 2, 0, 4}}, /* status_request_v2 */
    {27, 3, {2, 0, 2}},       /* compress_certificate: brotli */
    {28, 2, {0x40, 1}},       /* record_size_limit: 16385 */
    {45, 2, {1, 1}},          /* psk_key_exchange_modes: psk_dhe_ke */
    {0xff01, 1, {0}},         /* renegotiation_info: first handshake */
};

/* --- writing -------------------------------------------------------------------------------- */

struct writer {
    uint8_t *out;
    size_t size;
    size_t len;
    bool failed;
};

static void put(struct writer *w, const void *data, size_t len)
{
    if (w->failed || len > w->size - w->len) {
        w->failed = true;
        return;
    }
    if (len > 0) {
        memcpy(w->out + w->len, data, len);
        w->len += len;
    }
}

static void put_zeros(struct writer *w, size_t len)
{
    if (w->failed || len > w->size - w->len) {
        w->failed = true;
        return;
    }
    memset(w->out + w->len, 0, len);
    w->len += len;
}

static void put_number(struct writer *w, size_t value, unsigned width)
{
    uint8_t bytes[4];

    for (unsigned i = 0; i < width; i++) {
        bytes[i] = (uint8_t)(value >> 8 * (width - 1 - i));
    }
    put(w, bytes, width);
}

/* Opens a vector with a length of `width` bytes; close_vector() sets the length. */
static size_t open_vector(struct writer *w, unsigned width)
{
    put_number(w, 0, width);
    return w->len;
}

static void close_vector(struct writer *w, size_t start, unsigned width)
{
    size_t len = w->len - start;

    if (w->failed || len >> 8 * width != 0) {
        w->failed = true;
        return;
    }
    for (unsigned i = 1; i <= width; i++) {
        w->out[start - i] = (uint8_t)(len >> 8 * (i - 1));
    }
}

static void put_ids(struct writer *w, const struct hello_ids *ids, unsigned width)
{
    size_t start = open_vector(w, width);

    for (size_t i = 0; i < ids->num; i++) {
        put_number(w, ids->ids[i], 2);
    }
    close_vector(w, start, width);
}

/* --- extensions ----------------------------------------------------------------------------- */

static bool is_listed(const struct hello_ids *ids, uint16_t id)
{
    for (size_t i = 0; i < ids->num; i++) {
        if (ids->ids[i] == id) {
            return true;
        }
    }
    return false;
}

static void put_sni(struct writer *w, const char *name)
{
    size_t list = open_vector(w, 2);
    size_t host;

    put_number(w, 0, 1);
    host = open_vector(w, 2);
    put(w, name, strlen(name));
    close_vector(w, host, 2);
    close_vector(w, list, 2);
}

static void put_share(struct writer *w, uint16_t id)
{
    const struct group *group = group_by_id(id);
    size_t len = group != NULL && group->share > 0 ? group->share : 1;
    size_t start;

    put_number(w, id, 2);
    start = open_vector(w, 2);
    for (size_t i = 0; i < NUM(base_points); i++) {
        if (base_points[i].group == id) {
            put_zeros(w, base_points[i].offset);
            put(w, base_points[i].data, base_points[i].len);
            len -= base_points[i].offset + base_points[i].len;
        }
    }
    put_zeros(w, len);
    close_vector(w, start, 2);
}

static void put_shares(struct writer *w, const struct hello_ids *shares)
{
    size_t start = open_vector(w, 2);

    for (size_t i = 0; i < shares->num; i++) {
        put_share(w, shares->ids[i]);
    }
    close_vector(w, start, 2);
}

static void put_alpn(struct writer *w, struct bytes alpn)
{
    size_t start = open_vector(w, 2);

    put(w, alpn.data, alpn.len);
    close_vector(w, start, 2);
}

static void put_usual_body(struct writer *w, uint16_t type)
{
    for (size_t i = 0; i < NUM(usual_bodies); i++) {
        if (usual_bodies[i].type == type) {
            put(w, usual_bodies[i].data, usual_bodies[i].len);
        }
    }
}

/* Whether the lists have a field for this type, and then in `*present` whether it is there. */
static bool has_field(const struct hello_lists *lists, uint16_t type, bool *present)
{
    switch (type) {
    case EXT_SNI:
        *present = lists->sni != NULL;
        return true;
    case EXT_GROUPS:
        *present = lists->groups.present;
        return true;
    case EXT_SCHEMES:
        *present = lists->schemes.present;
        return true;
    case EXT_ALPN:
        *present = lists->alpn.len > 0;
        return true;
    case EXT_VERSIONS:
        *present = lists->versions.present;
        return true;
    case EXT_CERT_SCHEMES:
        *present = lists->cert_schemes.present;
        return true;
    case EXT_KEY_SHARE:
        *present = lists->shares.present;
        return true;
    default:
        return false;
    }
}

static void put_body(struct writer *w, const struct hello_lists *lists, uint16_t type)
{
    switch (type) {
    case EXT_SNI:
        put_sni(w, lists->sni);
        break;
    case EXT_GROUPS:
        put_ids(w, &lists->groups, 2);
        break;
    case EXT_SCHEMES:
        put_ids(w, &lists->schemes, 2);
        break;
    case EXT_ALPN:
        put_alpn(w, lists->alpn);
        break;
    case EXT_VERSIONS:
        put_ids(w, &lists->versions, 1);
        break;
    case EXT_CERT_SCHEMES:
        put_ids(w, &lists->cert_schemes, 2);
        break;
    case EXT_KEY_SHARE:
        put_shares(w, &lists->shares);
        break;
    default:
        put_usual_body(w, type);
        break;
    }
}

static void put_extension(struct writer *w, const struct hello_lists *lists, uint16_t type)
{
    bool present = true;
    size_t start;

    if (has_field(lists, type, &present) && !present) {
        return;
    }
    put_number(w, type, 2);
    start = open_vector(w, 2);
    put_body(w, lists, type);
    close_vector(w, start, 2);
}

/* What has_field() knows, in the order in which these follow the extensions that are listed. */
static const uint16_t field_types[] = {EXT_SNI,      EXT_GROUPS,       EXT_SCHEMES,  EXT_ALPN,
                                       EXT_VERSIONS, EXT_CERT_SCHEMES, EXT_KEY_SHARE};

static void put_extensions(struct writer *w, const struct hello_lists *lists)
{
    for (size_t i = 0; i < lists->extensions.num; i++) {
        put_extension(w, lists, lists->extensions.ids[i]);
    }
    for (size_t i = 0; i < NUM(field_types); i++) {
        if (!is_listed(&lists->extensions, field_types[i])) {
            put_extension(w, lists, field_types[i]);
        }
    }
}

static bool has_extensions(const struct hello_lists *lists)
{
    bool present;

    for (size_t i = 0; i < lists->extensions.num; i++) {
        if (!has_field(lists, lists->extensions.ids[i], &present)) {
            return true;
        }
    }
    for (size_t i = 0; i < NUM(field_types); i++) {
        if (has_field(lists, field_types[i], &present) && present) {
            return true;
        }
    }
    return false;
}

/* --- messages ------------------------------------------------------------------------------- */

static void put_sslv2(struct writer *w, const struct hello_lists *lists)
{
    put_number(w, CLIENT_HELLO, 1);
    put_number(w, lists->legacy_version, 2);
    put_number(w, (lists->num_sslv2_kinds + lists->suites.num) * 3, 2);
    put_number(w, 0, 2);
    put_number(w, RANDOM_LEN, 2);
    for (size_t i = 0; i < lists->num_sslv2_kinds; i++) {
        put_number(w, lists->sslv2_kinds[i], 3);
    }
    for (size_t i = 0; i < lists->suites.num; i++) {
        put_number(w, lists->suites.ids[i], 3);
    }
    if ((lists->num_sslv2_kinds + lists->suites.num) * 3 > UINT16_MAX) {
        w->failed = true;
    }
    put_zeros(w, RANDOM_LEN);
}

static void put_tls(struct writer *w, const struct hello_lists *lists)
{
    size_t message;
    size_t extensions;

    put_number(w, CLIENT_HELLO, 1);
    message = open_vector(w, 3);
    put_number(w, lists->legacy_version, 2);
    put_zeros(w, RANDOM_LEN);
    put_number(w, 0, 1); /* no session */
    put_ids(w, &lists->suites, 2);
    put_number(w, 1, 1);
    put_number(w, 0, 1); /* the null compression */
    /* Older clients send no block rather than an empty one. */
    if (has_extensions(lists)) {
        extensions = open_vector(w, 2);
        put_extensions(w, lists);
        close_vector(w, extensions, 2);
    }
    close_vector(w, message, 3);
}

size_t hello_build(const struct hello_lists *lists, uint8_t *out, size_t size)
{
    struct writer w = {.out = out, .size = size};

    if (lists->sslv2) {
        put_sslv2(&w, lists);
    } else {
        put_tls(&w, lists);
    }
    return w.failed ? 0 : w.len;
}
