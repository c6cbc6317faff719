/*
 * failures: the daemon's one store of failed hellos, and its file.
 *
 * All workers add to it, main's thread reads and writes it; a lock is taken only when a handshake
 * has failed, and never held over a system call.
 */
#ifndef POSTERN_DAEMON_POSTERND_FAILURES_H
#define POSTERN_DAEMON_POSTERND_FAILURES_H

#include "lib/admin/conf.h"
#include "lib/admin/failures.h"

#include <event2/event.h>

/* The longest server name of a hello that is complete. */
#define KEPT_SNI_MAX 255

/* A copy of an entry: its `sni` is a view of `name`, its `hello` is empty. */
struct kept_failure {
    struct failure entry;
    uint8_t name[KEPT_SNI_MAX];
};

/*
 * Begins to keep failures as `conf` says; with failures = "disk" reads what was written before. A
 * file that cannot be read is logged and set aside. `base` is main's, where the file is written
 * when something has changed, at most once a minute. Called once, before the workers start. 0, or
 * -1 with `*error`.
 */
MUST_USE int kept_failures_open(const struct conf *conf, struct event_base *base,
                                struct conf_error *error);

/* Writes what has not been written, and forgets all. After the workers have ended. */
void kept_failures_close(void);

/* False with failures = "off". */
bool kept_failures_on(void);

/* Keeps a handshake that has failed now, if it is of a kind that is kept. From any thread. */
void kept_failures_add(const struct failure_event *event);

/* Copies of all entries, the latest first, into `out`, which has room for FAILURES_MAX. Their
 * number. */
size_t kept_failures_list(struct kept_failure *out);

/* A copy of one entry, its hello in `hello`, of which `out->entry.hello` is a view. False if there
 * is no such entry. */
MUST_USE bool kept_failures_find(uint64_t id, struct kept_failure *out,
                                 uint8_t hello[HELLO_SIZE_MAX]);

#endif
