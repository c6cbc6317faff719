/* What the control socket answers about live sessions, for the milter and for administrators. */
#include "daemon/posternd/control_parts.h"

#include "daemon/posternd/directory.h"
#include "daemon/posternd/thread.h"
#include "lib/admin/logline.h"

#include <stdio.h>
#include <string.h>

/* Sessions of one client address and port: even two are rare. */
#define FACTS_MAX 16

/* A name out of a client's certificate, which is UTF-8 as far as it was not cut. */
static json_t *certificate_text(const char *name)
{
    json_t *string = json_string(name);

    return string != NULL ? string : control_text(bytes_of(name, strlen(name)));
}

static int set_client(json_t *object, const struct directory_facts *facts)
{
    const struct tls_client *client = &facts->client_certificate;

    if (!facts->has_client) {
        return json_object_set_new(object, "client_certificate", json_string("none"));
    }
    return json_object_update_new(
        object, json_pack("{s:s, s:s, s:s, s:o, s:o, s:s}", "client_certificate",
                          client->trusted ? "trusted" : "untrusted", "client_fingerprint",
                          client->fingerprint, "client_key_fingerprint", client->key_fingerprint,
                          "client_name", certificate_text(client->subject), "client_issuer",
                          certificate_text(client->issuer), "client_error", client->error));
}

static const char *text_or_null(const char *text)
{
    return text[0] != '\0' ? text : NULL;
}

static int set_tls(json_t *object, const struct directory_facts *facts)
{
    json_t *sni =
        facts->sni_len > 0 ? control_text(bytes_of(facts->sni, facts->sni_len)) : json_null();
    char key_exchange[64];
    struct text t = text_in(key_exchange, sizeof key_exchange);

    logline_key_exchange(&t, facts->key_exchange, facts->group);
    return json_object_update_new(
        object, json_pack("{s:s, s:s, s:i, s:i, s:s?, s:s, s:s?, s:o, s:b, s:b}", "protocol",
                          facts->protocol, "cipher", facts->cipher, "bits", facts->cipher_bits,
                          "algorithm_bits", facts->algorithm_bits, "key_exchange",
                          text_or_null(key_exchange), "certificate", facts->certificate, "fault",
                          text_or_null(facts->fault), "sni", sni, "capped", (int)facts->capped,
                          "reused", (int)facts->reused));
}

/* NULL without memory. */
static json_t *describe(const struct directory_facts *facts)
{
    char client[ADDR_TEXT_SIZE];
    char destination[ADDR_TEXT_SIZE];
    json_t *object = json_pack(
        "{s:s, s:s, s:i, s:s, s:i, s:s, s:b}", "session", facts->id, "client",
        addr_text(&facts->client, client), "client_port", (int)facts->client.port, "destination",
        addr_text(&facts->destination, destination), "destination_port",
        (int)facts->destination.port, "listener", facts->listener, "tls", (int)facts->tls);

    if (object != NULL && facts->tls &&
        (set_tls(object, facts) != 0 || set_client(object, facts) != 0)) {
        json_decref(object);
        return NULL;
    }
    return object;
}

/* An address and a port of the request. False with `why`. */
static bool read_address(const json_t *request, const char *key, const char *port_key,
                         struct addr *out, char why[CONTROL_WHY_SIZE])
{
    const char *text = json_string_value(json_object_get(request, key));
    const json_t *port = json_object_get(request, port_key);
    json_int_t number = json_integer_value(port);

    if (text == NULL || !addr_parse(out, text)) {
        snprintf(why, CONTROL_WHY_SIZE, "\"%s\" is not an address", key);
        return false;
    }
    if (!json_is_integer(port) || number < 0 || number > UINT16_MAX) {
        snprintf(why, CONTROL_WHY_SIZE, "\"%s\" is not a port number", port_key);
        return false;
    }
    out->port = (uint16_t)number;
    return true;
}

json_t *control_answer_session(const json_t *request, char why[CONTROL_WHY_SIZE])
{
    char id[SESSION_ID_SIZE];
    struct addr destination;
    struct addr client;

    if (!read_address(request, "client", "client_port", &client, why) ||
        !read_address(request, "destination", "destination_port", &destination, why)) {
        return NULL;
    }
    if (directory_claim(&client, &destination, thread_now(), id) != 0) {
        return json_pack("{s:n}", "session");
    }
    return json_pack("{s:s}", "session", id);
}

json_t *control_answer_facts(const json_t *request, char why[CONTROL_WHY_SIZE])
{
    const char *id = json_string_value(json_object_get(request, "session"));
    struct directory_facts found[FACTS_MAX];
    json_t *list;
    size_t num;

    if (id != NULL) {
        num = directory_find(id, &found[0]) ? 1 : 0;
    } else {
        struct addr client;

        if (!read_address(request, "client", "client_port", &client, why)) {
            return NULL;
        }
        num = directory_find_by_address(&client, found, FACTS_MAX);
    }
    list = json_array();
    for (size_t i = 0; i < num && i < FACTS_MAX; i++) {
        if (json_array_append_new(list, describe(&found[i])) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return json_pack("{s:o}", "facts", list);
}
