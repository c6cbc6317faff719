#include "lib/admin/conf_parts.h"

#include "lib/net/hostname.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

/* The longest list. */
#define LIST_MAX 4096

/* Where a value goes: the option's row and the section's struct. */
struct place {
    struct conf *conf;
    const struct conf_option *option;
    void *object;
    struct conf_error *error;
};

static void *field(const struct place *p)
{
    return (char *)p->object + p->option->offset;
}

/* The line is noted for an option that may have to be named later. */
static void note_line(const struct place *p, const struct conf_token *value)
{
    if (p->option->line_offset != 0) {
        *(unsigned *)(void *)((char *)p->object + p->option->line_offset) = value->line;
    }
}

/* --- single values ------------------------------------------------------------------------- */

static int complain(const struct place *p, const struct conf_token *value, const char *complaint)
{
    return conf_fail(p->error, p->conf, value->line,
                     value->kind == CONF_TOKEN_TEXT ? "%s: \"%s\" %s" : "%s: %s %s",
                     p->option->name, value->text, complaint);
}

/* The index of the value in the option's words; -1 with the error if it is none of them. */
static int find_word(const struct place *p, const struct conf_token *value)
{
    char allowed[256];
    size_t len = 0;

    for (size_t i = 0; i < p->option->num_words; i++) {
        if (strcmp(p->option->words[i], value->text) == 0) {
            return (int)i;
        }
        len += (size_t)snprintf(allowed + len, sizeof allowed - len, "%s\"%s\"", i > 0 ? ", " : "",
                                p->option->words[i]);
    }
    return conf_fail(p->error, p->conf, value->line, "%s: \"%s\" is not allowed, only %s",
                     p->option->name, value->text, allowed);
}

/* A decimal number without sign or leading zeros, within the option's bounds. */
static int take_number(const struct place *p, const struct conf_token *value)
{
    const char *text = value->text;
    size_t len = strlen(text);
    unsigned number = 0;

    if (value->kind == CONF_TOKEN_TEXT) {
        return conf_fail(p->error, p->conf, value->line, "%s: numbers must not be quoted",
                         p->option->name);
    }
    if (len <= 9 && strspn(text, "0123456789") == len && (len == 1 || text[0] != '0')) {
        for (size_t i = 0; i < len; i++) {
            number = number * 10 + (unsigned)(text[i] - '0');
        }
        if (number >= p->option->min && number <= p->option->max) {
            *(unsigned *)field(p) = number;
            note_line(p, value);
            return 0;
        }
    }
    return conf_fail(p->error, p->conf, value->line, "%s: %s is not a decimal number from %u to %u",
                     p->option->name, text, p->option->min, p->option->max);
}

static int take_boolean(const struct place *p, const struct conf_token *value)
{
    bool yes = strcmp(value->text, "true") == 0;

    if (value->kind == CONF_TOKEN_TEXT || (!yes && strcmp(value->text, "false") != 0)) {
        return complain(p, value, "is neither true nor false (without quotes)");
    }
    *(bool *)field(p) = yes;
    return 0;
}

static int take_text(const struct place *p, const struct conf_token *value)
{
    struct conf_text *out = field(p);

    /* If the default is empty, the value may also be empty. */
    bool may_be_empty = p->option->fallback != NULL && p->option->fallback[0] == '\0';

    if (p->option->words != NULL && !(may_be_empty && value->text[0] == '\0') &&
        find_word(p, value) < 0) {
        return -1;
    }
    out->line = value->line;
    out->text = conf_copy(p->conf, value->text, p->error);
    return out->text == NULL ? -1 : 0;
}

/* A relative path begins where the configuration file is. */
static int take_path(const struct place *p, const struct conf_token *value, struct conf_text *out)
{
    const char *slash = strrchr(p->conf->file, '/');
    size_t directory = slash == NULL ? 0 : (size_t)(slash - p->conf->file) + 1;
    size_t len = strlen(value->text);

    if (value->text[0] == '/' || value->text[0] == '\0') {
        directory = 0;
    }
    out->line = value->line;
    out->text = conf_alloc(p->conf, 1, directory + len + 1, p->error);
    if (out->text == NULL) {
        return -1;
    }
    memcpy(out->text, p->conf->file, directory);
    memcpy(out->text + directory, value->text, len + 1);
    return 0;
}

