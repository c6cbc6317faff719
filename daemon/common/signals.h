/*
 * signals: which signals mean something to a daemon, and that no mistaken one ends it.
 *
 * SIGTERM, SIGINT and SIGQUIT stop it, SIGHUP is the program's. Of the rest, those whose default
 * is to end a process and that somebody may send by mistake (SIGUSR1, SIGUSR2, SIGALRM and the
 * other timers, SIGIO, SIGPWR, SIGSTKFLT, those of resource limits, SIGRTMIN to SIGRTMAX) are taken
 * and only logged. SIGPIPE is ignored without a word: the kernel itself sends it. Left as they are:
 * faults of the program itself (SIGSEGV, SIGABRT, ...), what cannot be taken (the two below
 * SIGRTMIN are the C library's), and job control.
 *
 * All are blocked in all threads, and taken one after the other in one place, by signalfd() or
 * sigtimedwait(): no handler interrupts anything.
 */
#ifndef POSTERN_DAEMON_COMMON_SIGNALS_H
#define POSTERN_DAEMON_COMMON_SIGNALS_H

#include "lib/base/bytes.h"

#include <signal.h>
#include <sys/types.h>

/* The first thing in main(): blocks all but those that stop the program. They are kept until they
 * are taken. */
void signals_hold(void);

/* Blocks those that stop it as well, in this thread and in all that it starts; the set of all that
 * have to be taken from now on. */
sigset_t signals_take_over(void);

/* Whether the signal stops the program, which is logged. */
MUST_USE bool signals_stop(int number);

/* Logs that a signal which was sent by a process `pid` of user `uid` is ignored, once a minute for
 * each signal. `why`: the end of the line, or "". Not thread-safe. */
void signals_ignored(int number, uid_t uid, pid_t pid, const char *why);

#endif
