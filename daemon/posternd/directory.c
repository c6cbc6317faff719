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
    free(entry->facts);
    *entry = (struct directory_entry){0};
}

/* --- what is known --- */

void directory_set_tls(struct directory_entry *entry, const struct tls_facts *facts)
{
    uint8_t packed[RECORD_PACKED_SIZE];
    uint8_t *copy;
    size_t len;

    if (entry->id == NULL) {
        return;
    }
    len = record_pack(facts, packed);
    copy = malloc(len);
    if (copy != NULL) {
        memcpy(copy, packed, len);
    }
    lock();
    entry->facts = copy;
    entry->unknown = copy == NULL;
    unlock();
}

/* With the lock. */
static void copy_facts(struct record *out, const struct directory_entry *entry)
{
    *out =
        (struct record){.known = true, .client = entry->client, .destination = entry->destination};
    text_copy(out->session, sizeof out->session, entry->id);
    text_copy(out->listener, sizeof out->listener, entry->listener);
    if (entry->facts != NULL) {
        record_unpack(out, entry->facts);
    }
}

bool directory_find(const char *id, struct record *out)
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

size_t directory_find_by_address(const struct addr *client, struct record *out, size_t max)
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
                    char id[RECORD_ID_SIZE])
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
        memcpy(id, entry->id, RECORD_ID_SIZE);
    }
    unlock();
    return entry == NULL ? -1 : 0;
}
