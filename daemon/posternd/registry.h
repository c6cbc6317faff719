/*
 * registry: the live sessions of all workers, and what is bounded over all of them.
 *
 * A session joins when it is known who its client is, says when its relay begins and when its
 * backend is closed, and leaves at its end. The registry counts sessions and handshakes of each
 * client, and the connections of each backend; under stress it ends sessions, also those of other
 * workers. And it answers what is known of a session, by its id or by its addresses.
 *
 * Everything is behind one mutex, held for some hundred nanoseconds at most: no system call, no
 * allocation and no search under it. All functions may be called from any thread, but an entry's
 * only from the thread of its worker. May include: lib/net, lib/tls/facts, lib/admin/logline, log.
 */
#ifndef POSTERN_DAEMON_POSTERND_REGISTRY_H
#define POSTERN_DAEMON_POSTERND_REGISTRY_H

#include "lib/admin/conf.h"
#include "lib/net/slots.h"
#include "lib/tls/facts.h"

#include <sys/queue.h>

/* A session id and its NUL. */
#define SESSION_ID_SIZE 11

/* The longest name of a section of the configuration, and its NUL. */
#define REGISTRY_NAME_SIZE 64

struct registry_backend;
struct registry_tls;

/* A session's entry, part of the session and zeroed at first. All of it is the registry's. */
struct registry_entry {
    LIST_ENTRY(registry_entry) by_id;
    LIST_ENTRY(registry_entry) by_client;
    TAILQ_ENTRY(registry_entry) next_evicted;
    struct slot slot;
    struct registry_backend *backend; /* what the slot is of; NULL: has not joined */
    struct tally_client *client;      /* NULL: not counted for one */
    struct registry_tls *tls;         /* owned; NULL: no handshake is done */
    void *owner;                      /* borrowed: the session */
    const char *id;                   /* borrowed from the session */
    const char *listener;             /* borrowed from the session's configuration */
    struct addr client_addr;
    struct addr destination;
    unsigned worker;
    bool unknown; /* is under TLS, and nobody knows under which: not to be found */
    bool evicted; /* has lost its slot: its worker ends it */
    bool queued;  /* ... and has not been told yet */
    bool shaking; /* counts as a handshake under way */
    bool claimed; /* somebody has asked for it by its addresses */
};

/* What a session is when it joins. */
struct registry_request {
    void *owner;                          /* what registry_next_evicted() returns */
    const char *id;                       /* lives as long as the entry */
    const struct conf *conf;              /* of the session, and lives as long */
    const struct conf_listener *listener; /* one of `conf` */
    struct addr client;
    struct addr destination;
    unsigned worker;
};

enum registry_verdict {
    REGISTRY_WELCOME,
    REGISTRY_CLIENT_OVER,  /* limits.max_sessions_per_client or max_handshakes_per_client */
    REGISTRY_BACKEND_FULL, /* max_connections, and nobody could make room */
    REGISTRY_BUSY,         /* limits.max_handshakes */
};

struct registry_answer {
    enum registry_verdict verdict;
    unsigned count;   /* REGISTRY_CLIENT_OVER: how many it has, or has begun, with this one */
    unsigned refused; /* ... and how often it was refused since the last line about that;
                         0: no line is due */
};

/* Makes the registry for the backends of `conf` and so many workers. 0, or -1 with errno. */
MUST_USE int registry_open(const struct conf *conf, unsigned num_workers);

/* Frees it, when all workers have ended; also after a failed registry_open(). */
void registry_close(void);

/*
 * A session is about to begin, and counts until registry_dismiss(); it joins later, when it is
 * known who its client is. False if there are `max` already. `now` here and below: milliseconds of
 * a clock that never goes back.
 */
MUST_USE bool registry_admit(unsigned max, int64_t now);
void registry_dismiss(int64_t now);

/* --- a session's --- */

/* The session joins, unless the answer is another than REGISTRY_WELCOME: then the entry stays
 * what it was. */
MUST_USE struct registry_answer registry_join(struct registry_entry *entry,
                                              const struct registry_request *request, int64_t now);

