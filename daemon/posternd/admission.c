/*
 * Theory of operation.
 *
 * One mutex guards everything here and in the struct admission of all sessions. Only a session's
 * own worker admits it, changes it and lets it leave; but another worker may evict it: it takes the
 * slot away, puts the session into the queue of its worker, and wakes that worker. The session
 * stays valid until its own worker calls admission_leave(), which also takes it out of the queue.
 *
 * Log lines are written under the mutex, so that they are in the order of the events: there are
 * only a few a minute, and log_line() never waits.
 */
#include "daemon/posternd/admission_parts.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <unistd.h>

TAILQ_HEAD(admission_queue, admission);

struct admission_worker {
    int wake_fd; /* owned */
    struct admission_queue evicted;
    bool stress_began;
};

static struct {
    pthread_mutex_t mutex;
    uint8_t secret[SIPHASH_KEY_SIZE];
    struct tally tally;
    struct backends backends;
    struct admission_worker *workers; /* owned */
    unsigned num_workers;
    struct limit sessions;   /* including those that are not admitted yet */
    struct limit handshakes; /* in progress */
} all = {.mutex = PTHREAD_MUTEX_INITIALIZER};

static void lock(void)
{
    pthread_mutex_lock(&all.mutex);
}

static void unlock(void)
{
    pthread_mutex_unlock(&all.mutex);
}

/* After each change. With the lock. */
static void log_sessions(int64_t now)
{
    admission_log_limit(&all.sessions, "max_sessions", "new clients get 421", now);
}

static void log_handshakes(int64_t now)
{
    admission_log_limit(&all.handshakes, "max_handshakes", "STARTTLS gets 421", now);
}

/* --- making and freeing --- */

static int open_workers(unsigned num)
{
    all.workers = calloc(num, sizeof *all.workers);
    if (all.workers == NULL) {
        return -1;
    }
    for (; all.num_workers < num; all.num_workers++) {
        struct admission_worker *worker = &all.workers[all.num_workers];

        TAILQ_INIT(&worker->evicted);
        worker->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (worker->wake_fd < 0) {
            return -1;
        }
    }
    return 0;
}

int admission_open(unsigned num_workers)
{
    if (getrandom(all.secret, sizeof all.secret, 0) != (ssize_t)sizeof all.secret) {
        return -1;
    }
    backends_init(&all.backends, all.secret);
    return tally_open(&all.tally, 1, all.secret) != 0 ? -1 : open_workers(num_workers);
}

void admission_close(void)
{
    for (unsigned i = 0; i < all.num_workers; i++) {
        close(all.workers[i].wake_fd);
    }
    backends_close(&all.backends);
    tally_close(&all.tally);
    free(all.workers);
}

/* --- a worker's --- */

int admission_wake_fd(unsigned worker)
{
    return all.workers[worker].wake_fd;
}

static void wake(unsigned worker)
{
    uint64_t one = 1;

    /* An eventfd takes 8 bytes unless its counter is full, and then it can also be read. */
    (void)!write(all.workers[worker].wake_fd, &one, sizeof one);
}

void *admission_next_evicted(unsigned worker)
{
    struct admission *a;

    lock();
    a = TAILQ_FIRST(&all.workers[worker].evicted);
    if (a != NULL) {
        TAILQ_REMOVE(&all.workers[worker].evicted, a, next_evicted);
        a->queued = false;
    }
    unlock();
    return a == NULL ? NULL : a->session;
}

bool admission_stress_began(unsigned worker)
{
    bool began;

    lock();
    began = all.workers[worker].stress_began;
    all.workers[worker].stress_began = false;
    unlock();
    return began;
}

/* --- slots. With the lock --- */

/* After each change of the backend's slots. */
static void slots_changed(struct backend *backend, int64_t now)
{
    struct backends_news news = backends_news(backend, now);

    admission_log_backend(backend, &news);
    if (!news.stress_began) {
        return;
    }
    for (unsigned i = 0; i < all.num_workers; i++) {
        all.workers[i].stress_began = true;
        wake(i);
    }
}

static void release_slot(struct admission *a, int64_t now)
{
    slots_release(&a->backend->slots, &a->slot);
    slots_changed(a->backend, now);
}

/* Takes a slot of the backend, if necessary that of another session, which is returned as `*victim`
 * and is then in its worker's queue. False if there is none. */
static bool take_slot(struct admission *a, const struct client_key *key, struct admission **victim)
{
    struct slot *slot;

    if (!backends_take(a->backend, &a->slot, key, &slot)) {
        return false;
    }
    if (slot != NULL) {
        *victim = (struct admission *)((char *)slot - offsetof(struct admission, slot));
        (*victim)->evicted = true;
        (*victim)->queued = true;
        TAILQ_INSERT_TAIL(&all.workers[(*victim)->worker].evicted, *victim, next_evicted);
    }
    return true;
}

/* --- another configuration --- */

int admission_prepare(struct admission_change *change, const struct conf *conf)
{
    for (size_t i = 0; i < conf->num_backends; i++) {
        const struct conf_backend *from = &conf->backends[i];

        if (backends_prepare(&change->backends, from->name, from->max_connections, all.secret) !=
            0) {
            return -1;
        }
    }
    /* As many clients again as have sessions are remembered. Workers do not change the size that
     * this reads. */
    return tally_reserve(&all.tally, 2 * (size_t)conf->limits.max_sessions, &change->reserve);
}

void admission_renew(struct admission_change *change, int64_t now)
{
    struct backend *backend;

    lock();
    backends_renew(&all.backends, &change->backends);
    tally_grow(&all.tally, &change->reserve);
    LIST_FOREACH(backend, &all.backends.all, next)
    {
        slots_changed(backend, now);
    }
    unlock();
}

