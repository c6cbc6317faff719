/*
 * table: arrays that an enum is the index of.
 *
 * The last value of such an enum is the number of the others, NUM_..., and TABLE_HAS_EACH() follows
 * each array: a value that is added after the others does not compile before it has its element
 * everywhere. That none of the others is left out is checked by tests/house.
 */
#ifndef POSTERN_LIB_BASE_TABLE_H
#define POSTERN_LIB_BASE_TABLE_H

/* `array` is declared without a length; `num` is the last value of the enum. */
#define TABLE_HAS_EACH(array, num)                                                                 \
    _Static_assert(sizeof(array) / sizeof((array)[0]) == (num),                                    \
                   #array " has an element for each value of its enum")

#endif
