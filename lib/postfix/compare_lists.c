/*
 * Theory of operation: a word of a restriction list may be in the list, within "{ }", in a
 * restriction class, or be the result of a lookup table, and each of these may name the next. A
 * class is scanned once, however often it is named: it may name itself, and be the result of each
 * line of a long table. The scan looks for words with a different meaning for a service that sees
 * neither TLS nor client certificates.
 */
#include "lib/postfix/compare_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Braces within braces; Postfix has one of them. */
enum { DEPTH_MAX = 8 };

/* A list that is being scanned. */
struct scan {
    struct comparing *c;
    const struct settings *values; /* of the service: its classes */
    struct settings seen;          /* owned; the classes that were scanned, without values */
    unsigned depth;
    bool plaintext;                 /* reject_plaintext_session was found */
    bool clientcerts;               /* permit_tls_clientcerts, or the one for all */
    bool ccert_denies;              /* check_ccert_access with a table that may refuse */
    bool ccert;                     /* check_ccert_access */
    bool policy;                    /* check_policy_service */
    bool unread;                    /* a table is not read */
    char table[SETTINGS_NAME_SIZE]; /* the first of these */
};

static char *copy_of(struct settings_word word)
{
    return strndup(word.at, word.len);
}

/* --- tables --------------------------------------------------------------------------------- */

/* compare_table_text(); the first table that is not read is remembered. */
static char *table_text(struct scan *scan, struct settings_word item)
{
    char *text = compare_table_text(scan->c, item);

    if (text == NULL && !scan->unread) {
        snprintf(scan->table, sizeof scan->table, "%.*s", (int)item.len, item.at);
        scan->unread = true;
    }
    return text;
}

/* Whether a result refuses, holds or discards mail, or sends it through a filter. */
static bool is_denial(struct settings_word word)
{
    static const char *const words[] = {"reject", "defer",    "discard", "hold",
                                        "filter", "redirect", "bcc"};

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (settings_is_word(word, words[i])) {
            return true;
        }
    }
    /* "reject_unauth_destination" is also a result. */
    for (size_t i = 0; i < 2; i++) {
        size_t len = strlen(words[i]);

        if (word.len > len && strncasecmp(word.at, words[i], len) == 0 && word.at[len] == '_') {
            return true;
        }
    }
    return word.len == 3 && (word.at[0] == '4' || word.at[0] == '5') &&
           strspn(word.at, "0123456789") == 3;
}

/* Whether a word is the name of a restriction class, which is written to `name`. */
static bool read_class(const struct scan *scan, struct settings_word word,
                       char name[SETTINGS_NAME_SIZE])
{
    if (word.len >= SETTINGS_NAME_SIZE) {
        return false;
    }
    memcpy(name, word.at, word.len);
    name[word.len] = '\0';
    return settings_has_word(settings_get(scan->values, "smtpd_restriction_classes"), name);
}

static bool is_class(const struct scan *scan, struct settings_word word)
{
    char name[SETTINGS_NAME_SIZE];

    return read_class(scan, word, name);
}

/* The effect of a table of check_ccert_access. A class may also refuse. */
static void scan_ccert_table(struct scan *scan, struct settings_word item)
{
    char *text = table_text(scan, item);
    const char *rest = text;
    struct settings_word word;

    scan->ccert = true;
    scan->ccert_denies = scan->ccert_denies || text == NULL;
    while (text != NULL && (word = settings_next_word(&rest)).at != NULL) {
        scan->ccert_denies = scan->ccert_denies || is_denial(word) || is_class(scan, word);
    }
    free(text);
}

/* --- lists ---------------------------------------------------------------------------------- */

static void scan_list(struct scan *scan, const char *list);

/* A word that may be a restriction, or the name of a class of them. */
static void scan_word(struct scan *scan, struct settings_word word)
{
    char name[SETTINGS_NAME_SIZE];

    scan->plaintext = scan->plaintext || settings_is_word(word, "reject_plaintext_session");
    scan->clientcerts = scan->clientcerts || settings_is_word(word, "permit_tls_clientcerts") ||
                        settings_is_word(word, "permit_tls_all_clientcerts");
    scan->policy = scan->policy || settings_is_word(word, "check_policy_service");
    if (read_class(scan, word, name) && settings_find(&scan->seen, name) == NULL) {
        if (settings_set(&scan->seen, name, "") != 0) {
            scan->c->failed = true;
            return;
        }
        scan_list(scan, settings_get(scan->values, name));
    }
}

