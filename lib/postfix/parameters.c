#include "lib/postfix/parameters.h"

#include <string.h>

#define CARRIED(name, rule)                    {name, PARAMETER_CARRIED, rule, NULL, NULL, NULL},
#define DEMAND(name, rule)                     {name, PARAMETER_DEMAND, rule, NULL, NULL, NULL},
#define OURS(name, rule, option, behind, text) {name, PARAMETER_OURS, rule, option, behind, text},
#define REPLACED(name, rule, option, text)     {name, PARAMETER_REPLACED, rule, option, NULL, text},
#define LOST(name, text)                       {name, PARAMETER_LOST, RULE_NONE, NULL, NULL, text},
#define LOST_BY(name, rule, text)              {name, PARAMETER_LOST, rule, NULL, NULL, text},
#define WORLD(name, rule, option, text)        {name, PARAMETER_WORLD, rule, option, NULL, text},
#define NOTHING(name)                          {name, PARAMETER_NOTHING, RULE_NONE, NULL, NULL, NULL},

static const struct parameter rows[] = {
#include "lib/postfix/parameters.inc"
};

size_t parameters_num(void)
{
    return sizeof rows / sizeof rows[0];
}

const struct parameter *parameter_at(size_t i)
{
    return &rows[i];
}

static bool fits(const char *pattern, const char *name)
{
    const char *star = strchr(pattern, '*');
    size_t head = star == NULL ? strlen(pattern) : (size_t)(star - pattern);
    size_t tail = star == NULL ? 0 : strlen(star + 1);
    size_t len = strlen(name);

    if (star == NULL) {
        return strcmp(pattern, name) == 0;
    }
    return len >= head + tail && memcmp(pattern, name, head) == 0 &&
           strcmp(star + 1, name + len - tail) == 0;
}

bool parameter_must_be_known(const char *name)
{
    static const char *const prefixes[] = {"smtpd_",    "postscreen_", "tls_",
                                           "tlsproxy_", "milter_",     "requiretls_"};

    for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++) {
        if (strncmp(name, prefixes[i], strlen(prefixes[i])) == 0) {
            return true;
        }
    }
    return false;
}

const struct parameter *parameter_find(const char *name)
{
    const struct parameter *best = NULL;
    bool in_family = !parameter_must_be_known(name);

    for (size_t i = 0; i < parameters_num(); i++) {
        if (fits(rows[i].name, name) && (in_family || rows[i].name[0] != '*')) {
            if (strchr(rows[i].name, '*') == NULL) {
                return &rows[i];
            }
            if (best == NULL || strlen(rows[i].name) > strlen(best->name)) {
                best = &rows[i];
            }
        }
    }
    return best;
}
