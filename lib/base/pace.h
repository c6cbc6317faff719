/*
 * pace: so many lines a minute about what happens again and again, each with how often it happened
 * since the line before.
 *
 * Pure: the time is passed in, in milliseconds of a clock that never goes back. Not locked.
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

#endif
