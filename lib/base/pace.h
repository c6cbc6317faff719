/*
 * pace: how often the log says what happens again and again.
 *
 * A pace is for what only happens: so many lines a minute, each with how often it happened since
 * the line before. A bound is for what is so or not: one line when it is crossed, one when it is
 * left, and each of the two at most once a minute. What was withheld is due when the minute is
 * over, by then with the truth of that moment; so the last line always tells the state, and the
 * counts of all lines together are the times that it was crossed. Pure: the time is passed in, in
 * milliseconds of a clock that never goes back. Not locked.
 */
#ifndef POSTERN_LIB_BASE_PACE_H
#define POSTERN_LIB_BASE_PACE_H

#include "lib/base/bytes.h"

/* The minute of all this, in milliseconds. */
#define PACE_MINUTE 60000

/* Zeroed at first. All of it is pace.c's. */
struct pace {
    int64_t since;   /* when the first of `said` was said */
    unsigned said;   /* lines in this minute, which begins with the first of them */
    unsigned unsaid; /* times since the last line */
};

/* It has happened. Returns 0 if that is not to be logged, or how often it has happened since the
 * last line, with this time: `max` lines a minute. */
unsigned pace_note(struct pace *p, unsigned max, int64_t now);

/* Zeroed at first: it is not crossed, and nothing has been said. */
struct bound {
    bool over; /* it is crossed now */
    /* The rest is pace.c's. */
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
