/*
 * control_parts: the answers of control_facts.c, for control_request.c. For nobody else.
 *
 * An answer is NULL without memory, or, with `why`, when the request is refused.
 */
#ifndef POSTERN_DAEMON_POSTERND_CONTROL_PARTS_H
#define POSTERN_DAEMON_POSTERND_CONTROL_PARTS_H

#include "daemon/posternd/control_request.h"

#include <jansson.h>

/* {"session":ID} of a client that a server was told about, or {"session":null}. */
json_t *control_answer_session(const json_t *request, struct control_caller *caller,
                               char why[CONTROL_WHY_SIZE]);

/* {"facts":[...]} of a session's id, or of a client's address and port. */
json_t *control_answer_facts(const json_t *request, struct control_caller *caller,
                             char why[CONTROL_WHY_SIZE]);

#endif
