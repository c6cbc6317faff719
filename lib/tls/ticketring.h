/*
 * ticketring: which keys encrypt and decrypt session tickets (RFC 5077 section 5.5).
 *
 * The first key encrypts; all of them decrypt. A process generates its own keys and lets a new one
 * take over now and then, so that a stolen key opens the sessions of a day and not of a year. Pure:
 * time and random bytes come from the caller.
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
    int64_t since; /* when the first took over; seconds of a clock that is never set back */
};

/* True if a fresh key has to take over before anything is encrypted or decrypted. */
bool ticket_ring_is_due(const struct ticket_ring *ring, int64_t now);

/* Lets `fresh` take over. The previous key continues to decrypt, unless it has been idle for so
 * long that none of its sessions is left. */
void ticket_ring_turn(struct ticket_ring *ring, const struct ticket_key *fresh, int64_t now);

/* The index of the key of this name, or -1. */
int ticket_key_find(const struct ticket_key *keys, size_t num, const uint8_t name[16]);

#endif
