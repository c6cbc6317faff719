/* What the files of snapshot share. */
#ifndef POSTERN_DAEMON_TLS_SNAPSHOT_PARTS_H
#define POSTERN_DAEMON_TLS_SNAPSHOT_PARTS_H

#include "daemon/tls/snapshot.h"

/* Calls `warn` for everything in a configuration that is allowed but probably not intended. `keys`
 * are its certificates, and `tls` what its listeners have become (NULL without TLS). */
void snapshot_warn(const struct conf *conf, void (*warn)(const char *text),
                   const struct keystore *keys, struct tls_listener *const *tls);

/* Fills `files` of a snapshot, whose conf is set; `configuration` is the SHA-256 of that one's
 * file. 0, or -1 without memory. */
MUST_USE int snapshot_list_files(struct snapshot *s, const struct keyfiles *files,
                                 const uint8_t configuration[KEYFILE_SHA256_SIZE]);

#endif
