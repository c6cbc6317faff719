/*
 * Theory of operation: a lookup table has entries, each a key and a value. In a file an entry
 * begins with its line, and lines that begin with a blank continue it; within the braces of an
 * inline table entries are items, "{key = value}" or "key=value". Where a parameter makes
 * exceptions for some clients, each entry is checked for its effect behind posternd.
 */
#include "lib/postfix/compare_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- entries -------------------------------------------------------------------------------- */

struct entry {
    struct settings_word key;
    struct settings_word value;
};

/* Whether a table is its own text: "inline:{ ... }", "pcre:{ ... }". Within the braces of
 * "unionmap:" and "pipemap:" are other tables. */
static bool is_inline(struct settings_word table)
{
    static const char *const types[] = {"inline:{", "static:{", "randmap:{",
                                        "cidr:{",   "pcre:{",   "regexp:{"};

    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        size_t len = strlen(types[i]);

        if (table.len >= len && memcmp(table.at, types[i], len) == 0) {
            return true;
        }
    }
    return false;
}

char *compare_table_text(const struct comparing *c, struct settings_word table)
{
    char *name;
    char *text;

    if (is_inline(table)) {
        const char *colon = memchr(table.at, ':', table.len);
        struct settings_word whole = {.at = colon + 1,
                                      .len = table.len - (size_t)(colon + 1 - table.at)};
        struct settings_word inner = settings_inner(whole);

        return strndup(inner.at, inner.len);
    }
    name = strndup(table.at, table.len);
    text = name == NULL ? NULL : c->in->read_table(c->in->arg, name);
    free(name);
    return text;
}

static const char blanks[] = " \t\r";

/* The key is the first word of an entry, and the value the rest. */
static struct entry entry_of(struct settings_word text)
{
    struct entry out = {.key.at = text.at + strspn(text.at, " \t\r\n")};
    const char *end = text.at + text.len;
    const char *value;

    out.key.len = strcspn(out.key.at, " \t\r\n=");
    if (out.key.at + out.key.len > end) {
        out.key.len = out.key.at < end ? (size_t)(end - out.key.at) : 0;
    }
    value = out.key.at + out.key.len;
    value += strspn(value, " \t\r\n=");
    out.value = (struct settings_word){.at = value, .len = value < end ? (size_t)(end - value) : 0};
    return out;
}

/* The next entry of `*rest`, which moves on; its key has no length after the last one. */
static struct entry next_entry(const char **rest, bool inlined)
{
    struct settings_word text;

    if (inlined) {
        text = settings_next_item(rest);
        return text.at == NULL ? (struct entry){0} : entry_of(settings_inner(text));
    }
    text.at = *rest + strspn(*rest, " \t\r\n");
    text.len = strcspn(text.at, "\n");
    while (text.at[text.len] == '\n' && text.at[text.len + 1] != '\0' &&
           strchr(blanks, text.at[text.len + 1]) != NULL) {
        text.len += 1 + strcspn(text.at + text.len + 1, "\n");
    }
    *rest = text.at + text.len;
    return entry_of(text);
}

static bool has_word(struct settings_word value, const char *wanted)
{
    const char *rest = value.at;
    struct settings_word word;

    while ((word = settings_next_word(&rest)).at != NULL && word.at < value.at + value.len) {
        if (settings_is_word(word, wanted)) {
            return true;
        }
    }
    return false;
}

/* --- clients without STARTTLS --------------------------------------------------------------- */

/* The effect of the tables of today's service. */
struct hidden {
    bool any;      /* STARTTLS is hidden from somebody */
    char key[128]; /* the first of those that are not in starttls_except; "": none */
    bool more;     /* there are further ones */
    bool all;      /* it is hidden from everybody */
};

static bool is_excepted(const struct conf_prefixes *excepted, struct settings_word key)
{
    struct prefix network;

    if (!compare_is_network(key, &network)) {
        return false;
    }
    for (size_t i = 0; i < excepted->num; i++) {
        if (excepted->items[i].bits <= network.bits &&
            prefix_contains(&excepted->items[i], &network.base)) {
            return true;
        }
    }
    return false;
}

static void look_at_entry(struct hidden *hidden, const struct comparing *c, struct entry entry)
{
    if (!has_word(entry.value, "starttls")) {
        return;
    }
    hidden->any = true;
    if (!is_excepted(&c->in->listener->starttls_except, entry.key)) {
        hidden->more = hidden->key[0] != '\0';
        if (!hidden->more) {
            snprintf(hidden->key, sizeof hidden->key, "%.*s", (int)entry.key.len, entry.key.at);
        }
    }
}

