/* The backends' slots: who makes room; and what is said of bounds. */
#include "daemon/posternd/registry_parts.h"

#include "daemon/common/log.h"

#include <unistd.h>

void registry_wake(unsigned worker)
{
    uint64_t one = 1;

    /* An eventfd takes 8 bytes unless its counter is full, and then it can be read, too. */
    (void)!write(registry_all.workers[worker].wake_fd, &one, sizeof one);
}

struct crossing registry_note_crossing(struct registry_backend *backend, int64_t now)
{
    struct slots *slots = &backend->slots;
    struct crossing c = {
        .facts = {.backend = backend->name, .taken = slots->taken, .max = slots->max},
    };

    if (bound_set(&backend->stress, slots->stressed)) {
        atomic_store(&backend->stressed, slots->stressed);
        c.hurry = slots->stressed;
    }
    for (unsigned i = 0; c.hurry && i < registry_all.num_workers; i++) {
        registry_all.workers[i].hurries = true;
    }
    (void)bound_set(&backend->full, slots->full);
    c.stress = bound_news(&backend->stress, now);
    c.full = bound_news(&backend->full, now);
    if (c.full.line == BOUND_LEFT) {
        c.facts.evicted = backend->evicted;
        c.facts.refused = backend->refused;
        backend->evicted = 0;
        backend->refused = 0;
    }
    return c;
}

static void tell_bound(const struct crossing *c, enum logline_bound bound, struct bound_news news,
                       enum bound_line which)
{
    char line[LOGLINE_SIZE];
    struct text t = text_in(line, sizeof line);

    if (news.line == which) {
        logline_stress(&t, bound, news, &c->facts);
        log_line(which == BOUND_CROSSED ? LOG_WARNING : LOG_INFO, "%s", line);
    }
}

void registry_tell_crossing(const struct crossing *c)
{
    /* In the order in which they are met. */
    tell_bound(c, LOGLINE_STRESS, c->stress, BOUND_CROSSED);
    tell_bound(c, LOGLINE_FULL, c->full, BOUND_CROSSED);
    tell_bound(c, LOGLINE_FULL, c->full, BOUND_LEFT);
    tell_bound(c, LOGLINE_STRESS, c->stress, BOUND_LEFT);
    for (unsigned i = 0; c->hurry && i < registry_all.num_workers; i++) {
        registry_wake(i);
    }
}

struct limit_news registry_note_limit(struct registry_limit *limit, int64_t now)
{
    return (struct limit_news){
        .name = limit->name,
        .what = limit->what,
        .max = limit->max,
        .news = bound_news(&limit->full, now),
    };
}

void registry_tell_limit(const struct limit_news *n)
{
    char line[LOGLINE_SIZE];
    struct text t = text_in(line, sizeof line);

    switch (n->news.line) {
    case BOUND_SILENT:
        return;
    case BOUND_CROSSED:
        text_addf(&t, "%s=%u reached: %s", n->name, n->max, n->what);
        break;
    case BOUND_LEFT:
        text_addf(&t, "%s=%u: there is room again", n->name, n->max);
        break;
    }
    logline_times(&t, n->news);
    log_line(n->news.line == BOUND_CROSSED ? LOG_WARNING : LOG_INFO, "%s", line);
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
