#include "daemon/posternd/control_parts.h"

#include "daemon/common/jsonline.h"
#include "daemon/posternd/failures.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char failures_off[] = "failures are not kept: failures = \"off\"";

json_t *control_text(struct bytes raw)
{
    char escaped[KEPT_SNI_MAX * 4 + 4];
    struct text t = text_in(escaped, sizeof escaped);

    text_escaped(&t, raw.data, raw.len, KEPT_SNI_MAX);
    return json_string(escaped);
}

static json_t *clients_of(const struct failure *entry)
{
    json_t *list = json_array();

    for (size_t i = 0; i < entry->num_clients; i++) {
        char address[ADDR_TEXT_SIZE];

        if (json_array_append_new(list, json_string(addr_text(&entry->clients[i], address))) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

/* What `failures` and `failure` say about an entry. The steps of jansson pass a NULL on. */
static json_t *describe(const struct failure *entry)
{
    json_t *sni = entry->sni.len > 0 ? control_text(entry->sni) : json_null();
    json_t *ja4 = entry->ja4[0] != '\0' ? json_string(entry->ja4) : json_null();

    return json_pack("{s:I, s:s, s:I, s:I, s:I, s:o, s:s, s:o, s:o}", "id", (json_int_t)entry->id,
                     "reason", handshake_failure_word(entry->reason), "first",
                     (json_int_t)entry->first, "last", (json_int_t)entry->last, "count",
                     (json_int_t)entry->count, "clients", clients_of(entry), "listener",
                     entry->listener, "sni", sni, "ja4", ja4);
}

static json_t *answer_failures(const json_t *request, char why[CONTROL_WHY_SIZE])
{
    struct kept_failure *list = calloc(FAILURES_MAX, sizeof *list);
    json_t *array = json_array();
    size_t num = 0;
    bool done = list != NULL;

    (void)request;
    if (!kept_failures_on()) {
        snprintf(why, CONTROL_WHY_SIZE, "%s", failures_off);
    } else if (list != NULL) {
        num = kept_failures_list(list);
    }
    for (size_t i = 0; i < num && done; i++) {
        done = json_array_append_new(array, describe(&list[i].entry)) == 0;
    }
    free(list);
    if (!done) {
        json_decref(array);
        return NULL;
    }
    return json_pack("{s:o}", "failures", array);
}

static json_t *hex_of(struct bytes data)
{
    static const char digits[] = "0123456789abcdef";
    char *hex = malloc(data.len * 2 + 1);
    json_t *string;

    if (hex == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < data.len; i++) {
        hex[i * 2] = digits[data.data[i] >> 4];
        hex[i * 2 + 1] = digits[data.data[i] & 15];
    }
    string = json_stringn(hex, data.len * 2);
    free(hex);
    return string;
}

static json_t *answer_failure(const json_t *request, char why[CONTROL_WHY_SIZE])
{
    const json_t *id = json_object_get(request, "id");
    json_int_t number = json_integer_value(id);
    uint8_t hello[HELLO_SIZE_MAX];
    struct kept_failure found;
    json_t *answer;

    if (!kept_failures_on()) {
        snprintf(why, CONTROL_WHY_SIZE, "%s", failures_off);
        return NULL;
    }
    if (number <= 0) {
        snprintf(why, CONTROL_WHY_SIZE, "\"id\" is not a number above 0");
        return NULL;
    }
    if (!kept_failures_find((uint64_t)number, &found, hello)) {
        snprintf(why, CONTROL_WHY_SIZE, "there is no failure %lld", (long long)number);
        return NULL;
    }
    answer = describe(&found.entry);
    if (json_object_set_new(answer, "sslv2", json_boolean(found.entry.sslv2)) != 0 ||
        json_object_set_new(answer, "hello", hex_of(found.entry.hello)) != 0) {
        json_decref(answer);
        return NULL;
    }
    return answer;
}

static json_t *answer_version(const json_t *request, char why[CONTROL_WHY_SIZE])
{
    (void)request;
    (void)why;
    return json_pack("{s:s}", "version", POSTERN_VERSION);
}

/* An answer is NULL without memory, or, with `why`, when the request is refused. */
static const struct {
    const char *name;
    json_t *(*answer)(const json_t *request, char why[CONTROL_WHY_SIZE]);
} requests[] = {
    {"facts", control_answer_facts},     {"failure", answer_failure}, {"failures", answer_failures},
    {"session", control_answer_session}, {"version", answer_version},
};

static json_t *answer_object(const json_t *request, char why[CONTROL_WHY_SIZE])
{
    const char *name = json_string_value(json_object_get(request, "request"));

    if (name == NULL) {
        snprintf(why, CONTROL_WHY_SIZE, "\"request\" is missing");
        return NULL;
    }
    for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++) {
        if (strcmp(requests[i].name, name) == 0) {
            return requests[i].answer(request, why);
        }
    }
    snprintf(why, CONTROL_WHY_SIZE, "unknown request");
    return NULL;
}

char *control_answer(struct bytes line, char why[CONTROL_WHY_SIZE])
{
    json_error_t error;
    json_t *request = json_loadb((const char *)line.data, line.len, JSON_REJECT_DUPLICATES, &error);
    json_t *answer = NULL;
    char *back;

    why[0] = '\0';
    if (json_is_object(request)) {
        answer = answer_object(request, why);
    } else {
        snprintf(why, CONTROL_WHY_SIZE, "not a JSON object");
    }
    if (why[0] != '\0') {
        json_decref(answer);
        answer = json_pack("{s:s}", "error", why);
    }
    back = jsonline(answer);
    json_decref(answer);
    json_decref(request);
    return back;
}
