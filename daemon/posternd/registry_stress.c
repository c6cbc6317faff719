/* The backends' slots: who makes room; and what is said of bounds. */
#include "daemon/posternd/registry_parts.h"

#include "daemon/common/log.h"

#include <unistd.h>

void registry_wake(unsigned worker)
{
    uint64_t one = 1;

    /* An eventfd takes 8 bytes unless its counter is full, and then it can also be read. */
    (void)!write(registry_all.workers[worker].wake_fd, &one, sizeof one);
}

static void tell_bound(enum logline_bound bound, struct bound_news news, enum bound_line which,
                       const struct logline_stress *facts)
{
    char line[LOGLINE_SIZE];
    struct text t = text_in(line, sizeof line);

    if (news.line == which) {
        logline_stress(&t, bound, news, facts);
        log_line(which == BOUND_CROSSED ? LOG_WARNING : LOG_INFO, "%s", line);
    }
}

/* Stress has begun, said or not: workers have to know. */
static void hurry(void)
{
    for (unsigned i = 0; i < registry_all.num_workers; i++) {
        registry_all.workers[i].hurries = true;
        registry_wake(i);
    }
}

void registry_tell_crossing(struct registry_backend *backend, int64_t now)
{
    struct slots *slots = &backend->slots;
    struct logline_stress facts = {
        .backend = backend->name,
        .taken = slots->taken,
        .max = slots->max,
        .evicted = backend->evicted,
        .refused = backend->refused,
    };
    bool begins = slots->stressed && !backend->stress.over;
    struct bound_news stress;
    struct bound_news full;

    bound_set(&backend->stress, slots->stressed);
    bound_set(&backend->full, slots->full);
    atomic_store(&backend->stressed, slots->stressed);
    stress = bound_news(&backend->stress, now);
    full = bound_news(&backend->full, now);
    if (full.line == BOUND_LEFT) {
        backend->evicted = 0;
        backend->refused = 0;
    }
    /* In the order in which they are met. */
    tell_bound(LOGLINE_STRESS, stress, BOUND_CROSSED, &facts);
    tell_bound(LOGLINE_FULL, full, BOUND_CROSSED, &facts);
    tell_bound(LOGLINE_FULL, full, BOUND_LEFT, &facts);
    tell_bound(LOGLINE_STRESS, stress, BOUND_LEFT, &facts);
    if (begins) {
        hurry();
    }
}

void registry_tell_limit(struct registry_limit *limit, int64_t now)
{
    struct bound_news news = bound_news(&limit->full, now);
    char line[LOGLINE_SIZE];
    struct text t = text_in(line, sizeof line);

    switch (news.line) {
    case BOUND_SILENT:
        return;
    case BOUND_CROSSED:
        text_addf(&t, "%s=%u reached: %s", limit->name, limit->max, limit->what);
        break;
    case BOUND_LEFT:
        text_addf(&t, "%s=%u: there is room again", limit->name, limit->max);
        break;
    }
    logline_times(&t, news);
    log_line(news.line == BOUND_CROSSED ? LOG_WARNING : LOG_INFO, "%s", line);
}

bool registry_is_stressed(const struct registry_entry *entry)
{
    return entry->backend != NULL && atomic_load(&entry->backend->stressed);
}

bool registry_find_slot(struct registry_entry *entry, const struct client_key *key,
                        struct registry_entry **victim)
{
    struct registry_backend *backend = entry->backend;
    struct slot *slot;

    if (slots_take(&backend->slots, &entry->slot, key)) {
        return true;
    }
    slot = slots_take_over(&backend->slots, &entry->slot, key);
    if (slot == NULL) {
        backend->refused++;
        return false;
    }
    backend->evicted++;
    *victim = (struct registry_entry *)((char *)slot - offsetof(struct registry_entry, slot));
    (*victim)->evicted = true;
    (*victim)->queued = true;
    TAILQ_INSERT_TAIL(&registry_all.workers[(*victim)->worker].evicted, *victim, next_evicted);
    return true;
}
