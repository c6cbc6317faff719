#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/tls/names.h"
#include "tests/differential/hellos.h"

#define NUM(array) (sizeof(array) / sizeof((array)[0]))

/* Key shares for the groups that the server knows; made once. */
static struct share {
    uint16_t group;
    uint8_t key[1800];
    size_t len;
} shares[8];
static size_t num_shares;

static void keep_share(uint16_t group, EVP_PKEY *key)
{
    unsigned char *encoded;
    struct share *share = &shares[num_shares];

    share->len = key != NULL ? EVP_PKEY_get1_encoded_public_key(key, &encoded) : 0;
    if (share->len == 0 || share->len > sizeof share->key) {
        fprintf(stderr, "cannot make a key share for %04x\n", group);
        exit(EXIT_FAILURE);
    }
    share->group = group;
    memcpy(share->key, encoded, share->len);
    OPENSSL_free(encoded);
    EVP_PKEY_free(key);
    num_shares++;
}

/* For groups that only newer libcrypto have. */
static void keep_newer(uint16_t group, OSSL_LIB_CTX *libctx)
{
    EVP_PKEY *key = EVP_PKEY_Q_keygen(libctx, NULL, group_by_id(group)->openssl);

    if (key != NULL) {
        keep_share(group, key);
    }
}

void shares_make(OSSL_LIB_CTX *libctx)
{
    keep_share(0x0017, EVP_PKEY_Q_keygen(libctx, NULL, "EC", "P-256"));
    keep_share(0x0018, EVP_PKEY_Q_keygen(libctx, NULL, "EC", "P-384"));
    keep_share(0x0019, EVP_PKEY_Q_keygen(libctx, NULL, "EC", "P-521"));
    keep_share(0x001d, EVP_PKEY_Q_keygen(libctx, NULL, "X25519"));
    keep_share(0x001e, EVP_PKEY_Q_keygen(libctx, NULL, "X448"));
    keep_newer(0x11eb, libctx);
    keep_newer(0x11ec, libctx);
    keep_newer(0x11ed, libctx);
}

/* --- writing -----------------------------------------------------------------------------------
 */

struct writer {
    uint8_t *out;
    size_t len;
};

static void put(struct writer *w, const void *data, size_t len)
{
    if (w->len + len > HELLO_ROOM) {
        fprintf(stderr, "a hello does not fit\n");
        exit(EXIT_FAILURE);
    }
    memcpy(w->out + w->len, data, len);
    w->len += len;
}

static void put_u8(struct writer *w, unsigned value)
{
    put(w, (uint8_t[]){(uint8_t)value}, 1);
}

static void put_u16(struct writer *w, size_t value)
{
    put(w, (uint8_t[]){(uint8_t)(value >> 8), (uint8_t)value}, 2);
}

/* Opens a vector with a 16-bit length; close16() sets it. */
static size_t open16(struct writer *w)
{
    put_u16(w, 0);
    return w->len;
}

static void close16(struct writer *w, size_t start)
{
    w->out[start - 2] = (uint8_t)((w->len - start) >> 8);
    w->out[start - 1] = (uint8_t)(w->len - start);
}

static void put_ids(struct writer *w, const struct list *list)
{
    for (size_t i = 0; i < list->num; i++) {
        put_u16(w, list->ids[i]);
    }
}

/* An extension that is a list of numbers behind a length of one or two bytes. */
static void put_list(struct writer *w, unsigned type, const struct list *list, bool long_length)
{
    if (list->present) {
        put_u16(w, type);
        put_u16(w, list->num * 2 + (long_length ? 2 : 1));
        if (long_length) {
            put_u16(w, list->num * 2);
        } else {
            put_u8(w, (unsigned)list->num * 2);
        }
        put_ids(w, list);
    }
}

/* How many bytes of a share of `len` bytes are written. */
static size_t share_len(const struct description *d, size_t i, size_t len)
{
    bool is_last = i + 1 == d->shares.num;

    if ((i == 0 && d->share_fault == SHARES_FIRST_EMPTY) ||
        (is_last && d->share_fault == SHARES_LAST_EMPTY)) {
        return 0;
    }
    return (i == 0 && d->share_fault == SHARES_FIRST_SHORT) ||
                   (is_last && d->share_fault == SHARES_LAST_SHORT)
               ? len - 1
               : len;
}

