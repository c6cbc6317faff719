#include "daemon/common/readconf.h"
#include "daemon/tls/snapshot_parts.h"
#include "lib/base/table.h"

#include <malloc.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What a load goes through with: the files, and what is taken over. */
struct loading {
    struct snapshot *s;
    const struct snapshot *previous; /* NULL: none */
    struct keyfiles *files;          /* owned */
    size_t *unchanged;               /* owned; keystore_compare()'s; NULL: nothing is */
    uint8_t conf_sha256[KEYFILE_SHA256_SIZE];
    struct conf_error *error;
};

static int out_of_memory(const struct loading *l)
{
    return conf_fail(l->error, l->s->conf, 0, "out of memory");
}

/* The listener of that name in the previous snapshot, or NULL. */
static const struct tls_listener *previous_listener(const struct loading *l, unsigned worker,
                                                    const char *name)
{
    const struct snapshot *previous = l->previous;

    for (size_t i = 0; previous != NULL && i < previous->conf->num_listeners; i++) {
        if (strcmp(previous->conf->listeners[i].name, name) == 0) {
            return previous->workers[worker].tls[i];
        }
    }
    return NULL;
}

static int load_worker(const struct loading *l, unsigned index)
{
    struct snapshot_worker *worker = &l->s->workers[index];
    const struct conf *conf = l->s->conf;
    struct keystore_unchanged unchanged = {.of = l->unchanged};
    struct tls_making making = {.libctx = worker->libctx,
                                .conf = conf,
                                .store = &worker->keys,
                                .shared = l->s->shared,
                                .files = l->files};

    if (l->previous != NULL) {
        unchanged.earlier = &l->previous->workers[index].keys;
    }
    worker->tls = calloc(conf->num_listeners + 1, sizeof(struct tls_listener *));
    if (worker->tls == NULL) {
        return out_of_memory(l);
    }
    if (keystore_load(&worker->keys, worker->libctx, conf, l->files, unchanged, l->error) != 0) {
        return -1;
    }
    for (size_t i = 0; i < conf->num_listeners; i++) {
        if (conf->listeners[i].tls == CONF_TLS_NONE) {
            continue;
        }
        making.from = &conf->listeners[i];
        making.previous = previous_listener(l, index, conf->listeners[i].name);
        worker->tls[i] = tls_listener_new(&making, l->error);
        if (worker->tls[i] == NULL) {
            return -1;
        }
    }
    return 0;
}

static void unload_worker(struct snapshot_worker *worker, size_t num_listeners)
{
    for (size_t i = 0; worker->tls != NULL && i < num_listeners; i++) {
        tls_listener_free(worker->tls[i]);
    }
    free(worker->tls);
    keystore_unload(&worker->keys);
}

static void snapshot_free(struct snapshot *s)
{
    struct libctxs *libctxs = s->libctxs;

    for (unsigned i = 0; s->workers != NULL && i < s->num_workers; i++) {
        unload_worker(&s->workers[i], s->conf->num_listeners);
    }
    free(s->workers);
    free(s->files);
    claims_free(&s->claims);
    tls_shared_free(s->shared);
    conf_free(s->conf);
    free(s);
    if (libctxs != NULL) {
        libctxs_leave(libctxs);
    }
}

/* Returns to the system what was freed: a snapshot may have been most of the process's memory,
 * in thousands of small pieces, which libc would not give back by itself. One thread at a time,
 * because where another allocator is in use (a sanitizer's, or one that is preloaded) this is the
 * first call of libc's, and it sets up its own state without a lock. */
static void return_memory(void)
{
    static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;

    pthread_mutex_lock(&one_at_a_time);
    malloc_trim(0);
    pthread_mutex_unlock(&one_at_a_time);
}

/* The thread in which a snapshot is freed. */
static void *free_aside(void *arg)
{
    struct snapshot *s = arg;
    struct libctxs *libctxs = s->libctxs;

    libctxs_enter(libctxs);
    snapshot_free(s);
    OPENSSL_thread_stop();
    return_memory();
    libctxs_leave(libctxs);
    return NULL;
}

static unsigned count_workers(const struct conf *conf)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);

    if (conf->workers > 0) {
        return conf->workers;
    }
    return processors > 0 ? (unsigned)processors : 1;
}

/* Compares with the previous snapshot what was read. */
static int compare(struct loading *l)
{
    size_t num = l->s->conf->num_certificates;
    ssize_t same = 0;

    if (l->previous != NULL) {
        l->unchanged = calloc(num + 1, sizeof *l->unchanged);
        same = l->unchanged == NULL ? -1
                                    : keystore_compare(l->unchanged, l->s->conf, l->files,
                                                       &l->previous->workers[0].keys);
    }
    if (same < 0) {
        return out_of_memory(l);
    }
    l->s->num_taken_over = (size_t)same;
    l->s->num_loaded = num - (size_t)same;
    return 0;
}

