/*
 * listing: labelled lists for people, wrapped at the margin.
 */
#ifndef POSTERN_DAEMON_POSTERNCTL_LISTING_H
#define POSTERN_DAEMON_POSTERNCTL_LISTING_H

#include <stdio.h>

/* Columns before the text that follows a label. */
#define LISTING_INDENT 20

/* A list that is being printed, wrapped at the margin. */
struct listing {
    FILE *out;
    size_t column;
    size_t num;
};

/* Prints the label and begins the list. */
struct listing listing_begin(FILE *out, const char *label);

/* Prints one item, which is never broken. */
void listing_item(struct listing *l, const char *item);

/* Prints a sentence, which may be broken between its words. */
void listing_words(struct listing *l, const char *sentence);

/* Ends the line, with `if_empty` on it if nothing was listed. */
void listing_end(struct listing *l, const char *if_empty);

#endif
