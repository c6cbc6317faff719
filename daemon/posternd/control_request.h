/*
 * control_request: what the control socket answers. Only control.c is meant to call this.
 */
#ifndef POSTERN_DAEMON_POSTERND_CONTROL_REQUEST_H
#define POSTERN_DAEMON_POSTERND_CONTROL_REQUEST_H

#include "lib/base/bytes.h"

/* Room for why a request was refused. */
#define CONTROL_WHY_SIZE 128

/* The answer to one request: a line with its end, freed with free(); NULL without memory. `why`
 * becomes why it was refused, or "". */
MUST_USE char *control_answer(struct bytes request, char why[CONTROL_WHY_SIZE]);

#endif
