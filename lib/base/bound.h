/*
 * bound: what the log says of a bound that is crossed, or is not.
 *
 * One line when it is crossed, one when it is left, and each of the two at most once a minute. What
 * was withheld is due when the minute is over, and then describes the state at that moment; so the
 * last line always tells the state, and the counts of all lines together are the times that it was
 * crossed. Pure: the time is passed in, in milliseconds of a clock that never goes back. Not
 * locked.
 */
#ifndef POSTERN_LIB_BASE_BOUND_H
#define POSTERN_LIB_BASE_BOUND_H

#include "lib/base/pace.h"

/* Zeroed at first: it is not crossed, and nothing has been said. */
struct bound {
    bool over; /* it is crossed now */
    /* The rest is bound.c's. */
    bool told_over;     /* ... by the last line */
    unsigned crossed;   /* times since the last line */
    bool said[2];       /* a line of this kind was written, by `over`, */
    int64_t said_at[2]; /* ... last at this time */
};

enum bound_line { BOUND_SILENT, BOUND_CROSSED, BOUND_LEFT };

struct bound_news {
    enum bound_line line; /* the line to be written */
    unsigned crossed;     /* how often the bound was crossed since the line before it */
};

/* The bound is crossed now, or it is not. */
void bound_set(struct bound *b, bool over);

/* The line that is due, which counts as written. To be asked after each change, and from time to
 * time for what was withheld. */
MUST_USE struct bound_news bound_news(struct bound *b, int64_t now);

#endif
