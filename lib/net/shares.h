/*
 * shares: which callers of a local socket have a place, and who is ended for a new one.
 *
 * Every new caller gets a place. What a user (a uid) can have at one time is bounded; at its bound
 * the one of its own callers that has been silent for longest is ended. Some users have a share
 * that nobody else ever uses. All the others are bounded together as well; at that bound the one
 * silent for longest of the user with most callers is ended (of several such users, the one silent
 * for longest of all). So nobody can shut out another user, and a flood ends its own callers.
 *
 * Silent is who has said nothing that is whole: half a request does not count. Pure; memory is
 * taken once; every function looks at SHARES_RECORDS records at most. Not locked.
 */
#ifndef POSTERN_LIB_NET_SHARES_H
#define POSTERN_LIB_NET_SHARES_H

#include "lib/base/pace.h"

#include <sys/queue.h>

/* Callers at one time of a user with a share of its own, of any other one, and of all others. */
#define SHARES_OWN    16
#define SHARES_USER   8
#define SHARES_OTHERS 32

/* Users with a share of their own. */
#define SHARES_OWNERS_MAX 4

/* Callers at one time. */
#define SHARES_MAX (SHARES_OWNERS_MAX * SHARES_OWN + SHARES_OTHERS)

/* Users that are known at one time: those that have callers, and as many again whose last line in
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

/* What becomes of a new caller is always the same; this is what becomes of another one. */
struct shares_answer {
    struct shares_place *ended; /* has lost its place, and has to be ended; NULL: nobody */
    unsigned say; /* how often that has happened to its user since the last line in the log, this
                     time included; 0: no line is due */
};

/* The users `owners` (at most SHARES_OWNERS_MAX; one that comes twice counts once) have shares of
 * their own. */
void shares_init(struct shares *s, const uint32_t *owners, size_t num);

/* Whether the user has a share of its own. */
MUST_USE bool shares_is_owner(const struct shares *s, uint32_t uid);

/* A new caller of user `uid` takes `place`. `now` as in pace.h. */
MUST_USE struct shares_answer shares_enter(struct shares *s, struct shares_place *place,
                                           uint32_t uid, int64_t now);

/* The caller has said something whole. */
void shares_spoke(struct shares *s, struct shares_place *place);

/* The caller is gone; one that has no place is left alone. */
void shares_leave(struct shares *s, struct shares_place *place);

#endif
