/*
 * hostname: names of hosts and domains, in their ASCII form.
 */
#ifndef POSTERN_LIB_NET_HOSTNAME_H
#define POSTERN_LIB_NET_HOSTNAME_H

#include "lib/base/bytes.h"

/* The longest name, without a final dot (RFC 1035 section 2.3.4). */
#define HOSTNAME_MAX 253

/* Whether these bytes are a host name: labels of letters, digits and hyphens, a hyphen neither
 * first nor last (RFC 1123 section 2.1), with dots between them and none at the end. */
bool hostname_is_good(const char *name, size_t len);

/* Makes A to Z of these bytes lower case; no other byte changes. */
void hostname_to_lower(char *name, size_t len);

#endif
