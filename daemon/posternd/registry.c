/*
 * Theory of operation.
 *
 * One mutex guards everything here and in the entries of all sessions. Only a session's own worker
 * adds, changes and removes its entry; but another worker may evict it: it takes the entry's slot
 * away, puts the entry into the queue of its worker, and wakes that worker. The entry, and the
 * session around it, stays valid until its own worker calls registry_leave(), which also takes it
 * out of the queue.
 *
 * What has to be said in the log is said under the mutex, so that lines stand in the order of what
 * they tell: it is a few lines a minute, and log_line() never waits.
 *
 * registry.c has the coming and going, registry_stress.c the backends' slots, registry_find.c what
 * is known of a session.
 */
#include "daemon/posternd/registry_parts.h"

#include "daemon/common/log.h"

#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <unistd.h>

struct registry registry_all = {
    .lock = PTHREAD_MUTEX_INITIALIZER,
    .sessions = {.name = "max_sessions", .what = "new clients get 421"},
    .handshakes = {.name = "max_handshakes", .what = "STARTTLS gets 421"},
};

void registry_lock(void)
{
    pthread_mutex_lock(&registry_all.lock);
}

void registry_unlock(void)
{
    pthread_mutex_unlock(&registry_all.lock);
}

/* --- making and freeing --- */

static int open_backends(const struct conf *conf)
{
    registry_all.backends = calloc(conf->num_backends, sizeof *registry_all.backends);
    if (registry_all.backends == NULL) {
        return -1;
    }
    for (; registry_all.num_backends < conf->num_backends; registry_all.num_backends++) {
        struct registry_backend *backend = &registry_all.backends[registry_all.num_backends];
        const struct conf_backend *from = &conf->backends[registry_all.num_backends];

        backend->name = from->name;
        if (slots_open(&backend->slots, from->max_connections, registry_all.secret) != 0) {
            slots_close(&backend->slots);
            return -1;
        }
    }
    return 0;
}

static int open_workers(unsigned num)
{
    registry_all.workers = calloc(num, sizeof *registry_all.workers);
    if (registry_all.workers == NULL) {
        return -1;
    }
    for (; registry_all.num_workers < num; registry_all.num_workers++) {
        struct registry_worker *worker = &registry_all.workers[registry_all.num_workers];

        TAILQ_INIT(&worker->evicted);
        worker->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (worker->wake_fd < 0) {
            return -1;
        }
    }
    return 0;
}

int registry_open(const struct conf *conf, unsigned num_workers)
{
    size_t max = conf->limits.max_sessions;

    if (getrandom(registry_all.secret, sizeof registry_all.secret, 0) !=
        (ssize_t)sizeof registry_all.secret) {
        return -1;
    }
    registry_all.num_heads = 1;
    while (registry_all.num_heads < max) {
        registry_all.num_heads *= 2;
    }
    registry_all.by_id = calloc(registry_all.num_heads, sizeof *registry_all.by_id);
    registry_all.by_client = calloc(registry_all.num_heads, sizeof *registry_all.by_client);
    registry_all.gone = calloc(registry_all.num_heads, sizeof *registry_all.gone);
    if (registry_all.by_id == NULL || registry_all.by_client == NULL || registry_all.gone == NULL) {
        return -1;
    }
    /* As many clients again as have sessions are remembered. */
    if (tally_open(&registry_all.tally, 2 * max, registry_all.secret) != 0 ||
        open_backends(conf) != 0) {
        return -1;
    }
    return open_workers(num_workers);
}

void registry_close(void)
{
    for (unsigned i = 0; i < registry_all.num_workers; i++) {
        close(registry_all.workers[i].wake_fd);
    }
    for (size_t i = 0; i < registry_all.num_backends; i++) {
        slots_close(&registry_all.backends[i].slots);
    }
    tally_close(&registry_all.tally);
    free(registry_all.workers);
    free(registry_all.backends);
    free(registry_all.by_id);
    free(registry_all.by_client);
    free(registry_all.gone);
}

/* --- limits of all clients together. With the lock --- */

