/*
 * address: mail addresses as Postfix tells them, for comparison with rules.
 *
 * May include: lib/admin/policy, libidn2.
 */
#ifndef POSTERN_DAEMON_POSTERN_MILTER_ADDRESS_H
#define POSTERN_DAEMON_POSTERN_MILTER_ADDRESS_H

#include "lib/admin/policy.h"

/* As policy_address(), of an address whose domain may be in UTF-8 (RFC 6531): that becomes its
 * ASCII form, as for a look-up in the DNS. Returns `out`. */
const char *address_plain(const char *address, char out[POLICY_ADDRESS_SIZE]);

#endif
