/*
 * asjson: a record and a kept failure as JSON objects, and back.
 *
 * The same objects are in posternd's file, are sent over its control socket and are printed by
 * `posternctl --json`; posternctl(8) describes their keys. Trees of jansson in memory only.
 */
#ifndef POSTERN_LIB_ADMIN_ASJSON_H
#define POSTERN_LIB_ADMIN_ASJSON_H

#include "lib/admin/failures.h"
#include "lib/admin/record.h"

#include <jansson.h>

/* Any text. One that is not UTF-8 is escaped as in the log and cut to `max` bytes. A new value, or
 * NULL without memory. */
json_t *asjson_text(const char *s, size_t max);

/* What is known about a session. A new object, or NULL without memory. */
json_t *asjson_record(const struct record *record);

/* Reads one. A key that is missing leaves its fact empty, and a text is cut to its room: another
 * release of posternd may have told it. False, and `*out` is not known, if a value is of another
 * type, or a number out of range. */
MUST_USE bool asjson_read_record(const json_t *object, struct record *out);

/* A kept failure; with its hello if it is `whole`. A new object, or NULL without memory. */
json_t *asjson_failure(const struct failure *failure, bool whole);

/* --- the file of failures ------------------------------------------------------------------- */

/* The longest line about a failure without its hello, and the longest file. */
#define ASJSON_LINE_BASE    4096
#define ASJSON_FAILURES_MAX ((FAILURES_MAX + 1) * (ASJSON_LINE_BASE + 2 * HELLO_SIZE_MAX))

/* Bytes that asjson_write_failures() needs, NUL included. */
size_t asjson_failures_size(const struct failures *f);

/*
 * One object a line, the first about the file, each other one a whole failure:
 *   {"format":"postern failures 2","entries":1,"last_id":17}
 *   {"id":17,"reason":"no-certificate-fits","first":1763900000,...,"hello":"0100..."}
 * False without memory.
 */
MUST_USE bool asjson_write_failures(const struct failures *f, struct text *out);

/*
 * Reads what asjson_write_failures() wrote into an empty `f`. 0; or -1, `f` being empty still, with
 * the number of the bad line in `*line` and what is wrong with it in `*why`.
 */
MUST_USE int asjson_read_failures(struct failures *f, struct bytes text, unsigned *line,
                                  const char **why);

#endif
