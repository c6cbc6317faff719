/*
 * passed: the numbers and names with which a supervisor passes descriptors (LISTEN_FDS and its
 * companions, sd_listen_fds(3)).
 */
#ifndef POSTERN_LIB_NET_PASSED_H
#define POSTERN_LIB_NET_PASSED_H

#include "lib/base/bytes.h"

/* Room for a name, NUL included: systemd's FDNAME_MAX, and NUL. */
#define PASSED_NAME_SIZE 256

/* Reads a decimal number of at most `max`, without sign and blanks. False: it is none. */
MUST_USE bool passed_number(const char *text, uint64_t max, uint64_t *out);

/* Copies the first of the names in `*names`, which colons separate, cut to the room there is, and
 * moves `*names` to the next one. "" when there is none any more. */
void passed_name(const char **names, char out[PASSED_NAME_SIZE]);

/* The name of a listening socket of ours with this serial number, "l-1". */
void passed_listener_name(uint64_t serial, char *out, size_t size);

/* Whether it is such a name, exactly as above, and one may still follow it. */
MUST_USE bool passed_serial(const char *name, uint64_t *out);

#endif
