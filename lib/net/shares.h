/*
 * shares: which callers of a local socket have a place, and which one is ended for a new one.
 *
 * Every new caller gets a place. The callers of a user (a uid) are bounded; at the bound, the
 * user's caller that has been silent longest is ended. Some users have a reserved share. All other
 * users are also bounded together; at that bound, the longest silent caller of the user with most
 * callers is ended (of several such users, the one silent longest of all). So no user can lock out
 * another one, and a flood ends its own callers.
 *
 * A caller is silent as long as it has not sent a complete request: half a request does not count.
 * Pure; memory is taken once; every function looks at SHARES_RECORDS records at most. Not locked.
 */
#ifndef POSTERN_LIB_NET_SHARES_H
#define POSTERN_LIB_NET_SHARES_H

#include "lib/base/pace.h"

#include <sys/queue.h>

/* Simultaneous callers of a user with a reserved share, of any other user, and of all other users
 * together. */
#define SHARES_OWN    16
#define SHARES_USER   8
#define SHARES_OTHERS 32

/* Users with a share of their own. */
#define SHARES_OWNERS_MAX 4

/* Callers at one time. */
#define SHARES_MAX (SHARES_OWNERS_MAX * SHARES_OWN + SHARES_OTHERS)

/* Users with a record at one time: those that have callers, and as many again whose last line in
 * the log is remembered. */
#define SHARES_RECORDS (SHARES_OWNERS_MAX + 2 * SHARES_OTHERS)

/* A caller's part in it. All of it is shares.c's. */
struct shares_place {
    TAILQ_ENTRY(shares_place) next; /* of the user's, the one silent for longest first */
    struct shares_user *user;       /* NULL: has no place (any more) */
    uint64_t spoke;                 /* when, in words of all callers */
};

TAILQ_HEAD(shares_queue, shares_place);

/* All of it is shares.c's. */
struct shares_user {
    uint32_t uid;
    bool used; /* this record */
    bool own;  /* has a share of its own */
    unsigned num;
    struct shares_queue callers;
    struct pace pace; /* of the lines about callers of this user that were ended */
};

struct shares {
    struct shares_user users[SHARES_RECORDS];
    unsigned num_others; /* callers of users without a share of their own */
    uint64_t words;
};

/* A new caller is always accepted; this says which other caller loses its place. */
struct shares_answer {
    struct shares_place *ended; /* has lost its place, and has to be ended; NULL: nobody */
    unsigned say; /* how often that has happened to its user since the last line in the log,
                   * including this time; 0: no line is due */
};

/* The users `owners` (at most SHARES_OWNERS_MAX; duplicates count once) have shares of their
 * own. */
void shares_init(struct shares *s, const uint32_t *owners, size_t num);

/* Whether the user has a share of its own. */
MUST_USE bool shares_is_owner(const struct shares *s, uint32_t uid);

/* A new caller of user `uid` takes `place`. `now` as in pace.h. */
MUST_USE struct shares_answer shares_enter(struct shares *s, struct shares_place *place,
                                           uint32_t uid, int64_t now);

/* The caller has sent a complete request. */
void shares_spoke(struct shares *s, struct shares_place *place);

/* The caller is gone; without a place, nothing happens. */
void shares_leave(struct shares *s, struct shares_place *place);

#endif
