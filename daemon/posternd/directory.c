/*
 * Theory of operation.
 *
 * Each live session is in two hash tables: by its id, and by its client's address and port, which
 * is not v4-mapped there. A third one has a hash of the addresses of sessions that ended without
 * having been asked for: the latest of each place, which is forgotten when its time is over.
 */
#include "daemon/posternd/directory.h"

#include "lib/base/siphash.h"
#include "lib/base/text.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

LIST_HEAD(entry_chain, directory_entry);

struct directory_tls {
    const char *protocol;     /* static, libssl's */
    const char *cipher;       /* static, libssl's */
    const char *key_exchange; /* static, as in struct tls_facts */
    const char *group;        /* ... */
    const char *certificate;  /* borrowed from the session's snapshot */
    const char *fault;        /* static */
    int cipher_bits;
    int algorithm_bits;
    bool capped;
    bool reused;
    struct tls_client *client; /* owned; NULL: no certificate was sent */
    uint8_t sni_len;
    uint8_t sni[];
};

/* A session that ended without having been asked for. */
struct gone {
    uint64_t addresses; /* a hash of them */
    int64_t until;      /* when that no longer matters */
};

static struct {
    pthread_mutex_t mutex;
    uint8_t secret[SIPHASH_KEY_SIZE];
    struct entry_chain *by_id;     /* owned */
    struct entry_chain *by_client; /* owned; by the client's address and port */
    struct gone *gone;             /* owned; by the hash, the latest of each */
    size_t num_heads;              /* of each of the three; a power of two */
} all = {.mutex = PTHREAD_MUTEX_INITIALIZER};

static void lock(void)
{
    pthread_mutex_lock(&all.mutex);
}

static void unlock(void)
{
    pthread_mutex_unlock(&all.mutex);
}

/* --- making and freeing --- */

int directory_open(size_t max_sessions)
{
    if (getrandom(all.secret, sizeof all.secret, 0) != (ssize_t)sizeof all.secret) {
        return -1;
    }
    all.num_heads = 1;
    while (all.num_heads < max_sessions) {
        all.num_heads *= 2;
    }
    all.by_id = calloc(all.num_heads, sizeof *all.by_id);
    all.by_client = calloc(all.num_heads, sizeof *all.by_client);
    all.gone = calloc(all.num_heads, sizeof *all.gone);
    return all.by_id == NULL || all.by_client == NULL || all.gone == NULL ? -1 : 0;
}

void directory_close(void)
{
    free(all.by_id);
    free(all.by_client);
    free(all.gone);
}

/* --- where an entry is --- */

static struct entry_chain *chain_of_id(const char *id)
{
    uint64_t hash = siphash(all.secret, id, strlen(id));

    return &all.by_id[hash & (all.num_heads - 1)];
}

static struct entry_chain *chain_of_client(const struct addr *client)
{
    uint8_t bytes[sizeof client->ip + sizeof client->port];
    uint64_t hash;

    memcpy(bytes, client->ip, sizeof client->ip);
    memcpy(bytes + sizeof client->ip, &client->port, sizeof client->port);
    hash = siphash(all.secret, bytes, sizeof bytes);
    return &all.by_client[hash & (all.num_heads - 1)];
}

static struct gone *gone_of(const struct addr *client, const struct addr *destination,
                            uint64_t *hash)
{
    const struct addr *both[] = {client, destination};
    uint8_t bytes[2 * (sizeof client->ip + sizeof client->port)];
    uint8_t *at = bytes;

    for (size_t i = 0; i < 2; i++) {
        memcpy(at, both[i]->ip, sizeof both[i]->ip);
        memcpy(at + sizeof both[i]->ip, &both[i]->port, sizeof both[i]->port);
        at += sizeof both[i]->ip + sizeof both[i]->port;
    }
    *hash = siphash(all.secret, bytes, sizeof bytes);
    return &all.gone[*hash & (all.num_heads - 1)];
}

/* With the lock. */
static void remember_gone(const struct directory_entry *entry, int64_t now)
{
    uint64_t hash;
    struct gone *gone = gone_of(&entry->client, &entry->destination, &hash);

    if (!entry->claimed) {
        *gone = (struct gone){.addresses = hash, .until = now + DIRECTORY_AMBIGUOUS_MS};
    }
}

/* --- coming and going --- */

void directory_add(struct directory_entry *entry, const char *id, const char *listener,
                   const struct addr *client, const struct addr *destination)
{
    *entry = (struct directory_entry){
        .id = id, .listener = listener, .client = *client, .destination = *destination};
    addr_unmap(&entry->client);
    addr_unmap(&entry->destination);
    lock();
    LIST_INSERT_HEAD(chain_of_id(entry->id), entry, by_id);
    LIST_INSERT_HEAD(chain_of_client(&entry->client), entry, by_client);
    unlock();
}

static void free_tls(struct directory_tls *tls)
{
    if (tls != NULL) {
        free(tls->client);
        free(tls);
    }
}

void directory_remove(struct directory_entry *entry, int64_t now)
{
    if (entry->id == NULL) {
        return;
    }
    lock();
    LIST_REMOVE(entry, by_id);
    LIST_REMOVE(entry, by_client);
    remember_gone(entry, now);
    unlock();
    free_tls(entry->tls);
    *entry = (struct directory_entry){0};
}

