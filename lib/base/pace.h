/*
 * pace: how often the log reports a repeated event.
 *
 * A pace is for events: a number of lines a minute, each with how often the event happened since
 * the previous line. A bound is for a state: one line when it is crossed, one when it no longer
 * applies, and each of the two at most once a minute. A line that was withheld is due when the
 * minute is over, with the state of that moment; so the last line always shows the state, and the
 * counts of all lines add up to the times that the bound was crossed. Pure: the time is passed in,
 * in milliseconds of a clock that never goes back. Not locked.
 */
#ifndef POSTERN_LIB_BASE_PACE_H
#define POSTERN_LIB_BASE_PACE_H

#include "lib/base/bytes.h"

/* The minute of all this, in milliseconds. */
#define PACE_MINUTE 60000

/* Zeroed at first. All fields belong to pace.c. */
struct pace {
    int64_t since;   /* when the first of `said` was written */
    unsigned said;   /* lines in this minute, which begins with the first of them */
    unsigned unsaid; /* times since the last line */
};

/* The event has happened. Returns 0 if it is not to be logged, or how often it has happened since
 * the last line, including this time: `max` lines a minute. */
unsigned pace_note(struct pace *p, unsigned max, int64_t now);

/* Zeroed at first: it is not crossed, and nothing has been logged. */
struct bound {
    bool over; /* it is crossed now */
    /* The rest belongs to pace.c. */
    bool told_over;     /* ... by the last line */
    unsigned crossed;   /* times since the last line */
    bool said[2];       /* a line of this kind was written, by `over`, */
    int64_t said_at[2]; /* ... last at this time */
};

enum bound_line { BOUND_SILENT, BOUND_CROSSED, BOUND_LEFT };

struct bound_news {
    enum bound_line line; /* the line to be written */
    unsigned crossed;     /* how often the bound was crossed since the previous line */
};

/* The bound is crossed now, or it is not. */
void bound_set(struct bound *b, bool over);

/* The line that is due, which then counts as written. Call this after each change, and from time to
 * time for lines that were withheld. */
MUST_USE struct bound_news bound_news(struct bound *b, int64_t now);

#endif
