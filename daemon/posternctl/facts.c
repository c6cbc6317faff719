/* posternctl facts: what posternd knows about the live sessions of a client. */
#include "daemon/posternctl/command.h"
#include "daemon/posternctl/report.h"
#include "lib/net/addr.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void print_end(const json_t *record, const char *label, const char *key,
                      const char *port_key)
{
    const char *host = report_string(record, key);

    report_print_value(stdout, label, strchr(host, ':') != NULL ? "[%s]:%lld" : "%s:%lld", host,
                       report_number(record, port_key));
}

static void print_text(const json_t *record, const char *label, const char *key)
{
    report_print_value(stdout, label, "%s", report_string(record, key));
}

static void print_client(const json_t *record)
{
    const char *word = report_string(record, "client_certificate");
    const char *error = report_string(record, "client_error");

    if (strcmp(word, "none") == 0) {
        print_text(record, "client certificate", "client_certificate");
        return;
    }
    report_print_value(stdout, "client certificate", "%s%s%s", word, error[0] != '\0' ? ": " : "",
                       error);
    print_text(record, "  name", "client_name");
    print_text(record, "  issuer", "client_issuer");
    print_text(record, "  fingerprint", "client_fingerprint");
    print_text(record, "  of its key", "client_key_fingerprint");
}

static void print_record(const json_t *record)
{
    printf("session %s\n", report_string(record, "session"));
    print_end(record, "client", "client", "client_port");
    print_end(record, "destination", "destination", "destination_port");
    print_text(record, "listener", "listener");
    if (!json_is_true(json_object_get(record, "tls"))) {
        report_print_value(stdout, "tls", "none");
        return;
    }
    report_print_value(stdout, "tls", "%s with cipher %s (%lld/%lld bits)%s%s",
                       report_string(record, "protocol"), report_string(record, "cipher"),
                       report_number(record, "bits"), report_number(record, "algorithm_bits"),
                       json_is_true(json_object_get(record, "capped")) ? ", capped" : "",
                       json_is_true(json_object_get(record, "reused")) ? ", resumed" : "");
    print_text(record, "key exchange", "key_exchange");
    print_text(record, "certificate", "certificate");
    if (json_is_string(json_object_get(record, "fault"))) {
        print_text(record, "  fault", "fault");
    }
    print_text(record, "server name", "sni");
    print_client(record);
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
    for (size_t i = 0; i < json_array_size(list) && !invocation->json; i++) {
        print_record(json_array_get(list, i));
    }
    if (invocation->json && report_print_json(answer, stdout) != 0) {
        status = command_fail("out of memory");
    }
    json_decref(answer);
    return status;
}