static void put_share(struct writer *w, const struct description *d, size_t i)
{
    uint16_t id = d->shares.ids[i];
    const struct group *group = group_by_id(id);
    size_t len = share_len(d, i, group != NULL && group->share > 0 ? group->share : 1);
    size_t j = 0;

    while (j < num_shares && shares[j].group != id) {
        j++;
    }
    put_u16(w, id);
    put_u16(w, len);
    if (j < num_shares) {
        put(w, shares[j].key, len);
    } else {
        for (size_t k = 0; k < len; k++) {
            put_u8(w, 1);
        }
    }
}

static void put_shares(struct writer *w, const struct description *d)
{
    size_t extension;
    size_t start;

    put_u16(w, 51);
    extension = open16(w);
    start = open16(w);
    for (size_t i = 0; i < d->shares.num; i++) {
        put_share(w, d, i);
    }
    if (d->share_fault == SHARES_TRAILER) {
        put_u8(w, 0);
    }
    close16(w, start);
    close16(w, extension);
}

/* Bodies that are right for some extension and wrong for others. */
static const struct {
    uint8_t bytes[12];
    size_t len;
} bodies[] = {
    {{0}, 0},
    {{0}, 1},
    {{1}, 1},
    {{4}, 1},
    {{5}, 1},
    {{0, 0}, 2},
    {{1, 0}, 2},
    {{1, 1}, 2},
    {{2, 1, 0}, 3},
    {{0, 1, 7}, 3},
    {{0, 2, 4, 3}, 4},
    {{0, 2, 0x30, 0}, 4},
    {{0, 3, 4, 3, 5}, 5},
    {{1, 0, 0, 0, 0}, 5},
    {{1, 0, 0, 0, 1}, 5},
    {{2, 9}, 2},
    {{0, 4, 0, 0, 1, 'a'}, 6},
    {{0, 4, 0, 0, 1, 0}, 6},
    {{0, 4, 1, 0, 1, 'a'}, 6},
    {{0, 3, 0, 0, 0}, 5},
    {{0, 5, 4, 's', 'm', 't', 'p'}, 7},
    {{0, 6, 4, 's', 'm', 't', 'p', 0}, 8},
    {{0, 4, 0, 2, 0x30, 0}, 6},
    {{0, 5, 0, 2, 0x30, 0, 0}, 7},
    {{0, 7, 0, 1, 'x', 0, 0, 0, 0}, 9},
    {{0, 6, 0, 0, 0, 0, 0, 0}, 8},
    {{0, 5, 0, 0x17, 0, 1, 4}, 7},
    {{0, 4, 0, 0x17, 0, 0}, 6},
    {{3, 0x61, 0, 0x62}, 4},
    {{1, 0, 0, 0, 0, 0}, 6},
    {{1, 0, 2, 0, 0, 0, 0}, 7},
    {{0, 5, 4, 1, 8, 4, 5}, 7},
    {{5, 3, 4, 3, 3, 9}, 6},
    {{0, 4, 0, 2, 0x31, 0}, 6},
    {{0, 5, 0, 3, 0x30, 0, 0}, 7},
    {{2, 0, 2}, 3},
    {{4, 0, 1, 0, 3}, 5},
    {{3, 0, 1, 0}, 4},
    {{4, 0, 1, 0}, 4},
};

size_t hello_num_bodies(void)
{
    return NUM(bodies);
}

static void put_fault(struct writer *w, const struct fault *fault)
{
    for (int i = 0; i < (fault->twice ? 2 : 1); i++) {
        put_u16(w, fault->type);
        put_u16(w, bodies[fault->body].len + (fault->overlong ? 1 : 0));
        put(w, bodies[fault->body].bytes, bodies[fault->body].len);
    }
}

