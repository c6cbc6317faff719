/* posternctl facts: what posternd knows of the live sessions of a client. */
#include "daemon/common/ctlclient.h"
#include "daemon/common/setup.h"
#include "daemon/posternctl/command.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *string_of(const json_t *record, const char *key)
{
    const char *text = json_string_value(json_object_get(record, key));

    return text == NULL ? "-" : text;
}

static int number_of(const json_t *record, const char *key)
{
    return (int)json_integer_value(json_object_get(record, key));
}

static void print_end(const json_t *record, const char *label, const char *key,
                      const char *port_key)
{
    const char *host = string_of(record, key);

    printf(strchr(host, ':') != NULL ? "    %-20s[%s]:%d\n" : "    %-20s%s:%d\n", label, host,
           number_of(record, port_key));
}

static void print_line(const char *label, const char *value)
{
    printf("    %-20s%s\n", label, value);
}

static void print_client(const json_t *record)
{
    const char *word = string_of(record, "client_certificate");
    const char *error = string_of(record, "client_error");

    if (strcmp(word, "none") == 0) {
        print_line("client certificate", word);
        return;
    }
    printf("    %-20s%s%s%s\n", "client certificate", word, error[0] != '\0' ? ": " : "", error);
    print_line("  name", string_of(record, "client_name"));
    print_line("  issuer", string_of(record, "client_issuer"));
    print_line("  fingerprint", string_of(record, "client_fingerprint"));
    print_line("  of its key", string_of(record, "client_key_fingerprint"));
}

static void print_record(const json_t *record)
{
    printf("session %s\n", string_of(record, "session"));
    print_end(record, "client", "client", "client_port");
    print_end(record, "destination", "destination", "destination_port");
    print_line("listener", string_of(record, "listener"));
    if (!json_is_true(json_object_get(record, "tls"))) {
        print_line("tls", "none");
        return;
    }
    printf("    %-20s%s with cipher %s (%d/%d bits)%s%s\n", "tls", string_of(record, "protocol"),
           string_of(record, "cipher"), number_of(record, "bits"),
           number_of(record, "algorithm_bits"),
           json_is_true(json_object_get(record, "capped")) ? ", capped" : "",
           json_is_true(json_object_get(record, "reused")) ? ", resumed" : "");
    print_line("key exchange", string_of(record, "key_exchange"));
    print_line("certificate", string_of(record, "certificate"));
    if (json_is_string(json_object_get(record, "fault"))) {
        print_line("  fault", string_of(record, "fault"));
    }
    print_line("server name", string_of(record, "sni"));
    print_client(record);
}

/* An address, in brackets or not. */
static bool read_address(const char *address, struct endpoint *out)
{
    char text[ADDR_TEXT_SIZE + 8];
    const char *why;
    bool bare = address[0] != '[' && strchr(address, ':') != NULL;
    int len = snprintf(text, sizeof text, bare ? "[%s]:0" : "%s:0", address);

    return len > 0 && (size_t)len < sizeof text && endpoint_parse(out, text, &why) == 0 &&
           out->ip.family != ADDR_NONE;
}

int command_facts(const struct invocation *invocation)
{
    const char *address = invocation->arguments[0];
    const char *port = invocation->arguments[1];
    char host[ADDR_TEXT_SIZE];
    struct conf_error error;
    struct endpoint client;
    json_t *request;
    json_t *answer = NULL;
    enum ctl_status status;
    const json_t *list;
    struct conf *conf;
    size_t num;

    if (!read_address(address, &client)) {
        return command_slip(invocation->command, "address \"%s\" is not an IP address", address);
    }
    if (!addr_parse_port(&client.ip.port, port)) {
        return command_slip(invocation->command, "port \"%s\" is not a port", port);
    }
    conf = setup_read_conf(invocation->file, &error);
    if (conf == NULL) {
        return command_fail(error.text);
    }
    request = json_pack("{s:s, s:s, s:i}", "request", "facts", "client",
                        addr_text(&client.ip, host), "client_port", (int)client.ip.port);
    status = ctlclient_ask(conf, request, &answer, &error);
    conf_free(conf);
    if (status != CTL_DONE) {
        (void)command_fail(error.text);
        return (int)status;
    }
    list = json_object_get(answer, "facts");
    num = json_array_size(list);
    if (invocation->json) {
        (void)json_dumpf(answer, stdout, JSON_INDENT(2));
        puts("");
    }
    for (size_t i = 0; i < num && !invocation->json; i++) {
        print_record(json_array_get(list, i));
    }
    json_decref(answer);
    return num > 0 ? EXIT_SUCCESS : EXIT_FINDING;
}
