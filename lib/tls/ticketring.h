/*
 * ticketring: which keys encrypt and decrypt session tickets (RFC 5077 section 5.5).
 *
 * The first key encrypts; all of them decrypt. A process generates its own keys and lets a new one
 * take over now and then, so that a stolen key opens the sessions of a day and not of a year. Pure:
 * time and random bytes come from the caller.
 *
 * The ring also has a form in bytes, its image, which the next process can read. It begins with a
 * version, and has two slots, which are written in turn: whenever the writer ends, the slot of the
 * turn before is whole.
 */
#ifndef POSTERN_LIB_TLS_TICKETRING_H
#define POSTERN_LIB_TLS_TICKETRING_H

#include "lib/base/bytes.h"

/* A key as in a file: the 80 bytes that libssl and other servers also use. */
struct ticket_key {
    uint8_t name[16];
    uint8_t mac[32];    /* HMAC-SHA256 */
    uint8_t cipher[32]; /* AES-256-CBC */
};

_Static_assert(sizeof(struct ticket_key) == 80, "a ticket key has 80 bytes");

/* Seconds for which a key of our own encrypts. Longer than any session lives, so that only the
 * previous key is still needed. */
#define TICKET_PERIOD (12 * 3600)

struct ticket_ring {
    struct ticket_key keys[2]; /* the one that encrypts, and the previous one */
    size_t num;
    int64_t since;  /* when the first took over; seconds of a clock that is never set back */
    uint64_t turns; /* how many keys have taken over, in all processes */
};

/* True if a fresh key has to take over before anything is encrypted or decrypted. A time before
 * `since` is that of another clock, by which no key would ever grow old: then also. */
bool ticket_ring_is_due(const struct ticket_ring *ring, int64_t now);

/* Lets `fresh` take over. The previous key continues to decrypt, unless it has been idle for so
 * long that none of its sessions is left. */
void ticket_ring_turn(struct ticket_ring *ring, const struct ticket_key *fresh, int64_t now);

/* The index of the key of this name, or -1. */
int ticket_key_find(const struct ticket_key *keys, size_t num, const uint8_t name[16]);

/* The image: a head of 16 bytes with the version, and two slots of 192. A slot has turns, since and
 * number of keys (8 bytes each, big-endian), two keys, and a checksum of 8 bytes. */
enum {
    TICKET_IMAGE_HEAD = 16,
    TICKET_IMAGE_SLOT = 3 * 8 + 2 * 80 + 8,
    TICKET_IMAGE_SIZE = TICKET_IMAGE_HEAD + 2 * TICKET_IMAGE_SLOT,
};

/* The image of a ring that has not turned yet. */
void ticket_image_empty(uint8_t out[TICKET_IMAGE_SIZE]);

/* Writes the slot of a ring that has turned, and returns its place in the image. */
size_t ticket_image_slot(const struct ticket_ring *ring, uint8_t out[TICKET_IMAGE_SLOT]);

/*
 * Reads an image; `now` is the time of the same clock. NULL with the ring of its newest whole slot,
 * which is empty if none was written yet. Otherwise why it cannot be used, and the ring is empty:
 * not an image, of another version, damaged, or of another boot, whose clock was ahead.
 */
MUST_USE const char *ticket_image_read(struct ticket_ring *out, struct bytes image, int64_t now);

#endif
