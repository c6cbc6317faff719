/*
 * control_parts: the answers of control_facts.c and control_status.c, for control_request.c. For
 * nobody else.
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

/* What is in force, since when, and how many sessions there are. */
json_t *control_answer_status(const json_t *request, struct control_caller *caller,
                              char why[CONTROL_WHY_SIZE]);

/* A page of the certificates in force, and of the files that they and the rest came from. */
json_t *control_answer_certificates(const json_t *request, struct control_caller *caller,
                                    char why[CONTROL_WHY_SIZE]);
json_t *control_answer_files(const json_t *request, struct control_caller *caller,
                             char why[CONTROL_WHY_SIZE]);

#endif
