#include "daemon/common/log.h"
#include "daemon/posternd/descriptors.h"
#include "daemon/posternd/reload_parts.h"
#include "daemon/posternd/thread.h"
#include "lib/net/shares.h"

/* While both exist, addresses of both are open. */
static void raise_limit(const struct snapshot *present, const struct snapshot *next)
{
    descriptors_limit(next->conf, next->num_workers,
                      sockets_count(present->conf) + sockets_count(next->conf), SHARES_MAX);
}

/* The memory for it. 0 or -1. */
static int reserve(struct reload_change *change, const struct conf *conf)
{
    return admission_prepare(&change->admission, conf) != 0 ||
                   directory_prepare(&change->tables, conf->limits.max_sessions) != 0
               ? -1
               : 0;
}

/* The sockets last: clients connect to them as soon as they are open. */
int reload_prepare(struct reload_change *change, const struct reload_force *force,
                   struct snapshot *next, const struct reload_setup *setup,
                   struct conf_error *error)
{
    const struct snapshot *present = force->snapshot;

    if (present != NULL &&
        conf_check_reload(present->conf, next->conf, next->num_workers, error) != 0) {
        return -1;
    }
    if (reserve(change, next->conf) != 0) {
        return conf_fail(error, next->conf, 0, "out of memory");
    }
    if (present != NULL) {
        raise_limit(present, next);
    }
    if (present != NULL &&
        sockets_open(setup->sockets, next->conf, next->num_workers, error) != 0) {
        return -1;
    }
    if (workers_plan(&change->plan, next, force->number + 1, setup->sockets) != 0) {
        return conf_fail(error, next->conf, 0, "out of memory");
    }
    return 0;
}

/* In force for sessions that begin from now on: their backends are known before a worker is told.
 */
static void bring_into_force(struct reload_change *change, struct reload_force *force,
                             struct snapshot *next)
{
    admission_renew(&change->admission, thread_now());
    directory_renew(&change->tables);
    if (force->snapshot != NULL) {
        snapshot_unref(force->snapshot);
    }
    force->snapshot = next;
    force->number++;
}

void reload_renew(struct reload_change *change, struct reload_force *force, struct snapshot *next,
                  const struct reload_setup *setup, const struct workers *workers)
{
    log_open(next->conf, next->conf->syslog_name.text);
    sockets_log(setup->sockets, next->conf, force->snapshot->conf);
    bring_into_force(change, force, next);
    workers_serve(workers, &change->plan);
    sockets_leave(setup->sockets, next->conf);
}

int reload_begin(struct reload_change *change, struct reload_force *force, struct snapshot *first,
                 struct workers *workers, int news_fd)
{
    bring_into_force(change, force, snapshot_ref(first));
    return workers_start(workers, &change->plan, news_fd);
}

void reload_discard(struct reload_change *change)
{
    admission_discard(&change->admission);
    directory_discard(&change->tables);
    workers_plan_free(&change->plan);
}
