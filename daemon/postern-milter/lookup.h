/*
 * lookup: asking posternd over its control socket, from many threads and in bounded time.
 */
#ifndef POSTERN_DAEMON_POSTERN_MILTER_LOOKUP_H
#define POSTERN_DAEMON_POSTERN_MILTER_LOOKUP_H

#include "lib/admin/conf.h"
#include "lib/admin/record.h"

/* Milliseconds for one question, including the wait for a connection. Postfix waits 30 s for a
 * milter, and its client for both. */
#define LOOKUP_TIMEOUT_MS 3000

/* Connections to posternd at one time. */
#define LOOKUP_CONNECTIONS 4

/* From now on posternd is asked at conf->control. `conf` must outlive this. */
void lookup_init(const struct conf *conf);

/*
 * The id of the session between these addresses, as Postfix got them. `id` becomes "" if posternd
 * cannot say. 0, or -1 if it does not answer, which is logged when it begins and when it ends, each
 * at most once a minute.
 */
MUST_USE int lookup_session(const struct addr *client, const struct addr *destination,
                            char id[RECORD_ID_SIZE]);

/* What is known about the session `id`; not known if there is no such session (any more). 0, or -1
 * as above. */
MUST_USE int lookup_record(const char *id, struct record *out);

/* Writes the withheld log lines about posternd's silence that are due. */
void lookup_tell_withheld(void);

#endif
