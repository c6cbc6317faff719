#include "lib/net/hostname.h"

#include <string.h>

/* The longest label (RFC 1035 section 2.3.4). */
#define LABEL_MAX 63

static bool is_alnum(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static bool is_label(const char *text, size_t len)
{
    if (len == 0 || len > LABEL_MAX || text[0] == '-' || text[len - 1] == '-') {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        if (!is_alnum(text[i]) && text[i] != '-') {
            return false;
        }
    }
    return true;
}

bool hostname_is_good(const char *name, size_t len)
{
    const char *end = name + len;

    if (len > HOSTNAME_MAX) {
        return false;
    }
    for (;;) {
        const char *dot = memchr(name, '.', (size_t)(end - name));
        const char *label_end = dot == NULL ? end : dot;

        if (!is_label(name, (size_t)(label_end - name))) {
            return false;
        }
        if (dot == NULL) {
            return true;
        }
        name = dot + 1;
    }
}

void hostname_to_lower(char *name, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        name[i] = name[i] >= 'A' && name[i] <= 'Z' ? (char)(name[i] + ('a' - 'A')) : name[i];
    }
}
