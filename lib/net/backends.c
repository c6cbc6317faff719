#include "lib/net/backends.h"

#include <stdlib.h>
#include <string.h>

void backends_init(struct backends *b, const uint8_t secret[SIPHASH_KEY_SIZE])
{
    *b = (struct backends){0};
    memcpy(b->secret, secret, sizeof b->secret);
}

static void free_backend(struct backend *backend)
{
    slots_close(&backend->slots);
    free(backend->name);
    free(backend);
}

void backends_free(struct backends_chain *list)
{
    struct backend *backend;

    while ((backend = LIST_FIRST(list)) != NULL) {
        LIST_REMOVE(backend, next);
        free_backend(backend);
    }
}

void backends_close(struct backends *b)
{
    backends_free(&b->all);
}

static size_t place_of(const struct backends *b, const char *name)
{
    return siphash(b->secret, name, strlen(name)) % BACKENDS_HEADS;
}

struct backend *backends_find(const struct backends *b, const char *name)
{
    struct backend *backend;

    LIST_FOREACH(backend, &b->heads[place_of(b, name)], chain)
    {
        if (strcmp(backend->name, name) == 0) {
            break;
        }
    }
    return backend;
}

static struct backend *new_backend(const char *name, unsigned max,
                                   const uint8_t secret[SIPHASH_KEY_SIZE])
{
    struct backend *backend = calloc(1, sizeof *backend);

    if (backend == NULL) {
        return NULL;
    }
    backend->name = strdup(name);
    if (slots_open(&backend->slots, max, secret) != 0 || backend->name == NULL) {
        free_backend(backend);
        return NULL;
    }
    return backend;
}

int backends_prepare(struct backends_chain *fresh, const char *name, unsigned max,
                     const uint8_t secret[SIPHASH_KEY_SIZE])
{
    struct backend *backend = new_backend(name, max, secret);

    if (backend == NULL) {
        return -1;
    }
    LIST_INSERT_HEAD(fresh, backend, next);
    return 0;
}

/* Brings one into force. True if it was not there before, and belongs to `b` now. */
static bool renew(struct backends *b, struct backend *fresh)
{
    struct backend *existing = backends_find(b, fresh->name);

    if (existing != NULL) {
        existing->configuration = b->configuration;
        slots_resize(&existing->slots, &fresh->slots);
        return false;
    }
    fresh->configuration = b->configuration;
    LIST_INSERT_HEAD(&b->heads[place_of(b, fresh->name)], fresh, chain);
    return true;
}

void backends_renew(struct backends *b, struct backends_chain *fresh)
{
    struct backend *backend;
    struct backend *next;

    b->configuration++;
    for (backend = LIST_FIRST(fresh); backend != NULL; backend = next) {
        next = LIST_NEXT(backend, next);
        if (renew(b, backend)) {
            LIST_REMOVE(backend, next);
            LIST_INSERT_HEAD(&b->all, backend, next);
        }
    }
}

void backends_forget(struct backends *b, struct backends_chain *gone)
{
    struct backend *backend;
    struct backend *next;

    for (backend = LIST_FIRST(&b->all); backend != NULL; backend = next) {
        next = LIST_NEXT(backend, next);
        if (backend->configuration != b->configuration && backend->slots.taken == 0) {
            LIST_REMOVE(backend, chain);
            LIST_REMOVE(backend, next);
            LIST_INSERT_HEAD(gone, backend, next);
        }
    }
}

bool backends_take(struct backend *backend, struct slot *slot, const struct client_key *key,
                   struct slot **victim)
{
    *victim = NULL;
    if (slots_take(&backend->slots, slot, key)) {
        return true;
    }
    *victim = slots_evict(&backend->slots, slot, key);
    if (*victim == NULL) {
        backend->refused++;
        return false;
    }
    backend->evicted++;
    return true;
}

struct backends_news backends_news(struct backend *backend, int64_t now)
{
    const struct slots *slots = &backend->slots;
    struct backends_news news = {
        .stress_began = slots->stressed && !backend->stress.over,
        .evicted = backend->evicted,
        .refused = backend->refused,
    };

    bound_set(&backend->stress, slots->stressed);
    bound_set(&backend->full, slots->full);
    backend->stressed = slots->stressed;
    news.stress = bound_news(&backend->stress, now);
    news.full = bound_news(&backend->full, now);
    if (news.full.line == BOUND_LEFT) {
        backend->evicted = 0;
        backend->refused = 0;
    }
    return news;
}
