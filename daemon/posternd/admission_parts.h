/* admission_parts: what admission.c and admission_bounds.c share. For nobody else. */
#ifndef POSTERN_DAEMON_POSTERND_ADMISSION_PARTS_H
#define POSTERN_DAEMON_POSTERND_ADMISSION_PARTS_H

#include "daemon/posternd/admission.h"

#include "lib/base/pace.h"

#include <stdatomic.h>

struct admission_backend {
    const char *name; /* borrowed from the configuration that it was made for */
    struct slots slots;
    _Atomic bool stressed; /* slots.stressed, for those without the lock */
    struct bound stress;
    struct bound full;
    unsigned evicted; /* sessions that were, since the log has said that there is room, */
    unsigned refused; /* ... clients for whom there was none to evict */
};

/* A limit over all workers and clients. */
struct admission_limit {
    const char *name; /* the option */
    const char *what; /* becomes of those who are over it */
    unsigned count;
    unsigned max;      /* as the last one was asked for; 0: none */
    struct bound full; /* it was reached, and a tenth of it is not free again */
};

/* One more. False if there are `max` already (0: no limit). */
MUST_USE bool admission_limit_take(struct admission_limit *limit, unsigned max);
void admission_limit_release(struct admission_limit *limit);

/* To be called after each change, and for what was withheld: says in the log what is due. */
void admission_limit_log(struct admission_limit *limit, int64_t now);

/* The same after each change of a backend's slots. Whether stress has begun with it, said or not:
 * the workers have to know. */
MUST_USE bool admission_backend_log(struct admission_backend *backend, int64_t now);

#endif
