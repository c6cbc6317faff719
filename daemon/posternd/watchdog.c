#include "daemon/posternd/watchdog.h"

#include "daemon/posternd/notify.h"

/* How often workers are asked within the supervisor's limit. */
enum { TIMES = 4 };

static void ask(struct watchdog *dog)
{
    if (!dog->asked) {
        dog->asked = true;
        workers_ask(dog->workers);
    }
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    ask(arg);
}

int watchdog_open(struct watchdog *dog, struct event_base *base)
{
    if (notify_watchdog_limit() == 0) {
        return 0;
    }
    dog->timer = event_new(base, -1, EV_PERSIST, on_timer, dog);
    return dog->timer == NULL ? -1 : 0;
}

void watchdog_begin(struct watchdog *dog, const struct workers *workers)
{
    unsigned interval = notify_watchdog_limit() / TIMES + 1;
    struct timeval time = {.tv_sec = interval / 1000, .tv_usec = interval % 1000 * 1000};

    dog->workers = workers;
    /* Without memory for the timer it is not a worker that fails: the supervisor decides. */
    if (dog->timer != NULL && event_add(dog->timer, &time) == 0) {
        ask(dog);
    }
}

void watchdog_news(struct watchdog *dog)
{
    if (dog->asked && workers_have_answered(dog->workers)) {
        dog->asked = false;
        notify_watchdog();
    }
}

void watchdog_close(struct watchdog *dog)
{
    if (dog->timer != NULL) {
        event_free(dog->timer);
    }
    *dog = (struct watchdog){0};
}
