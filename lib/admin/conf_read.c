/*
 * Theory of operation: each token says what may follow it, and no token is read twice; a section is
 * never inside another one, so nothing calls itself. The values of a list remain where they are
 * among the tokens, with one comma between two of them.
 */
#include "lib/admin/conf_parts.h"

#include <stdlib.h>
#include <string.h>

/* What is being read. */
struct reader {
    const struct conf *conf;
    struct conf_error *error;
    struct conf_tree *tree;
    const struct conf_token *next;
};

/* What is wrong at the next token, and the name that it concerns. */
static int fail(const struct reader *r, const char *what, const char *name)
{
    if (r->next->kind == CONF_TOKEN_END) {
        return conf_fail(r->error, r->conf, r->next->line, "premature end of file");
    }
    return conf_fail(r->error, r->conf, r->next->line, "%s '%s'", what, name);
}

static int fail_unexpected(const struct reader *r)
{
    return fail(r, "unexpected token", r->next->text);
}

static bool at_mark(const struct reader *r, char mark)
{
    return conf_is_mark(r->next, mark);
}

static bool at_value(const struct reader *r)
{
    return r->next->kind == CONF_TOKEN_WORD || r->next->kind == CONF_TOKEN_TEXT;
}

/* After the opening brace of a list. Even an empty one has a first token. */
static int read_list(struct reader *r, struct conf_values *values)
{
    bool more = !at_mark(r, '}');

    *values = (struct conf_values){.first = r->next};
    while (more) {
        if (!at_value(r)) {
            return fail_unexpected(r);
        }
        values->num++;
        r->next++;
        more = at_mark(r, ',');
        if (!more && !at_mark(r, '}')) {
            return fail_unexpected(r);
        }
        r->next += more;
    }
    r->next++;
    return 0;
}

/* After the option's name. */
static int read_option(struct reader *r, const struct conf_option *option,
                       struct conf_values *values)
{
    if (!at_mark(r, '=')) {
        return fail(r, "missing equal sign after option", option->name);
    }
    r->next++;
    if (conf_type_is_list(option->type) && at_mark(r, '{')) {
        r->next++;
        return read_list(r, values);
    }
    if (!at_value(r)) {
        return fail_unexpected(r);
    }
    *values = (struct conf_values){.first = r->next, .num = 1};
    r->next++;
    return 0;
}

static int find_option(const struct reader *r, enum conf_kind kind)
{
    return r->next->kind == CONF_TOKEN_WORD ? conf_option_index(&conf_sections[kind], r->next->text)
                                            : -1;
}

/* What is between a section's braces, and the closing one. */
static int read_body(struct reader *r, enum conf_kind kind, struct conf_node *node)
{
    while (!at_mark(r, '}')) {
        int option = find_option(r, kind);

        if (option < 0) {
            return at_value(r) ? fail(r, "no such option", r->next->text) : fail_unexpected(r);
        }
        r->next++;
        if (read_option(r, &conf_sections[kind].options[option], &node->options[option]) != 0) {
            return -1;
        }
    }
    node->line = r->next->line;
    r->next++;
    return 0;
}

/* A new section, the last of its kind; NULL if there is one with that title. */
static struct conf_node *add_node(struct conf_tree *tree, enum conf_kind kind, const char *title)
{
    struct conf_node **end = &tree->first[kind];
    struct conf_node *node;

    for (; *end != NULL; end = &(*end)->next) {
        if (title != NULL && strcmp((*end)->title, title) == 0) {
            return NULL;
        }
    }
    node = &tree->nodes[tree->num_nodes++];
    node->title = title;
    *end = node;
    tree->num[kind]++;
    return node;
}

/* After the section's word. */
static int read_section(struct reader *r, enum conf_kind kind)
{
    const char *title = NULL;
    struct conf_node *node;

    if (conf_sections[kind].titled) {
        if (!at_value(r)) {
            return fail(r, "missing title for section", conf_sections[kind].name);
        }
        title = r->next->text;
        r->next++;
    }
    if (!at_mark(r, '{')) {
        return fail(r, "missing opening brace for section", conf_sections[kind].name);
    }
    node = add_node(r->tree, kind, title);
    if (node == NULL) {
        return fail(r, "found duplicate title", title);
    }
    r->next++;
    return read_body(r, kind, node);
}

static int read_top(struct reader *r)
{
    while (r->next->kind != CONF_TOKEN_END) {
        int option = find_option(r, CONF_TOP);
        enum conf_kind kind =
            r->next->kind == CONF_TOKEN_WORD ? conf_section_kind(r->next->text) : CONF_TOP;
        int status;

        if (option < 0 && kind == CONF_TOP) {
            return at_value(r) ? fail(r, "no such option", r->next->text) : fail_unexpected(r);
        }
        r->next++;
        status = option < 0 ? read_section(r, kind)
                            : read_option(r, &conf_sections[CONF_TOP].options[option],
                                          &r->tree->top.options[option]);
        if (status != 0) {
            return -1;
        }
    }
    return 0;
}

struct conf_tree *conf_read(const struct conf *conf, const uint8_t *bytes, size_t len,
                            struct conf_error *error)
{
    struct reader r = {.conf = conf, .error = error};
    size_t num_sections;
    struct conf_token *tokens = conf_source_tokens(conf, bytes, len, &num_sections, error);

    if (tokens == NULL) {
        return NULL;
    }
    r.next = tokens;
    r.tree = calloc(1, sizeof *r.tree + num_sections * sizeof r.tree->nodes[0]);
    if (r.tree == NULL) {
        conf_fail(error, conf, 0, "out of memory");
        free(tokens);
        return NULL;
    }
    r.tree->tokens = tokens;
    if (read_top(&r) != 0) {
        conf_tree_free(r.tree);
        return NULL;
    }
    return r.tree;
}

void conf_tree_free(struct conf_tree *tree)
{
    if (tree != NULL) {
        free(tree->tokens);
        free(tree);
    }
}

const struct conf_token *conf_value(const struct conf_values *values, size_t index)
{
    return &values->first[2 * index];
}
