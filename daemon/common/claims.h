/*
 * claims: what the claims of PROXY headers are checked against, gathered from a configuration.
 */
#ifndef POSTERN_DAEMON_COMMON_CLAIMS_H
#define POSTERN_DAEMON_COMMON_CLAIMS_H

#include "lib/admin/conf.h"
#include "lib/net/claim.h"

/* The addresses of all listeners, including those of a trial, and the networks of every
 * accept_proxy_from, in arrays that claims_free() frees. 0, or -1 without memory. */
MUST_USE int claims_gather(struct claim_rules *out, const struct conf *conf);

void claims_free(struct claim_rules *rules);

#endif
