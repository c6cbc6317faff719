"""Planted changes of how the configuration's syntax is read."""

from planted import in_file

TOKENS = in_file(
    "lib/admin/conf_source.c",
    ("conf: an escape is not part of the text", "conf",
     "            s->at++;\n            c = next;\n", ""),
    ("conf: only two escapes", "conf_mistakes", "next != '\"' && next != '\\\\'", "false"),
    ("conf: a text ends with its line", "conf_mistakes",
     "s->at < s->len && s->in[s->at] != '\\n' && s->in[s->at] != '\\r'", "s->at < s->len"),
    ("conf: a bound for a text", "conf_mistakes", "s->at - start >= TEXT_MAX", "false"),
    ("conf: no value from the next line without quotes", "conf_mistakes",
     "conf_is_mark(last, '=') && last->line != s->line", "false"),
    ("conf: an option twice", "conf_mistakes", "if (*seen & bit) {", "if (false) {"),
    ("conf: a section twice", "conf_mistakes", "if (s->seen_sections & bit) {", "if (false) {"),
    ("conf: a section's name in quotes", "conf_mistakes",
     "if (title->kind == CONF_TOKEN_WORD) {", "if (false) {"),
    ("conf: no section in a section", "conf_mistakes",
     "    if (s->in_section) {\n        return conf_fail", "    if (false) {\n        return conf_fail"),
    ("conf: no comma at the end of a list", "conf_mistakes",
     "return conf_is_mark(previous(s, 1), ',')", "return false"),
    ("conf: the end is on the line after the last", "conf_mistakes",
     "    s->line++;\n    push(s, CONF_TOKEN_END", "    push(s, CONF_TOKEN_END"),
)

TREE = in_file(
    "lib/admin/conf_read.c",
    ("conf: the end of the file in the middle", "conf_mistakes",
     "if (r->next->kind == CONF_TOKEN_END) {", "if (false && r->next->kind == CONF_TOKEN_END) {"),
    ("conf: a comma between values", "conf_mistakes",
     "if (!more && !at_mark(r, '}')) {", "if (false) {"),
    ("conf: a value after the comma", "conf_mistakes",
     "    while (more) {\n        if (!at_value(r)) {", "    while (more) {\n        if (false) {"),
    ("conf: an equal sign", "conf_mistakes", "if (!at_mark(r, '=')) {", "if (false) {"),
    ("conf: braces only for a list", "conf_mistakes",
     "conf_type_is_list(option->type) && at_mark", "at_mark"),
    ("conf: one value of a list without braces", "conf",
     "conf_type_is_list(option->type) && at_mark(r, '{')", "conf_type_is_list(option->type)"),
    ("conf: an option is not in quotes", "conf_mistakes",
     "return r->next->kind == CONF_TOKEN_WORD ? conf_option_index", "return at_value(r) ? conf_option_index"),
    ("conf: a name of a kind once", "conf_mistakes",
     "title != NULL && strcmp((*end)->title, title) == 0", "false"),
    ("conf: a section's line is its closing brace's", "conf",
     "node->line = r->next->line;", "node->line = r->next[-1].line;"),
    ("conf: a name is wanted", "conf_mistakes",
     "if (!at_value(r)) {\n            return fail(r, \"missing title", "if (false) {\n            return fail(r, \"missing title"),
    ("conf: a brace is wanted", "conf_mistakes", "if (!at_mark(r, '{')) {", "if (false) {"),
    ("conf: the values of a list, not its commas", "conf", "values->first[2 * index]",
     "values->first[index]"),
)

ALL = TOKENS + TREE
