#include "lib/admin/conf_parts.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

const struct conf_text *conf_milter_user(const struct conf *conf)
{
    return conf->milter.user.text[0] == '\0' ? &conf->user : &conf->milter.user;
}

/* The structs of all titled sections begin alike; take_sections() relies on it. */
#define BEGINS_ALIKE(type)                                                                         \
    _Static_assert(offsetof(struct type, name) == 0 &&                                             \
                       offsetof(struct type, line) == offsetof(struct conf_certificate, line),     \
                   #type " begins with name and line")
BEGINS_ALIKE(conf_certificate);
BEGINS_ALIKE(conf_set);
BEGINS_ALIKE(conf_profile);
BEGINS_ALIKE(conf_backend);
BEGINS_ALIKE(conf_listener);

/* An array of all sections of a kind, after `*num` elements that the caller fills; `*num` becomes
 * the length. `size` is of one element. NULL with `*error`. */
static void *take_sections(struct conf *conf, const struct conf_tree *tree, enum conf_kind kind,
                           size_t size, size_t *num, struct conf_error *error)
{
    size_t first = *num;
    size_t count = tree->num[kind];
    const struct conf_node *section = tree->first[kind];
    char *array = conf_alloc(conf, first + count, size, error);

    if (array == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < count; i++, section = section->next) {
        void *object = array + (first + i) * size;
        char *name = conf_copy(conf, section->title, error);

        if (name == NULL || conf_take_options(conf, kind, section, object, error) != 0) {
            return NULL;
        }
        *(const char **)object = name;
        *(unsigned *)((char *)object + offsetof(struct conf_certificate, line)) = section->line;
    }
    *num = first + count;
    return array;
}

/* A certificate's key may be in its chain file. */
static void default_keys(struct conf *conf)
{
    for (size_t i = 0; i < conf->num_certificates; i++) {
        struct conf_certificate *c = &conf->certificates[i];

        if (c->key.text[0] == '\0') {
            c->key = c->chain;
        }
    }
}

/* The code that sets up TLS knows what the built-in profiles mean: all their options are "". */
static int add_built_in_profiles(struct conf *conf, struct conf_error *error)
{
    for (size_t i = 0; i < CONF_NUM_BUILT_IN; i++) {
        conf->profiles[i].name = conf_built_in[i];
        if (conf_take_options(conf, CONF_PROFILE, NULL, &conf->profiles[i], error) != 0) {
            return -1;
        }
    }
    return 0;
}

static int take_all(struct conf *conf, const struct conf_tree *tree, struct conf_error *error)
{
    if (conf_take_options(conf, CONF_TOP, &tree->top, conf, error) != 0) {
        return -1;
    }
    conf->certificates = take_sections(conf, tree, CONF_CERTIFICATE, sizeof *conf->certificates,
                                       &conf->num_certificates, error);
    if (conf->certificates == NULL) {
        return -1;
    }
    default_keys(conf);
    conf->sets = take_sections(conf, tree, CONF_SET, sizeof *conf->sets, &conf->num_sets, error);
    if (conf->sets == NULL) {
        return -1;
    }
    conf->num_profiles = CONF_NUM_BUILT_IN;
    conf->profiles =
        take_sections(conf, tree, CONF_PROFILE, sizeof *conf->profiles, &conf->num_profiles, error);
    if (conf->profiles == NULL || add_built_in_profiles(conf, error) != 0) {
        return -1;
    }
    conf->backends =
        take_sections(conf, tree, CONF_BACKEND, sizeof *conf->backends, &conf->num_backends, error);
    if (conf->backends == NULL) {
        return -1;
    }
    conf->listeners = take_sections(conf, tree, CONF_LISTENER, sizeof *conf->listeners,
                                    &conf->num_listeners, error);
    return conf->listeners == NULL ? -1 : 0;
}

static int take_untitled(struct conf *conf, const struct conf_tree *tree, struct conf_error *error)
{
    const struct conf_node *milter = tree->first[CONF_MILTER];

    conf->milter.line = milter == NULL ? 0 : milter->line;
    if (conf_take_options(conf, CONF_LIMITS, tree->first[CONF_LIMITS], conf, error) != 0) {
        return -1;
    }
    return conf_take_options(conf, CONF_MILTER, milter, &conf->milter, error);
}

static int parse(struct conf *conf, const uint8_t *bytes, size_t len, struct conf_error *error)
{
    struct conf_tree *tree = conf_read(conf, bytes, len, error);
    int status = -1;

    if (tree != NULL && take_all(conf, tree, error) == 0 && take_untitled(conf, tree, error) == 0) {
        status = conf_check(conf, tree, error);
    }
    conf_tree_free(tree);
    return status;
}

struct conf *conf_parse(const char *file, const uint8_t *bytes, size_t len,
                        struct conf_error *error)
{
    struct conf *conf = conf_new(file, error);

    if (conf != NULL && parse(conf, bytes, len, error) != 0) {
        conf_free(conf);
        return NULL;
    }
    return conf;
}
