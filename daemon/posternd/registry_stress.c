/* The backends' slots: who makes room, and what is said of it. */
#include "daemon/posternd/registry_parts.h"

#include "daemon/common/log.h"

#include <unistd.h>

void registry_wake(unsigned worker)
{
    uint64_t one = 1;

    /* An eventfd takes 8 bytes unless its counter is full, and then it can be read, too. */
    (void)!write(registry_all.workers[worker].wake_fd, &one, sizeof one);
}

struct crossing registry_note_crossing(struct registry_backend *backend)
{
    struct slots *slots = &backend->slots;
    struct crossing c = {
        .news = slots_news(slots),
        .facts = {.backend = backend->name, .taken = slots->taken, .max = slots->max},
    };

    if ((c.news & (SLOTS_STRESS | SLOTS_CALM)) != 0) {
        atomic_store(&backend->stressed, slots->stressed);
    }
    if ((c.news & SLOTS_STRESS) != 0) {
        for (unsigned i = 0; i < registry_all.num_workers; i++) {
            registry_all.workers[i].hurries = true;
        }
    }
    if ((c.news & SLOTS_SPARE) != 0) {
        c.facts.evicted = backend->evicted;
        c.facts.refused = backend->refused;
        backend->evicted = 0;
        backend->refused = 0;
    }
    return c;
}

void registry_tell_crossing(const struct crossing *c)
{
    static const struct {
        enum slots_news news;
        enum logline_crossing crossing;
        int level;
    } lines[] = {
        {SLOTS_STRESS, LOGLINE_STRESS, LOG_WARNING},
        {SLOTS_FULL, LOGLINE_FULL, LOG_WARNING},
        {SLOTS_SPARE, LOGLINE_SPARE, LOG_INFO},
        {SLOTS_CALM, LOGLINE_CALM, LOG_INFO},
    };

    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        char line[LOGLINE_SIZE];
        struct text t = text_in(line, sizeof line);

        if ((c->news & lines[i].news) != 0) {
            logline_stress(&t, lines[i].crossing, &c->facts);
            log_line(lines[i].level, "%s", line);
        }
    }
    if ((c->news & SLOTS_STRESS) != 0) {
        for (unsigned i = 0; i < registry_all.num_workers; i++) {
            registry_wake(i);
        }
    }
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
