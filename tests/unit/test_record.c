#include "lib/admin/record.h"

#include <check.h>
#include <string.h>

Suite *record_suite(void);

static struct record tls_record(enum tls_trust trust)
{
    return (struct record){
        .known = true,
        .session = "4Zk2m1QyTz",
        .listener = "mx",
        .tls = true,
        .facts = {.protocol = "TLSv1.3",
                  .cipher = "TLS_AES_256_GCM_SHA384",
                  .bits = 256,
                  .algorithm_bits = 256,
                  .certificate = "p256",
                  .sni = "mail.example.org",
                  .reused = true,
                  .client = {.trust = trust, .subject = "client", .fingerprint = "AB:CD"}},
    };
}

START_TEST(test_levels)
{
    static const struct record unknown = {.tls = true};
    static const struct record plaintext = {.known = true,
                                            .facts = {.client = {.trust = TLS_TRUST_TRUSTED}}};
    struct record record = tls_record(TLS_TRUST_NONE);

    for (int level = RECORD_OF_SESSION; level <= RECORD_OF_CLIENT; level++) {
        ck_assert(!record_has(&unknown, (enum record_level)level));
    }
    ck_assert(record_has(&plaintext, RECORD_OF_SESSION));
    ck_assert(!record_has(&plaintext, RECORD_OF_TLS));
    ck_assert(!record_has(&plaintext, RECORD_OF_CLIENT));
    ck_assert(record_has(&record, RECORD_OF_TLS));
    ck_assert(!record_has(&record, RECORD_OF_CLIENT));
    record.facts.client.trust = TLS_TRUST_UNTRUSTED;
    ck_assert(record_has(&record, RECORD_OF_CLIENT));
}
END_TEST

/* No fact is told under another one's key, or read into another one's place. */
START_TEST(test_table)
{
    for (size_t i = 0; i < record_num_facts; i++) {
        const struct field *field = &record_facts[i].field;

        ck_assert_uint_le(field->offset + field->size, sizeof(struct record));
        ck_assert(!record_facts[i].own_words || record_facts[i].level == RECORD_OF_CLIENT);
        for (size_t j = 0; j < i; j++) {
            ck_assert_str_ne(record_facts[j].field.key, field->key);
            ck_assert_uint_ne(record_facts[j].field.offset, field->offset);
        }
    }
}
END_TEST

START_TEST(test_packed)
{
    struct record record = tls_record((enum tls_trust)_i);
    struct record back = {.session = "other"};
    uint8_t packed[RECORD_PACKED_SIZE];
    size_t len = record_pack(&record.facts, packed);

    ck_assert_uint_le(len, _i == TLS_TRUST_NONE ? 100 : 120);
    memset(packed + len, '#', sizeof packed - len);
    record_unpack(&back, packed);
    ck_assert(back.known && back.tls);
    ck_assert_str_eq(back.session, "other");
    for (size_t i = 0; i < record_num_facts; i++) {
        char want[TLS_CLIENT_NAME_SIZE];
        char got[TLS_CLIENT_NAME_SIZE];
        struct text t = text_in(want, sizeof want);

        if (record_facts[i].level == RECORD_OF_SESSION ||
            !record_has(&record, record_facts[i].level)) {
            continue;
        }
        field_text(&record_facts[i].field, &record, &t);
        t = text_in(got, sizeof got);
        field_text(&record_facts[i].field, &back, &t);
        ck_assert_msg(strcmp(want, got) == 0, "%s: %s", record_facts[i].field.key, got);
    }
    ck_assert_str_eq(back.facts.client.subject, _i == TLS_TRUST_NONE ? "" : "client");
}
END_TEST

/* The longest facts still have room. */
START_TEST(test_packed_longest)
{
    struct record record = tls_record(TLS_TRUST_UNTRUSTED);
    uint8_t packed[RECORD_PACKED_SIZE];

    for (size_t i = 0; i < record_num_facts; i++) {
        const struct field *field = &record_facts[i].field;

        if (field->type == FIELD_TEXT) {
            memset((char *)&record + field->offset, 'x', field->size - 1);
        }
    }
    ck_assert_uint_le(record_pack(&record.facts, packed), sizeof packed);
}
END_TEST

Suite *record_suite(void)
{
    Suite *suite = suite_create("record");
    TCase *tests = tcase_create("record");

    tcase_add_test(tests, test_levels);
    tcase_add_test(tests, test_table);
    tcase_add_loop_test(tests, test_packed, 0, NUM_TLS_TRUSTS);
    tcase_add_test(tests, test_packed_longest);
    suite_add_tcase(suite, tests);
    return suite;
}
