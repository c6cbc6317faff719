/*
 * tally: the sessions that each client has, and the handshakes that it began recently.
 *
 * Memory is only taken by tally_open() and tally_reserve(); every function but tally_grow() works
 * in constant time, in a table hashed with a secret. A client with a session is never forgotten. A
 * client without one is remembered for a minute, as long as there is room. Pure: the time is passed
 * in, in milliseconds of a clock that never goes back. Not locked.
 */
#ifndef POSTERN_LIB_NET_TALLY_H
#define POSTERN_LIB_NET_TALLY_H

#include "lib/net/clientkey.h"

#include <sys/queue.h>

/* Lines a minute about refused clients, for all clients together. */
#define TALLY_LINES_MAX 60

/* What a client was refused. */
enum tally_refusal { TALLY_NO_SESSION, TALLY_NO_HANDSHAKE, NUM_TALLY_REFUSALS };

struct tally_client {
    struct client_key key;
    unsigned sessions; /* at this time */
    /* The rest belongs to tally.c. */
    LIST_ENTRY(tally_client) chain; /* of the table, or of the free ones */
    TAILQ_ENTRY(tally_client) idle; /* without sessions: the one without for longest is first */
    int64_t idle_since;
    int64_t handshakes_since; /* when the first of `handshakes` began */
    unsigned handshakes;
    struct {
        int64_t said_at;  /* the last line about it */
        unsigned refused; /* since that line */
        bool said;
    } refusals[NUM_TALLY_REFUSALS];
};

LIST_HEAD(tally_chain, tally_client);
TAILQ_HEAD(tally_queue, tally_client);

/* Room for clients. */
struct tally_slab {
    struct tally_slab *next; /* owned */
    size_t num;
    size_t num_touched; /* of `clients`: those after were never used */
    struct tally_client clients[];
};

/* Memory for a larger tally, zeroed at first. */
struct tally_reserve {
    struct tally_slab *slab;   /* owned; NULL: none is needed */
    struct tally_chain *heads; /* owned */
    size_t num_heads;
};

struct tally {
    struct tally_slab *slabs; /* owned: the latest first */
    size_t capacity;
    struct tally_chain *heads; /* owned */
    size_t num_heads;          /* a power of two */
    struct tally_chain free;
    struct tally_queue idle;
    int64_t lines_since; /* when the first of `lines` was written */
    unsigned lines;
    uint8_t secret[SIPHASH_KEY_SIZE];
};

/*
 * Room for `capacity` clients (at least 1): as many as there may be simultaneous sessions, plus
 * some for clients that are remembered. `secret` are random bytes. 0, or -1 without memory.
 */
MUST_USE int tally_open(struct tally *c, size_t capacity, const uint8_t secret[SIPHASH_KEY_SIZE]);

/*
 * To have room for `capacity` clients: first the memory, without touching the tally, and then the
 * change. It never becomes smaller, and grows by at least what it has, so that it does so only a
 * few times. 0, or -1 without memory. What `reserve` still has then is for tally_release().
 */
MUST_USE int tally_reserve(const struct tally *c, size_t capacity, struct tally_reserve *reserve);

/* Takes time for each client that is known. */
void tally_grow(struct tally *c, struct tally_reserve *reserve);

void tally_release(struct tally_reserve *reserve);

/* Frees the memory; also after a failed tally_open(). */
void tally_close(struct tally *c);

/* A session of this address begins: its client, with `sessions` counting this one. NULL when all
 * `capacity` clients have sessions. */
MUST_USE struct tally_client *tally_enter(struct tally *c, const struct addr *a, int64_t now);

/* A session that entered ends. The client may be forgotten with it. */
void tally_leave(struct tally *c, struct tally_client *client, int64_t now);

/*
 * A client with a session begins a handshake. Returns how many it has begun in this minute,
 * including this one. As in Postfix's anvil(8), a minute begins with its first handshake.
 */
unsigned tally_handshake(struct tally_client *client, int64_t now);

/*
 * A client with a session is refused something. Returns 0 if that is not to be logged, or how often
 * it was refused this since the last line, including this time: one line a minute for each client
 * and kind, and TALLY_LINES_MAX for all clients.
 */
unsigned tally_refused(struct tally *c, struct tally_client *client, enum tally_refusal what,
                       int64_t now);

#endif
