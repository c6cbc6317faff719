/*
 * log: writes lines to syslog or standard error, without ever waiting for either.
 *
 * One line per call. A reader that is too slow loses lines: they are counted, and the number is
 * logged with the next line that gets through. Safe to call from every thread. The levels mean:
 * LOG_INFO something happened as it should; LOG_WARNING a client or the backend had a problem;
 * LOG_ERR the setup is wrong; LOG_CRIT this daemon cannot do its work.
 */
#ifndef POSTERN_DAEMON_COMMON_LOG_H
#define POSTERN_DAEMON_COMMON_LOG_H

#include "lib/admin/conf.h"

#include <stdint.h>
#include <syslog.h>

/* Before log_open(), lines go to standard error under the name `program`. */
void log_init(const char *program);

/* From now on lines go where `conf` says, under the name `program`, also those
 * of other threads. `conf` may be freed afterwards. */
void log_open(const struct conf *conf, const char *program);

/* Logs a line (an enum of <syslog.h>: LOG_INFO, ...). Postfix's prefix ("warning: ", "error: ",
 * "fatal: ") is added for LOG_WARNING, LOG_ERR and LOG_CRIT. Control characters become '?'. */
void log_line(int level, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Milliseconds of a clock that never goes back, for bounding lines (lib/base/pace). */
int64_t log_now(void);

#endif
