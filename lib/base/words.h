/*
 * words: tables of words that are indexed by an enum.
 *
 * The last value of such an enum is the number of the others, NUM_..., and each table is followed
 * by HAS_WORD_FOR_EACH(): a value that is added behind the last one does not compile before it has
 * its word. That no other value was left out is checked by tests/house.
 */
#ifndef POSTERN_LIB_BASE_WORDS_H
#define POSTERN_LIB_BASE_WORDS_H

/* `table` is an array, declared without a length; `num` the last value of the enum. */
#define HAS_WORD_FOR_EACH(table, num)                                                              \
    _Static_assert(sizeof(table) / sizeof((table)[0]) == (num),                                    \
                   "one word for each value of the enum")

#endif
