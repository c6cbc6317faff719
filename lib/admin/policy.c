#include "lib/admin/policy_parts.h"

#include "lib/tls/names.h"

#include <stdlib.h>
#include <string.h>

/* The reply if nothing is known about the session. */
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

/* --- conditions ---------------------------------------------------------------------------- */

static bool ends_in(const char *name, const char *suffix)
{
    size_t len = strlen(name);
    size_t suffix_len = strlen(suffix);

    return len > suffix_len && strcmp(name + len - suffix_len, suffix) == 0;
}

/* In order: of several conditions the least decides. */
enum holds { NO, PERHAPS, YES };

static enum holds least(enum holds a, enum holds b)
{
    return a < b ? a : b;
}

static enum holds holds_if(bool known, bool fits)
{
    if (!known) {
        return PERHAPS;
    }
    return fits ? YES : NO;
}

static bool fits(const struct pattern *pattern, const char *name)
{
    switch (pattern->kind) {
    case PATTERN_EXACT:
    case PATTERN_DOMAIN:
        return strcmp(pattern->text, name) == 0;
    case PATTERN_SUBDOMAIN:
        return ends_in(name, pattern->text);
    case PATTERN_ANY:
        break;
    }
    return true;
}

/* "" of an address without one. */
static const char *domain_of(const char *address)
{
    const char *at = strrchr(address, '@');

    return at == NULL ? "" : at + 1;
}

static size_t local_len(const char *address)
{
    const char *at = strrchr(address, '@');

    return at == NULL ? strlen(address) : (size_t)(at - address);
}

static bool local_is(const char *address, const char *local, size_t len)
{
    return local_len(address) == len && strncmp(address, local, len) == 0;
}

/* Postfix makes a null sender of MAILER-DAEMON in its own domain. */
static bool may_be_null(const struct policy_address *address)
{
    static const char name[] = "mailer-daemon";

    return local_is(address->text, name, sizeof name - 1);
}

static enum holds address_holds(const struct pattern *pattern, const struct policy_address *address)
{
    bool local;
    bool domain;

    if (pattern->kind == PATTERN_ANY) {
        return YES;
    }
    if (pattern->kind != PATTERN_EXACT) {
        return holds_if(address->domain_known, fits(pattern, domain_of(address->text)));
    }
    if (pattern->text[0] == '\0' && may_be_null(address)) {
        return PERHAPS;
    }
    local = local_is(address->text, pattern->text, local_len(pattern->text));
    domain = strcmp(domain_of(pattern->text), domain_of(address->text)) == 0;
    return least(holds_if(address->local_known, local), holds_if(address->domain_known, domain));
}

/* A recipient that is not known yet does not prevent a match. */
static enum holds envelope_holds(const struct rule *rule, const struct policy_mail *mail)
{
    if (rule->has_client && !prefix_contains(&rule->client, &mail->client)) {
        return NO;
    }
    return least(address_holds(&rule->sender, mail->sender),
                 mail->recipient == NULL ? YES : address_holds(&rule->recipient, mail->recipient));
}

static enum holds session_holds(const struct rule *rule, const struct record *record)
{
    bool all = true;

    if (rule->num_facts == 0) {
        return YES;
    }
    for (size_t i = 0; i < rule->num_facts; i++) {
        const struct fact_pattern *of = &rule->facts[i];

        all = all && fits(&of->pattern, field_value(&of->fact->field, record));
    }
    return holds_if(record->known, all);
}

/* Whether a rule is ignored: it does not match, or may not match and would exempt the mail. */
static bool is_out(const struct rule *rule, enum holds envelope, enum holds session)
{
    return envelope == NO || session == NO || (session == PERHAPS && !rule->tls) ||
           (envelope == PERHAPS && (!rule->tls || rule->action == POLICY_TAG));
}

/* --- requirements -------------------------------------------------------------------------- */

/* The client's certificate or its key is one of these. It need not be trusted: a fingerprint is
 * enough. */
static bool has_fingerprint(const struct rule *rule, const struct record *record)
{
    for (size_t i = 0; i < record_num_facts; i++) {
        const struct record_fact *fact = &record_facts[i];

        for (size_t j = 0; fact->term == RECORD_FINGERPRINT && j < rule->num_fingerprints; j++) {
            if (strcmp(rule->fingerprints[j], field_value(&fact->field, record)) == 0) {
                return true;
            }
        }
    }
    return rule->num_fingerprints == 0;
}

static bool is_met(const struct rule *rule, const struct record *record)
{
    const struct tls_facts *facts = &record->facts;

    if (!rule->tls) {
        return true;
    }
    return record_has(record, RECORD_OF_TLS) &&
           version_by_name(facts->protocol) >= rule->min_version && facts->bits >= rule->min_bits &&
           (!rule->trusted || facts->client.trust == TLS_TRUST_TRUSTED) &&
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
    if (!record->known) {
        verdict.action = POLICY_DEFER;
        verdict.enhanced = UNKNOWN_ENHANCED;
        verdict.text = UNKNOWN_TEXT;
    }
    return verdict;
}

struct policy_verdict policy_judge(const struct policy *policy, const struct policy_mail *mail)
{
    struct policy_verdict strictest = {.action = POLICY_PASS};

    for (size_t i = 0; policy != NULL && i < policy->num; i++) {
        const struct rule *rule = &policy->rules[i];
        enum holds envelope = envelope_holds(rule, mail);
        enum holds session = session_holds(rule, mail->record);
        struct policy_verdict verdict;

        if (is_out(rule, envelope, session)) {
            continue;
        }
        if (rule->recipient.kind != PATTERN_ANY && mail->recipient == NULL) {
            return strictest.action >= POLICY_DEFER
                       ? strictest
                       : (struct policy_verdict){.undecided = true, .line = rule->line};
        }
        verdict = apply(rule, mail->record);
        if (strictest.line == 0 || verdict.action > strictest.action) {
            strictest = verdict;
        }
        if (envelope == YES && session == YES) {
            break;
        }
    }
    return strictest;
}
