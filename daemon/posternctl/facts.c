/* posternctl facts: what posternd knows about the live sessions of a client. */
#include "daemon/posternctl/ask.h"
#include "daemon/posternctl/command.h"
#include "daemon/posternctl/report.h"
#include "lib/admin/asjson.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The facts of a level that have a line of their own. */
static void print_level(const struct record *record, enum record_level level)
{
    for (size_t i = 0; i < record_num_facts; i++) {
        const struct record_fact *fact = &record_facts[i];
        char value[TLS_CLIENT_NAME_SIZE];
        struct text text = text_in(value, sizeof value);

        if (fact->level != level || fact->label == NULL || !record_has(record, level)) {
            continue;
        }
        field_text(&fact->field, record, &text);
        if (text.len == 0 && fact->label_if_there) {
            continue;
        }
        if (text.len == 0 && fact->field.nothing_is_null) {
            text_add(&text, "-");
        }
        report_print_value(stdout, fact->label, "%s", value);
    }
}

static void print_record(const struct record *record)
{
    const struct tls_facts *facts = &record->facts;
    const char *error = facts->client.error;

    printf("session %s\n", record->session);
    print_level(record, RECORD_OF_SESSION);
    if (!record->tls) {
        report_print_value(stdout, "tls", "none");
        return;
    }
    report_print_value(stdout, "tls", "%s with cipher %s (%d/%d bits)%s%s", facts->protocol,
                       facts->cipher, facts->bits, facts->algorithm_bits,
                       facts->capped ? ", capped" : "", facts->reused ? ", resumed" : "");
    print_level(record, RECORD_OF_TLS);
    report_print_value(stdout, "client certificate", "%s%s%s",
                       facts_trust_word(facts->client.trust), error[0] != '\0' ? ": " : "", error);
    print_level(record, RECORD_OF_CLIENT);
}

/* Prints all of them as text. False if one is no record. */
static bool print_records(const json_t *list)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        struct record record;

        if (!asjson_read_record(json_array_get(list, i), &record)) {
            return false;
        }
        print_record(&record);
    }
    return true;
}

/* An address, in brackets or not. */
static bool read_address(const char *address, struct addr *out)
{
    char text[ADDR_TEXT_SIZE];
    size_t len = strlen(address);

    if (len > 2 && address[0] == '[' && address[len - 1] == ']') {
        address++;
        len -= 2;
    }
    if (len >= sizeof text) {
        return false;
    }
    snprintf(text, sizeof text, "%.*s", (int)len, address);
    return addr_parse(out, text);
}

int command_facts(const struct invocation *invocation)
{
    const char *address = invocation->arguments[0];
    const char *port = invocation->arguments[1];
    char host[ADDR_TEXT_SIZE];
    struct addr client;
    json_t *answer = NULL;
    const json_t *list;
    int status;

    if (!read_address(address, &client)) {
        return command_usage_error(invocation, "address \"%s\" is not an IP address", address);
    }
    if (!addr_parse_port(&client.port, port)) {
        return command_usage_error(invocation, "port \"%s\" is not a port number", port);
    }
    status = command_ask(invocation,
                         json_pack("{s:s, s:s, s:i}", "request", "facts", "client",
                                   addr_text(&client, host), "client_port", (int)client.port),
                         &answer);
    if (status != 0) {
        return status;
    }
    list = json_object_get(answer, "facts");
    status = json_array_size(list) > 0 ? EXIT_SUCCESS : EXIT_FINDING;
    if (!invocation->json && !print_records(list)) {
        command_fail("what answered is not posternd");
        status = ASK_NOBODY;
    } else if (invocation->json && report_print_json(answer, stdout) != 0) {
        status = command_fail("out of memory");
    }
    json_decref(answer);
    return status;
}
