/*
 * signals: which signals mean something to a daemon; no signal sent by mistake ends it.
 *
 * SIGTERM, SIGINT and SIGQUIT stop it; SIGHUP is for the program. Of the rest, those whose default
 * is to end a process and that somebody may send by mistake (SIGUSR1, SIGUSR2, SIGALRM and the
 * other timers, SIGIO, SIGPWR, SIGSTKFLT, those of resource limits, SIGRTMIN to SIGRTMAX) are taken
 * and only logged. SIGPIPE is silently ignored: the kernel itself sends it. Unchanged are faults of
 * the program itself (SIGSEGV, SIGABRT, ...), signals that cannot be taken (the two below SIGRTMIN
 * are the C library's), and job control.
 *
 * All are blocked in all threads, and taken one by one in one place, by signalfd() or
 * sigtimedwait(): no handler interrupts anything.
 */
#ifndef POSTERN_DAEMON_COMMON_SIGNALS_H
#define POSTERN_DAEMON_COMMON_SIGNALS_H

#include "lib/base/bytes.h"

#include <signal.h>
#include <sys/types.h>

/* The first call in main(): blocks all but those that stop the program. They stay pending until
 * they are taken. */
void signals_hold(void);

/* Also blocks those that stop it, in this thread and in all that it starts; returns the set of all
 * signals that have to be taken from now on. */
sigset_t signals_take_over(void);

/* Whether the signal stops the program, which is logged. */
MUST_USE bool signals_stop(int number);

/* Logs that a signal from process `pid` of user `uid` is ignored, once a minute for each signal.
 * Not thread-safe. */
void signals_ignored(int number, uid_t uid, pid_t pid);

#endif
