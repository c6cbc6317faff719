#include "lib/admin/policy_parts.h"

#include "lib/base/hex.h"
#include "lib/net/hostname.h"
#include "lib/tls/names.h"

#include <stdio.h>
#include <string.h>

/* SHA-256, the only one that posternd reports. */
#define FINGERPRINT_LEN (TLS_FINGERPRINT_SIZE - 1)

#define BITS_MAX 256

/* What follows `key` and '=' in a word, or NULL. */
static char *value_of(char *word, const char *key)
{
    size_t len = strlen(key);

    return strncmp(word, key, len) == 0 && word[len] == '=' ? word + len + 1 : NULL;
}

/* --- conditions ---------------------------------------------------------------------------- */

static int take_client(struct policy_reader *r, char *value)
{
    const char *why;

    if (r->rule->has_client) {
        return policy_fail(r, "client is given twice");
    }
    if (prefix_parse(&r->rule->client, value, &why) != 0) {
        return policy_fail(r, "client: \"%s\": %s", value, why);
    }
    r->rule->has_client = true;
    return 0;
}

static int take_domain(struct policy_reader *r, const char *key, struct pattern *out, char *value)
{
    const char *domain = value[0] == '.' ? value + 1 : value;

    if (!policy_is_ascii(value)) {
        return policy_fail(r, "%s: \"%s\": write the domain in its ASCII form, with xn--", key,
                           value);
    }
    if (domain[0] == '[') {
        return policy_fail(r, "%s: \"%s\": a domain in brackets is never compared", key, value);
    }
    if (!hostname_is_good(domain, strlen(domain))) {
        return policy_fail(
            r, "%s: \"%s\" is neither an address nor a domain nor \".\" and a domain", key, value);
    }
    out->kind = value[0] == '.' ? PATTERN_SUBDOMAIN : PATTERN_DOMAIN;
    out->text = value;
    return 0;
}

/* No mail certainly has an address that is not plain, or that case folding would change. */
static int check_plain(struct policy_reader *r, const char *key, const char *address,
                       size_t local_len)
{
    const char *domain = address + local_len + 1;
    struct policy_address plain;

    policy_address_read(&plain, bytes_of(address, local_len), bytes_of(domain, strlen(domain)),
                        true);
    if (!plain.local_known) {
        return policy_fail(r,
                           "%s: \"%s\" is never compared: only local@domain is, without quotes, "
                           "%%, ! or a second @",
                           key, address);
    }
    if (strcmp(plain.text, address) != 0) {
        return policy_fail(r, "%s: \"%s\" is never compared: write \"%s\"", key, address,
                           plain.text);
    }
    return 0;
}

static int take_address(struct policy_reader *r, const char *key, struct pattern *out, char *value)
{
    char *at = strrchr(value, '@');

    if (out->kind != PATTERN_ANY) {
        return policy_fail(r, "%s is given twice", key);
    }
    hostname_to_lower(value, strlen(value));
    if (at == NULL) {
        return take_domain(r, key, out, value);
    }
    if (at == value || at[1] == '.' || take_domain(r, key, out, at + 1) != 0) {
        return at == value || at[1] == '.'
                   ? policy_fail(r, "%s: \"%s\" is neither an address nor a domain", key, value)
                   : -1;
    }
    if (check_plain(r, key, value, (size_t)(at - value)) != 0) {
        return -1;
    }
    out->kind = PATTERN_EXACT;
    out->text = value;
    return 0;
}

static int take_sender(struct policy_reader *r, char *value)
{
    if (strcmp(value, "<>") == 0 && r->rule->sender.kind == PATTERN_ANY) {
        r->rule->sender = (struct pattern){PATTERN_EXACT, ""};
        return 0;
    }
    return take_address(r, "sender", &r->rule->sender, value);
}

static int take_recipient(struct policy_reader *r, char *value)
{
    return take_address(r, "recipient", &r->rule->recipient, value);
}

static int take_listener(struct policy_reader *r, struct pattern *out, char *value)
{
    for (size_t i = 0; i < r->conf->num_listeners; i++) {
        if (strcmp(r->conf->listeners[i].name, value) == 0) {
            *out = (struct pattern){PATTERN_EXACT, value};
            return 0;
        }
    }
    return policy_fail(r, "there is no listener \"%s\" in %s", value, r->conf->file);
}

static int take_fact(struct policy_reader *r, const struct record_fact *fact, char *value)
{
    struct rule *rule = r->rule;
    struct fact_pattern *out = &rule->facts[rule->num_facts];

    for (size_t i = 0; i < rule->num_facts; i++) {
        if (rule->facts[i].fact == fact) {
            return policy_fail(r, "%s is given twice", fact->field.key);
        }
    }
    if (rule->num_facts == FACT_PATTERNS_MAX) {
        return policy_fail(r, "more than %d facts of the session", FACT_PATTERNS_MAX);
    }
    rule->num_facts++;
    out->fact = fact;
    if (fact->term == RECORD_LISTENER) {
        return take_listener(r, &out->pattern, value);
    }
    hostname_to_lower(value, strlen(value));
    return take_domain(r, fact->field.key, &out->pattern, value);
}

