/* Which milters are used, and what they learn. */
#include "lib/postfix/compare_parts.h"

#include <string.h>

struct settings_word compare_milter_at(struct settings_word item)
{
    struct settings_word inner = settings_inner(item);
    const char *rest = inner.at;
    struct settings_word first = settings_next_item(&rest);
    const char *end = inner.at + inner.len;

    if (first.at + first.len > end) {
        first.len = (size_t)(end - first.at);
    }
    return first;
}

/* The item of a milter in a list; `at` NULL: it is not there. */
static struct settings_word find_milter(const char *list, struct settings_word wanted)
{
    struct settings_word item;

    while ((item = settings_next_item(&list)).at != NULL) {
        struct settings_word found = compare_milter_at(item);

        if (found.len == wanted.len && memcmp(found.at, wanted.at, found.len) == 0) {
            return item;
        }
    }
    return (struct settings_word){0};
}

/* Whether two items have the same settings, in the same order. */
static bool are_same_items(struct settings_word one, struct settings_word other)
{
    const char *a = one.at;
    const char *b = other.at;
    struct settings_word first;
    struct settings_word second;

    do {
        first = settings_next_word(&a);
        second = settings_next_word(&b);
        if (first.at == NULL || first.at >= one.at + one.len) {
            return second.at == NULL || second.at >= other.at + other.len;
        }
    } while (second.at != NULL && second.at < other.at + other.len && first.len == second.len &&
             memcmp(first.at, second.at, first.len) == 0);
    return false;
}

/* What milters learn of TLS comes from Postfix. */
static void compare_macros(struct comparing *c)
{
    static const char *const macros[] = {"tls_version", "cipher", "cipher_bits", "cert_subject",
                                         "cert_issuer"};

    for (size_t i = 0; i < sizeof macros / sizeof macros[0]; i++) {
        if (compare_today(c, "smtpd_milters")[0] != '\0' &&
            settings_has_word(c->today, macros[i])) {
            compare_say(
                c, COMPARE_LOST, c->plain,
                "milters get no {tls_version}, {cipher}, {cipher_bits} and {cert_*}; a header of "
                "postern-milter(8) has them");
            return;
        }
    }
}

/* The service behind has to use each of today's, with today's settings. */
static void compare_list(struct comparing *c)
{
    const char *rest = c->today;
    struct settings_word item;

    while ((item = settings_next_item(&rest)).at != NULL) {
        struct settings_word milter = compare_milter_at(item);

        struct settings_word plain = find_milter(c->plain, milter);
        struct settings_word secured = find_milter(c->secured, milter);

        if (plain.at == NULL || secured.at == NULL) {
            compare_say(c, COMPARE_FAIL, c->plain, "the service behind does not use %.*s",
                        (int)milter.len, milter.at);
        } else if (!are_same_items(item, plain) || !are_same_items(item, secured)) {
            compare_say(c, COMPARE_LOST, c->plain,
                        "the service behind uses %.*s with different settings", (int)milter.len,
                        milter.at);
        }
    }
}

void compare_milters(struct comparing *c)
{
    if (c->row->rule == RULE_MILTERS) {
        compare_list(c);
    } else if (c->row->rule == RULE_MACROS) {
        compare_macros(c);
    }
}
