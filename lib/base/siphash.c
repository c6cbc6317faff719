#include "lib/base/siphash.h"

enum {
    ROUNDS_PER_WORD = 2,
    ROUNDS_AT_END = 4,
};

struct state {
    uint64_t v0, v1, v2, v3;
};

/* Little-endian, of up to 8 bytes. */
static uint64_t word_of(const uint8_t *bytes, size_t len)
{
    uint64_t word = 0;

    for (size_t i = 0; i < len; i++) {
        word |= (uint64_t)bytes[i] << (8 * i);
    }
    return word;
}

static uint64_t rotated(uint64_t word, unsigned bits)
{
    return word << bits | word >> (64 - bits);
}

static void mix(struct state *s, int rounds)
{
    for (int i = 0; i < rounds; i++) {
        s->v0 += s->v1;
        s->v2 += s->v3;
        s->v1 = rotated(s->v1, 13) ^ s->v0;
        s->v3 = rotated(s->v3, 16) ^ s->v2;
        s->v0 = rotated(s->v0, 32);
        s->v2 += s->v1;
        s->v0 += s->v3;
        s->v1 = rotated(s->v1, 17) ^ s->v2;
        s->v3 = rotated(s->v3, 21) ^ s->v0;
        s->v2 = rotated(s->v2, 32);
    }
}

static void take(struct state *s, uint64_t word)
{
    s->v3 ^= word;
    mix(s, ROUNDS_PER_WORD);
    s->v0 ^= word;
}

uint64_t siphash(const uint8_t key[SIPHASH_KEY_SIZE], const void *data, size_t len)
{
    const uint8_t *bytes = data;
    uint64_t k0 = word_of(key, 8);
    uint64_t k1 = word_of(key + 8, 8);
    size_t left = len;
    /* The constants are those of the paper: "somepseudorandomlygeneratedbytes". */
    struct state s = {k0 ^ 0x736f6d6570736575, k1 ^ 0x646f72616e646f6d, k0 ^ 0x6c7967656e657261,
                      k1 ^ 0x7465646279746573};

    for (; left >= 8; left -= 8, bytes += 8) {
        take(&s, word_of(bytes, 8));
    }
    take(&s, word_of(bytes, left) | (uint64_t)len << 56);
    s.v2 ^= 0xff;
    mix(&s, ROUNDS_AT_END);
    return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}
