/*
 * summary: what the supervisor shows people about this process (`systemctl status`), in one line.
 */
#ifndef POSTERN_DAEMON_POSTERND_SUMMARY_H
#define POSTERN_DAEMON_POSTERND_SUMMARY_H

#include "daemon/tls/snapshot.h"

/* The snapshot is what is served now: how many of everything, and since when. */
void summary_serving(const struct snapshot *snapshot);

/* A reload has failed, with this text; `snapshot` is still what is served. */
void summary_not_reloaded(const struct snapshot *snapshot, const char *text);

#endif
