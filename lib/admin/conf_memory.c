#include "lib/admin/conf_parts.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Everything that a conf owns. */
struct block {
    struct block *next;
    max_align_t memory[];
};

struct owner {
    struct conf conf; /* first, so that a conf leads to its owner */
    struct block *blocks;
};

int conf_fail(struct conf_error *error, const struct conf *conf, unsigned line, const char *format,
              ...)
{
    size_t size = sizeof error->text;
    va_list arguments;
    int len = line == 0 ? snprintf(error->text, size, "%s: ", conf->file)
                        : snprintf(error->text, size, "%s:%u: ", conf->file, line);

    if (len > 0 && (size_t)len < size) {
        va_start(arguments, format);
        vsnprintf(error->text + len, size - (size_t)len, format, arguments);
        va_end(arguments);
    }
    return -1;
}

struct conf *conf_new(const char *file, struct conf_error *error)
{
    struct owner *owner = calloc(1, sizeof *owner);

    if (owner != NULL) {
        owner->conf.file = strdup(file);
    }
    if (owner == NULL || owner->conf.file == NULL) {
        snprintf(error->text, sizeof error->text, "%s: out of memory", file);
        free(owner);
        return NULL;
    }
    return &owner->conf;
}

void *conf_alloc(struct conf *conf, size_t num, size_t size, struct conf_error *error)
{
    struct owner *owner = (struct owner *)conf;
    struct block *block = NULL;
    size_t bytes;

    if (!__builtin_mul_overflow(num, size, &bytes) &&
        !__builtin_add_overflow(bytes, sizeof *block, &bytes)) {
        block = calloc(1, bytes);
    }
    if (block == NULL) {
        conf_fail(error, conf, 0, "out of memory");
        return NULL;
    }
    block->next = owner->blocks;
    owner->blocks = block;
    return block->memory;
}

char *conf_copy(struct conf *conf, const char *text, struct conf_error *error)
{
    size_t size = strlen(text) + 1;
    char *out = conf_alloc(conf, 1, size, error);

    return out == NULL ? NULL : memcpy(out, text, size);
}

void conf_free(struct conf *conf)
{
    struct owner *owner = (struct owner *)conf;

    if (owner == NULL) {
        return;
    }
    while (owner->blocks != NULL) {
        struct block *block = owner->blocks;

        owner->blocks = block->next;
        free(block);
    }
    free(conf->file);
    free(owner);
}
