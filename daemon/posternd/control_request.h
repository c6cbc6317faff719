/*
 * control_request: what the control socket answers. Only control.c is meant to call this.
 */
#ifndef POSTERN_DAEMON_POSTERND_CONTROL_REQUEST_H
#define POSTERN_DAEMON_POSTERND_CONTROL_REQUEST_H

#include "daemon/posternd/reload.h"

#include <sys/types.h>

/* Room for why a request was refused. */
#define CONTROL_WHY_SIZE 128

/* Who asks. */
struct control_caller {
    uid_t uid;
    struct reload_waiter *waiter; /* of a reload, if the answer has to wait for one */
    bool waits;                   /* out: there is no answer yet */
};

/* The answer to one request: a line with its end, freed with free(); NULL without memory, or, with
 * caller->waits, while it is not known yet. `why` becomes why it was refused, or "". */
MUST_USE char *control_answer(struct bytes request, struct control_caller *caller,
                              char why[CONTROL_WHY_SIZE]);

/* The answer after a reload, likewise. */
MUST_USE char *control_answer_reload(const struct reload_result *result);

#endif
