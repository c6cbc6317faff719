/*
 * Fuzz target: a policy file, and what its rules say of some mail.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/admin/policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool good)
{
    if (!good) {
        abort();
    }
}

static void judge(const struct policy *policy, const struct record *record, const char *recipient)
{
    char sender[POLICY_ADDRESS_SIZE];
    struct policy_mail mail = {.sender = policy_address("<Anna@partner.example>", sender),
                               .recipient = recipient,
                               .record = record};
    struct policy_verdict verdict;

    must(addr_parse(&mail.client, "192.0.2.7"));
    verdict = policy_judge(policy, &mail);
    must(!verdict.undecided || (recipient == NULL && verdict.action == POLICY_PASS));
    must(verdict.action != POLICY_REJECT || record->state != RECORD_UNKNOWN);
    must((verdict.action == POLICY_PASS) == (verdict.text == NULL));
    must((verdict.action >= POLICY_DEFER) == (verdict.enhanced != NULL));
    must(verdict.text == NULL || strlen(verdict.text) <= POLICY_TEXT_MAX);
    if (verdict.enhanced != NULL) {
        must(verdict.enhanced[0] == (verdict.action == POLICY_REJECT ? '5' : '4'));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct conf_listener listener = {.name = "mx"};
    static char file[] = "postern.conf";
    static const struct conf conf = {.file = file, .listeners = &listener, .num_listeners = 1};
    static const struct record records[] = {
        {.state = RECORD_UNKNOWN},
        {.state = RECORD_PLAINTEXT, .listener = "mx"},
        {.state = RECORD_TLS, .listener = "mx", .protocol = "TLSv1.2", .bits = 128, .sni = "a.b"},
    };
    struct conf_error error = {""};
    struct policy *policy = policy_parse(&conf, "policy", data, size, &error);

    must((policy == NULL) == (strncmp(error.text, "policy:", 7) == 0));
    for (size_t i = 0; policy != NULL && i < sizeof records / sizeof records[0]; i++) {
        judge(policy, &records[i], NULL);
        judge(policy, &records[i], "bert@example.org");
    }
    policy_free(policy);
    return 0;
}
