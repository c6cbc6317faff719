/*
 * span: how long something has lasted, or will last, in words.
 *
 * Pure: seconds and days are passed in.
 */
#ifndef POSTERN_LIB_ADMIN_SPAN_H
#define POSTERN_LIB_ADMIN_SPAN_H

#include "lib/base/bytes.h"
#include "lib/base/text.h"

/* From this many days before its end, a certificate is marked. */
#define SPAN_SOON_DAYS 14

/* Appends so many seconds, rounded down to the largest unit of which there are at least two: "119
 * seconds", "2 minutes", "47 hours", "2 days". Less than 0 counts as 0. */
void span_text(struct text *out, long long seconds);

/* Appends when a certificate ends that has so many whole days left (rounded down; negative: it has
 * expired): "63 days left", within SPAN_SOON_DAYS "EXPIRES in 5 days" or "EXPIRES today", or
 * "EXPIRED 3 days ago". */
void span_expiry_text(struct text *out, long long days);

#endif
