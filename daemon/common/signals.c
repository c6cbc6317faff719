#include "daemon/common/signals.h"

#include "daemon/common/log.h"
#include "lib/base/pace.h"

#include <stdio.h>
#include <string.h>

/* Room for "RTMIN+" and any number. */
enum { NAME_SIZE = 24 };

static const int stopping[] = {SIGTERM, SIGINT, SIGQUIT};

/* Those that would end the process. */
static const int mistaken[] = {
    SIGUSR1,   SIGUSR2, SIGALRM, SIGVTALRM, SIGPROF, SIGIO, SIGPWR, SIGXCPU, SIGXFSZ,
#ifdef SIGSTKFLT
    SIGSTKFLT,
#endif
};

static void add(sigset_t *set, const int *numbers, size_t num)
{
    for (size_t i = 0; i < num; i++) {
        sigaddset(set, numbers[i]);
    }
}

static sigset_t held(void)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGHUP);
    add(&set, mistaken, sizeof mistaken / sizeof mistaken[0]);
    for (int number = SIGRTMIN; number <= SIGRTMAX; number++) {
        sigaddset(&set, number);
    }
    return set;
}

void signals_hold(void)
{
    sigset_t set = held();

    signal(SIGPIPE, SIG_IGN);
    sigprocmask(SIG_BLOCK, &set, NULL);
}

sigset_t signals_take_over(void)
{
    sigset_t set = held();

    add(&set, stopping, sizeof stopping / sizeof stopping[0]);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    return set;
}

/* "TERM", "RTMIN+3" */
static const char *name_of(int number, char room[NAME_SIZE])
{
    const char *name = sigabbrev_np(number);

    if (name != NULL) {
        return name;
    }
    snprintf(room, NAME_SIZE, "RTMIN+%d", number - SIGRTMIN);
    return room;
}

bool signals_stop(int number)
{
    char room[NAME_SIZE];

    for (size_t i = 0; i < sizeof stopping / sizeof stopping[0]; i++) {
        if (number == stopping[i]) {
            log_line(LOG_INFO, "stopping: signal %s", name_of(number, room));
            return true;
        }
    }
    return false;
}

void signals_ignored(int number, uid_t uid, pid_t pid)
{
    static struct pace paces[_NSIG];
    char room[NAME_SIZE];
    unsigned times;

    times = pace_note(&paces[number], 1, log_now());
    if (times > 0) {
        log_line(LOG_WARNING, "signal %s from uid=%u pid=%d ignored times=%u",
                 name_of(number, room), uid, (int)pid, times);
    }
}
