/*
 * backends: what is counted of each backend over all sessions, known by its name.
 *
 * A name is one backend, whichever configuration has it and at whatever place: sessions of an older
 * configuration and of a newer one share its slots, and what was counted stays when others are
 * added or change their order. One that no configuration has any more keeps its slots until its
 * last session has ended. Finding one takes constant time. Pure: the time is passed in, in
 * milliseconds of a clock that never goes back. Not locked.
 */
#ifndef POSTERN_LIB_NET_BACKENDS_H
#define POSTERN_LIB_NET_BACKENDS_H

#include "lib/base/bound.h"
#include "lib/net/slots.h"

struct backend {
    char *name; /* owned */
    struct slots slots;
    _Atomic bool stressed; /* slots.stressed, also for those who do not hold the caller's lock */
    /* The rest belongs to backends.c. */
    LIST_ENTRY(backend) chain; /* of the table */
    LIST_ENTRY(backend) next;  /* of all */
    unsigned configuration;    /* the latest one that has it */
    struct bound stress;
    struct bound full;
    unsigned evicted; /* sessions that were, since it was said that there is room again, */
    unsigned refused; /* ... clients for whom there was none to evict */
};

LIST_HEAD(backends_chain, backend);

/* Chains of the table: far more than backends that anybody has. */
#define BACKENDS_HEADS 1024

struct backends {
    struct backends_chain all;
    unsigned configuration; /* how many there have been */
    struct backends_chain heads[BACKENDS_HEADS];
    uint8_t secret[SIPHASH_KEY_SIZE];
};

/* Without any backend. `secret` are random bytes. */
void backends_init(struct backends *b, const uint8_t secret[SIPHASH_KEY_SIZE]);

/* Frees all backends. */
void backends_close(struct backends *b);

/*
 * Those of a configuration, made before it is in force: `fresh`, an empty list at first. Adds one
 * with `max` slots (0: no bound). 0, or -1 without memory.
 */
MUST_USE int backends_prepare(struct backends_chain *fresh, const char *name, unsigned max,
                              const uint8_t secret[SIPHASH_KEY_SIZE]);

/*
 * The configuration of `fresh` is in force. Where there is a backend with the name it stays as it
 * is, with the bound of the fresh one; the others are added. What `fresh` still has then is for
 * backends_free(). Takes time for each of them, and no memory.
 */
void backends_renew(struct backends *b, struct backends_chain *fresh);

/* Moves to `gone` those without sessions that the latest configuration does not have. Only sessions
 * of the latest configuration may begin afterwards. */
void backends_forget(struct backends *b, struct backends_chain *gone);

/* Frees the backends of a list. */
void backends_free(struct backends_chain *list);

/* The backend of this name, or NULL. */
MUST_USE struct backend *backends_find(const struct backends *b, const char *name);

/* A slot for the session `slot` of client `key`, if need be that of another session, which is
 * returned as `*victim` and holds none any more (else NULL). False if there is none. */
MUST_USE bool backends_take(struct backend *backend, struct slot *slot,
                            const struct client_key *key, struct slot **victim);

/* What the log has to say of a backend's slots. */
struct backends_news {
    bool stress_began; /* said or not: sessions have less time */
    struct bound_news stress;
    struct bound_news full;
    unsigned evicted; /* with a line of `full` that is left: since the last such line */
    unsigned refused; /* ... */
};

/* To be asked after each change of the slots, and from time to time for what was withheld; what is
 * due counts as said. */
struct backends_news backends_news(struct backend *backend, int64_t now);

#endif
