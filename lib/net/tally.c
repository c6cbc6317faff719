#include "lib/net/tally.h"

#include <stdlib.h>
#include <string.h>

/* Milliseconds in which handshakes and lines are counted. */
#define MINUTE 60000

/* How many clients are forgotten at most whenever one arrives: more than arrive. */
#define FORGET_MAX 2

int tally_open(struct tally *c, size_t capacity, const uint8_t secret[SIPHASH_KEY_SIZE])
{
    *c = (struct tally){.capacity = capacity, .num_heads = 1};
    while (c->num_heads < capacity) {
        c->num_heads *= 2;
    }
    LIST_INIT(&c->free);
    TAILQ_INIT(&c->idle);
    memcpy(c->secret, secret, sizeof c->secret);
    c->all = calloc(capacity, sizeof *c->all);
    c->heads = calloc(c->num_heads, sizeof *c->heads);
    return c->all != NULL && c->heads != NULL ? 0 : -1;
}

void tally_close(struct tally *c)
{
    free(c->all);
    free(c->heads);
    c->all = NULL;
    c->heads = NULL;
}

static struct tally_chain *head_of(struct tally *c, const struct client_key *key)
{
    return &c->heads[client_key_hash(c->secret, key) & (c->num_heads - 1)];
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
    if (c->num_touched < c->capacity) {
        return &c->all[c->num_touched++];
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
