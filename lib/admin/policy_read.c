/*
 * A line is cut into words in place, in the policy's own copy of the file, and each word is looked
 * up in one of two tables: conditions, then requirements. What follows the action is text.
 */
#include "lib/admin/policy_parts.h"

#include "lib/tls/names.h"

#include "lib/base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLANKS " \t"

/* The next word of `*at`, which is moved past it; "" at the end of the line. */
static char *next_word(char **at)
{
    char *word = *at + strspn(*at, BLANKS);
    char *end = word + strcspn(word, BLANKS);

    *at = end;
    if (*end != '\0') {
        *end = '\0';
        *at = end + 1;
    }
    return word;
}

/* --- the action ---------------------------------------------------------------------------- */

/* "5.7.10": RFC 3463 section 2. */
static bool is_enhanced(const char *word)
{
    const char *at = word;

    for (int part = 0; part < 3; part++) {
        size_t len = strspn(at, "0123456789");

        if (len == 0 || len > 3 || (len > 1 && at[0] == '0') ||
            at[len] != (part < 2 ? '.' : '\0')) {
            return false;
        }
        at += len + (part < 2);
    }
    return true;
}

/* What the client is told if the rule has no text. */
static void write_text(struct rule *rule)
{
    struct text t = text_in(rule->text, sizeof rule->text);

    if (rule->action == POLICY_TAG) {
        text_add(&t, "policy");
        return;
    }
    text_add(&t, "Encryption needed");
    if (rule->min_version != 0) {
        text_addf(&t, ", TLS 1.%u or newer", rule->min_version - TLS10);
    }
    if (rule->min_bits != 0) {
        text_addf(&t, ", %d bits or more", rule->min_bits);
    }
    if (rule->trusted) {
        text_add(&t, ", a trusted client certificate");
    }
    if (rule->num_fingerprints > 0) {
        text_add(&t, ", the client certificate known here");
    }
}

/* The rest of the line: a code, if the action has one, and a text. */
static int take_text(struct policy_reader *r, char *at)
{
    struct rule *rule = r->rule;
    char digit = rule->action == POLICY_REJECT ? '5' : '4';
    size_t len;

    at += strspn(at, BLANKS);
    if (rule->action != POLICY_TAG) {
        size_t code_len = strcspn(at, BLANKS);
        char code[sizeof rule->enhanced];

        snprintf(code, sizeof code, "%.*s", (int)code_len, at);
        snprintf(rule->enhanced, sizeof rule->enhanced, "%c.7.10", digit);
        if (code_len < sizeof code && is_enhanced(code)) {
            if (code[0] != digit || code[1] != '.') {
                return policy_fail(r, "%s: the code of this action begins with %c, as %c.7.10 does",
                                   code, digit, digit);
            }
            memcpy(rule->enhanced, code, sizeof code);
            at += code_len + strspn(at + code_len, BLANKS);
        }
    }
    len = strlen(at);
    while (len > 0 && strchr(BLANKS, at[len - 1]) != NULL) {
        at[--len] = '\0';
    }
    if (len > POLICY_TEXT_MAX || !policy_is_ascii(at)) {
        return policy_fail(r, "the text must be ASCII, at most %zu bytes", POLICY_TEXT_MAX);
    }
    if (len == 0) {
        write_text(rule);
    } else {
        memcpy(rule->text, at, len + 1);
    }
    return 0;
}

static int take_action(struct policy_reader *r, const char *word, char *rest)
{
    static const struct {
        const char *word;
        enum policy_action action;
    } actions[] = {{"reject", POLICY_REJECT}, {"defer", POLICY_DEFER}, {"tag", POLICY_TAG}};

    for (size_t i = 0; i < sizeof actions / sizeof actions[0]; i++) {
        if (strcmp(actions[i].word, word) == 0) {
            r->rule->action = actions[i].action;
            return take_text(r, rest);
        }
    }
    if (word[0] == '\0') {
        return policy_fail(r, "the action is missing: reject, defer or tag");
    }
    return policy_fail(r,
                       "\"%s\" is neither a requirement (tls, tls>=, bits>=, client_certificate, "
                       "fingerprint=) nor an action (reject, defer, tag)",
                       word);
}

/* --- lines --------------------------------------------------------------------------------- */

