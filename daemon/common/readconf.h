/*
 * readconf: the configuration file, read and parsed.
 */
#ifndef POSTERN_DAEMON_COMMON_READCONF_H
#define POSTERN_DAEMON_COMMON_READCONF_H

#include "lib/admin/conf.h"

/* Reads and parses the file; the caller frees it with conf_free(). NULL with `*error` (also for an
 * unreadable file: "FILE: reason"). */
MUST_USE struct conf *readconf(const char *file, struct conf_error *error);

/* Only reads it: bytes for conf_parse(), which the caller frees. NULL with `*error`. */
MUST_USE uint8_t *readconf_bytes(const char *file, size_t *len, struct conf_error *error);

#endif