/* The results of a table are also restrictions. */
static void scan_table(struct scan *scan, struct settings_word item)
{
    char *text = table_text(scan, item);
    const char *rest = text;
    struct settings_word word;

    while (text != NULL && (word = settings_next_word(&rest)).at != NULL) {
        scan_word(scan, word);
    }
    free(text);
}

static bool takes_table(struct settings_word word)
{
    static const char head[] = "check_";
    static const char tail[] = "_access";

    return word.len > sizeof head + sizeof tail - 2 &&
           strncasecmp(word.at, head, sizeof head - 1) == 0 &&
           strncasecmp(word.at + word.len - (sizeof tail - 1), tail, sizeof tail - 1) == 0;
}

static void scan_inner(struct scan *scan, struct settings_word item)
{
    char *inner;

    if (scan->depth >= DEPTH_MAX) {
        return;
    }
    inner = copy_of(settings_inner(item));
    if (inner == NULL) {
        scan->c->failed = true;
    } else {
        scan->depth++;
        scan_list(scan, inner);
        scan->depth--;
    }
    free(inner);
}

/* Without a certificate, nothing is permitted or refused because of one. */
static bool asks_certificates(const struct comparing *c)
{
    return settings_yes(c->in->today.values, "smtpd_tls_ask_ccert") ||
           settings_yes(c->in->today.values, "smtpd_tls_req_ccert");
}

/* What follows a check_..._access. */
static void scan_access(struct scan *scan, struct settings_word word, struct settings_word table)
{
    if (!settings_is_word(word, "check_ccert_access")) {
        scan_table(scan, table);
    } else if (asks_certificates(scan->c)) {
        scan_ccert_table(scan, table);
    }
}

/* A table alone is an access table of the list's own kind, in the old syntax. */
static bool is_table(struct settings_word word, struct settings_word before)
{
    return memchr(word.at, ':', word.len) != NULL &&
           !settings_is_word(before, "check_policy_service");
}

static void scan_list(struct scan *scan, const char *list)
{
    struct settings_word before = {0};
    struct settings_word item;

    while ((item = settings_next_item(&list)).at != NULL) {
        struct settings_word table = {0};
        bool warns = settings_is_word(before, "warn_if_reject"); /* it refuses nobody */

        if (item.at[0] != '{' && takes_table(item)) {
            table = settings_next_item(&list);
        }
        if (table.at != NULL && !warns) {
            scan_access(scan, item, table);
        } else if (item.at[0] == '{' && !warns) {
            scan_inner(scan, item);
        } else if (is_table(item, before) && !warns) {
            scan_table(scan, item);
        } else if (!warns) {
            scan_word(scan, item);
        }
        before = item;
    }
}

static struct scan scan_of(struct comparing *c, const struct settings *values)
{
    struct scan scan = {.c = c, .values = values};

    scan_list(&scan, settings_get(values, c->name));
    settings_free(&scan.seen);
    return scan;
}

/* --- restrictions --------------------------------------------------------------------------- */

struct settings_word compare_next_restriction(const char **rest)
{
    struct settings_word item;

    while ((item = settings_next_item(rest)).at != NULL) {
        struct settings_word next = item;
        const char *ahead = *rest;

        while (settings_is_word(next, "warn_if_reject")) {
            next = settings_next_item(&ahead);
        }
        if (!settings_is_word(next, "reject_plaintext_session")) {
            break;
        }
        *rest = ahead;
    }
    return item;
}

/* Whether two lists are the same without the word that a service behind must not have. */
static bool are_same(const char *one, const char *other)
{
    struct settings_word a;
    struct settings_word b;

    do {
        a = compare_next_restriction(&one);
        b = compare_next_restriction(&other);
        if ((a.at == NULL) != (b.at == NULL) || a.len != b.len ||
            (a.at != NULL && memcmp(a.at, b.at, a.len) != 0)) {
            return false;
        }
    } while (a.at != NULL);
    return true;
}

void compare_list_of_own(struct comparing *c)
{
    const char *changed = !are_same(c->today, c->plain)     ? c->plain
                          : !are_same(c->today, c->secured) ? c->secured
                                                            : NULL;

    if (changed != NULL) {
        compare_say(
            c, COMPARE_FAIL, changed,
            "the service behind has a different list: it may accept what today's service refuses");
    }
}

bool compare_is_list_of_own(const struct comparing *c)
{
    return (c->row == NULL || strchr(c->row->name, '*') != NULL) &&
           settings_has_word(compare_today(c, "smtpd_restriction_classes"), c->name);
}

