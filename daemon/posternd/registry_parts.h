/*
 * registry_parts: what the registry is made of, for registry.c, registry_stress.c and
 * registry_find.c. For nobody else.
 */
#ifndef POSTERN_DAEMON_POSTERND_REGISTRY_PARTS_H
#define POSTERN_DAEMON_POSTERND_REGISTRY_PARTS_H

#include "daemon/posternd/registry.h"

#include "lib/admin/logline.h"

#include <pthread.h>
#include <stdatomic.h>

LIST_HEAD(entry_chain, registry_entry);
TAILQ_HEAD(entry_queue, registry_entry);

struct registry_backend {
    const char *name; /* borrowed from the configuration that the registry was made for */
    struct slots slots;
    _Atomic bool stressed; /* slots.stressed, for those without the lock */
    struct bound stress;
    struct bound full;
    unsigned evicted; /* sessions that made room since the log has said that there is room, */
    unsigned refused; /* ... clients for whom nobody could */
};

struct registry_worker {
    int wake_fd; /* owned */
    struct entry_queue evicted;
    bool hurries;
};

struct registry_tls {
    const char *protocol;     /* static, libssl's */
    const char *cipher;       /* static, libssl's */
    const char *key_exchange; /* static, as in struct tls_facts */
    const char *group;        /* ... */
    const char *certificate;  /* borrowed from the session's snapshot */
    const char *fault;        /* static */
    int cipher_bits;
    int algorithm_bits;
    bool capped;
    bool reused;
    struct tls_client *client; /* owned; NULL: no certificate was shown */
    uint8_t sni_len;
    uint8_t sni[];
};

/* A session that ended without having been asked for. */
struct registry_gone {
    uint64_t addresses; /* a hash of them */
    int64_t until;      /* when that does not matter any more */
};

/* What is bounded at one time over all workers and clients. */
struct registry_limit {
    const char *name; /* the option */
    const char *what; /* becomes of those for whom there is none */
    unsigned count;
    unsigned max;      /* as the last one was asked for; 0: no bound */
    struct bound full; /* it was reached, and a tenth of it is not free again */
};

struct registry {
    pthread_mutex_t lock;
    uint8_t secret[SIPHASH_KEY_SIZE];
    struct tally tally;
    struct registry_backend *backends; /* owned; one for each of the configuration */
    size_t num_backends;
    struct registry_worker *workers; /* owned */
    unsigned num_workers;
    struct entry_chain *by_id;        /* owned */
    struct entry_chain *by_client;    /* owned; by the client's address and port */
    struct registry_gone *gone;       /* owned; by the hash, the latest of each */
    size_t num_heads;                 /* of each of the three; a power of two */
    struct registry_limit sessions;   /* those that have not joined included */
    struct registry_limit handshakes; /* under way */
};

extern struct registry registry_all;

/* registry.c */
void registry_lock(void);
void registry_unlock(void);

/* registry_stress.c; but for the last, with the lock.
 *
 * A slot for the entry, if need be that of another session, which is then in its worker's queue
 * and returned as `*victim`. False if there is none. */
MUST_USE bool registry_find_slot(struct registry_entry *entry, const struct client_key *key,
                                 struct registry_entry **victim);

/* To be called after each change of a backend's slots, and for what was withheld: says what is due
 * in the log, and wakes the workers when stress begins. */
void registry_tell_crossing(struct registry_backend *backend, int64_t now);

/* The same for a limit. */
void registry_tell_limit(struct registry_limit *limit, int64_t now);

void registry_wake(unsigned worker);

/* registry_find.c: the chains that an entry is in, by its id and by its client (an address that is
 * not v4-mapped). */
struct entry_chain *registry_chain_of_id(const char *id);
struct entry_chain *registry_chain_of_client(const struct addr *client);

/* registry_find.c: the session ends; should nobody have asked for it, that is remembered. With the
 * lock. */
void registry_remember_gone(const struct registry_entry *entry, int64_t now);

/* registry_find.c: NULL is allowed. */
void registry_free_tls(struct registry_tls *tls);

#endif
