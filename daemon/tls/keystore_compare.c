/* Which certificates have not changed since an earlier keystore was loaded. */
#include "daemon/tls/keystore.h"

#include <stdlib.h>
#include <string.h>

/* An entry of the earlier keystore by its name. */
struct named {
    const char *name;
    size_t index;
};

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct named *)a)->name, ((const struct named *)b)->name);
}

static struct named *sorted(const struct keystore *earlier)
{
    struct named *names = calloc(earlier->num + 1, sizeof *names);

    if (names == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < earlier->num; i++) {
        names[i] = (struct named){earlier->entries[i]->name, i};
    }
    qsort(names, earlier->num, sizeof *names, by_name);
    return names;
}

static bool has_contents(const struct keystore_entry *entry, const struct keyfile *chain,
                         const struct keyfile *key)
{
    return memcmp(entry->chain_sha256, chain->sha256, sizeof chain->sha256) == 0 &&
           memcmp(entry->key_sha256, key->sha256, sizeof key->sha256) == 0;
}

ssize_t keystore_compare(size_t *of, const struct conf *conf, const struct keyfiles *files,
                         const struct keystore *earlier)
{
    struct named *names = sorted(earlier);
    ssize_t num = 0;

    if (names == NULL) {
        return -1;
    }
    for (size_t i = 0; i < conf->num_certificates; i++) {
        struct named wanted = {.name = conf->certificates[i].name};
        const struct named *found = bsearch(&wanted, names, earlier->num, sizeof *names, by_name);
        bool same = found != NULL && has_contents(earlier->entries[found->index], &files->chains[i],
                                                  &files->keys[i]);

        of[i] = same ? 1 + found->index : 0;
        num += same;
    }
    free(names);
    return num;
}
