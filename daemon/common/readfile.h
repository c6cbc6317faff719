/*
 * readfile: small files, whole.
 */
#ifndef POSTERN_DAEMON_COMMON_READFILE_H
#define POSTERN_DAEMON_COMMON_READFILE_H

#include "lib/base/bytes.h"

#include <sys/stat.h>

/* The largest file that is read. */
#define READFILE_SIZE_MAX ((size_t)1 << 20)

/*
 * The bytes of a regular file; the caller frees them. `*found` (may be NULL) describes the file at
 * that time. NULL with `*reason`, a static text or strerror()'s.
 */
MUST_USE uint8_t *readfile(const char *path, size_t *len, struct stat *found, const char **reason);

#endif
