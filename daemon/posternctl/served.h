/*
 * served: what the running posternd serves, and what of its configuration is not in force.
 *
 * Only files that the configuration names are read, never a path that posternd tells: root may run
 * this, and posternd does not run as root.
 */
#ifndef POSTERN_DAEMON_POSTERNCTL_SERVED_H
#define POSTERN_DAEMON_POSTERNCTL_SERVED_H

#include "daemon/posternctl/ask.h"
#include "daemon/posternctl/report.h"

/*
 * Asks the posternd at the control socket `path` about itself. ASK_DONE with `*served`, which the
 * caller releases with json_decref(): the answer to "status", and all of its "certificates" and
 * "files"; or another status with `*error`.
 */
MUST_USE enum ask_status served_ask(const char *path, json_t **served, struct conf_error *error);

/* Adds to `array` how the configuration `file`, and all files that it names, differ from what is
 * `served`, and which of them could not be compared. `conf` is what is in the file; NULL if there
 * is a mistake in it, and then nothing else is compared. */
void served_compare(struct report *r, json_t *array, const char *file, const struct conf *conf,
                    const json_t *served);

/* Adds to `array` the certificates whose last renewal has failed: a hook has left CHAIN.failed
 * beside the chain. */
void served_look_for_failed(struct report *r, json_t *array, const struct conf *conf);

/* Prints these findings, and of many files that could not be compared only the first ones; at the
 * end what to run. */
void served_print(const json_t *array, FILE *out);

#endif
