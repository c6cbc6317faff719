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

void backends_close(struct backends *b)
{
    struct backend *backend;

    while ((backend = LIST_FIRST(&b->all)) != NULL) {
        LIST_REMOVE(backend, next);
        free_backend(backend);
    }
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

struct backend *backends_add(struct backends *b, const char *name, unsigned max)
{
    struct backend *backend = backends_find(b, name);

    if (backend != NULL) {
        return backend;
    }
    backend = new_backend(name, max, b->secret);
    if (backend != NULL) {
        LIST_INSERT_HEAD(&b->heads[place_of(b, name)], backend, chain);
        LIST_INSERT_HEAD(&b->all, backend, next);
    }
    return backend;
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
