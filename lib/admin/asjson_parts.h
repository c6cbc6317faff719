/*
 * asjson_parts: what the files of asjson share. For nobody else.
 */
#ifndef POSTERN_LIB_ADMIN_ASJSON_PARTS_H
#define POSTERN_LIB_ADMIN_ASJSON_PARTS_H

#include "lib/admin/asjson.h"

/* Puts a field of `from` into the object under its key; an address, which has two values, under
 * KEY and KEY_port. False without memory. */
MUST_USE bool asjson_put(json_t *object, const struct field *field, const void *from);

/* Takes a field out of the object into `to`, where it stays as it was if the key is missing. A
 * text is cut to its room. False if the value is of another type, or a number out of range. */
MUST_USE bool asjson_take(const json_t *object, const struct field *field, void *to);

#endif