static int take_address(const struct place *p, const struct conf_token *value,
                        struct conf_endpoint *out)
{
    const char *why;

    out->line = value->line;
    if (endpoint_parse(&out->endpoint, value->text, &why) != 0) {
        return conf_fail(p->error, p->conf, value->line, "%s: \"%s\": %s", p->option->name,
                         value->text, why);
    }
    return 0;
}

static int take_word(const struct place *p, const struct conf_token *value)
{
    int index = find_word(p, value);

    note_line(p, value);
    if (index >= 0 && p->option->offset != CONF_NO_FIELD) {
        *(unsigned *)field(p) = (unsigned)index;
    }
    return index < 0 ? -1 : 0;
}

static int take_single(const struct place *p, const struct conf_token *value)
{
    switch (p->option->type) {
    case CONF_TEXT:
        return take_text(p, value);
    case CONF_PATH:
        return take_path(p, value, field(p));
    case CONF_WORD:
        return take_word(p, value);
    case CONF_ADDRESS:
        return value->text[0] == '\0' ? 0 : take_address(p, value, field(p));
    case CONF_NUMBER:
        return take_number(p, value);
    case CONF_BOOLEAN:
        return take_boolean(p, value);
    default: /* CONF_REFERENCE: conf_check.c resolves it */
        return 0;
    }
}

/* --- lists --------------------------------------------------------------------------------- */

static int take_sni_names(const struct place *p, const struct conf_values *values, size_t num)
{
    struct conf_texts *out = field(p);

    out->items = conf_alloc(p->conf, num, sizeof *out->items, p->error);
    if (out->items == NULL) {
        return -1;
    }
    for (size_t i = 0; i < num; i++) {
        const struct conf_token *value = conf_value(values, i);
        char *name = conf_copy(p->conf, value->text, p->error);

        if (name == NULL) {
            return -1;
        }
        hostname_to_lower(name, strlen(name));
        out->items[i] = (struct conf_text){.text = name, .line = value->line};
        out->num++;
    }
    return 0;
}

static int take_paths(const struct place *p, const struct conf_values *values, size_t num)
{
    struct conf_texts *out = field(p);

    out->items = conf_alloc(p->conf, num, sizeof *out->items, p->error);
    if (out->items == NULL) {
        return -1;
    }
    for (size_t i = 0; i < num; i++) {
        if (take_path(p, conf_value(values, i), &out->items[i]) != 0) {
            return -1;
        }
        out->num++;
    }
    return 0;
}

static int take_addresses(const struct place *p, const struct conf_values *values, size_t num)
{
    struct conf_endpoint *items = conf_alloc(p->conf, num, sizeof *items, p->error);

    if (items == NULL) {
        return -1;
    }
    for (size_t i = 0; i < num; i++) {
        if (take_address(p, conf_value(values, i), &items[i]) != 0) {
            return -1;
        }
    }
    *(struct conf_endpoint **)field(p) = items;
    *(size_t *)((char *)p->object + p->option->num_offset) = num;
    return 0;
}

static int take_network(const struct place *p, const struct conf_token *value, struct prefix *out)
{
    const char *why;

    if (prefix_parse(out, value->text, &why) != 0) {
        return conf_fail(p->error, p->conf, value->line, "%s: \"%s\": %s", p->option->name,
                         value->text, why);
    }
    return 0;
}

/* The values, or the default if there are none. */
static int take_networks(const struct place *p, const struct conf_values *values, size_t num)
{
    const struct conf_token fallback = {.kind = CONF_TOKEN_TEXT, .text = p->option->fallback};
    bool by_default = values->first == NULL && fallback.text[0] != '\0';
    struct conf_prefixes *out = field(p);

    out->num = by_default ? 1 : num;
    out->items = conf_alloc(p->conf, out->num, sizeof *out->items, p->error);
    if (out->items == NULL) {
        return -1;
    }
    for (size_t i = 0; i < out->num; i++) {
        const struct conf_token *value = by_default ? &fallback : conf_value(values, i);

        if (take_network(p, value, &out->items[i]) != 0) {
            return -1;
        }
    }
    return 0;
}

