/*
 * filter: the handling of each connection and mail of Postfix; libmilter's callbacks.
 */
#ifndef POSTERN_DAEMON_POSTERN_MILTER_FILTER_H
#define POSTERN_DAEMON_POSTERN_MILTER_FILTER_H

#include "lib/admin/conf.h"

#include <time.h>

/* Tells libmilter about the callbacks, before its socket is opened. `conf` must outlive it. 0 or
 * -1.
 */
MUST_USE int filter_register(const struct conf *conf);

/* Waits until no callback is running, at most so many seconds. */
void filter_wait(time_t seconds);

#endif
