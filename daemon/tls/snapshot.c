#include "daemon/common/readconf.h"
#include "daemon/tls/snapshot_parts.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

static int load_worker(struct snapshot_worker *worker, const struct conf *conf,
                       const struct keyfiles *files, const struct tls_shared *shared,
                       struct conf_error *error)
{
    worker->tls = calloc(conf->num_listeners + 1, sizeof(struct tls_listener *));
    if (worker->tls == NULL) {
        return conf_fail(error, conf, 0, "out of memory");
    }
    if (keystore_load(&worker->keys, worker->libctx, conf, files, error) != 0) {
        return -1;
    }
    for (size_t i = 0; i < conf->num_listeners; i++) {
        if (conf->listeners[i].tls == CONF_TLS_NONE) {
            continue;
        }
        worker->tls[i] = tls_listener_new(worker->libctx, conf, &conf->listeners[i], &worker->keys,
                                          files, shared, error);
        if (worker->tls[i] == NULL) {
            return -1;
        }
    }
    /* What this thread keeps for itself in the worker's library context would outlive it. */
    OPENSSL_thread_stop_ex(worker->libctx);
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
    for (unsigned i = 0; s->workers != NULL && i < s->num_workers; i++) {
        unload_worker(&s->workers[i], s->conf->num_listeners);
    }
    free(s->workers);
    claims_free(&s->claims);
    tls_shared_free(s->shared);
    conf_free(s->conf);
    free(s);
}

static unsigned count_workers(const struct conf *conf)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);

    if (conf->workers > 0) {
        return conf->workers;
    }
    return processors > 0 ? (unsigned)processors : 1;
}

static int load_workers(struct snapshot *s, struct libctxs *libctxs, struct conf_error *error)
{
    struct keyfiles *files;
    int result = 0;

    if (libctxs->num == 0 && libctxs_open(libctxs, count_workers(s->conf)) != 0) {
        return conf_fail(error, s->conf, 0, "out of memory");
    }
    files = keyfiles_read(s->conf, error);
    if (files == NULL) {
        return -1;
    }
    s->shared = tls_shared_new(s->conf, files, error);
    if (s->shared == NULL) {
        keyfiles_free(files);
        return -1;
    }
    s->num_workers = libctxs->num;
    s->workers = calloc(s->num_workers, sizeof *s->workers);
    if (s->workers == NULL) {
        conf_fail(error, s->conf, 0, "out of memory");
        result = -1;
    }
    for (unsigned i = 0; i < s->num_workers && result == 0; i++) {
        s->workers[i].libctx = libctxs->items[i];
        result = load_worker(&s->workers[i], s->conf, files, s->shared, error);
    }
    keyfiles_free(files);
    return result;
}

struct snapshot *snapshot_load(const char *file, struct libctxs *libctxs,
                               void (*warn)(const char *text), struct conf_error *error)
{
    struct conf *conf = readconf(file, error);
    struct snapshot *s;

    if (conf == NULL) {
        return NULL;
    }
    s = calloc(1, sizeof *s);
    if (s == NULL) {
        conf_fail(error, conf, 0, "out of memory");
        conf_free(conf);
        return NULL;
    }
    s->conf = conf;
    atomic_init(&s->references, 1);
    if (claims_gather(&s->claims, conf) != 0) {
        conf_fail(error, conf, 0, "out of memory");
        snapshot_free(s);
        return NULL;
    }
    tls_memory_begin();
    if (load_workers(s, libctxs, error) == 0) {
        snapshot_warn(conf, warn, &s->workers[0].keys, s->workers[0].tls);
        if (!tls_memory_was_short()) {
            return s;
        }
    }
    /* When OpenSSL runs out of memory, it may silently leave something out, or blame a file. */
    if (tls_memory_was_short()) {
        conf_fail(error, conf, 0, "out of memory");
    }
    snapshot_free(s);
    return NULL;
}

struct snapshot *snapshot_ref(struct snapshot *s)
{
    atomic_fetch_add_explicit(&s->references, 1, memory_order_relaxed);
    return s;
}

void snapshot_unref(struct snapshot *s)
{
    if (atomic_fetch_sub_explicit(&s->references, 1, memory_order_acq_rel) == 1) {
        snapshot_free(s);
    }
}
