#include "lib/admin/failures_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool failures_wants(enum handshake_failure reason)
{
    return reason == HANDSHAKE_NO_CERTIFICATE_FITS || reason == HANDSHAKE_CLIENT_ALERT;
}

static void remove_at(struct failures *f, size_t at)
{
    f->num--;
    memmove(&f->entries[at], &f->entries[at + 1], (f->num - at) * sizeof f->entries[0]);
}

static void forget(struct failures *f, size_t at)
{
    free(f->entries[at]);
    remove_at(f, at);
}

/* A new entry with this hello at the end of the list; the first one is removed if there is no room.
 * Its id is 0. NULL without memory. `hash` and `sni` belong to `hello`, which follows the entry, in
 * one block of memory. */
static struct failure *append(struct failures *f, struct bytes hello, struct bytes sni,
                              uint64_t hash)
{
    struct failure *entry = malloc(sizeof *entry + hello.len);
    uint8_t *copy;

    if (entry == NULL) {
        return NULL;
    }
    if (f->num == FAILURES_MAX) {
        forget(f, 0);
    }
    copy = (uint8_t *)(entry + 1);
    memcpy(copy, hello.data, hello.len);
    *entry = (struct failure){.hello = bytes_of(copy, hello.len), .hash = hash};
    if (sni.len > 0) {
        entry->sni = bytes_of(copy + (sni.data - hello.data), sni.len);
    }
    f->entries[f->num++] = entry;
    return entry;
}

/* The index of the entry of this shape and reason, or -1. The entry's own shape is only made when
 * the hashes say that it is the same, so that at most one is made for an honest client. */
static int find_shape(const struct failures *f, const struct failure_event *event,
                      const struct shape *shape, uint64_t hash)
{
    struct shape other;
    struct bytes sni;

    for (size_t i = 0; i < f->num; i++) {
        const struct failure *entry = f->entries[i];

        if (entry->reason == event->reason && entry->hash == hash &&
            shape_of(&other, &sni, entry->hello, entry->sslv2) && other.len == shape->len &&
            memcmp(other.data, shape->data, shape->len) == 0) {
            return (int)i;
        }
    }
    return -1;
}

static bool same_host(const struct addr *a, const struct addr *b)
{
    return a->family == b->family && memcmp(a->ip, b->ip, sizeof a->ip) == 0;
}

/* Puts the client first; the same address further down, or the last one, is removed. */
static void note_client(struct failure *entry, const struct addr *client)
{
    size_t at = 0;

    while (at < entry->num_clients && !same_host(&entry->clients[at], client)) {
        at++;
    }
    if (at == entry->num_clients && at < FAILURES_CLIENTS) {
        entry->num_clients++;
    }
    if (at == FAILURES_CLIENTS) {
        at--;
    }
    memmove(&entry->clients[1], &entry->clients[0], at * sizeof entry->clients[0]);
    entry->clients[0] = *client;
}

bool failures_add(struct failures *f, const struct failure_event *event, int64_t now)
{
    struct shape shape;
    struct bytes sni;
    struct failure *entry;
    struct failure before = {.first = now};
    uint64_t hash;
    int at;

    if (!failures_wants(event->reason) || !shape_of(&shape, &sni, event->hello, event->sslv2)) {
        return false;
    }
    failures_expire(f, now);
    hash = shape_hash(&shape);
    at = find_shape(f, event, &shape, hash);
    if (at >= 0) {
        before = *f->entries[at];
        forget(f, (size_t)at);
    }
    entry = append(f, event->hello, sni, hash);
    if (entry == NULL) {
        return false;
    }
    entry->id = before.id > 0 ? before.id : ++f->last_id;
    entry->reason = event->reason;
    entry->first = before.first;
    entry->last = now;
    entry->count = before.count + 1;
    memcpy(entry->clients, before.clients, sizeof entry->clients);
    entry->num_clients = before.num_clients;
    note_client(entry, &event->client);
    snprintf(entry->listener, sizeof entry->listener, "%s", event->listener);
    snprintf(entry->ja4, sizeof entry->ja4, "%s", event->ja4);
    entry->sslv2 = event->sslv2;
    return true;
}

const char *failures_restore(struct failures *f, const struct failure *read)
{
    struct shape shape;
    struct failure *entry;
    struct bytes sni;
    struct bytes hello;
    uint64_t hash;

    if (read->id == 0 || read->id > f->last_id || failures_find(f, read->id) != NULL) {
        return "the id is out of range or there twice";
    }
    if (read->count == 0) {
        return "the count is 0";
    }
    if (!shape_of(&shape, &sni, read->hello, read->sslv2)) {
        return "not a complete hello";
    }
    hash = shape_hash(&shape);
    entry = append(f, read->hello, sni, hash);
    if (entry == NULL) {
        return "out of memory";
    }
    hello = entry->hello;
    sni = entry->sni;
    *entry = *read;
    entry->hello = hello;
    entry->sni = sni;
    entry->hash = hash;
    return NULL;
}

size_t failures_expire(struct failures *f, int64_t now)
{
    size_t gone = 0;

    for (size_t i = f->num; i > 0; i--) {
        if (f->entries[i - 1]->last < now - FAILURES_KEEP) {
            forget(f, i - 1);
            gone++;
        }
    }
    return gone;
}

const struct failure *failures_find(const struct failures *f, uint64_t id)
{
    for (size_t i = 0; i < f->num; i++) {
        if (f->entries[i]->id == id) {
            return f->entries[i];
        }
    }
    return NULL;
}

void failures_clear(struct failures *f)
{
    while (f->num > 0) {
        forget(f, f->num - 1);
    }
}
