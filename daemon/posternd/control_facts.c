/* What the control socket answers about live sessions, for the milter and for administrators. */
#include "daemon/posternd/control_parts.h"

#include "daemon/posternd/directory.h"
#include "daemon/posternd/thread.h"
#include "lib/admin/asjson.h"

#include <stdio.h>

/* Sessions of one client address and port: even two are rare. */
#define FACTS_MAX 16

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

json_t *control_answer_session(const json_t *request, struct control_caller *caller,
                               char why[CONTROL_WHY_SIZE])
{
    char id[RECORD_ID_SIZE];
    struct addr destination;
    struct addr client;

    (void)caller;
    if (!read_address(request, "client", "client_port", &client, why) ||
        !read_address(request, "destination", "destination_port", &destination, why)) {
        return NULL;
    }
    if (directory_claim(&client, &destination, thread_now(), id) != 0) {
        return json_pack("{s:n}", "session");
    }
    return json_pack("{s:s}", "session", id);
}

json_t *control_answer_facts(const json_t *request, struct control_caller *caller,
                             char why[CONTROL_WHY_SIZE])
{
    const char *id = json_string_value(json_object_get(request, "session"));
    struct record found[FACTS_MAX];
    json_t *list;
    size_t num;

    (void)caller;
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
        if (json_array_append_new(list, asjson_record(&found[i])) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return json_pack("{s:o}", "facts", list);
}
