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

static struct policy_address address_of(const uint8_t *data, size_t size, bool resolved)
{
    struct policy_address address;
    const uint8_t *at = size == 0 ? NULL : memrchr(data, '@', size);
    size_t local = at == NULL ? size : (size_t)(at - data);
    struct bytes domain = {NULL, 0};

    if (at != NULL) {
        domain = bytes_of(at + 1, size - local - 1);
    }
    policy_address_read(&address, bytes_of(data, local), domain, resolved);
    must(memchr(address.text, '\0', sizeof address.text) != NULL);
    return address;
}

static struct policy_verdict judge(const struct policy *policy, const struct record *record,
                                   const struct policy_address *recipient)
{
    struct policy_address sender = address_of((const uint8_t *)"Anna@partner.example", 20, false);
    struct policy_mail mail = {.sender = &sender, .recipient = recipient, .record = record};
    struct policy_verdict verdict;

    must(addr_parse(&mail.client, "192.0.2.7"));
    verdict = policy_judge(policy, &mail);
    must(!verdict.undecided || (recipient == NULL && verdict.action == POLICY_PASS));
    must(verdict.action != POLICY_REJECT || record->known);
    must((verdict.action == POLICY_PASS) == (verdict.text == NULL));
    must((verdict.action >= POLICY_DEFER) == (verdict.enhanced != NULL));
    must(verdict.text == NULL || strlen(verdict.text) <= POLICY_TEXT_MAX);
    if (verdict.enhanced != NULL) {
        must(verdict.enhanced[0] == (verdict.action == POLICY_REJECT ? '5' : '4'));
    }
    return verdict;
}

/* Who is refused under one address is refused as strictly under one that is not plain. */
static void judge_all(const struct policy *policy, const struct record *record, const uint8_t *data,
                      size_t size)
{
    const uint8_t *end = size == 0 ? NULL : memchr(data, '\n', size);
    size_t len = end == NULL ? size : (size_t)(end - data);
    const struct policy_address odd = address_of((const uint8_t *)"a%b@example.org", 15, false);
    const struct policy_address others[] = {
        address_of((const uint8_t *)"bert@example.org", 16, false),
        address_of(data, len, false),
        address_of(data, len, true),
    };
    enum policy_action strictest = judge(policy, record, &odd).action;

    judge(policy, record, NULL);
    must(others[2].local_known || !others[1].local_known);
    must(others[2].domain_known || !others[1].domain_known);
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        enum policy_action action = judge(policy, record, &others[i]).action;

        must(action < POLICY_DEFER || action <= strictest);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct conf_listener listener = {.name = "mx"};
    static char file[] = "postern.conf";
    static const struct conf conf = {.file = file, .listeners = &listener, .num_listeners = 1};
    static const struct record records[] = {
        {.known = false},
        {.known = true, .listener = "mx"},
        {.known = true,
         .listener = "mx",
         .tls = true,
         .facts = {.protocol = "TLSv1.2", .bits = 128, .sni = "a.b"}},
    };
    const uint8_t *address = size == 0 ? NULL : memchr(data, '#', size);
    struct conf_error error = {""};
    struct policy *policy = policy_parse(&conf, "policy", data, size, &error);

    must((policy == NULL) == (strncmp(error.text, "policy:", 7) == 0));
    for (size_t i = 0; policy != NULL && i < sizeof records / sizeof records[0]; i++) {
        /* The first comment is an address. */
        judge_all(policy, &records[i], address == NULL ? data : address + 1,
                  address == NULL ? 0 : size - (size_t)(address + 1 - data));
    }
    policy_free(policy);
    return 0;
}