static const struct {
    const char *key;
    int (*take)(struct policy_reader *r, char *value);
} conditions[] = {
    {"client", take_client},
    {"sender", take_sender},
    {"recipient", take_recipient},
};

int policy_take_condition(struct policy_reader *r, char *word)
{
    for (size_t i = 0; i < sizeof conditions / sizeof conditions[0]; i++) {
        char *value = value_of(word, conditions[i].key);

        if (value != NULL) {
            return conditions[i].take(r, value) == 0 ? 1 : -1;
        }
    }
    for (size_t i = 0; i < record_num_facts; i++) {
        const struct record_fact *fact = &record_facts[i];
        char *value = value_of(word, fact->field.key);

        if (value != NULL && (fact->term == RECORD_LISTENER || fact->term == RECORD_DOMAIN)) {
            return take_fact(r, fact, value) == 0 ? 1 : -1;
        }
    }
    return 0;
}

/* --- requirements -------------------------------------------------------------------------- */

static int require_tls(struct policy_reader *r, char *value)
{
    (void)value;
    if (r->rule->tls) {
        return policy_fail(r, "tls is already implied by another requirement of this rule");
    }
    r->rule->tls = true;
    return 0;
}

static int require_version(struct policy_reader *r, char *value)
{
    char name[sizeof "TLSv1.3"] = "";
    unsigned version = 0;

    if (strlen(value) == strlen("1.3")) {
        snprintf(name, sizeof name, "TLSv%s", value);
        version = version_by_name(name);
    }
    if (version == 0 || r->rule->min_version != 0) {
        return policy_fail(r,
                           r->rule->min_version != 0
                               ? "tls>=%s: a version is given twice"
                               : "tls>=%s: only 1.0, 1.1, 1.2 and 1.3 are known",
                           value);
    }
    r->rule->min_version = version;
    r->rule->tls = true;
    return 0;
}

static int require_bits(struct policy_reader *r, char *value)
{
    size_t len = strlen(value);
    int bits = 0;

    if (r->rule->min_bits != 0) {
        return policy_fail(r, "bits is given twice");
    }
    if (len <= 3 && strspn(value, "0123456789") == len && value[0] != '0') {
        for (size_t i = 0; i < len; i++) {
            bits = bits * 10 + (value[i] - '0');
        }
    }
    if (bits < 1 || bits > BITS_MAX) {
        return policy_fail(r, "bits>=%s: not a number from 1 to %d", value, BITS_MAX);
    }
    r->rule->min_bits = bits;
    r->rule->tls = true;
    return 0;
}

static int require_certificate(struct policy_reader *r, char *value)
{
    (void)value;
    if (r->rule->trusted) {
        return policy_fail(r, "client_certificate is given twice");
    }
    r->rule->trusted = true;
    r->rule->tls = true;
    return 0;
}

/* "ab:cd:...", in either case, as posternd writes it: in upper case. */
static bool is_fingerprint(char *text)
{
    for (size_t i = 0; text[i] != '\0'; i++) {
        if (text[i] >= 'a' && text[i] <= 'f') {
            text[i] = (char)(text[i] - ('a' - 'A'));
        }
        if (i % 3 == 2 ? text[i] != ':' : hex_value((uint8_t)text[i]) < 0) {
            return false;
        }
    }
    return strlen(text) == FINGERPRINT_LEN;
}

static int require_fingerprint(struct policy_reader *r, char *value)
{
    if (r->rule->num_fingerprints > 0) {
        return policy_fail(r, "fingerprint is given twice");
    }
    while (value != NULL) {
        char *one = strsep(&value, ",");

        if (r->rule->num_fingerprints == FINGERPRINTS_MAX) {
            return policy_fail(r, "fingerprint: more than %d are listed", FINGERPRINTS_MAX);
        }
        if (!is_fingerprint(one)) {
            return policy_fail(
                r, "fingerprint: \"%s\" is not 32 bytes in hex with colons between them", one);
        }
        r->rule->fingerprints[r->rule->num_fingerprints++] = one;
    }
    r->rule->tls = true;
    return 0;
}

static const struct {
    const char *start; /* of the word; the whole of it if there is no value */
    bool has_value;
    int (*take)(struct policy_reader *r, char *value);
} requirements[] = {
    {"tls>=", true, require_version},
    {"tls", false, require_tls},
    {"bits>=", true, require_bits},
    {"client_certificate", false, require_certificate},
    {"fingerprint=", true, require_fingerprint},
};

int policy_take_requirement(struct policy_reader *r, char *word)
{
    for (size_t i = 0; i < sizeof requirements / sizeof requirements[0]; i++) {
        size_t len = strlen(requirements[i].start);

        if (requirements[i].has_value ? strncmp(word, requirements[i].start, len) == 0
                                      : strcmp(word, requirements[i].start) == 0) {
            return requirements[i].take(r, word + len) == 0 ? 1 : -1;
        }
    }
    return 0;
}