/* --- options ------------------------------------------------------------------------------- */

static int check_text(const struct place *p, const struct conf_token *value)
{
    const char *complaint = NULL;

    if (value->kind != CONF_TOKEN_TEXT) {
        return complain(p, value, "must be in double quotes");
    }
    if (p->option->complaint != NULL) {
        complaint = p->option->complaint(value->text);
    }
    return complaint == NULL ? 0 : complain(p, value, complaint);
}

/* Addresses are compared by conf_check(), which knows them in more than one spelling. */
static int check_list(const struct place *p, const struct conf_values *values, size_t num)
{
    int (*compare)(const char *, const char *) =
        p->option->type == CONF_SNI_NAMES ? strcasecmp : strcmp;

    if (num > LIST_MAX) {
        return conf_fail(p->error, p->conf, conf_value(values, LIST_MAX)->line,
                         "%s: more than %d values", p->option->name, LIST_MAX);
    }
    for (size_t i = 0; i < num; i++) {
        const struct conf_token *value = conf_value(values, i);

        if (check_text(p, value) != 0) {
            return -1;
        }
        for (size_t j = 0; j < i && p->option->type != CONF_ADDRESSES; j++) {
            if (compare(conf_value(values, j)->text, value->text) == 0) {
                return complain(p, value, "is given twice");
            }
        }
    }
    return 0;
}

static int take_list(const struct place *p, const struct conf_values *values, size_t num)
{
    if (check_list(p, values, num) != 0) {
        return -1;
    }
    switch (p->option->type) {
    case CONF_SNI_NAMES:
        return take_sni_names(p, values, num);
    case CONF_PATHS:
        return take_paths(p, values, num);
    case CONF_ADDRESSES:
        return take_addresses(p, values, num);
    case CONF_NETWORKS:
        return take_networks(p, values, num);
    default: /* CONF_REFERENCES: conf_check.c resolves them */
        return 0;
    }
}

static int take_given(const struct place *p, const struct conf_values *values)
{
    const struct conf_token *value = conf_value(values, 0);
    bool is_text = p->option->type != CONF_NUMBER && p->option->type != CONF_BOOLEAN;

    return is_text && check_text(p, value) != 0 ? -1 : take_single(p, value);
}

static int take_default(const struct place *p, unsigned line)
{
    bool quoted = p->option->type != CONF_NUMBER && p->option->type != CONF_BOOLEAN;
    struct conf_token value = {.kind = quoted ? CONF_TOKEN_TEXT : CONF_TOKEN_WORD,
                               .line = line,
                               .text = p->option->fallback};

    return take_single(p, &value);
}

static int complain_missing(const struct place *p, enum conf_kind kind,
                            const struct conf_node *section)
{
    if (kind == CONF_TOP || section == NULL) {
        return conf_fail(p->error, p->conf, 0, "%s is missing", p->option->name);
    }
    return conf_fail(p->error, p->conf, section->line, "%s \"%s\" has no %s",
                     conf_sections[kind].name, section->title, p->option->name);
}

int conf_take_options(struct conf *conf, enum conf_kind kind, const struct conf_node *section,
                      void *object, struct conf_error *error)
{
    static const struct conf_node nothing;
    const struct conf_node *from = section == NULL ? &nothing : section;

    for (size_t i = 0; i < conf_sections[kind].num_options; i++) {
        const struct conf_option *option = &conf_sections[kind].options[i];
        struct place p = {.conf = conf, .option = option, .object = object, .error = error};
        const struct conf_values *values = &from->options[i];
        size_t num = values->num;
        int status = 0;

        if (num == 0 && option->fallback == NULL) {
            status = complain_missing(&p, kind, section);
        } else if (conf_type_is_list(option->type)) {
            status = take_list(&p, values, num);
        } else if (num > 0) {
            status = take_given(&p, values);
        } else {
            status = take_default(&p, from->line);
        }
        if (status != 0) {
            return -1;
        }
    }
    return 0;
}
