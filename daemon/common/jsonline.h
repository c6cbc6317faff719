/*
 * jsonline: a JSON value as a line for the control socket.
 */
#ifndef POSTERN_DAEMON_COMMON_JSONLINE_H
#define POSTERN_DAEMON_COMMON_JSONLINE_H

#include "lib/base/bytes.h"

#include <jansson.h>

/*
 * A line with its end, to be freed with free(); NULL without memory, or without a value. It is
 * complete or NULL, although json_dumps() of jansson 2.14 omits a key when its buffer cannot grow.
 */
MUST_USE char *jsonline(const json_t *value);

#endif