/* One more. False if there are `max` already (0: no bound). */
static bool limit_take(struct registry_limit *limit, unsigned max)
{
    limit->max = max;
    if (max > 0 && limit->count >= max) {
        bound_set(&limit->full, true);
        return false;
    }
    limit->count++;
    return true;
}

static void limit_give(struct registry_limit *limit)
{
    limit->count--;
    if (limit->count < limit->max - limit->max / 10) {
        bound_set(&limit->full, false);
    }
}

/* --- coming and going --- */

bool registry_admit(unsigned max, int64_t now)
{
    bool room;

    registry_lock();
    room = limit_take(&registry_all.sessions, max);
    registry_tell_limit(&registry_all.sessions, now);
    registry_unlock();
    return room;
}

void registry_dismiss(int64_t now)
{
    registry_lock();
    limit_give(&registry_all.sessions);
    registry_tell_limit(&registry_all.sessions, now);
    registry_unlock();
}

static bool is_exempt(const struct conf *conf, const struct addr *a)
{
    return prefix_any_contains(conf->limits.exempt.items, conf->limits.exempt.num, a);
}

/* The bound `max` (0: none) of a client that has `count`. With the lock. */
static struct registry_answer judge(struct tally_client *client, unsigned count, unsigned max,
                                    enum tally_refusal what, int64_t now)
{
    struct registry_answer answer = {.verdict = REGISTRY_WELCOME};

    if (max > 0 && count > max) {
        answer.verdict = REGISTRY_CLIENT_OVER;
        answer.count = count;
        answer.refused = tally_refused(&registry_all.tally, client, what, now);
    }
    return answer;
}

/* With the lock. `*victim`: whose worker is to be woken. */
static struct registry_answer join(struct registry_entry *entry, unsigned max_of_client,
                                   int64_t now, struct registry_entry **victim)
{
    struct registry_answer answer = {.verdict = REGISTRY_WELCOME};
    struct client_key key = client_key_of(&entry->client_addr);

    entry->client = tally_enter(&registry_all.tally, &entry->client_addr, now);
    if (entry->client != NULL) {
        answer =
            judge(entry->client, entry->client->sessions, max_of_client, TALLY_NO_SESSION, now);
    }
    if (answer.verdict == REGISTRY_WELCOME && !registry_find_slot(entry, &key, victim)) {
        answer.verdict = REGISTRY_BACKEND_FULL;
    }
    if (answer.verdict != REGISTRY_WELCOME) {
        if (entry->client != NULL) {
            tally_leave(&registry_all.tally, entry->client, now);
        }
        return answer;
    }
    LIST_INSERT_HEAD(registry_chain_of_id(entry->id), entry, by_id);
    LIST_INSERT_HEAD(registry_chain_of_client(&entry->client_addr), entry, by_client);
    registry_tell_crossing(entry->backend, now);
    return answer;
}

struct registry_answer registry_join(struct registry_entry *entry,
                                     const struct registry_request *request, int64_t now)
{
    const struct conf *conf = request->conf;
    bool exempt = is_exempt(conf, &request->client);
    struct registry_entry *victim = NULL;
    unsigned wake_up = 0;
    struct registry_answer answer;

    *entry = (struct registry_entry){
        .backend = &registry_all.backends[request->listener->backend - conf->backends],
        .owner = request->owner,
        .id = request->id,
        .listener = request->listener->name,
        .client_addr = request->client,
        .destination = request->destination,
        .worker = request->worker,
    };
    addr_unmap(&entry->client_addr);
    addr_unmap(&entry->destination);
    registry_lock();
    answer = join(entry, exempt ? 0 : conf->limits.max_sessions_per_client, now, &victim);
    if (victim != NULL) {
        wake_up = victim->worker;
    }
    registry_unlock();
    if (answer.verdict != REGISTRY_WELCOME) {
        *entry = (struct registry_entry){0};
    }
    if (victim != NULL) {
        registry_wake(wake_up);
    }
    return answer;
}

