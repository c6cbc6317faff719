/* admission_parts: what the log says of limits, for admission.c only. */
#ifndef POSTERN_DAEMON_POSTERND_ADMISSION_PARTS_H
#define POSTERN_DAEMON_POSTERND_ADMISSION_PARTS_H

#include "daemon/posternd/admission.h"
#include "lib/net/limit.h"

/* Says what is due of a limit, the option `name`; `what` becomes of those who are over it. To be
 * called after each change, and for what was withheld. */
void admission_log_limit(struct limit *limit, const char *name, const char *what, int64_t now);

/* Says what is due of a backend's slots. */
void admission_log_backend(const struct backend *backend, const struct backends_news *news);

#endif