static int load_workers(const struct loading *l, struct libctxs *libctxs)
{
    struct snapshot *s = l->s;
    int result = 0;

    s->workers = calloc(libctxs->num, sizeof *s->workers);
    if (s->workers == NULL) {
        return out_of_memory(l);
    }
    s->num_workers = libctxs->num;
    for (unsigned i = 0; i < s->num_workers && result == 0; i++) {
        s->workers[i].libctx = libctxs->items[i];
        result = load_worker(l, i);
        /* What this thread keeps for itself in the worker's library context would outlive it. */
        OPENSSL_thread_stop_ex(libctxs->items[i]);
    }
    return result;
}

/* All that follows the configuration, in the order in which mistakes are reported. */
static int load_all(struct loading *l, struct libctxs *libctxs)
{
    struct snapshot *s = l->s;

    if (claims_gather(&s->claims, s->conf) != 0) {
        return out_of_memory(l);
    }
    if (libctxs->num == 0 && libctxs_open(libctxs, count_workers(s->conf)) != 0) {
        return out_of_memory(l);
    }
    libctxs_enter(libctxs);
    s->libctxs = libctxs;
    l->files = keyfiles_read(s->conf, l->error);
    if (l->files == NULL) {
        return -1;
    }
    if (snapshot_list_files(s, l->files, l->conf_sha256) != 0) {
        return out_of_memory(l);
    }
    if (compare(l) != 0) {
        return -1;
    }
    s->shared = tls_shared_new(s->conf, l->files, l->error);
    return s->shared == NULL ? -1 : load_workers(l, libctxs);
}

/* An empty one, with the configuration. NULL with an error. */
static struct snapshot *begin(const char *file, uint8_t sha256[KEYFILE_SHA256_SIZE],
                              struct conf_error *error)
{
    time_t now = time(NULL);
    size_t len;
    uint8_t *bytes = readconf_bytes(file, &len, error);
    struct conf *conf = bytes == NULL ? NULL : conf_parse(file, bytes, len, error);
    struct snapshot *s = conf == NULL ? NULL : calloc(1, sizeof *s);

    if (conf != NULL &&
        (s == NULL || EVP_Q_digest(NULL, "SHA256", NULL, bytes, len, sha256, NULL) != 1)) {
        conf_fail(error, conf, 0, "out of memory");
        conf_free(conf);
        free(s);
        s = NULL;
    }
    free(bytes);
    if (s != NULL) {
        s->conf = conf;
        s->loaded_at = now;
        atomic_init(&s->references, 1);
    }
    return s;
}

struct snapshot *snapshot_load(const char *file, struct libctxs *libctxs,
                               const struct snapshot *previous, void (*warn)(const char *text),
                               struct conf_error *error)
{
    struct loading l = {.previous = previous, .error = error};
    int result;

    tls_memory_begin();
    l.s = begin(file, l.conf_sha256, error);
    if (l.s == NULL) {
        return_memory();
        return NULL;
    }
    result = load_all(&l, libctxs);
    keyfiles_free(l.files);
    free(l.unchanged);
    if (result == 0) {
        snapshot_warn(l.s->conf, warn, &l.s->workers[0].keys, l.s->workers[0].tls);
    }
    /* When OpenSSL runs out of memory, it may silently leave something out, or blame a file. */
    if (tls_memory_was_short()) {
        result = out_of_memory(&l);
    }
    if (result != 0) {
        snapshot_free(l.s);
        return_memory();
        return NULL;
    }
    return l.s;
}

const char *snapshot_purpose_word(enum snapshot_purpose purpose)
{
    static const char *const words[] = {
        [SNAPSHOT_CONFIGURATION] = "configuration",
        [SNAPSHOT_CHAIN] = "chain",
        [SNAPSHOT_KEY] = "key",
        [SNAPSHOT_TICKET_KEY] = "ticket-key",
        [SNAPSHOT_CLIENT_CA] = "client-ca",
    };
    TABLE_HAS_EACH(words, NUM_SNAPSHOT_PURPOSES);

    return words[purpose];
}

struct snapshot *snapshot_ref(struct snapshot *s)
{
    atomic_fetch_add_explicit(&s->references, 1, memory_order_relaxed);
    return s;
}

/* 0 or an error number. */
static int start_thread(void *(*run)(void *arg), void *arg)
{
    pthread_attr_t attributes;
    pthread_t thread;
    int error = pthread_attr_init(&attributes);

    if (error == 0) {
        pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
        error = pthread_create(&thread, &attributes, run, arg);
        pthread_attr_destroy(&attributes);
    }
    return error;
}

void snapshot_unref(struct snapshot *s)
{
    if (atomic_fetch_sub_explicit(&s->references, 1, memory_order_acq_rel) == 1) {
        if (s->freed != NULL) {
            s->freed();
        }
        if (start_thread(free_aside, s) != 0) {
            snapshot_free(s);
        }
    }
}
