#include "lib/admin/record.h"

static const char *trust_word(unsigned trust)
{
    return facts_trust_word((enum tls_trust)trust);
}

#define SESSION .level = RECORD_OF_SESSION
#define TLS     .level = RECORD_OF_TLS
#define CLIENT  .level = RECORD_OF_CLIENT

#define VALUE(name, kind, member) .key = (name), .type = (kind), FIELD_OF(record, member)

#define TEXT(name, member)    .field = {VALUE(name, FIELD_TEXT, member)}
#define OR_NULL(name, member) .field = {VALUE(name, FIELD_TEXT, member), .nothing_is_null = true}
#define ADDRESS(name, member) .field = {VALUE(name, FIELD_ADDRESS, member)}
#define NUMBER(name, member)  .field = {VALUE(name, FIELD_NUMBER, member)}
#define FLAG(name, member)    .field = {VALUE(name, FIELD_FLAG, member)}
#define WORD(name, member, words, num)                                                             \
    .field = {VALUE(name, FIELD_WORD, member), .word = (words), .num_words = (num)}

/* In the order of the output. */
/* clang-format off */
const struct record_fact record_facts[] = {
    {SESSION, TEXT("session", session)},
    {SESSION, ADDRESS("client", client), .label = "client"},
    {SESSION, ADDRESS("destination", destination), .label = "destination"},
    {SESSION, TEXT("listener", listener), .label = "listener", .term = RECORD_LISTENER},
    {SESSION, FLAG("tls", tls)},

    {TLS, TEXT("protocol", facts.protocol), .header = "version"},
    {TLS, TEXT("cipher", facts.cipher), .header = "cipher"},
    {TLS, NUMBER("bits", facts.bits), .header = "bits"},
    {TLS, NUMBER("algorithm_bits", facts.algorithm_bits)},
    {TLS, OR_NULL("key_exchange", facts.key_exchange), .label = "key exchange"},
    {TLS, TEXT("certificate", facts.certificate), .label = "certificate", .header = "certificate"},
    {TLS, OR_NULL("fault", facts.fault), .label = "  fault", .label_if_there = true},
    {TLS, OR_NULL("sni", facts.sni), .label = "server name", .term = RECORD_DOMAIN},
    {TLS, FLAG("capped", facts.capped)},
    {TLS, FLAG("reused", facts.reused)},
    {TLS, WORD("client_certificate", facts.client.trust, trust_word, NUM_TLS_TRUSTS),
     .header = "client_certificate"},

    {CLIENT, TEXT("client_name", facts.client.subject), .label = "  name", .header = "client_name",
     .own_words = true},
    {CLIENT, TEXT("client_issuer", facts.client.issuer), .label = "  issuer"},
    {CLIENT, TEXT("client_fingerprint", facts.client.fingerprint), .label = "  fingerprint",
     .header = "client_fingerprint", .term = RECORD_FINGERPRINT},
    {CLIENT, TEXT("client_key_fingerprint", facts.client.key_fingerprint),
     .label = "  of its key", .term = RECORD_FINGERPRINT},
    {CLIENT, TEXT("client_error", facts.client.error)},
};
/* clang-format on */

const size_t record_num_facts = sizeof record_facts / sizeof record_facts[0];

bool record_has(const struct record *record, enum record_level level)
{
    switch (level) {
    case RECORD_OF_SESSION:
        return record->known;
    case RECORD_OF_TLS:
        return record->known && record->tls;
    case RECORD_OF_CLIENT:
        return record_has(record, RECORD_OF_TLS) && record->facts.client.trust != TLS_TRUST_NONE;
    }
    return false;
}

/* What there is of a client is known when its trust has been packed, or unpacked. */
static bool is_packed(const struct record *record, const struct record_fact *fact)
{
    return fact->level != RECORD_OF_SESSION && record_has(record, fact->level);
}

size_t record_pack(const struct tls_facts *facts, uint8_t out[RECORD_PACKED_SIZE])
{
    const struct record record = {.known = true, .tls = true, .facts = *facts};
    size_t len = 0;

    for (size_t i = 0; i < record_num_facts; i++) {
        if (is_packed(&record, &record_facts[i])) {
            len += field_pack(&record_facts[i].field, &record, out + len);
        }
    }
    return len;
}

void record_unpack(struct record *record, const uint8_t *packed)
{
    record->known = true;
    record->tls = true;
    for (size_t i = 0; i < record_num_facts; i++) {
        if (is_packed(record, &record_facts[i])) {
            packed += field_unpack(&record_facts[i].field, packed, record);
        }
    }
}
