/* Who is a stranger to a service of Postfix. */
#include "daemon/posternctl/selftest/selftest.h"

#include "lib/net/prefix.h"

#include <string.h>

/* Addresses reserved for documentation (RFC 5737, RFC 3849, RFC 9637), which belong to nobody. */
static const char *const strangers[] = {"192.0.2.1",   "198.51.100.1",     "203.0.113.1",
                                        "2001:db8::1", "2001:db8:ffff::1", "3fff::1"};

enum selftest_member selftest_in_network(struct settings_word word, const struct addr *client)
{
    char text[PREFIX_TEXT_SIZE + 2];
    struct prefix prefix;
    const char *why;

    /* Postfix writes the IPv6 ones as [2001:db8::]/32. */
    if (word.len >= sizeof text) {
        return SELFTEST_UNKNOWN;
    }
    snprintf(text, sizeof text, "%.*s", (int)word.len, word.at);
    if (prefix_parse(&prefix, text, &why) != 0) {
        return SELFTEST_UNKNOWN; /* a table, or a file */
    }
    return prefix_contains(&prefix, client) ? SELFTEST_INSIDE : SELFTEST_OUTSIDE;
}

/* A word with "!" before it excludes its addresses; the first word that has the address decides. */
enum selftest_member selftest_in_mynetworks(const struct settings *values,
                                            const struct addr *client)
{
    const char *rest = settings_get(values, "mynetworks");
    enum selftest_member found = SELFTEST_OUTSIDE;
    struct settings_word word;

    while ((word = settings_next_item(&rest)).at != NULL) {
        bool except = word.at[0] == '!';
        struct settings_word network = {word.at + except, word.len - except};
        enum selftest_member member = selftest_in_network(network, client);

        if (member == SELFTEST_INSIDE) {
            return except ? SELFTEST_OUTSIDE : SELFTEST_INSIDE;
        }
        found = member == SELFTEST_UNKNOWN ? SELFTEST_UNKNOWN : found;
    }
    return found;
}

struct addr selftest_stranger(const struct selftest *t, const struct settings *values,
                              enum addr_family family)
{
    struct addr first = {.family = ADDR_NONE};

    if (t->as.family == family) {
        return t->as;
    }
    for (size_t i = 0; i < sizeof strangers / sizeof strangers[0]; i++) {
        struct addr a;

        if (!addr_parse(&a, strangers[i]) || a.family != family) {
            continue;
        }
        if (selftest_in_mynetworks(values, &a) != SELFTEST_INSIDE) {
            return a;
        }
        first = first.family == ADDR_NONE ? a : first;
    }
    return first;
}