bool registry_settle(struct registry_entry *entry)
{
    bool evicted;

    if (entry->backend == NULL) {
        return true;
    }
    registry_lock();
    evicted = entry->evicted;
    slots_settle(&entry->backend->slots, &entry->slot);
    registry_unlock();
    return !evicted;
}

/* With the lock. */
static void handshake_over(struct registry_entry *entry, int64_t now)
{
    if (entry->shaking) {
        limit_give(&registry_all.handshakes);
    }
    entry->shaking = false;
    registry_tell_limit(&registry_all.handshakes, now);
}

void registry_give_slot(struct registry_entry *entry, int64_t now)
{
    if (entry->backend == NULL) {
        return;
    }
    registry_lock();
    slots_give(&entry->backend->slots, &entry->slot);
    registry_tell_crossing(entry->backend, now);
    registry_unlock();
}

void registry_leave(struct registry_entry *entry, int64_t now)
{
    if (entry->backend == NULL) {
        return;
    }
    registry_lock();
    handshake_over(entry, now);
    slots_give(&entry->backend->slots, &entry->slot);
    registry_tell_crossing(entry->backend, now);
    LIST_REMOVE(entry, by_id);
    LIST_REMOVE(entry, by_client);
    registry_remember_gone(entry, now);
    if (entry->queued) {
        TAILQ_REMOVE(&registry_all.workers[entry->worker].evicted, entry, next_evicted);
    }
    if (entry->client != NULL) {
        tally_leave(&registry_all.tally, entry->client, now);
    }
    registry_unlock();
    registry_free_tls(entry->tls);
    *entry = (struct registry_entry){0};
}

/* --- handshakes --- */

struct registry_answer registry_handshake(struct registry_entry *entry, const struct conf *conf,
                                          int64_t now)
{
    struct registry_answer answer = {.verdict = REGISTRY_WELCOME};
    bool exempt = is_exempt(conf, &entry->client_addr);

    if (conf->limits.max_handshakes == 0 && conf->limits.max_handshakes_per_client == 0) {
        return answer;
    }
    registry_lock();
    if (entry->client != NULL && !exempt) {
        answer = judge(entry->client, tally_handshake(entry->client, now),
                       conf->limits.max_handshakes_per_client, TALLY_NO_HANDSHAKE, now);
    }
    if (answer.verdict == REGISTRY_WELCOME) {
        entry->shaking = limit_take(&registry_all.handshakes, conf->limits.max_handshakes);
        answer.verdict = entry->shaking ? REGISTRY_WELCOME : REGISTRY_BUSY;
    }
    registry_tell_limit(&registry_all.handshakes, now);
    registry_unlock();
    return answer;
}

void registry_handshake_over(struct registry_entry *entry, int64_t now)
{
    if (entry->shaking) {
        registry_lock();
        handshake_over(entry, now);
        registry_unlock();
    }
}

/* --- for main --- */

void registry_tell_withheld(int64_t now)
{
    registry_lock();
    registry_tell_limit(&registry_all.sessions, now);
    registry_tell_limit(&registry_all.handshakes, now);
    for (size_t i = 0; i < registry_all.num_backends; i++) {
        registry_tell_crossing(&registry_all.backends[i], now);
    }
    registry_unlock();
}

/* --- for workers --- */

int registry_wake_fd(unsigned worker)
{
    return registry_all.workers[worker].wake_fd;
}

void *registry_next_evicted(unsigned worker)
{
    struct registry_entry *entry;

    registry_lock();
    entry = TAILQ_FIRST(&registry_all.workers[worker].evicted);
    if (entry != NULL) {
        TAILQ_REMOVE(&registry_all.workers[worker].evicted, entry, next_evicted);
        entry->queued = false;
    }
    registry_unlock();
    return entry == NULL ? NULL : entry->owner;
}

bool registry_hurries(unsigned worker)
{
    bool hurries;

    registry_lock();
    hurries = registry_all.workers[worker].hurries;
    registry_all.workers[worker].hurries = false;
    registry_unlock();
    return hurries;
}
