#include "daemon/posternd/workers.h"

#include "daemon/common/log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int workers_plan(struct workers_plan *plan, struct snapshot *snapshot, unsigned number,
                 const struct sockets *sockets)
{
    *plan = (struct workers_plan){.items = calloc(snapshot->num_workers, sizeof *plan->items)};
    if (plan->items == NULL) {
        return -1;
    }
    for (; plan->num < snapshot->num_workers; plan->num++) {
        plan->items[plan->num] = worker_plan_new(&(struct worker_plan_request){
            .snapshot = snapshot, .number = number, .sockets = sockets, .worker = plan->num});
        if (plan->items[plan->num] == NULL) {
            workers_plan_free(plan);
            return -1;
        }
    }
    return 0;
}

void workers_plan_free(struct workers_plan *plan)
{
    for (unsigned i = 0; i < plan->num; i++) {
        if (plan->items[i] != NULL) {
            worker_plan_free(plan->items[i]);
        }
    }
    free(plan->items);
    *plan = (struct workers_plan){0};
}

/* The plan of one worker, which the caller owns from now on. */
static struct worker_plan *take(struct workers_plan *plan, unsigned index)
{
    struct worker_plan *taken = plan->items[index];

    plan->items[index] = NULL;
    return taken;
}

int workers_start(struct workers *workers, struct workers_plan *plan, int news_fd)
{
    unsigned num = plan->num;

    *workers = (struct workers){.items = calloc(num, sizeof *workers->items)};
    for (; workers->items != NULL && workers->num < num; workers->num++) {
        struct worker *worker = worker_start(workers->num, take(plan, workers->num), news_fd);

        if (worker == NULL) {
            break;
        }
        workers->items[workers->num] = worker;
    }
    if (workers->num < num) {
        log_fatal("cannot start worker %u: %s", workers->num, strerror(errno));
        workers_stop(workers);
        workers_join(workers);
    }
    workers_plan_free(plan);
    return workers->num == num ? 0 : -1;
}

void workers_serve(const struct workers *workers, struct workers_plan *plan)
{
    for (unsigned i = 0; i < workers->num; i++) {
        worker_serve(workers->items[i], take(plan, i));
    }
    workers_plan_free(plan);
}

bool workers_all_serve(const struct workers *workers, unsigned number)
{
    for (unsigned i = 0; i < workers->num; i++) {
        if (worker_serves(workers->items[i]) < number) {
            return false;
        }
    }
    return true;
}

bool workers_are_settled(const struct workers *workers, unsigned number)
{
    for (unsigned i = 0; i < workers->num; i++) {
        if (worker_settled(workers->items[i]) < number) {
            return false;
        }
    }
    return true;
}

void workers_drain(const struct workers *workers, unsigned timeout, bool refuse)
{
    for (unsigned i = 0; i < workers->num; i++) {
        worker_drain(workers->items[i], timeout, refuse);
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

bool workers_drain_now(const struct workers *workers)
{
    for (unsigned i = 0; i < workers->num; i++) {
        if (!worker_drains(workers->items[i])) {
            return false;
        }
    }
    return true;
}

void workers_count(const struct workers *workers, struct sessions_left *out)
{
    *out = (struct sessions_left){0};
    for (unsigned i = 0; i < workers->num; i++) {
        struct sessions_left left;

        worker_count(workers->items[i], &left);
        out->stop.sessions += left.stop.sessions;
        out->stop.inside += left.stop.inside;
        out->stop.unanswered += left.stop.unanswered;
        out->waiting += left.waiting;
        out->inside += left.inside;
        out->oldest = left.oldest > out->oldest ? left.oldest : out->oldest;
    }
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
