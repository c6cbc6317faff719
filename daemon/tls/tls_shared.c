#include "daemon/tls/tls_parts.h"

#include <stdlib.h>

static int take_names(struct tls_names *out, const struct conf_listener *listener)
{
    size_t num = 0;

    for (size_t s = 0; s < listener->num_sets; s++) {
        num += listener->sets[s]->names.num;
    }
    out->names = calloc(num + 1, sizeof *out->names);
    if (out->names == NULL) {
        return -1;
    }
    for (size_t s = 0; s < listener->num_sets; s++) {
        const struct conf_texts *names = &listener->sets[s]->names;

        for (size_t i = 0; i < names->num; i++) {
            out->names[out->num++] = (struct sni_name){names->items[i].text, s};
        }
    }
    /* The configuration check has excluded duplicate names. */
    (void)sni_sort(out->names, out->num);
    return 0;
}

struct tls_shared *tls_shared_new(const struct conf *conf, const struct keyfiles *files,
                                  struct conf_error *error)
{
    struct tls_shared *shared = calloc(1, sizeof *shared);
    int result = -1;

    if (shared != NULL) {
        shared->listeners = calloc(conf->num_listeners + 1, sizeof *shared->listeners);
    }
    if (shared != NULL && shared->listeners != NULL) {
        result = 0;
    }
    for (size_t i = 0; i < conf->num_listeners && result == 0; i++) {
        shared->num_listeners = i + 1;
        result = take_names(&shared->listeners[i], &conf->listeners[i]);
    }
    if (result != 0) {
        conf_fail(error, conf, 0, "out of memory");
    } else {
        shared->tickets = tls_tickets_new(conf, files, error);
    }
    if (result != 0 || shared->tickets == NULL) {
        tls_shared_free(shared);
        return NULL;
    }
    return shared;
}

void tls_shared_free(struct tls_shared *shared)
{
    if (shared == NULL) {
        return;
    }
    for (size_t i = 0; i < shared->num_listeners; i++) {
        free(shared->listeners[i].names);
    }
    free(shared->listeners);
    tls_tickets_free(shared->tickets);
    free(shared);
}
