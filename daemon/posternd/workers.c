#include "daemon/posternd/workers.h"

#include "daemon/common/log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int workers_start(struct workers *workers, struct snapshot *snapshot, const struct sockets *sockets,
                  int news_fd)
{
    *workers = (struct workers){.items = calloc(snapshot->num_workers, sizeof(struct worker *))};
    for (; workers->items != NULL && workers->num < snapshot->num_workers; workers->num++) {
        struct worker *worker = worker_start(snapshot, workers->num, sockets, news_fd);

        if (worker == NULL) {
            break;
        }
        workers->items[workers->num] = worker;
    }
    if (workers->num == snapshot->num_workers) {
        return 0;
    }
    log_fatal("cannot start worker %u: %s", workers->num, strerror(errno));
    workers_stop(workers);
    workers_join(workers);
    return -1;
}

void workers_drain(const struct workers *workers)
{
    for (unsigned i = 0; i < workers->num; i++) {
        worker_drain(workers->items[i]);
    }
}

void workers_stop(const struct workers *workers)
{
    for (unsigned i = 0; i < workers->num; i++) {
        worker_stop(workers->items[i]);
    }
}

void workers_ask(const struct workers *workers)
{
    for (unsigned i = 0; i < workers->num; i++) {
        worker_ask(workers->items[i]);
    }
}

bool workers_have_answered(const struct workers *workers)
{
    for (unsigned i = 0; i < workers->num; i++) {
        if (!worker_has_answered(workers->items[i])) {
            return false;
        }
    }
    return true;
}

bool workers_have_ended(const struct workers *workers)
{
    for (unsigned i = 0; i < workers->num; i++) {
        if (!worker_has_ended(workers->items[i])) {
            return false;
        }
    }
    return true;
}

void workers_join(struct workers *workers)
{
    for (unsigned i = 0; i < workers->num; i++) {
        worker_join(workers->items[i]);
    }
    free(workers->items);
    *workers = (struct workers){0};
}
