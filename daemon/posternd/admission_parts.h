/* admission_parts: what the log says about limits, only for admission.c. */
#ifndef POSTERN_DAEMON_POSTERND_ADMISSION_PARTS_H
#define POSTERN_DAEMON_POSTERND_ADMISSION_PARTS_H

#include "daemon/posternd/admission.h"
#include "lib/net/limit.h"

/* Logs what is due about a limit, the option `name`; `what` happens to those over it. Call it after
 * each change, and for withheld lines. */
void admission_log_limit(struct limit *limit, const char *name, const char *what, int64_t now);

/* Logs what is due about a backend's slots. */
void admission_log_backend(const struct backend *backend, const struct backends_news *news);

#endif
