/*
 * Theory of operation: the keys of tickets come from files, and are then as constant as the rest
 * of the configuration, or are made by this process. The latter belong to the process and not to a
 * configuration; all workers share them under a lock, which is held for no longer than it takes to
 * copy a key. Whoever comes first after a period makes the next one, so that no timer is needed.
 */
#include "daemon/tls/keyfiles.h"
#include "daemon/tls/sslerror.h"
#include "daemon/tls/tls_parts.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct tls_tickets {
    struct ticket_key *keys; /* owned; of the files */
    size_t num;              /* 0: the process's own */
};

static struct {
    pthread_mutex_t lock;
    struct ticket_ring ring;
} own = {.lock = PTHREAD_MUTEX_INITIALIZER};

static int take_files(struct tls_tickets *tickets, const struct conf *conf,
                      const struct keyfiles *files, struct conf_error *error)
{
    for (size_t i = 0; i < files->num_tickets; i++) {
        const struct conf_text *path = &conf->ticket_keys.items[i];

        if (files->tickets[i].len != sizeof tickets->keys[i]) {
            return conf_fail(error, conf, path->line, "%s: a ticket key has %zu bytes, not %zu",
                             path->text, sizeof tickets->keys[i], files->tickets[i].len);
        }
        memcpy(&tickets->keys[i], files->tickets[i].data, sizeof tickets->keys[i]);
        if (ticket_key_find(tickets->keys, i, tickets->keys[i].name) >= 0) {
            return conf_fail(
                error, conf, path->line,
                "%s: its first 16 bytes, the name of the key, are those of another key",
                path->text);
        }
        tickets->num++;
    }
    return 0;
}

struct tls_tickets *tls_tickets_new(const struct conf *conf, const struct keyfiles *files,
                                    struct conf_error *error)
{
    struct tls_tickets *tickets = calloc(1, sizeof *tickets);

    if (tickets != NULL) {
        tickets->keys = calloc(files->num_tickets + 1, sizeof *tickets->keys);
    }
    if (tickets == NULL || tickets->keys == NULL) {
        conf_fail(error, conf, 0, "out of memory");
    } else if (take_files(tickets, conf, files, error) == 0) {
        return tickets;
    }
    tls_tickets_free(tickets);
    return NULL;
}

void tls_tickets_free(struct tls_tickets *tickets)
{
    if (tickets == NULL) {
        return;
    }
    if (tickets->keys != NULL) {
        OPENSSL_cleanse(tickets->keys, (tickets->num + 1) * sizeof *tickets->keys);
    }
    free(tickets->keys);
    free(tickets);
}

/* Lets a fresh key take over if it is time. Called with the lock held. */
static bool keep_fresh(struct ticket_ring *ring)
{
    struct ticket_key fresh;
    struct timespec now;
    bool done = true;

    clock_gettime(CLOCK_BOOTTIME, &now);
    if (ticket_ring_is_due(ring, now.tv_sec)) {
        done = RAND_priv_bytes((unsigned char *)&fresh, sizeof fresh) == 1;
        if (done) {
            ticket_ring_turn(ring, &fresh, now.tv_sec);
        }
        OPENSSL_cleanse(&fresh, sizeof fresh);
    }
    return done;
}

/* The key of `name`, or without one the key that encrypts. Its index or -1. */
static int pick(const struct ticket_key *keys, size_t num, const uint8_t *name,
                struct ticket_key *out)
{
    int index = name == NULL ? 0 : ticket_key_find(keys, num, name);

    if (index >= 0) {
        *out = keys[index];
    }
    return index;
}

int tls_tickets_pick(const struct tls_tickets *tickets, const uint8_t *name, struct ticket_key *out)
{
    int index = -1;

    if (tickets->num > 0) {
        return pick(tickets->keys, tickets->num, name, out);
    }
    pthread_mutex_lock(&own.lock);
    if (keep_fresh(&own.ring)) {
        index = pick(own.ring.keys, own.ring.num, name, out);
    }
    pthread_mutex_unlock(&own.lock);
    return index;
}
