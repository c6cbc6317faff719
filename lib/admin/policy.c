#include "lib/admin/policy_parts.h"

#include "lib/net/hostname.h"

#include <stdlib.h>
#include <string.h>

/* Said where nothing is known of the session. */
#define UNKNOWN_ENHANCED "4.7.0"
#define UNKNOWN_TEXT     "How this session is protected is not known, try again later"

void policy_free(struct policy *policy)
{
    if (policy != NULL) {
        free(policy->rules);
        free(policy->source);
        free(policy);
    }
}

size_t policy_num_rules(const struct policy *policy)
{
    return policy->num;
}

const char *policy_address(const char *address, char out[POLICY_ADDRESS_SIZE])
{
    size_t len = strlen(address);

    if (len >= 2 && address[0] == '<' && address[len - 1] == '>') {
        address++;
        len -= 2;
    }
    if (len > 0 && address[len - 1] == '.') {
        len--;
    }
    if (len >= POLICY_ADDRESS_SIZE) {
        const char *at = memrchr(address, '@', len);
        size_t domain_len = at == NULL ? 0 : (size_t)(address + len - at);

        /* No rule names such a local part, but one may name the domain. */
        address = at == NULL || domain_len >= POLICY_ADDRESS_SIZE ? "@" : at;
        len = domain_len >= POLICY_ADDRESS_SIZE || domain_len == 0 ? 1 : domain_len;
    }
    memcpy(out, address, len);
    out[len] = '\0';
    hostname_to_lower(out, len);
    return out;
}

/* --- conditions ---------------------------------------------------------------------------- */

static bool ends_in(const char *name, const char *suffix)
{
    size_t len = strlen(name);
    size_t suffix_len = strlen(suffix);

    return len > suffix_len && strcmp(name + len - suffix_len, suffix) == 0;
}

static bool fits(const struct pattern *pattern, const char *name, const char *domain)
{
    switch (pattern->kind) {
    case PATTERN_EXACT:
        return strcmp(pattern->text, name) == 0;
    case PATTERN_DOMAIN:
        return strcmp(pattern->text, domain) == 0;
    case PATTERN_SUBDOMAIN:
        return ends_in(domain, pattern->text);
    case PATTERN_ANY:
        break;
    }
    return true;
}

/* An address without a domain is in none. */
static bool address_fits(const struct pattern *pattern, const char *address)
{
    const char *at = strrchr(address, '@');

    return fits(pattern, address, at == NULL ? "" : at + 1);
}

enum holds { NO, PERHAPS, YES };

/* Whether the conditions hold that nothing but the envelope and the client's address decide. */
static enum holds envelope_holds(const struct rule *rule, const struct policy_mail *mail)
{
    if ((rule->has_client && !prefix_contains(&rule->client, &mail->client)) ||
        !address_fits(&rule->sender, mail->sender)) {
        return NO;
    }
    if (rule->recipient.kind == PATTERN_ANY) {
        return YES;
    }
    if (mail->recipient == NULL) {
        return PERHAPS;
    }
    return address_fits(&rule->recipient, mail->recipient) ? YES : NO;
}

static enum holds session_holds(const struct rule *rule, const struct record *record)
{
    if (rule->listener.kind == PATTERN_ANY && rule->sni.kind == PATTERN_ANY) {
        return YES;
    }
    if (record->state == RECORD_UNKNOWN) {
        return PERHAPS;
    }
    return fits(&rule->listener, record->listener, "") && fits(&rule->sni, record->sni, record->sni)
               ? YES
               : NO;
}

/* --- requirements -------------------------------------------------------------------------- */

/* The client's certificate or its key is one of those. Whether somebody vouches for it does not
 * matter: a fingerprint is trust enough. */
static bool has_fingerprint(const struct rule *rule, const struct record *record)
{
    for (size_t i = 0; i < rule->num_fingerprints; i++) {
        if (strcmp(rule->fingerprints[i], record->fingerprint) == 0 ||
            strcmp(rule->fingerprints[i], record->key_fingerprint) == 0) {
            return true;
        }
    }
    return rule->num_fingerprints == 0;
}

static bool is_met(const struct rule *rule, const struct record *record)
{
    if (!rule->tls) {
        return true;
    }
    return record->state == RECORD_TLS && record_version(record->protocol) >= rule->min_version &&
           record->bits >= rule->min_bits &&
           (!rule->trusted || record->client == RECORD_CLIENT_TRUSTED) &&
           has_fingerprint(rule, record);
}

/* --- the verdict --------------------------------------------------------------------------- */

static struct policy_verdict apply(const struct rule *rule, const struct record *record)
{
    struct policy_verdict verdict = {.line = rule->line};

    if (is_met(rule, record)) {
        return verdict;
    }
    verdict.action = rule->action;
    verdict.text = rule->text;
    if (rule->action == POLICY_TAG) {
        return verdict;
    }
    verdict.enhanced = rule->enhanced;
    if (record->state == RECORD_UNKNOWN) {
        verdict.action = POLICY_DEFER;
        verdict.enhanced = UNKNOWN_ENHANCED;
        verdict.text = UNKNOWN_TEXT;
    }
    return verdict;
}

struct policy_verdict policy_judge(const struct policy *policy, const struct policy_mail *mail)
{
    struct policy_verdict perhaps = {.action = POLICY_PASS};

    for (size_t i = 0; policy != NULL && i < policy->num; i++) {
        const struct rule *rule = &policy->rules[i];
        enum holds envelope = envelope_holds(rule, mail);
        enum holds session = session_holds(rule, mail->record);
        struct policy_verdict verdict;

        if (envelope == NO || session == NO || (session == PERHAPS && !rule->tls)) {
            continue;
        }
        if (envelope == PERHAPS) {
            return (struct policy_verdict){.undecided = true, .line = rule->line};
        }
        verdict = apply(rule, mail->record);
        if (session == YES || verdict.action != POLICY_TAG) {
            return verdict.action < perhaps.action ? perhaps : verdict;
        }
        perhaps = perhaps.line == 0 ? verdict : perhaps;
    }
    return perhaps;
}