/* Relay is about to begin: the session cannot be evicted any more. False if it has been already,
 * and nothing may be relayed. */
MUST_USE bool registry_settle(struct registry_entry *entry);

/* A handshake is about to begin, by the limits of `conf`; with REGISTRY_WELCOME it counts as under
 * way until registry_handshake_over() or the session's end. */
MUST_USE struct registry_answer registry_handshake(struct registry_entry *entry,
                                                   const struct conf *conf, int64_t now);
void registry_handshake_over(struct registry_entry *entry, int64_t now);

/* What is known of the session's TLS from now on. Without memory nobody finds the session any more:
 * it must not be taken for one in plaintext. */
void registry_set_tls(struct registry_entry *entry, const struct tls_facts *facts);

/* The backend's connection is closed, or about to be: its slot is free. */
void registry_give_slot(struct registry_entry *entry, int64_t now);

/* The session ends. An entry that has not joined is left alone. */
void registry_leave(struct registry_entry *entry, int64_t now);

/* Whether the backend is under stress: sessions not in relay have to hurry. Takes no lock. */
bool registry_is_stressed(const struct registry_entry *entry);

/* --- a worker's --- */

/* Can be read when the worker has to look at registry_next_evicted() and registry_hurries(), which
 * the worker does after it has emptied it (an eventfd). Owned by the registry. */
int registry_wake_fd(unsigned worker);

/* The owner of the next entry of this worker that was evicted and has to be ended, or NULL. */
MUST_USE void *registry_next_evicted(unsigned worker);

/* Whether stress has begun since the last call: sessions' deadlines have changed. */
MUST_USE bool registry_hurries(unsigned worker);

/* --- main's --- */

/* Seconds between two calls of registry_tell_withheld(). */
#define REGISTRY_TELL_SECONDS 10

/* Writes to the log what was withheld of bounds that were crossed or left more than once in a
 * minute, as far as it is due. */
void registry_tell_withheld(int64_t now);

/* --- everybody's --- */

/* Milliseconds for which a session that ended before anybody had asked for it makes its addresses
 * ambiguous: a server behind us may still be about to ask. */
#define REGISTRY_AMBIGUOUS_MS 60000

/* What is known of a live session, copied out. */
struct registry_facts {
    char id[SESSION_ID_SIZE];
    char listener[REGISTRY_NAME_SIZE];
    struct addr client;
    struct addr destination;
    bool tls;                             /* a handshake is done; without one nothing follows */
    const char *protocol;                 /* OpenSSL's names, static texts */
    const char *cipher;                   /* ... */
    const char *key_exchange;             /* as in struct tls_facts, static */
    const char *group;                    /* ... */
    const char *fault;                    /* ... */
    bool capped;                          /* ... */
    int cipher_bits;                      /* in use */
    int algorithm_bits;                   /* of the algorithm */
    char certificate[REGISTRY_NAME_SIZE]; /* or "none" */
    bool reused;                          /* resumed with a ticket */
    uint8_t sni[255];                     /* as the client sent it: not escaped */
    size_t sni_len;                       /* 0: none */
    bool has_client;                      /* the client has shown a certificate */
    struct tls_client client_certificate;
};

/* The live session with this id. False, and `*out` is left as it was, if there is none. */
MUST_USE bool registry_find(const char *id, struct registry_facts *out);

/*
 * Which session a server behind us speaks with, that was told these addresses. 0 with its id, or
 * -1 if nobody can say: there is none, or more than one, or, within REGISTRY_AMBIGUOUS_MS, there
 * was one that ended before it was asked for: what has just been connected may be that one.
 */
MUST_USE int registry_claim(const struct addr *client, const struct addr *destination, int64_t now,
                            char id[SESSION_ID_SIZE]);

/*
 * The live sessions of the client address and port `client`, to `destination` (NULL: to any), both
 * v4-mapped or not. Fills up to `max` of them and returns how many there are: with more than one,
 * a session that ends and one that has its client's port again, nobody can say which is meant.
 */
size_t registry_find_by_address(const struct addr *client, const struct addr *destination,
                                struct registry_facts *out, size_t max);

#endif