static void compare_plaintext(struct comparing *c, const struct scan *today,
                              const struct scan *plain, const struct scan *secured)
{
    const char *level = conf_tls_word(c->in->listener->tls);
    bool demanded = compare_is_mandatory(c->in->listener->tls);

    if (secured->plaintext) {
        compare_say_of(
            c, c->name, COMPARE_FAIL, c->today, "reject_plaintext_session",
            "reject_plaintext_session refuses all mail behind posternd, where no session is "
            "under TLS: remove it from the service behind; %s",
            demanded ? "the listener demands TLS"
                     : "tls = \"encrypt\" demands TLS for all mail, and a rule of "
                       "postern-policy(5) for some");
    } else if (today->plaintext && !plain->plaintext && !demanded) {
        compare_say_of(c, c->name, COMPARE_FAIL, c->today, level,
                       "mail without TLS is accepted that reject_plaintext_session refuses "
                       "today: tls = \"encrypt\", or, for some mail, a rule of postern-policy(5)");
    } else if (today->plaintext) {
        compare_say_of(c, c->name, COMPARE_EQUAL, c->today, level,
                       "reject_plaintext_session is replaced");
    } else if (plain->plaintext && !demanded) {
        compare_say(c, COMPARE_STRICTER, "reject_plaintext_session",
                    "mail without TLS is refused, which today's service accepts");
    }
}

static void compare_ccert(struct comparing *c, const struct scan *today)
{
    if (today->clientcerts && asks_certificates(c)) {
        compare_say(c, COMPARE_LOST, "",
                    "permit_tls_clientcerts and permit_tls_all_clientcerts permit nobody: Postfix "
                    "sees no client certificate");
    }
    if (today->ccert_denies) {
        compare_say(c, COMPARE_FAIL, "",
                    "check_ccert_access matches nobody, and no longer refuses anybody: "
                    "postern-policy(5) knows fingerprints");
    } else if (today->ccert) {
        compare_say(c, COMPARE_LOST, "",
                    "check_ccert_access matches nobody: Postfix sees no client certificate");
    }
}

static void compare_restrictions(struct comparing *c)
{
    const struct scan today = scan_of(c, c->in->today.values);
    const struct scan plain = scan_of(c, c->in->plain.values);
    const struct scan secured = scan_of(c, c->in->secured.values);

    compare_list_of_own(c);
    compare_plaintext(c, &today, &plain, &secured);
    compare_ccert(c, &today);
    if (today.policy) {
        compare_say(c, COMPARE_LOST, "",
                    "check_policy_service: the service gets no encryption_protocol, "
                    "encryption_cipher and ccert_*");
    }
    if (today.unread) {
        compare_say(c, COMPARE_NOT_JUDGED, "", "%s is not read", today.table);
    }
}

/* --- keywords ------------------------------------------------------------------------------- */

static void compare_discard(struct comparing *c)
{
    if (!settings_has_word(c->today, "starttls") ||
        compare_level(c->in->today.values, c->in->today.postscreen) == CONF_TLS_NONE) {
        return;
    }
    if (c->in->listener->tls == CONF_TLS_NONE) {
        compare_say(c, COMPARE_EQUAL, "none", "tls = \"none\"");
    } else {
        compare_say(c, COMPARE_LOST, conf_tls_word(c->in->listener->tls),
                    "STARTTLS is offered, which today's service offers to nobody: tls = \"none\"");
    }
}

/* posternd sees the client's own commands, and Postfix's filter what posternd sends. */
static void compare_command_filter(struct comparing *c)
{
    static const char *const ours[] = {"STARTTLS", "EHLO", "HELO"};
    struct scan scan = {.c = c, .values = c->in->today.values};
    const char *rest = c->today;
    struct settings_word item;

    while ((item = settings_next_item(&rest)).at != NULL) {
        char *text = table_text(&scan, item);

        for (size_t i = 0; text != NULL && i < sizeof ours / sizeof ours[0]; i++) {
            if (strcasestr(text, ours[i]) != NULL) {
                compare_say(c, COMPARE_LOST, "", "%s does not reach Postfix as the client sends it",
                            ours[i]);
            }
        }
        free(text);
    }
    if (scan.unread) {
        compare_say(c, COMPARE_NOT_JUDGED, "", "%s is not read", scan.table);
    }
}

void compare_lists(struct comparing *c)
{
    switch (c->row->rule) {
    case RULE_RESTRICTIONS:
        compare_restrictions(c);
        break;
    case RULE_DISCARD:
        compare_discard(c);
        break;
    case RULE_COMMAND_FILTER:
        compare_command_filter(c);
        break;
    default:
        break;
    }
}
