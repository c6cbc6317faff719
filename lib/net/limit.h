/*
 * limit: how many there are at one time of what all clients share, and whether more are let in.
 *
 * Pure, not locked.
 */
#ifndef POSTERN_LIB_NET_LIMIT_H
#define POSTERN_LIB_NET_LIMIT_H

#include "lib/base/bound.h"

/* Zeroed at first. */
struct limit {
    unsigned count;
    unsigned max;      /* as the last one was asked for; 0: none */
    struct bound full; /* it was reached, and a tenth of it is not free again */
};

/* One more. False if there are `max` already (0: no limit). */
MUST_USE bool limit_take(struct limit *limit, unsigned max);

/* One less. Without a limit there is always room again. */
void limit_release(struct limit *limit);

#endif
