/* What is known of a session. */
#include "daemon/posternd/registry_parts.h"

#include <stdlib.h>
#include <string.h>

struct entry_chain *registry_chain_of_id(const char *id)
{
    uint64_t hash = siphash(registry_all.secret, id, strlen(id));

    return &registry_all.by_id[hash & (registry_all.num_heads - 1)];
}

struct entry_chain *registry_chain_of_client(const struct addr *client)
{
    uint8_t bytes[sizeof client->ip + sizeof client->port];
    uint64_t hash;

    memcpy(bytes, client->ip, sizeof client->ip);
    memcpy(bytes + sizeof client->ip, &client->port, sizeof client->port);
    hash = siphash(registry_all.secret, bytes, sizeof bytes);
    return &registry_all.by_client[hash & (registry_all.num_heads - 1)];
}

void registry_free_tls(struct registry_tls *tls)
{
    if (tls != NULL) {
        free(tls->client);
        free(tls);
    }
}

/* A copy that outlives libssl's session. NULL without memory. */
static struct registry_tls *copy_tls(const struct tls_facts *facts)
{
    size_t sni_len = facts->sni.len < UINT8_MAX ? facts->sni.len : UINT8_MAX;
    struct registry_tls *tls = malloc(sizeof *tls + sni_len);

    if (tls == NULL) {
        return NULL;
    }
    *tls = (struct registry_tls){
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

void registry_set_tls(struct registry_entry *entry, const struct tls_facts *facts)
{
    struct registry_tls *tls;

    if (entry->backend == NULL) {
        return;
    }
    tls = copy_tls(facts);
    registry_lock();
    entry->tls = tls;
    entry->unknown = tls == NULL;
    registry_unlock();
}

/* Of a name of the configuration, which is short enough. */
static void copy_name(char out[REGISTRY_NAME_SIZE], const char *name)
{
    struct text t = text_in(out, REGISTRY_NAME_SIZE);

    text_add(&t, name);
}

/* With the lock. */
static void copy_facts(struct registry_facts *out, const struct registry_entry *entry)
{
    const struct registry_tls *tls = entry->tls;

    *out = (struct registry_facts){
        .client = entry->client_addr,
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

bool registry_find(const char *id, struct registry_facts *out)
{
    struct registry_entry *entry;

    registry_lock();
    LIST_FOREACH(entry, registry_chain_of_id(id), by_id)
    {
        if (!entry->unknown && strcmp(entry->id, id) == 0) {
            copy_facts(out, entry);
            break;
        }
    }
    registry_unlock();
    return entry != NULL;
}

size_t registry_find_by_address(const struct addr *client, const struct addr *destination,
                                struct registry_facts *out, size_t max)
{
    struct addr from = *client;
    struct addr to = destination != NULL ? *destination : (struct addr){0};
    struct registry_entry *entry;
    size_t num = 0;

    addr_unmap(&from);
    addr_unmap(&to);
    registry_lock();
    LIST_FOREACH(entry, registry_chain_of_client(&from), by_client)
    {
        if (!entry->unknown && addr_equal(&entry->client_addr, &from) &&
            (destination == NULL || addr_equal(&entry->destination, &to))) {
            if (num < max) {
                copy_facts(&out[num], entry);
            }
            num++;
        }
    }
    registry_unlock();
    return num;
}

/* --- whom a server behind us speaks with --- */

static struct registry_gone *gone_of(const struct addr *client, const struct addr *destination,
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
    *hash = siphash(registry_all.secret, bytes, sizeof bytes);
    return &registry_all.gone[*hash & (registry_all.num_heads - 1)];
}

void registry_remember_gone(const struct registry_entry *entry, int64_t now)
{
    uint64_t hash;
    struct registry_gone *gone = gone_of(&entry->client_addr, &entry->destination, &hash);

    if (!entry->claimed) {
        *gone = (struct registry_gone){.addresses = hash, .until = now + REGISTRY_AMBIGUOUS_MS};
    }
}

/* The one live session of these addresses, or NULL. With the lock. */
static struct registry_entry *only_one(const struct addr *client, const struct addr *destination)
{
    struct registry_entry *found = NULL;
    struct registry_entry *entry;

    LIST_FOREACH(entry, registry_chain_of_client(client), by_client)
    {
        if (!addr_equal(&entry->client_addr, client) ||
            !addr_equal(&entry->destination, destination)) {
            continue;
        }
        if (found != NULL) {
            return NULL;
        }
        found = entry;
    }
    return found;
}

int registry_claim(const struct addr *client, const struct addr *destination, int64_t now,
                   char id[SESSION_ID_SIZE])
{
    struct addr from = *client;
    struct addr to = *destination;
    const struct registry_gone *gone;
    struct registry_entry *entry;
    uint64_t hash;

    addr_unmap(&from);
    addr_unmap(&to);
    gone = gone_of(&from, &to, &hash);
    registry_lock();
    entry = only_one(&from, &to);
    if (entry != NULL && !entry->claimed && gone->addresses == hash && now < gone->until) {
        entry = NULL;
    }
    if (entry != NULL) {
        entry->claimed = true;
        memcpy(id, entry->id, SESSION_ID_SIZE);
    }
    registry_unlock();
    return entry == NULL ? -1 : 0;
}
