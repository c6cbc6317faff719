/*
 * ask: a question to the posternd of a configuration.
 */
#ifndef POSTERN_DAEMON_POSTERNCTL_ASK_H
#define POSTERN_DAEMON_POSTERNCTL_ASK_H

#include "lib/admin/conf.h"

#include <jansson.h>

/* How it went; the exit codes of posternctl. */
enum ask_status {
    ASK_DONE = 0,
    ASK_REFUSED = 1, /* posternd refused, or its socket is not open to us */
    ASK_NOBODY = 69, /* no posternd answers: EX_UNAVAILABLE */
};

/*
 * Sends `request` (stolen; NULL counts as no memory) to the posternd of `conf`, and waits for the
 * answer, at most 10 seconds. ASK_DONE with `*answer`, a JSON object that the caller releases with
 * json_decref(); or another status with `*error`: what is wrong, and where.
 */
MUST_USE enum ask_status ask_posternd(const struct conf *conf, json_t *request, json_t **answer,
                                      struct conf_error *error);

/* The same at the control socket `path`, with an answer that may take up to `seconds`. */
MUST_USE enum ask_status ask_at(const char *path, unsigned seconds, json_t *request,
                                json_t **answer, struct conf_error *error);

/* Writes that an answer is not one of posternd's. Returns ASK_NOBODY. */
enum ask_status ask_not_posternd(const struct conf *conf, struct conf_error *error);

#endif