/* Whether the description's own extension of this type is to be written. */
static bool is_kept(const struct description *d, unsigned type)
{
    return !d->fault.present || !d->fault.replaces || d->fault.type != type;
}

static void put_extensions(struct writer *w, const struct description *d)
{
    if (d->fault.present && d->fault.first) {
        put_fault(w, &d->fault);
    }
    if (d->psk_modes && is_kept(d, 45)) {
        put(w, "\0\x2d\0\2\1\1", 6);
    }
    if (is_kept(d, 43)) {
        put_list(w, 43, &d->versions, false);
    }
    if (is_kept(d, 10)) {
        put_list(w, 10, &d->groups, true);
    }
    if (is_kept(d, 13)) {
        put_list(w, 13, &d->schemes, true);
    }
    if (is_kept(d, 50)) {
        put_list(w, 50, &d->cert_schemes, true);
    }
    if (d->shares.present && is_kept(d, 51)) {
        put_shares(w, d);
    }
    if (d->fault.present && !d->fault.first) {
        put_fault(w, &d->fault);
    }
}

static size_t session_id_len(const struct description *d)
{
    return d->frame == FRAME_LONG_SESSION_ID ? 33 : d->session_id_len;
}

static void put_zeros(struct writer *w, size_t num)
{
    for (size_t i = 0; i < num; i++) {
        put_u8(w, 0);
    }
}

/* The suites with their length; those of the SSLv2 format have a byte more in front. */
static void put_suites(struct writer *w, const struct description *d)
{
    for (size_t i = 0; i < d->suites.num && d->frame != FRAME_NO_SUITES; i++) {
        if (d->sslv2) {
            /* Every fifth is a cipher of SSLv2 itself. */
            put_u8(w, i % 5 == 4 ? 1 : 0);
        }
        put_u16(w, d->suites.ids[i]);
    }
    put_zeros(w, d->frame == FRAME_ODD_SUITES ? 1 : 0);
}

static void write_sslv2(const struct description *d, struct writer *w)
{
    static const uint8_t challenge[16] = {1, 2, 3, 4};
    size_t specs;

    put_u8(w, 1);
    put_u16(w, d->legacy_version);
    specs = w->len;
    put_u16(w, 0);
    put_u16(w, session_id_len(d));
    put_u16(w, sizeof challenge);
    put_suites(w, d);
    w->out[specs] = (uint8_t)((w->len - specs - 6) >> 8);
    w->out[specs + 1] = (uint8_t)(w->len - specs - 6);
    put_zeros(w, session_id_len(d));
    put(w, challenge, sizeof challenge);
}

static void set_length(struct writer *w)
{
    w->out[1] = 0;
    w->out[2] = (uint8_t)((w->len - 4) >> 8);
    w->out[3] = (uint8_t)(w->len - 4);
}

static void write_tls(const struct description *d, struct writer *w)
{
    static const uint8_t random[32] = {0x5a};
    size_t start;

    put(w, "\x01\0\0\0", 4);
    put_u16(w, d->legacy_version);
    put(w, random, sizeof random);
    put_u8(w, (unsigned)session_id_len(d));
    put_zeros(w, session_id_len(d));
    start = open16(w);
    put_suites(w, d);
    close16(w, start);
    put_u8(w, (unsigned)d->num_compression);
    put(w, d->compression, d->num_compression);
    start = open16(w);
    put_extensions(w, d);
    close16(w, start);
    if (w->len == start) {
        w->len -= 2;
    }
}

size_t hello_write(const struct description *d, uint8_t *out)
{
    struct writer w = {out, 0};

    if (d->sslv2) {
        write_sslv2(d, &w);
    } else {
        write_tls(d, &w);
    }
    put_zeros(&w, d->frame == FRAME_TRAILER ? 1 : 0);
    if (d->cut > 0 && d->cut < w.len) {
        w.len = d->cut;
    }
    if (!d->sslv2 && w.len >= 4) {
        set_length(&w);
    }
    if (d->damaged_at < w.len) {
        w.out[d->damaged_at] ^= d->damage;
    }
    return w.len;
}