/* Reads conditions, and leaves the first other word in `*word`. */
static int take_conditions(struct policy_reader *r, char **at, char **word)
{
    bool all = false;
    size_t num = 0;
    int taken = 1;

    for (;;) {
        *word = next_word(at);
        if (strcmp(*word, "*") == 0) {
            if (all || num > 0) {
                return policy_fail(r, "* must be the only condition: it matches all mail");
            }
            all = true;
            continue;
        }
        taken = policy_take_condition(r, *word);
        if (taken != 1) {
            break;
        }
        if (all) {
            return policy_fail(r, "* must be the only condition: it matches all mail");
        }
        num++;
    }
    if (taken == 0 && num == 0 && !all) {
        return policy_fail(
            r, "\"%s\" is not a condition (client=, sender=, recipient=, listener=, sni=, or *)",
            *word);
    }
    return taken;
}

static int take_rule(struct policy_reader *r, char *line)
{
    char *word;
    int taken = take_conditions(r, &line, &word);
    bool any = false;

    if (taken == 0 && strcmp(word, "nothing") == 0) {
        return *next_word(&line) == '\0' ? 0
                                         : policy_fail(r, "no other word may follow \"nothing\"");
    }
    while (taken == 0 && (taken = policy_take_requirement(r, word)) == 1) {
        any = true;
        word = next_word(&line);
        taken = 0;
    }
    if (taken < 0) {
        return -1;
    }
    if (!any) {
        return word[0] == '\0'
                   ? policy_fail(r, "the requirement is missing: tls, or nothing")
                   : policy_fail(
                         r,
                         "\"%s\" is neither a condition nor a requirement (tls, tls>=, bits>=, "
                         "client_certificate, fingerprint=, nothing)",
                         word);
    }
    return take_action(r, word, line);
}

/* Only printable characters, and tabs. */
static int check_bytes(const struct policy_reader *r, const char *line, size_t len)
{
    if (len > POLICY_LINE_MAX) {
        return policy_fail(r, "a line may have at most %zu bytes", POLICY_LINE_MAX);
    }
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)line[i];

        if ((c < ' ' && c != '\t') || c == 0x7f) {
            return policy_fail(r, "control character 0x%02x", c);
        }
    }
    return 0;
}

static int take_line(struct policy_reader *r, struct policy *policy, char *line, size_t len)
{
    if (len > 0 && line[len - 1] == '\r') {
        len--;
    }
    line[len] = '\0';
    if (check_bytes(r, line, len) != 0) {
        return -1;
    }
    line += strspn(line, BLANKS);
    if (*line == '\0' || *line == '#') {
        return 0;
    }
    if (policy->num == POLICY_RULES_MAX) {
        return policy_fail(r, "more than %zu rules", POLICY_RULES_MAX);
    }
    r->rule = &policy->rules[policy->num++];
    r->rule->line = r->line;
    return take_rule(r, line);
}

static int take_file(struct policy_reader *r, struct policy *policy, size_t len)
{
    char *line = policy->source;
    char *end = line + len;

    while (line < end) {
        char *line_end = memchr(line, '\n', (size_t)(end - line));

        line_end = line_end == NULL ? end : line_end;
        r->line++;
        if (take_line(r, policy, line, (size_t)(line_end - line)) != 0) {
            return -1;
        }
        line = line_end + 1;
    }
    return 0;
}

static size_t count_lines(const uint8_t *bytes, size_t len)
{
    size_t lines = 1;

    for (size_t i = 0; i < len; i++) {
        lines += bytes[i] == '\n';
    }
    return lines;
}

/* A policy with room for everything that the file may have, and no rule yet. */
static struct policy *new_policy(const uint8_t *bytes, size_t len)
{
    size_t lines = count_lines(bytes, len);
    struct policy *policy = calloc(1, sizeof *policy);

    if (policy == NULL) {
        return NULL;
    }
    policy->source = malloc(len + 1);
    policy->rules =
        calloc(lines < POLICY_RULES_MAX ? lines : POLICY_RULES_MAX, sizeof *policy->rules);
    if (policy->source == NULL || policy->rules == NULL) {
        policy_free(policy);
        return NULL;
    }
    memcpy(policy->source, bytes, len);
    policy->source[len] = '\0';
    return policy;
}

struct policy *policy_parse(const struct conf *conf, const char *file, const uint8_t *bytes,
                            size_t len, struct conf_error *error)
{
    struct policy_reader r = {.conf = conf, .file = file, .error = error};
    struct policy *policy;

    if (len > POLICY_SIZE_MAX) {
        policy_fail(&r, "larger than %zu bytes", POLICY_SIZE_MAX);
        return NULL;
    }
    policy = new_policy(bytes, len);
    if (policy == NULL) {
        policy_fail(&r, "out of memory");
        return NULL;
    }
    if (take_file(&r, policy, len) != 0) {
        policy_free(policy);
        return NULL;
    }
    return policy;
}
