#include "lib/tls/sni.h"

#include <stdlib.h>
#include <string.h>

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct sni_name *)a)->name, ((const struct sni_name *)b)->name);
}

static int by_name_and_set(const void *a, const void *b)
{
    size_t set_a = ((const struct sni_name *)a)->set;
    size_t set_b = ((const struct sni_name *)b)->set;
    int order = by_name(a, b);

    return order != 0 ? order : (set_a > set_b) - (set_a < set_b);
}

size_t sni_sort(struct sni_name *names, size_t num)
{
    if (num == 0) {
        return 0;
    }
    qsort(names, num, sizeof *names, by_name_and_set);
    for (size_t i = 1; i < num; i++) {
        if (by_name(&names[i - 1], &names[i]) == 0) {
            return i;
        }
    }
    return num;
}

/* The name in the form of ours. False if it can be none of them. */
static bool normalise(struct bytes asked, char out[SNI_NAME_MAX + 1])
{
    size_t len = asked.len;

    if (len > 0 && asked.data[len - 1] == '.') {
        len--;
    }
    if (len == 0 || len > SNI_NAME_MAX || memchr(asked.data, '\0', len) != NULL) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        uint8_t c = asked.data[i];

        out[i] = (char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
    }
    out[len] = '\0';
    return true;
}

static const struct sni_name *look_up(const struct sni_name *names, size_t num, const char *name)
{
    const struct sni_name key = {.name = name};

    return num == 0 ? NULL : bsearch(&key, names, num, sizeof *names, by_name);
}

size_t sni_find(const struct sni_name *names, size_t num, struct bytes asked, size_t fallback)
{
    char name[SNI_NAME_MAX + 1];
    const struct sni_name *found;
    char *dot;

    if (!normalise(asked, name)) {
        return fallback;
    }
    found = look_up(names, num, name);
    dot = strchr(name, '.');
    if (found == NULL && dot != NULL && dot > name) {
        dot[-1] = '*';
        found = look_up(names, num, dot - 1);
    }
    return found == NULL ? fallback : found->set;
}
