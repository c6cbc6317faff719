#include "lib/net/tally.h"

#include <stdlib.h>
#include <string.h>

/* Milliseconds in which handshakes and lines are counted. */
#define MINUTE 60000

/* How many clients are forgotten at most whenever one arrives: more than arrive. */
#define FORGET_MAX 2

static struct tally_chain *head_in(const struct tally *c, struct tally_chain *heads,
                                   size_t num_heads, const struct client_key *key)
{
    return &heads[client_key_hash(c->secret, key) & (num_heads - 1)];
}

int tally_reserve(const struct tally *c, size_t capacity, struct tally_reserve *reserve)
{
    size_t more = c->capacity;

    *reserve = (struct tally_reserve){.num_heads = 1};
    if (capacity <= c->capacity) {
        return 0;
    }
    if (more < capacity - c->capacity) {
        more = capacity - c->capacity;
    }
    while (reserve->num_heads < c->capacity + more) {
        reserve->num_heads *= 2;
    }
    reserve->slab = calloc(1, sizeof *reserve->slab + more * sizeof reserve->slab->clients[0]);
    reserve->heads = calloc(reserve->num_heads, sizeof *reserve->heads);
    if (reserve->slab == NULL || reserve->heads == NULL) {
        return -1;
    }
    reserve->slab->num = more;
    return 0;
}

void tally_grow(struct tally *c, struct tally_reserve *reserve)
{
    struct tally_chain *old = c->heads;
    struct tally_client *client;

    if (reserve->slab == NULL) {
        return;
    }
    for (size_t i = 0; i < c->num_heads; i++) {
        while ((client = LIST_FIRST(&old[i])) != NULL) {
            LIST_REMOVE(client, chain);
            LIST_INSERT_HEAD(head_in(c, reserve->heads, reserve->num_heads, &client->key), client,
                             chain);
        }
    }
    reserve->slab->next = c->slabs;
    c->slabs = reserve->slab;
    c->capacity += reserve->slab->num;
    c->heads = reserve->heads;
    c->num_heads = reserve->num_heads;
    *reserve = (struct tally_reserve){.heads = old};
}

void tally_release(struct tally_reserve *reserve)
{
    free(reserve->slab);
    free(reserve->heads);
    *reserve = (struct tally_reserve){0};
}

int tally_open(struct tally *c, size_t capacity, const uint8_t secret[SIPHASH_KEY_SIZE])
{
    struct tally_reserve reserve;
    int result;

    *c = (struct tally){0};
    LIST_INIT(&c->free);
    TAILQ_INIT(&c->idle);
    memcpy(c->secret, secret, sizeof c->secret);
    result = tally_reserve(c, capacity, &reserve);
    if (result == 0) {
        tally_grow(c, &reserve);
    }
    tally_release(&reserve);
    return result;
}

void tally_close(struct tally *c)
{
    struct tally_slab *slab;

    while ((slab = c->slabs) != NULL) {
        c->slabs = slab->next;
        free(slab);
    }
    free(c->heads);
    c->heads = NULL;
}

static struct tally_chain *head_of(struct tally *c, const struct client_key *key)
{
    return head_in(c, c->heads, c->num_heads, key);
}

static void forget(struct tally *c, struct tally_client *client)
{
    LIST_REMOVE(client, chain);
    LIST_INSERT_HEAD(&c->free, client, chain);
}

/* Those whose minute without a session is over. */
static void forget_some(struct tally *c, int64_t now)
{
    struct tally_client *client;

    for (int i = 0; i < FORGET_MAX && (client = TAILQ_FIRST(&c->idle)) != NULL; i++) {
        if (now - client->idle_since < MINUTE) {
            return;
        }
        TAILQ_REMOVE(&c->idle, client, idle);
        forget(c, client);
    }
}

/* A place for one more client: one that was never used, a free one, or that of the client that has
 * been without a session longest. */
static struct tally_client *place_for_one(struct tally *c)
{
    struct tally_client *client = LIST_FIRST(&c->free);

    if (client != NULL) {
        LIST_REMOVE(client, chain);
        return client;
    }
    for (struct tally_slab *slab = c->slabs; slab != NULL; slab = slab->next) {
        if (slab->num_touched < slab->num) {
            return &slab->clients[slab->num_touched++];
        }
    }
    client = TAILQ_FIRST(&c->idle);
    if (client != NULL) {
        TAILQ_REMOVE(&c->idle, client, idle);
        LIST_REMOVE(client, chain);
    }
    return client;
}

struct tally_client *tally_enter(struct tally *c, const struct addr *a, int64_t now)
{
    struct client_key key = client_key_of(a);
    struct tally_chain *head = head_of(c, &key);
    struct tally_client *client;

    forget_some(c, now);
    LIST_FOREACH(client, head, chain)
    {
        if (client_key_equal(&client->key, &key)) {
            break;
        }
    }
    if (client != NULL) {
        if (client->sessions == 0) {
            TAILQ_REMOVE(&c->idle, client, idle);
        }
    } else {
        client = place_for_one(c);
        if (client == NULL) {
            return NULL;
        }
        *client = (struct tally_client){.key = key};
        LIST_INSERT_HEAD(head, client, chain);
    }
    client->sessions++;
    return client;
}

/* Whether there is something from the last minute to remember. */
static bool is_remembered(const struct tally_client *client, int64_t now)
{
    bool remembered = client->handshakes > 0 && now - client->handshakes_since < MINUTE;

    for (size_t i = 0; i < NUM_TALLY_REFUSALS; i++) {
        remembered =
            remembered || (client->refusals[i].said && now - client->refusals[i].said_at < MINUTE);
    }
    return remembered;
}

void tally_leave(struct tally *c, struct tally_client *client, int64_t now)
{
    client->sessions--;
    if (client->sessions > 0) {
        return;
    }
    if (!is_remembered(client, now)) {
        forget(c, client);
        return;
    }
    client->idle_since = now;
    TAILQ_INSERT_TAIL(&c->idle, client, idle);
}

unsigned tally_handshake(struct tally_client *client, int64_t now)
{
    if (client->handshakes == 0 || now - client->handshakes_since >= MINUTE) {
        client->handshakes = 0;
        client->handshakes_since = now;
    }
    client->handshakes++;
    return client->handshakes;
}

unsigned tally_refused(struct tally *c, struct tally_client *client, enum tally_refusal what,
                       int64_t now)
{
    unsigned refused = ++client->refusals[what].refused;

    if (client->refusals[what].said && now - client->refusals[what].said_at < MINUTE) {
        return 0;
    }
    if (c->lines == 0 || now - c->lines_since >= MINUTE) {
        c->lines = 0;
        c->lines_since = now;
    }
    if (c->lines == TALLY_LINES_MAX) {
        return 0;
    }
    c->lines++;
    client->refusals[what].said = true;
    client->refusals[what].said_at = now;
    client->refusals[what].refused = 0;
    return refused;
}
