#include "lib/postfix/settings.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* --- the list ------------------------------------------------------------------------------- */

/* Where a name is, or where it belongs. */
static size_t place_of(const struct settings *settings, const char *name, bool *found)
{
    size_t low = 0;
    size_t high = settings->num;

    *found = false;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(settings->items[middle].name, name);

        if (order == 0) {
            *found = true;
            return middle;
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static int make_room(struct settings *settings)
{
    size_t room = settings->room == 0 ? 256 : settings->room * 2;
    struct setting *more;

    if (settings->num < settings->room) {
        return 0;
    }
    more = realloc(settings->items, room * sizeof *more);
    if (more == NULL) {
        return -1;
    }
    settings->items = more;
    settings->room = room;
    return 0;
}

/* Takes ownership of both texts; NULL means that there was no memory. */
static int put(struct settings *settings, char *name, char *value)
{
    bool found = false;
    size_t at;

    if (name == NULL || value == NULL || make_room(settings) != 0) {
        free(name);
        free(value);
        return -1;
    }
    at = place_of(settings, name, &found);
    if (found) {
        free(name);
        free(settings->items[at].value);
        settings->items[at].value = value;
        return 0;
    }
    memmove(settings->items + at + 1, settings->items + at,
            (settings->num - at) * sizeof *settings->items);
    settings->items[at] = (struct setting){name, value};
    settings->num++;
    return 0;
}

int settings_set(struct settings *settings, const char *name, const char *value)
{
    return put(settings, strdup(name), strdup(value));
}

static int read_line(struct settings *settings, const char *line, size_t len)
{
    size_t name = strcspn(line, " =\n");
    size_t at = name + strspn(line + name, " ");

    if (name == 0 || at >= len || line[at] != '=') {
        return 0;
    }
    at++;
    at += at < len && line[at] == ' ';
    return put(settings, strndup(line, name), strndup(line + at, len - at));
}

int settings_read(struct settings *settings, const char *text)
{
    while (text != NULL && *text != '\0') {
        size_t len = strcspn(text, "\n");

        if (read_line(settings, text, len) != 0) {
            return -1;
        }
        text += len + (text[len] == '\n');
    }
    return 0;
}

int settings_take(struct settings *settings, const struct settings *other, const char *prefix)
{
    size_t len = strlen(prefix);

    for (size_t i = 0; i < other->num; i++) {
        if (strncmp(other->items[i].name, prefix, len) == 0 &&
            settings_set(settings, other->items[i].name, other->items[i].value) != 0) {
            return -1;
        }
    }
    return 0;
}

const char *settings_find(const struct settings *settings, const char *name)
{
    bool found;
    size_t at = place_of(settings, name, &found);

    return found ? settings->items[at].value : NULL;
}

const char *settings_get(const struct settings *settings, const char *name)
{
    const char *value = settings_find(settings, name);

    return value == NULL ? "" : value;
}

bool settings_yes(const struct settings *settings, const char *name)
{
    return strcasecmp(settings_get(settings, name), "yes") == 0;
}

long settings_number(const struct settings *settings, const char *name, long fallback)
{
    static const struct {
        char unit;
        long seconds;
    } units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}, {'w', 604800}};
    const char *value = settings_get(settings, name);
    char *end;
    long number = strtol(value, &end, 10);

    if (end == value || number < 0 || number > 1000000000) {
        return fallback;
    }
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (*end == units[i].unit && end[1] == '\0') {
            return number > LONG_MAX / units[i].seconds ? fallback : number * units[i].seconds;
        }
    }
    return *end == '\0' ? number : fallback;
}

void settings_free(struct settings *settings)
{
    for (size_t i = 0; i < settings->num; i++) {
        free(settings->items[i].name);
        free(settings->items[i].value);
    }
    free(settings->items);
    *settings = (struct settings){0};
}

/* --- words ---------------------------------------------------------------------------------- */

static const char between_words[] = " \t\r\n,{}=";

struct settings_word settings_next_word(const char **rest)
{
    struct settings_word word = {.at = *rest + strspn(*rest, between_words)};

    word.len = strcspn(word.at, between_words);
    *rest = word.at + word.len;
    return word.len == 0 ? (struct settings_word){0} : word;
}

struct settings_word settings_next_item(const char **rest)
{
    static const char between_items[] = " \t\r\n,";
    struct settings_word item = {.at = *rest + strspn(*rest, between_items)};
    unsigned depth = 0;

    while (item.at[item.len] != '\0' &&
           (depth > 0 || strchr(between_items, item.at[item.len]) == NULL)) {
        char c = item.at[item.len++];

        depth += c == '{';
        depth -= c == '}' && depth > 0;
    }
    *rest = item.at + item.len;
    return item.len == 0 ? (struct settings_word){0} : item;
}

struct settings_word settings_inner(struct settings_word item)
{
    if (item.len >= 2 && item.at[0] == '{' && item.at[item.len - 1] == '}') {
        item.at++;
        item.len -= 2;
    }
    return item;
}

bool settings_is_word(struct settings_word word, const char *text)
{
    return word.at != NULL && word.len == strlen(text) && strncasecmp(word.at, text, word.len) == 0;
}

bool settings_has_word(const char *value, const char *text)
{
    struct settings_word word;

    while ((word = settings_next_word(&value)).at != NULL) {
        if (settings_is_word(word, text)) {
            return true;
        }
    }
    return false;
}

bool settings_words_in(const char *value, const char *other)
{
    struct settings_word word;
    char text[SETTINGS_NAME_SIZE];

    while ((word = settings_next_word(&value)).at != NULL) {
        if (word.len >= sizeof text) {
            return false;
        }
        memcpy(text, word.at, word.len);
        text[word.len] = '\0';
        if (!settings_has_word(other, text)) {
            return false;
        }
    }
    return true;
}

static bool is_of_name(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/* The length of a reference to `name` at the beginning of `text`; 0: there is none. */
static size_t reference(const char *text, const char *name)
{
    size_t len = strlen(name);
    size_t opening = text[0] != '$' ? 0 : text[1] == '{' || text[1] == '(' ? 2 : 1;

    if (opening == 0 || strncmp(text + opening, name, len) != 0) {
        return 0;
    }
    text += opening + len;
    if (opening == 1) {
        return is_of_name(*text) ? 0 : len + 1;
    }
    return *text == (text[-(ptrdiff_t)len - 1] == '{' ? '}' : ')') ? len + 3 : 0;
}

char *settings_replace(const char *value, const char *name, const char *with)
{
    size_t room = strlen(value) + 1;
    size_t len = 0;
    char *out;

    for (const char *at = value; *at != '\0'; at++) {
        room += reference(at, name) > 0 ? strlen(with) : 0;
    }
    out = malloc(room);
    while (out != NULL && *value != '\0') {
        size_t skipped = reference(value, name);

        if (skipped > 0) {
            memcpy(out + len, with, strlen(with));
            len += strlen(with);
            value += skipped;
        } else {
            /* "$$" is a dollar, and no name begins at its second one. */
            size_t same = value[0] == '$' && value[1] == '$' ? 2 : 1;

            memcpy(out + len, value, same);
            len += same;
            value += same;
        }
    }
    if (out != NULL) {
        out[len] = '\0';
    }
    return out;
}
