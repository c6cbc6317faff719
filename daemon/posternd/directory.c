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

LIST_HEAD(directory_chain, directory_entry);

/* A session that ended without having been asked for. */
struct directory_gone {
    uint64_t addresses; /* a hash of them */
    int64_t until;      /* when that no longer matters */
};

static struct {
    pthread_mutex_t mutex;
    uint8_t secret[SIPHASH_KEY_SIZE];
    struct directory_tables tables; /* owned */
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

int directory_open(void)
{
    if (getrandom(all.secret, sizeof all.secret, 0) != (ssize_t)sizeof all.secret) {
        return -1;
    }
    return directory_prepare(&all.tables, 1);
}

void directory_close(void)
{
    directory_discard(&all.tables);
}

/* --- where an entry is --- */

static struct directory_chain *chain_of_id(const struct directory_tables *t, const char *id)
{
    uint64_t hash = siphash(all.secret, id, strlen(id));

    return &t->by_id[hash & (t->num_heads - 1)];
}

static struct directory_chain *chain_of_client(const struct directory_tables *t,
                                               const struct addr *client)
{
    uint8_t bytes[sizeof client->ip + sizeof client->port];
    uint64_t hash;

    memcpy(bytes, client->ip, sizeof client->ip);
    memcpy(bytes + sizeof client->ip, &client->port, sizeof client->port);
    hash = siphash(all.secret, bytes, sizeof bytes);
    return &t->by_client[hash & (t->num_heads - 1)];
}

static struct directory_gone *gone_of(const struct addr *client, const struct addr *destination,
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
    return &all.tables.gone[*hash & (all.tables.num_heads - 1)];
}

/* With the lock. */
static void remember_gone(const struct directory_entry *entry, int64_t now)
{
    uint64_t hash;
    struct directory_gone *gone = gone_of(&entry->client, &entry->destination, &hash);

    if (!entry->claimed) {
        *gone = (struct directory_gone){.addresses = hash, .until = now + DIRECTORY_AMBIGUOUS_MS};
    }
}

/* --- tables of another size --- */

int directory_prepare(struct directory_tables *tables, size_t max_sessions)
{
    tables->num_heads = 1;
    while (tables->num_heads < max_sessions) {
        tables->num_heads *= 2;
    }
    tables->by_id = calloc(tables->num_heads, sizeof *tables->by_id);
    tables->by_client = calloc(tables->num_heads, sizeof *tables->by_client);
    tables->gone = calloc(tables->num_heads, sizeof *tables->gone);
    return tables->by_id == NULL || tables->by_client == NULL || tables->gone == NULL ? -1 : 0;
}

void directory_discard(struct directory_tables *tables)
{
    free(tables->by_id);
    free(tables->by_client);
    free(tables->gone);
    *tables = (struct directory_tables){0};
}

/* With the lock: moves what place `i` of the present tables has. */
static void move_place(struct directory_tables *to, size_t i)
{
    const struct directory_gone *from = &all.tables.gone[i];
    struct directory_gone *gone = &to->gone[from->addresses & (to->num_heads - 1)];
    struct directory_entry *entry;

    while ((entry = LIST_FIRST(&all.tables.by_id[i])) != NULL) {
        LIST_REMOVE(entry, by_id);
        LIST_INSERT_HEAD(chain_of_id(to, entry->id), entry, by_id);
    }
    while ((entry = LIST_FIRST(&all.tables.by_client[i])) != NULL) {
        LIST_REMOVE(entry, by_client);
        LIST_INSERT_HEAD(chain_of_client(to, &entry->client), entry, by_client);
    }
    if (from->until > gone->until) {
        *gone = *from;
    }
}

void directory_renew(struct directory_tables *tables)
{
    struct directory_tables old = all.tables;

    if (tables->num_heads == old.num_heads) {
        return;
    }
    lock();
    for (size_t i = 0; i < old.num_heads; i++) {
        move_place(tables, i);
    }
    all.tables = *tables;
    unlock();
    *tables = old;
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
    LIST_INSERT_HEAD(chain_of_id(&all.tables, entry->id), entry, by_id);
    LIST_INSERT_HEAD(chain_of_client(&all.tables, &entry->client), entry, by_client);
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
    LIST_FOREACH(entry, chain_of_id(&all.tables, id), by_id)
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
    LIST_FOREACH(entry, chain_of_client(&all.tables, &from), by_client)
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

    LIST_FOREACH(entry, chain_of_client(&all.tables, client), by_client)
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
    const struct directory_gone *gone;
    struct directory_entry *entry;
    uint64_t hash;

    addr_unmap(&from);
    addr_unmap(&to);
    lock();
    gone = gone_of(&from, &to, &hash);
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
