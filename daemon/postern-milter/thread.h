/*
 * thread: threads that live as long as the process.
 */
#ifndef POSTERN_DAEMON_POSTERN_MILTER_THREAD_H
#define POSTERN_DAEMON_POSTERN_MILTER_THREAD_H

#include "lib/base/bytes.h"

/* Starts a detached thread. 0, or -1 with errno. */
MUST_USE int thread_start(void *(*run)(void *), void *arg);

#endif
