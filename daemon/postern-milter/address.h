/*
 * address: mail addresses as Postfix reports them, for comparison with rules.
 */
#ifndef POSTERN_DAEMON_POSTERN_MILTER_ADDRESS_H
#define POSTERN_DAEMON_POSTERN_MILTER_ADDRESS_H

#include "lib/admin/policy.h"

/* Like policy_address_read(), for the whole address as Postfix reports it. Its domain may be in
 * UTF-8 (RFC 6531): that becomes its ASCII form, as for a look-up in the DNS, and is not known if
 * it has none or two. */
void address_read(struct policy_address *out, struct bytes address, bool resolved);

#endif
