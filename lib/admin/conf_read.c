#include "lib/admin/conf_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* libconfuse's callbacks take no argument of ours, and it keeps its own state between calls: one
 * file is read at a time. */
static struct {
    const struct conf *conf;
    struct conf_error *error;
    bool told; /* libconfuse has said what is wrong */
} reading;

/* Called by libconfuse for each value. */
static int take_value(cfg_t *section, cfg_opt_t *option, const char *text, void *result)
{
    bool quoted = text[0] == CONF_QUOTED;
    size_t size = strlen(text + quoted) + 1;
    struct conf_value *value = malloc(sizeof *value + size);
    char *own = (char *)(value + 1);

    (void)option;
    if (value == NULL) {
        return conf_fail(reading.error, reading.conf, 0, "out of memory");
    }
    value->line = (unsigned)section->line;
    value->quoted = quoted;
    value->text = memcpy(own, text + quoted, size);
    *(void **)result = value;
    return 0;
}

/* Called by libconfuse for each mistake in the syntax, with the text to format. */
static void take_error(cfg_t *section, const char *format, va_list arguments)
    __attribute__((format(printf, 2, 0)));

static void take_error(cfg_t *section, const char *format, va_list arguments)
{
    char text[256];
    size_t kept = 0;

    vsnprintf(text, sizeof text, format, arguments);
    for (size_t i = 0; text[i] != '\0'; i++) {
        if (text[i] != CONF_QUOTED) {
            text[kept++] = text[i];
        }
    }
    text[kept] = '\0';
    reading.told = true;
    conf_fail(reading.error, reading.conf, (unsigned)section->line, "%s", text);
}

static void describe(cfg_opt_t *out, const struct conf_section *section)
{
    for (size_t i = 0; i < section->num_options; i++) {
        const struct conf_option *option = &section->options[i];
        cfg_flag_t flags = conf_type_is_list(option->type) ? CFGF_LIST : CFGF_NONE;

        out[i] =
            (cfg_opt_t)CFG_PTR_CB(option->name, NULL, flags | CFGF_NODEFAULT, take_value, free);
    }
}

cfg_t *conf_read(const struct conf *conf, char *source, size_t len, struct conf_error *error)
{
    cfg_opt_t options[NUM_CONF_KINDS][CONF_MAX_OPTIONS + NUM_CONF_KINDS] = {0};
    cfg_opt_t *next = &options[CONF_TOP][conf_sections[CONF_TOP].num_options];
    cfg_t *root;
    FILE *stream;
    int status;

    for (unsigned kind = CONF_TOP; kind < NUM_CONF_KINDS; kind++) {
        describe(options[kind], &conf_sections[kind]);
    }
    for (unsigned kind = CONF_TOP + 1; kind < NUM_CONF_KINDS; kind++) {
        cfg_flag_t flags = CFGF_MULTI | CFGF_TITLE | CFGF_NO_TITLE_DUPES;

        *next++ = (cfg_opt_t)CFG_SEC(conf_sections[kind].name, options[kind],
                                     conf_sections[kind].titled ? flags : CFGF_MULTI);
    }
    root = cfg_init(options[CONF_TOP], CFGF_NONE);
    stream = fmemopen(source, len, "r");
    if (root == NULL || stream == NULL) {
        conf_fail(error, conf, 0, "out of memory");
        if (stream != NULL) {
            fclose(stream);
        }
        cfg_free(root);
        return NULL;
    }
    reading.conf = conf;
    reading.error = error;
    reading.told = false;
    conf_fail(error, conf, 0,
              "out of memory"); /* libconfuse may fail for this reason without a message */
    cfg_set_error_function(root, take_error);
    status = cfg_parse_fp(root, stream);
    fclose(stream);
    if (status != CFG_SUCCESS) {
        /* After running out of memory, libconfuse 3.3 crashes when it frees what is left. */
        if (reading.told) {
            cfg_free(root);
        }
        return NULL;
    }
    error->text[0] = '\0';
    return root;
}

cfg_opt_t *conf_read_option(cfg_t *section, size_t option)
{
    return cfg_getnopt(section, (unsigned)option);
}

const struct conf_value *conf_read_value(cfg_opt_t *option, size_t index)
{
    return cfg_opt_getnptr(option, (unsigned)index);
}

bool conf_read_given(const cfg_opt_t *option)
{
    return option != NULL && (option->flags & CFGF_MODIFIED) != 0;
}

static cfg_opt_t *sections_of(cfg_t *root, enum conf_kind kind)
{
    return cfg_getnopt(root, (unsigned)(conf_sections[CONF_TOP].num_options + kind - 1));
}

size_t conf_read_count(cfg_t *root, enum conf_kind kind)
{
    return cfg_opt_size(sections_of(root, kind));
}

cfg_t *conf_read_section(cfg_t *root, enum conf_kind kind, size_t index)
{
    return cfg_opt_getnsec(sections_of(root, kind), (unsigned)index);
}
