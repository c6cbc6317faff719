/* Policies, and sessions and addresses to judge by them. */
#ifndef POSTERN_TESTS_UNIT_POLICY_BASE_H
#define POSTERN_TESTS_UNIT_POLICY_BASE_H

#include "lib/admin/policy.h"
#include "tests/unit/conf_base.h"

#define POLICY "dir/policy"

#define HEX31                                                                                      \
    "00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:"   \
    "EE:"
#define PRINT_A HEX31 "0A"
#define PRINT_B HEX31 "0B"
#define PRINT_C HEX31 "0C"

static inline struct policy *read_policy(const char *text, struct conf_error *error)
{
    struct conf *conf = parse_edited("", "listener \"two\" { address = \"127.0.0.1:24\" "
                                         "certificate_sets = \"s\" backend = \"smtpd\" }");
    struct policy *policy = policy_parse(conf, POLICY, (const uint8_t *)text, strlen(text), error);

    conf_free(conf);
    return policy;
}

static inline struct policy *good_policy(const char *text)
{
    struct conf_error error;
    struct policy *policy = read_policy(text, &error);

    ck_assert_msg(policy != NULL, "%s: %s", text, error.text);
    return policy;
}

/* --- the sessions that the rows below are about --- */

static inline struct record record_of(const char *word)
{
    struct record record = {.known = true,
                            .session = "4Zk2m1QyTz",
                            .listener = "mx",
                            .tls = true,
                            .facts = {.protocol = "TLSv1.2",
                                      .cipher = "ECDHE-ECDSA-AES128-GCM-SHA256",
                                      .bits = 128,
                                      .certificate = "p256",
                                      .sni = "mail.example.org"}};
    struct tls_client *client = &record.facts.client;

    if (strcmp(word, "unknown") == 0) {
        record = (struct record){.known = false};
    } else if (strcmp(word, "plain") == 0) {
        record = (struct record){.known = true, .listener = "mx"};
    } else if (strcmp(word, "tls1.0") == 0) {
        snprintf(record.facts.protocol, sizeof record.facts.protocol, "TLSv1");
    } else if (strcmp(word, "tls1.3") == 0) {
        snprintf(record.facts.protocol, sizeof record.facts.protocol, "TLSv1.3");
        record.facts.bits = 256;
    } else if (strcmp(word, "shown") == 0) {
        client->trust = TLS_TRUST_UNTRUSTED;
        snprintf(client->fingerprint, sizeof client->fingerprint, PRINT_A);
        snprintf(client->key_fingerprint, sizeof client->key_fingerprint, PRINT_B);
    } else if (strcmp(word, "trusted") == 0) {
        client->trust = TLS_TRUST_TRUSTED;
        snprintf(client->fingerprint, sizeof client->fingerprint, PRINT_C);
    } else {
        ck_assert_str_eq(word, "tls1.2");
    }
    return record;
}

static inline struct policy_address read_address(const char *text, bool resolved)
{
    struct policy_address address;
    const char *at = strrchr(text, '@');

    policy_address_read(&address, bytes_of(text, at == NULL ? strlen(text) : (size_t)(at - text)),
                        at == NULL ? (struct bytes){NULL, 0} : bytes_of(at + 1, strlen(at + 1)),
                        resolved);
    return address;
}

static inline struct policy_verdict judge_as(const struct policy *policy, const char *client,
                                             const char *sender, const char *recipient,
                                             const struct record *record, bool resolved)
{
    struct policy_address from = read_address(sender, resolved);
    struct policy_address to = read_address(recipient == NULL ? "" : recipient, resolved);
    struct policy_mail mail = {.sender = &from, .record = record};

    ck_assert(addr_parse(&mail.client, client));
    mail.recipient = recipient == NULL ? NULL : &to;
    return policy_judge(policy, &mail);
}

/* By addresses as the policy service is told them. */
static inline struct policy_verdict judge(const struct policy *policy, const char *client,
                                          const char *sender, const char *recipient,
                                          const struct record *record)
{
    return judge_as(policy, client, sender, recipient, record, false);
}

#define CLIENT "192.0.2.7"
#define ANNA   "anna@partner.example"
#define BERT   "bert@example.org"

static inline const char *word_of(struct policy_verdict verdict)
{
    static const char *const words[] = {"pass", "tag", "defer", "reject"};

    return verdict.undecided ? "undecided" : words[verdict.action];
}

#endif
