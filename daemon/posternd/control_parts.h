/*
 * control_parts: the answers that have their own files, only for control_request.c and these files.
 *
 * An answer is NULL without memory, or, with `why`, when the request is refused.
 */
#ifndef POSTERN_DAEMON_POSTERND_CONTROL_PARTS_H
#define POSTERN_DAEMON_POSTERND_CONTROL_PARTS_H

#include "daemon/posternd/control_request.h"

#include <jansson.h>

/* control_request.c: a string of bytes from a client, escaped as in the log. */
json_t *control_text(struct bytes raw);

/* control_facts.c: {"session":ID} of a client that a server was told about, or {"session":null}. */
json_t *control_answer_session(const json_t *request, char why[CONTROL_WHY_SIZE]);

/* control_facts.c: {"facts":[...]} of a session's id, or of a client's address and port. */
json_t *control_answer_facts(const json_t *request, char why[CONTROL_WHY_SIZE]);

#endif
