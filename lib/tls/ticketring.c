#include "lib/tls/ticketring.h"

#include "lib/base/siphash.h"

#include <string.h>

/* The head of an image: what it is, and in its last byte the version. */
static const uint8_t head[TICKET_IMAGE_HEAD] = {'p', 'o', 's', 't', 'e', 'r', 'n', ' ',
                                                't', 'i', 'c', 'k', 'e', 't', 's', 1};

bool ticket_ring_is_due(const struct ticket_ring *ring, int64_t now)
{
    return ring->num == 0 || now < ring->since || now - ring->since >= TICKET_PERIOD;
}

void ticket_ring_turn(struct ticket_ring *ring, const struct ticket_key *fresh, int64_t now)
{
    /* The last key encrypted until `since` + TICKET_PERIOD at the latest. */
    bool keeps = ring->num > 0 && now >= ring->since && now - ring->since < 2 * TICKET_PERIOD;

    if (keeps) {
        ring->keys[1] = ring->keys[0];
    } else {
        memset(&ring->keys[1], 0, sizeof ring->keys[1]);
    }
    ring->keys[0] = *fresh;
    ring->num = keeps ? 2 : 1;
    ring->since = now;
    ring->turns++;
}

int ticket_key_find(const struct ticket_key *keys, size_t num, const uint8_t name[16])
{
    for (size_t i = 0; i < num; i++) {
        if (memcmp(keys[i].name, name, sizeof keys[i].name) == 0) {
            return (int)i;
        }
    }
    return -1;
}

/* --- the image ------------------------------------------------------------------------------ */

/* Where a slot's keys begin, and its checksum, which is about all before it. */
enum { KEYS = 3 * 8, SUMMED = TICKET_IMAGE_SLOT - 8 };

static void put(uint8_t *out, uint64_t number)
{
    for (int i = 7; i >= 0; i--) {
        out[i] = (uint8_t)number;
        number >>= 8;
    }
}

static uint64_t get(const uint8_t *in)
{
    uint64_t number = 0;

    for (int i = 0; i < 8; i++) {
        number = number << 8 | in[i];
    }
    return number;
}

/* Against accidents only: who can write the image could also write another checksum. */
static uint64_t sum_of(const uint8_t slot[TICKET_IMAGE_SLOT])
{
    static const uint8_t key[SIPHASH_KEY_SIZE];

    return siphash(key, slot, SUMMED);
}

static size_t place_of(uint64_t turns)
{
    return TICKET_IMAGE_HEAD + (turns % 2) * TICKET_IMAGE_SLOT;
}

void ticket_image_empty(uint8_t out[TICKET_IMAGE_SIZE])
{
    memset(out, 0, TICKET_IMAGE_SIZE);
    memcpy(out, head, sizeof head);
}

size_t ticket_image_slot(const struct ticket_ring *ring, uint8_t out[TICKET_IMAGE_SLOT])
{
    put(out, ring->turns);
    put(out + 8, (uint64_t)ring->since);
    put(out + 16, ring->num);
    memcpy(out + KEYS, ring->keys, sizeof ring->keys);
    put(out + SUMMED, sum_of(out));
    return place_of(ring->turns);
}

/* What a slot says, but for its keys. False if it is not whole, or not in its place. */
static bool read_slot(struct ticket_ring *out, const uint8_t *image, size_t place)
{
    const uint8_t *slot = image + place;

    out->turns = get(slot);
    out->since = (int64_t)get(slot + 8);
    out->num = get(slot + 16);
    return get(slot + SUMMED) == sum_of(slot) && place_of(out->turns) == place && out->num >= 1 &&
           out->num <= sizeof out->keys / sizeof out->keys[0] && out->since >= 0;
}

/* Reads the newest whole slot; false if there is none. */
static bool read_newest(struct ticket_ring *out, const uint8_t *image)
{
    struct ticket_ring newest = {0};
    bool found = false;

    for (size_t i = 0; i < 2; i++) {
        struct ticket_ring slot = {0};

        if (read_slot(&slot, image, place_of(i)) && slot.turns >= newest.turns) {
            newest = slot;
            found = true;
        }
    }
    if (found) {
        *out = newest;
        memcpy(out->keys, image + place_of(newest.turns) + KEYS, sizeof out->keys);
    }
    return found;
}

static bool is_empty(struct bytes image)
{
    static const uint8_t nothing[TICKET_IMAGE_SLOT];

    return memcmp(image.data + place_of(0), nothing, sizeof nothing) == 0 &&
           memcmp(image.data + place_of(1), nothing, sizeof nothing) == 0;
}

const char *ticket_image_read(struct ticket_ring *out, struct bytes image, int64_t now)
{
    *out = (struct ticket_ring){0};
    if (image.len < sizeof head || memcmp(image.data, head, sizeof head - 1) != 0) {
        return "they are not ticket keys";
    }
    if (image.data[sizeof head - 1] != head[sizeof head - 1]) {
        return "they are in the form of another version";
    }
    if (image.len != TICKET_IMAGE_SIZE) {
        return "they are damaged";
    }
    if (is_empty(image)) {
        return NULL;
    }
    if (!read_newest(out, image.data)) {
        return "they are damaged";
    }
    if (out->since > now) {
        memset(out, 0, sizeof *out);
        return "they are of another boot";
    }
    return NULL;
}
