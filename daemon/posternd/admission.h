/*
 * admission: the limits over all workers, and which session is evicted for another.
 *
 * A session is counted from its accept(), and admitted, or not, when it is known who its client is.
 * From then on it counts as one of its client's, and holds a slot of its backend until the backend
 * connection is closed; a handshake counts while it is in progress. When a backend has no free
 * slot, a waiting session is evicted, whichever worker it belongs to. Under stress waiting sessions
 * have less time.
 *
 * One mutex guards everything, held for at most some hundred nanoseconds, or, when a reload changes
 * a limit, as long as it takes to move what is counted into larger tables: no allocation and no
 * search under it, and no system call except for the few lines a minute that say which limit was
 * reached, so that these are in order, and to wake the workers when stress begins. All functions
 * may be called from any thread, but those of a session only from the thread of its worker.
 */
#ifndef POSTERN_DAEMON_POSTERND_ADMISSION_H
#define POSTERN_DAEMON_POSTERND_ADMISSION_H

#include "lib/admin/conf.h"
#include "lib/net/backends.h"
#include "lib/net/tally.h"

/* A session's part in it, zeroed at first. All fields belong to admission.c. */
struct admission {
    TAILQ_ENTRY(admission) next_evicted;
    struct slot slot;
    struct backend *backend;     /* the backend of its slot; NULL: it is not admitted */
    struct tally_client *client; /* NULL: not counted for any */
    void *session;               /* borrowed: what admission_next_evicted() returns */
    unsigned worker;
    bool exempt;      /* the client is in limits.exempt */
    bool evicted;     /* it has lost its slot: its worker ends it */
    bool queued;      /* ... and does not know yet */
    bool handshaking; /* counts as a handshake in progress */
};

/* The facts about a session that asks to be admitted. */
struct admission_request {
    void *session;             /* outlives the admission */
    const struct conf *conf;   /* of the session: its limits */
    const char *backend;       /* by its name: one of an open configuration */
    const struct addr *client; /* v4-mapped or not */
    unsigned worker;
};

enum admission_verdict {
    ADMISSION_ADMITTED,
    ADMISSION_CLIENT_LIMIT,    /* limits.max_sessions_per_client or max_handshakes_per_client */
    ADMISSION_BACKEND_FULL,    /* max_connections, and there is no session to evict */
    ADMISSION_HANDSHAKE_LIMIT, /* limits.max_handshakes */
};

struct admission_answer {
    enum admission_verdict verdict;
    unsigned count; /* ADMISSION_CLIENT_LIMIT: how many it has, or has begun, including this one */
    unsigned refused; /* ... and how often it was refused since the last line about that;
                         0: no line is due */
};

/* For this number of workers, without a configuration. 0, or -1 with errno. */
MUST_USE int admission_open(unsigned num_workers);

/* What a configuration needs, made before it is in force. Zeroed at first. */
struct admission_change {
    struct backends_chain backends; /* owned */
    struct tally_reserve reserve;   /* owned */
};

/* Prepares the backends and limits of `conf`, without touching what is in force. 0, or -1 without
 * memory. Only main's thread calls this and the next ones. */
MUST_USE int admission_prepare(struct admission_change *change, const struct conf *conf);

/* They are in force, before any session with that configuration begins. What is counted stays, also
 * where there is more than a limit allows now; sessions of earlier configurations keep theirs. */
void admission_renew(struct admission_change *change, int64_t now);

/* Frees what was prepared, whether it came into force or not. */
void admission_discard(struct admission_change *change);

/* There are no sessions of earlier configurations any more, and none can begin. */
void admission_forget(void);

/* Frees all, when the workers have ended; also after a failed admission_open(). */
void admission_close(void);

/*
 * A client was accepted: its session counts until admission_uncount(), and is admitted later, when
 * it is known who the client is. False if there are already `max`. `now` here and below:
 * milliseconds of a clock that never goes back.
 */
MUST_USE bool admission_count(unsigned max, int64_t now);
void admission_uncount(int64_t now);

/* --- a session's --- */

/* Admits the session; if the answer is not ADMISSION_ADMITTED, `*a` is unchanged. */
MUST_USE struct admission_answer
admission_admit(struct admission *a, const struct admission_request *request, int64_t now);

/* Relay is about to begin: the session can no longer be evicted. False if it already was, and
 * nothing may be relayed. */
MUST_USE bool admission_pin(struct admission *a);

/* A handshake is about to begin, by the limits of `conf`; with ADMISSION_ADMITTED it counts as in
 * progress until admission_handshake_over() or the session's end. */
MUST_USE struct admission_answer admission_handshake(struct admission *a, const struct conf *conf,
                                                     int64_t now);
void admission_handshake_over(struct admission *a, int64_t now);

/* The backend's connection is closed, or about to be: its slot is free. */
void admission_release_slot(struct admission *a, int64_t now);

/* The session ends. Does nothing if it was not admitted. */
void admission_leave(struct admission *a, int64_t now);

/* Whether the backend is under stress: sessions that are not in relay have less time. Takes no
 * lock. */
bool admission_is_stressed(const struct admission *a);

/* --- a worker's --- */

/* Can be read when the worker has to look at admission_next_evicted() and admission_stress_began(),
 * which the worker does after it has emptied it (an eventfd). Owned by admission.c. */
int admission_wake_fd(unsigned worker);

/* The next session of this worker that was evicted and has to be ended, or NULL. */
MUST_USE void *admission_next_evicted(unsigned worker);

/* Whether stress has begun since the last call: sessions' deadlines have changed. */
MUST_USE bool admission_stress_began(unsigned worker);

/* --- main's --- */

/* Seconds between two calls of admission_log_withheld(). */
#define ADMISSION_LOG_SECONDS 10

/* Writes the withheld log lines that are due, about limits that were reached or left more than once
 * in a minute. */
void admission_log_withheld(int64_t now);

#endif
