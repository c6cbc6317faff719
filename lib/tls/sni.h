/*
 * sni: which set of certificates a server name asks for.
 *
 * A sorted array of names, made once for each listener and read by all its workers: a look-up is
 * two binary searches, so that a thousand names cost no more than ten. Names are A-labels, as in
 * server_name (RFC 6066 section 3); case and one final dot do not matter. The asterisk of
 * "*.example.org" matches exactly one label (RFC 6125 section 6.4.3), and an exact name is
 * preferred to it. Nothing is allocated.
 */
#ifndef POSTERN_LIB_TLS_SNI_H
#define POSTERN_LIB_TLS_SNI_H

#include "lib/base/bytes.h"

/* The longest name that is looked up, without a final dot (RFC 1035 section 2.3.4). */
#define SNI_NAME_MAX 253

struct sni_name {
    const char *name; /* borrowed; lower case, exact or "*.suffix" */
    size_t set;       /* what sni_find() returns for it */
};

/* Sorts `num` names for sni_find(). Returns the index of one that is equal to the one before it,
 * which has the same or a lower `set`; or `num` if no name is there twice. */
size_t sni_sort(struct sni_name *names, size_t num);

/* The set of the sorted names that `asked` (server_name as sent) is for, or `fallback`. */
size_t sni_find(const struct sni_name *names, size_t num, struct bytes asked, size_t fallback);

#endif
