/* What the files of snapshot share. */
#ifndef POSTERN_DAEMON_TLS_SNAPSHOT_PARTS_H
#define POSTERN_DAEMON_TLS_SNAPSHOT_PARTS_H

#include "daemon/tls/snapshot.h"

/* Calls `warn` for everything in a configuration that is allowed but probably not intended. `keys`
 * are its certificates, and `tls` what its listeners have become (NULL without TLS). */
void snapshot_warn(const struct conf *conf, void (*warn)(const char *text),
                   const struct keystore *keys, struct tls_listener *const *tls);

#endif