static void look_at_table(struct hidden *hidden, struct comparing *c, struct settings_word table)
{
    static const char fixed[] = "static:";
    char *text = compare_table_text(c, table);
    const char *rest = text;
    struct entry entry;

    if (text == NULL) {
        compare_say(c, COMPARE_NOT_JUDGED, "",
                    "%.*s is not read: clients that it hides STARTTLS from must be in "
                    "starttls_except",
                    (int)table.len, table.at);
        return;
    }
    if (strncmp(table.at, fixed, sizeof fixed - 1) == 0) {
        hidden->all = hidden->all || settings_has_word(text, "starttls");
    } else {
        while ((entry = next_entry(&rest, is_inline(table))).key.len > 0) {
            look_at_entry(hidden, c, entry);
        }
    }
    free(text);
}

static void compare_discard_maps(struct comparing *c)
{
    const char *rest = c->today;
    struct hidden hidden = {0};
    struct settings_word table;

    if (compare_level(c->in->today.values, c->in->today.postscreen) == CONF_TLS_NONE ||
        c->in->listener->tls == CONF_TLS_NONE) {
        return;
    }
    while ((table = settings_next_item(&rest)).at != NULL) {
        look_at_table(&hidden, c, table);
    }
    if (hidden.all) {
        compare_say(c, COMPARE_LOST, conf_tls_word(c->in->listener->tls),
                    "STARTTLS is offered, which today's service offers to nobody: tls = \"none\"");
    } else if (hidden.key[0] != '\0') {
        compare_say(c, COMPARE_LOST, "",
                    "STARTTLS is offered to %s%s, but not by today's service: starttls_except",
                    hidden.key, hidden.more ? " and others" : "");
    } else if (hidden.any) {
        compare_say(c, COMPARE_EQUAL, "", "its clients are in starttls_except");
    }
}

/* --- clients with milters of their own ------------------------------------------------------ */

/* Whether a milter of a list is postern-milter. Postfix may name its socket relative to its queue
 * directory. */
static bool is_our_milter(const struct conf *conf, struct settings_word milter)
{
    static const char local[] = "unix:";
    const struct endpoint *socket = &conf->milter.socket.endpoint;
    char text[sizeof "inet:" + ADDR_PATH_SIZE + 8];
    size_t whole = strlen(socket->path);

    if (socket->ip.family != ADDR_NONE) {
        memcpy(text, "inet:", sizeof "inet:");
        endpoint_text(socket, text + strlen(text), ADDR_PATH_SIZE + 8);
        return settings_is_word(milter, text);
    }
    if (milter.len <= strlen(local) || strncmp(milter.at, local, strlen(local)) != 0) {
        return false;
    }
    milter.at += strlen(local);
    milter.len -= strlen(local);
    return milter.len <= whole &&
           strncmp(socket->path + whole - milter.len, milter.at, milter.len) == 0 &&
           (milter.len == whole || socket->path[whole - milter.len - 1] == '/');
}

static bool has_our_milter(const struct conf *conf, struct settings_word value)
{
    const char *rest = value.at;
    const char *end = value.at + value.len;
    struct settings_word item;

    while ((item = settings_next_item(&rest)).at != NULL && item.at < end) {
        if (item.at + item.len > end) {
            item.len = (size_t)(end - item.at);
        }
        if (is_our_milter(conf, compare_milter_at(item))) {
            return true;
        }
    }
    return false;
}

/* Whether each entry of all tables of a list has postern-milter. */
static bool is_ours_everywhere(const struct comparing *c, const char *list)
{
    struct settings_word table;
    bool ours = true;

    while (ours && (table = settings_next_item(&list)).at != NULL) {
        char *text = compare_table_text(c, table);
        const char *rest = text;
        struct entry entry;

        ours = text != NULL;
        while (ours && (entry = next_entry(&rest, is_inline(table))).key.len > 0) {
            ours = has_our_milter(c->in->conf, entry.value);
        }
        free(text);
    }
    return ours;
}

static void compare_milter_maps(struct comparing *c)
{
    const struct conf *conf = c->in->conf;
    bool has_milter = conf->milter.line != 0 && conf_is_set(&conf->milter.socket);
    bool gone = c->plain[0] == '\0' && c->secured[0] == '\0';

    if (has_milter && gone && c->today[0] != '\0') {
        compare_say(c, COMPARE_LOST, "",
                    "behind posternd its clients get the milters in smtpd_milters");
        return;
    }
    compare_carried(c);
    if (!has_milter || gone) {
        return;
    }
    if (is_ours_everywhere(c, c->plain) && is_ours_everywhere(c, c->secured)) {
        compare_say(c, COMPARE_EQUAL, c->plain, "postern-milter is in each entry");
    } else {
        compare_say(c, COMPARE_FAIL, c->plain,
                    "postern-milter is not used for clients in this table: its policy does not "
                    "apply, and its header can be forged: put its socket into each entry, or set "
                    "-o smtpd_milter_maps=");
    }
}

void compare_tables(struct comparing *c)
{
    if (c->row->rule == RULE_DISCARD_MAPS) {
        compare_discard_maps(c);
    } else if (c->row->rule == RULE_MILTER_MAPS) {
        compare_milter_maps(c);
    }
}
