/*
 * slots: the connections that a backend can take, who has them, and who makes room under stress.
 *
 * Every session holds a slot. Those that are not in relay yet wait: the client has not begun a
 * mail. When all slots are taken, a new client gets a slot from the client that has most waiting
 * sessions: that of its session that has waited longest. So a flood from one place ends its own
 * sessions first. Every function works in constant time; memory is taken once. Pure, not locked.
 */
#ifndef POSTERN_LIB_NET_SLOTS_H
#define POSTERN_LIB_NET_SLOTS_H

#include "lib/net/clientkey.h"

#include <sys/queue.h>

/* A session's part in it, zeroed at first. */
struct slot {
    struct slots_group *group; /* slots.c's: the client's waiting sessions; NULL: does not wait */
    TAILQ_ENTRY(slot) next;    /* slots.c's: among these, the oldest first */
    bool held;                 /* this session holds a slot */
};

TAILQ_HEAD(slot_queue, slot);

/* The waiting sessions of one client. */
struct slots_group {
    LIST_ENTRY(slots_group) chain;      /* of the table, or of the free ones */
    TAILQ_ENTRY(slots_group) neighbour; /* among the groups with as many sessions */
    struct client_key key;
    struct slot_queue waiting;
    unsigned num;
};

LIST_HEAD(slots_chain, slots_group);
TAILQ_HEAD(slots_groups, slots_group);

struct slots {
    unsigned max;   /* 0: no bound */
    unsigned taken; /* slots that are held */
    bool stressed;  /* 75 % were taken, and since then never less than 60 % */
    bool full;      /* all were taken, and since then never less than 90 % */
    /* The rest belongs to slots.c. */
    unsigned capacity;           /* `max`, or what it once was: the memory is for so many */
    unsigned most;               /* waiting sessions of the group that has most */
    struct slots_group *groups;  /* owned: `capacity` */
    struct slots_groups *by_num; /* owned: the groups with so many sessions, up to `capacity` */
    struct slots_chain *heads;   /* owned */
    size_t num_heads;            /* a power of two */
    struct slots_chain free;
    uint8_t secret[SIPHASH_KEY_SIZE];
};

/* For a backend with `max` connections (0: no bound, and nobody ever makes room). `secret` are
 * random bytes. 0, or -1 without memory. */
MUST_USE int slots_open(struct slots *s, unsigned max, const uint8_t secret[SIPHASH_KEY_SIZE]);

/* Frees the memory; also after a failed slots_open(). */
void slots_close(struct slots *s);

/*
 * The bound becomes that of `fresh`, from slots_open() and never used. Sessions keep what they
 * have, also when more slots are taken than the new bound allows. The larger memory of the two is
 * used from now on, the other one is in `fresh`, for slots_close(). A session from a time without a
 * bound never makes room. Takes time for each waiting session.
 */
void slots_resize(struct slots *s, struct slots *fresh);

/* Takes a slot for a session of client `key`, which waits from now on. False if none is free. */
MUST_USE bool slots_take(struct slots *s, struct slot *slot, const struct client_key *key);

/* Relay begins: the session keeps its slot whatever happens. */
void slots_pin(struct slots *s, struct slot *slot);

/* Returns the slot; if it is not held, nothing happens. */
void slots_release(struct slots *s, struct slot *slot);

/*
 * When no slot is free: the session `slot` of client `key` gets that of the session that has to
 * make room, the oldest waiting session of the client with most of them (of several such clients,
 * the one that has had that many longest). Returns the slot of that session, which no longer holds
 * one; NULL if no session waits, or if more slots are taken than there should be: the backend would
 * not have room either. Then nothing is changed.
 */
MUST_USE struct slot *slots_evict(struct slots *s, struct slot *slot, const struct client_key *key);
#endif
