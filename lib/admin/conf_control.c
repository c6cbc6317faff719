/*
 * Theory of operation: the file is looked at word by word, with only as much of its syntax as it
 * takes to tell the option from a comment, a text or a section: `control`, `=` and a quoted text,
 * outside of all braces. Whatever else is wrong does not matter.
 */
#include "lib/admin/conf_parts.h"

#include <stdio.h>
#include <string.h>

struct scan {
    const char *at;
    const char *end;
    unsigned depth; /* open braces */
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool is_word_byte(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_' ||
           c == '-' || c == '.';
}

static bool begins(const struct scan *s, char mark)
{
    return s->at < s->end && *s->at == mark;
}

static void skip_line(struct scan *s)
{
    while (s->at < s->end && *s->at != '\n') {
        s->at++;
    }
}

static void skip_blanks(struct scan *s)
{
    while (s->at < s->end) {
        if (is_blank(*s->at)) {
            s->at++;
        } else if (*s->at == '#') {
            skip_line(s);
        } else {
            return;
        }
    }
}

/* What is between quotes, without escapes; it ends with its line at the latest. */
static struct bytes take_quoted(struct scan *s)
{
    const char *begin = ++s->at;

    while (s->at < s->end && *s->at != '"' && *s->at != '\n') {
        s->at += *s->at == '\\' && s->end - s->at > 1 ? 2 : 1;
    }
    if (s->at == s->end || *s->at == '\n') {
        return bytes_of(NULL, 0);
    }
    s->at++;
    return bytes_of(begin, (size_t)(s->at - 1 - begin));
}

/* The value, if one follows. */
static struct bytes take_value(struct scan *s)
{
    skip_blanks(s);
    if (!begins(s, '=')) {
        return bytes_of(NULL, 0);
    }
    s->at++;
    skip_blanks(s);
    return begins(s, '"') ? take_quoted(s) : bytes_of(NULL, 0);
}

/* Takes what is next; with the value if it is the option. */
static struct bytes take(struct scan *s)
{
    static const char option[] = "control";
    const char *begin = s->at;
    char c = *s->at;

    if (c == '"') {
        (void)take_quoted(s);
    } else if (is_word_byte(c)) {
        while (s->at < s->end && is_word_byte(*s->at)) {
            s->at++;
        }
        if (s->depth == 0 && s->at - begin == (ptrdiff_t)strlen(option) &&
            memcmp(begin, option, strlen(option)) == 0) {
            return take_value(s);
        }
    } else {
        s->depth += c == '{' ? 1 : 0;
        s->depth -= c == '}' && s->depth > 0 ? 1 : 0;
        s->at++;
    }
    return bytes_of(NULL, 0);
}

int conf_find_control(const char *file, const uint8_t *bytes, size_t len, char *out, size_t size)
{
    struct scan s = {.at = (const char *)bytes, .end = (const char *)bytes + len};
    struct bytes value = bytes_of(NULL, 0);
    const char *slash = strrchr(file, '/');
    int directory = slash == NULL ? 0 : (int)(slash - file) + 1;

    for (skip_blanks(&s); s.at < s.end && value.len == 0; skip_blanks(&s)) {
        value = take(&s);
    }
    if (value.len == 0) {
        value = bytes_of(CONF_CONTROL, strlen(CONF_CONTROL));
    }
    if (value.data[0] == '/') {
        directory = 0;
    }
    return snprintf(out, size, "%.*s%.*s", directory, file, (int)value.len,
                    (const char *)value.data) < (int)size
               ? 0
               : -1;
}
