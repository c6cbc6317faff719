/*
 * settings: Postfix's parameters with their values, and the words of a value.
 *
 * What postconf(1) prints as "name = value", one a line, becomes a list that can be searched by
 * name.
 */
#ifndef POSTERN_LIB_POSTFIX_SETTINGS_H
#define POSTERN_LIB_POSTFIX_SETTINGS_H

#include "lib/base/bytes.h"

#include <stdbool.h>
#include <stddef.h>

/* The longest name of a parameter or of a word that is searched for. */
#define SETTINGS_NAME_SIZE 128

struct setting {
    char *name;  /* owned by the settings */
    char *value; /* ... */
};

/* In the order of the names, without duplicates. All zero: empty. */
struct settings {
    struct setting *items; /* owned */
    size_t num;
    size_t room;
};

/* Adds the lines "name = value" in `text` (NULL: nothing); a new value replaces the old one of the
 * same name. Other lines are ignored. 0, or -1 without memory. In both cases the caller calls
 * settings_free(). */
MUST_USE int settings_read(struct settings *settings, const char *text);

/* Sets one. 0, or -1 without memory. */
MUST_USE int settings_set(struct settings *settings, const char *name, const char *value);

/* Takes every value of `other` whose name begins with `prefix`. 0, or -1 without memory. */
MUST_USE int settings_take(struct settings *settings, const struct settings *other,
                           const char *prefix);

/* The value, borrowed; NULL: there is no such parameter. */
const char *settings_find(const struct settings *settings, const char *name);

/* The same, "" if there is none. */
const char *settings_get(const struct settings *settings, const char *name);

/* Whether a value is Postfix's "yes". */
bool settings_yes(const struct settings *settings, const char *name);

/* A whole number, without the time unit that may follow it ("300s"); `fallback` if it is none. A
 * unit other than seconds is multiplied out. */
long settings_number(const struct settings *settings, const char *name, long fallback);

void settings_free(struct settings *settings);

/* --- words ---------------------------------------------------------------------------------- */

/* A word of a value, borrowed from it. */
struct settings_word {
    const char *at; /* NULL after the last one */
    size_t len;
};

/* The next word of `*rest`, which moves on. Words end at blanks, commas, braces and "=", so that
 * anything in "{ }" in a list of Postfix's, or in "key=value" of an inline table, is a separate
 * word. */
struct settings_word settings_next_word(const char **rest);

/*
 * The next item of a list as Postfix splits it: at blanks and commas, but not within "{ }", so that
 * "inline:{ {a=b}, {c=d} }" is one, and so is "{ check_policy_service inet:[::1]:9, timeout=5s }".
 */
struct settings_word settings_next_item(const char **rest);

/* The text within the braces of an item "{ ... }"; the item itself if it has no braces. */
struct settings_word settings_inner(struct settings_word item);

/* Whether a word is this one, ignoring case, as in Postfix. */
bool settings_is_word(struct settings_word word, const char *text);

/* Whether a value has a word. */
bool settings_has_word(const char *value, const char *text);

/* Whether each word of `value` is one of `other`. */
bool settings_words_in(const char *value, const char *other);

/*
 * `value` with $name, ${name} and $(name) replaced by `with` for the name `name`, except after
 * "$$", which is a dollar; the caller frees it. NULL without memory.
 */
MUST_USE char *settings_replace(const char *value, const char *name, const char *with);

#endif
