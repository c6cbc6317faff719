#include "daemon/posternd/control_parts.h"

#include "daemon/common/jsonline.h"
#include "daemon/posternd/failures.h"
#include "lib/admin/asjson.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char failures_off[] = "failures are not kept: failures = \"off\"";

static json_t *answer_failures(const json_t *request, struct control_caller *caller,
                               char why[CONTROL_WHY_SIZE])
{
    struct kept_failure *list = calloc(FAILURES_MAX, sizeof *list);
    json_t *array = json_array();
    size_t num = 0;
    bool done = list != NULL;

    (void)request;
    (void)caller;
    if (!kept_failures_on()) {
        snprintf(why, CONTROL_WHY_SIZE, "%s", failures_off);
    } else if (list != NULL) {
        num = kept_failures_list(list);
    }
    for (size_t i = 0; i < num && done; i++) {
        done = json_array_append_new(array, asjson_failure(&list[i].entry, false)) == 0;
    }
    free(list);
    if (!done) {
        json_decref(array);
        return NULL;
    }
    return json_pack("{s:o}", "failures", array);
}

static json_t *answer_failure(const json_t *request, struct control_caller *caller,
                              char why[CONTROL_WHY_SIZE])
{
    const json_t *id = json_object_get(request, "id");
    json_int_t number = json_integer_value(id);
    uint8_t hello[HELLO_SIZE_MAX];
    struct kept_failure found;

    (void)caller;
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
    return asjson_failure(&found.entry, true);
}

static json_t *answer_version(const json_t *request, struct control_caller *caller,
                              char why[CONTROL_WHY_SIZE])
{
    (void)request;
    (void)caller;
    (void)why;
    return json_pack("{s:s}", "version", POSTERN_VERSION);
}

/* Everybody in our group may connect. */
static json_t *begin_reload(const json_t *request, struct control_caller *caller,
                            char why[CONTROL_WHY_SIZE])
{
    (void)request;
    if (caller->uid != 0 && caller->uid != geteuid()) {
        snprintf(why, CONTROL_WHY_SIZE, "only root and posternd's own user may reload");
    } else if (reload_request(caller->waiter) != 0) {
        snprintf(why, CONTROL_WHY_SIZE, "posternd is stopping");
    } else {
        caller->waits = true;
    }
    return NULL;
}

/* An answer is NULL without memory, or, with `why`, when the request is refused, or while it is not
 * known yet. */
static const struct {
    const char *name;
    json_t *(*answer)(const json_t *request, struct control_caller *caller,
                      char why[CONTROL_WHY_SIZE]);
} requests[] = {
    {"facts", control_answer_facts},     {"failure", answer_failure},
    {"failures", answer_failures},       {"reload", begin_reload},
    {"session", control_answer_session}, {"version", answer_version},
};

static json_t *answer_object(const json_t *request, struct control_caller *caller,
                             char why[CONTROL_WHY_SIZE])
{
    const char *name = json_string_value(json_object_get(request, "request"));

    if (name == NULL) {
        snprintf(why, CONTROL_WHY_SIZE, "\"request\" is missing");
        return NULL;
    }
    for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++) {
        if (strcmp(requests[i].name, name) == 0) {
            return requests[i].answer(request, caller, why);
        }
    }
    snprintf(why, CONTROL_WHY_SIZE, "unknown request");
    return NULL;
}

char *control_answer(struct bytes line, struct control_caller *caller, char why[CONTROL_WHY_SIZE])
{
    json_error_t error;
    json_t *request = json_loadb((const char *)line.data, line.len, JSON_REJECT_DUPLICATES, &error);
    json_t *answer = NULL;
    char *back;

    why[0] = '\0';
    caller->waits = false;
    if (json_is_object(request)) {
        answer = answer_object(request, caller, why);
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

char *control_answer_reload(const struct reload_result *result)
{
    json_t *answer =
        result->refused != NULL
            ? json_pack("{s:s}", "refused", result->refused)
            : json_pack("{s:{s:I, s:I, s:I}}", "reloaded", "number", (json_int_t)result->number,
                        "certificates", (json_int_t)result->certificates, "new",
                        (json_int_t)result->loaded);
    char *line = jsonline(answer);

    json_decref(answer);
    return line;
}
