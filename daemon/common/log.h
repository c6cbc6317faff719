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

/* The first call of a daemon. Before log_open(), lines go to standard error under the name
 * `program`. */
void log_init(const char *program);

/* Somebody has only asked a question (-t): not even log_fatal() reaches syslog. */
void log_answer(void);

/* From now on lines go where `conf` says, under the name `program`, also those
 * of other threads. `conf` may be freed afterwards. */
void log_open(const struct conf *conf, const char *program);

/* Logs a line (an enum of <syslog.h>: LOG_INFO, ...). Postfix's prefix ("warning: ", "error: ",
 * "fatal: ") is added for LOG_WARNING, LOG_ERR and LOG_CRIT. Control characters become '?'. */
void log_line(int level, const char *format, ...) __attribute__((format(printf, 2, 3)));

/*
 * Says why this program cannot start, or ends: at LOG_CRIT to syslog, unless log_open() has said
 * that lines go to standard error, and without prefix to standard error, for the one who has typed
 * the command. Once, if both lead to systemd's journal.
 */
void log_fatal(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Milliseconds of a clock that never goes back, for bounding lines (lib/base/pace). */
int64_t log_now(void);

#endif