/* --- what is known --- */

/* A copy that outlives libssl's session. NULL without memory. */
static struct directory_tls *copy_tls(const struct tls_facts *facts)
{
    size_t sni_len = facts->sni.len < UINT8_MAX ? facts->sni.len : UINT8_MAX;
    struct directory_tls *tls = malloc(sizeof *tls + sni_len);

    if (tls == NULL) {
        return NULL;
    }
    *tls = (struct directory_tls){
        .protocol = facts->protocol,
        .cipher = facts->cipher,
        .key_exchange = facts->key_exchange,
        .group = facts->group,
        .fault = facts->fault,
        .capped = facts->capped,
        .certificate = facts->certificate,
        .cipher_bits = facts->cipher_bits,
        .algorithm_bits = facts->algorithm_bits,
        .reused = facts->reused,
        .sni_len = (uint8_t)sni_len,
    };
    if (sni_len > 0) {
        memcpy(tls->sni, facts->sni.data, sni_len);
    }
    if (facts->client != NULL) {
        tls->client = malloc(sizeof *tls->client);
        if (tls->client == NULL) {
            free(tls);
            return NULL;
        }
        *tls->client = *facts->client;
    }
    return tls;
}

void directory_set_tls(struct directory_entry *entry, const struct tls_facts *facts)
{
    struct directory_tls *tls;

    if (entry->id == NULL) {
        return;
    }
    tls = copy_tls(facts);
    lock();
    entry->tls = tls;
    entry->unknown = tls == NULL;
    unlock();
}

/* Copies a name of the configuration, which is short enough. */
static void copy_name(char out[DIRECTORY_NAME_SIZE], const char *name)
{
    struct text t = text_in(out, DIRECTORY_NAME_SIZE);

    text_add(&t, name);
}

/* With the lock. */
static void copy_facts(struct directory_facts *out, const struct directory_entry *entry)
{
    const struct directory_tls *tls = entry->tls;

    *out = (struct directory_facts){
        .client = entry->client,
        .destination = entry->destination,
        .tls = tls != NULL,
    };
    memcpy(out->id, entry->id, sizeof out->id);
    copy_name(out->listener, entry->listener);
    if (tls != NULL) {
        out->protocol = tls->protocol;
        out->cipher = tls->cipher;
        out->key_exchange = tls->key_exchange;
        out->group = tls->group;
        out->fault = tls->fault;
        out->capped = tls->capped;
        out->cipher_bits = tls->cipher_bits;
        out->algorithm_bits = tls->algorithm_bits;
        out->reused = tls->reused;
        copy_name(out->certificate, tls->certificate);
        memcpy(out->sni, tls->sni, tls->sni_len);
        out->sni_len = tls->sni_len;
    }
    if (tls != NULL && tls->client != NULL) {
        out->has_client = true;
        out->client_certificate = *tls->client;
    }
}

bool directory_find(const char *id, struct directory_facts *out)
{
    struct directory_entry *entry;

    lock();
    LIST_FOREACH(entry, chain_of_id(id), by_id)
    {
        if (!entry->unknown && strcmp(entry->id, id) == 0) {
            copy_facts(out, entry);
            break;
        }
    }
    unlock();
    return entry != NULL;
}

size_t directory_find_by_address(const struct addr *client, struct directory_facts *out, size_t max)
{
    struct addr from = *client;
    struct directory_entry *entry;
    size_t num = 0;

    addr_unmap(&from);
    lock();
    LIST_FOREACH(entry, chain_of_client(&from), by_client)
    {
        if (!entry->unknown && addr_equal(&entry->client, &from)) {
            if (num < max) {
                copy_facts(&out[num], entry);
            }
            num++;
        }
    }
    unlock();
    return num;
}

/* --- whom a server behind us speaks with --- */

/* The one live session of these addresses, or NULL. With the lock. */
static struct directory_entry *only_one(const struct addr *client, const struct addr *destination)
{
    struct directory_entry *found = NULL;
    struct directory_entry *entry;

    LIST_FOREACH(entry, chain_of_client(client), by_client)
    {
        if (!addr_equal(&entry->client, client) || !addr_equal(&entry->destination, destination)) {
            continue;
        }
        if (found != NULL) {
            return NULL;
        }
        found = entry;
    }
    return found;
}

int directory_claim(const struct addr *client, const struct addr *destination, int64_t now,
                    char id[SESSION_ID_SIZE])
{
    struct addr from = *client;
    struct addr to = *destination;
    const struct gone *gone;
    struct directory_entry *entry;
    uint64_t hash;

    addr_unmap(&from);
    addr_unmap(&to);
    gone = gone_of(&from, &to, &hash);
    lock();
    entry = only_one(&from, &to);
    if (entry != NULL && !entry->claimed && gone->addresses == hash && now < gone->until) {
        entry = NULL;
    }
    if (entry != NULL) {
        entry->claimed = true;
        memcpy(id, entry->id, SESSION_ID_SIZE);
    }
    unlock();
    return entry == NULL ? -1 : 0;
}
