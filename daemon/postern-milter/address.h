/*
 * address: mail addresses as Postfix tells them, for comparison with rules.
 */
#ifndef POSTERN_DAEMON_POSTERN_MILTER_ADDRESS_H
#define POSTERN_DAEMON_POSTERN_MILTER_ADDRESS_H

#include "lib/admin/policy.h"

/* As policy_address_read(), of the whole address as Postfix tells it. Its domain may be in UTF-8
 * (RFC 6531): that becomes its ASCII form, as for a look-up in the DNS, and is not known if it has
 * none or two. */
void address_read(struct policy_address *out, struct bytes address, bool resolved);

#endif
