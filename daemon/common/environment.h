/*
 * environment: numbers that a supervisor gives in environment variables.
 */
#ifndef POSTERN_DAEMON_COMMON_ENVIRONMENT_H
#define POSTERN_DAEMON_COMMON_ENVIRONMENT_H

#include "lib/base/bytes.h"

/* Reads a decimal number of at most `max`, without sign and blanks. False: the variable is missing,
 * or something else is in it, which is logged as a warning; `*out` is 0 then. */
MUST_USE bool environment_number(const char *variable, uint64_t max, uint64_t *out);

#endif