void admission_discard(struct admission_change *change)
{
    backends_free(&change->backends);
    tally_release(&change->reserve);
}

void admission_forget(void)
{
    struct backends_chain gone = LIST_HEAD_INITIALIZER(&gone);

    lock();
    backends_forget(&all.backends, &gone);
    unlock();
    backends_free(&gone);
}

/* --- coming and going --- */

bool admission_count(unsigned max, int64_t now)
{
    bool room;

    lock();
    room = limit_take(&all.sessions, max);
    log_sessions(now);
    unlock();
    return room;
}

void admission_uncount(int64_t now)
{
    lock();
    limit_release(&all.sessions);
    log_sessions(now);
    unlock();
}

/* The limit `max` (0: none) of a client that has `count`. With the lock. */
static struct admission_answer judge(const struct admission *a, unsigned count, unsigned max,
                                     enum tally_refusal what, int64_t now)
{
    struct admission_answer answer = {.verdict = ADMISSION_ADMITTED};

    if (max > 0 && count > max) {
        answer.verdict = ADMISSION_CLIENT_LIMIT;
        answer.count = count;
        answer.refused = tally_refused(&all.tally, a->client, what, now);
    }
    return answer;
}

/* With the lock. `*victim`: the session whose worker has to be woken. */
static struct admission_answer admit(struct admission *a, const struct addr *client,
                                     unsigned max_of_client, int64_t now, struct admission **victim)
{
    struct admission_answer answer = {.verdict = ADMISSION_ADMITTED};
    struct client_key key = client_key_of(client);

    a->client = tally_enter(&all.tally, client, now);
    if (a->client != NULL) {
        answer =
            judge(a, a->client->sessions, a->exempt ? 0 : max_of_client, TALLY_NO_SESSION, now);
    }
    if (answer.verdict == ADMISSION_ADMITTED && !take_slot(a, &key, victim)) {
        answer.verdict = ADMISSION_BACKEND_FULL;
    }
    if (answer.verdict == ADMISSION_ADMITTED) {
        slots_changed(a->backend, now);
    } else if (a->client != NULL) {
        tally_leave(&all.tally, a->client, now);
    }
    return answer;
}

struct admission_answer admission_admit(struct admission *a,
                                        const struct admission_request *request, int64_t now)
{
    const struct conf *conf = request->conf;
    const struct conf_prefixes *exempt = &conf->limits.exempt;
    struct admission *victim = NULL;
    unsigned wake_up = 0;
    struct admission_answer answer;

    *a = (struct admission){
        .session = request->session,
        .worker = request->worker,
        .exempt = prefix_any_contains(exempt->items, exempt->num, request->client),
    };
    lock();
    a->backend = backends_find(&all.backends, request->backend);
    answer = admit(a, request->client, conf->limits.max_sessions_per_client, now, &victim);
    if (victim != NULL) {
        wake_up = victim->worker;
    }
    unlock();
    if (answer.verdict != ADMISSION_ADMITTED) {
        *a = (struct admission){0};
    }
    if (victim != NULL) {
        wake(wake_up);
    }
    return answer;
}

bool admission_pin(struct admission *a)
{
    bool evicted;

    if (a->backend == NULL) {
        return true;
    }
    lock();
    evicted = a->evicted;
    slots_pin(&a->backend->slots, &a->slot);
    unlock();
    return !evicted;
}

bool admission_is_stressed(const struct admission *a)
{
    return a->backend != NULL && atomic_load(&a->backend->stressed);
}

void admission_release_slot(struct admission *a, int64_t now)
{
    if (a->backend == NULL) {
        return;
    }
    lock();
    release_slot(a, now);
    unlock();
}

/* With the lock. */
static void handshake_over(struct admission *a, int64_t now)
{
    if (a->handshaking) {
        limit_release(&all.handshakes);
    }
    a->handshaking = false;
    log_handshakes(now);
}

void admission_leave(struct admission *a, int64_t now)
{
    if (a->backend == NULL) {
        return;
    }
    lock();
    handshake_over(a, now);
    release_slot(a, now);
    if (a->queued) {
        TAILQ_REMOVE(&all.workers[a->worker].evicted, a, next_evicted);
    }
    if (a->client != NULL) {
        tally_leave(&all.tally, a->client, now);
    }
    unlock();
    *a = (struct admission){0};
}

/* --- handshakes --- */

struct admission_answer admission_handshake(struct admission *a, const struct conf *conf,
                                            int64_t now)
{
    struct admission_answer answer = {.verdict = ADMISSION_ADMITTED};

    if (conf->limits.max_handshakes == 0 && conf->limits.max_handshakes_per_client == 0) {
        return answer;
    }
    lock();
    if (a->client != NULL && !a->exempt) {
        answer = judge(a, tally_handshake(a->client, now), conf->limits.max_handshakes_per_client,
                       TALLY_NO_HANDSHAKE, now);
    }
    if (answer.verdict == ADMISSION_ADMITTED) {
        a->handshaking = limit_take(&all.handshakes, conf->limits.max_handshakes);
        answer.verdict = a->handshaking ? ADMISSION_ADMITTED : ADMISSION_HANDSHAKE_LIMIT;
    }
    log_handshakes(now);
    unlock();
    return answer;
}

void admission_handshake_over(struct admission *a, int64_t now)
{
    if (a->handshaking) {
        lock();
        handshake_over(a, now);
        unlock();
    }
}

/* --- main's --- */

void admission_log_withheld(int64_t now)
{
    struct backend *backend;

    lock();
    log_sessions(now);
    log_handshakes(now);
    LIST_FOREACH(backend, &all.backends.all, next)
    {
        slots_changed(backend, now);
    }
    unlock();
}
