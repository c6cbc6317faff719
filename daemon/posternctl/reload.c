/* posternctl reload: lets posternd read its files again, and waits for the result. */
#include "daemon/posternctl/ask.h"
#include "daemon/posternctl/command.h"
#include "daemon/posternctl/report.h"

#include <stdlib.h>

/* Seconds for a load that has begun and the one after it: thousands of certificates on a slow
 * machine. systemd would wait for 90. */
#define RELOAD_TIMEOUT 300

static int report(const struct invocation *invocation, const json_t *answer)
{
    const char *refused = json_string_value(json_object_get(answer, "refused"));
    int status = EXIT_SUCCESS;

    if (refused != NULL) {
        (void)command_fail(refused);
        status = EXIT_FINDING;
    }
    if (invocation->json && report_print_json(answer, stdout) != 0) {
        return command_fail("out of memory");
    }
    return status;
}

int command_reload(const struct invocation *invocation)
{
    struct conf_control control = {.line = 0};
    struct conf_error error;
    enum ask_status status;
    json_t *answer = NULL;
    int result = command_find_socket(invocation, &control);

    if (result != 0) {
        return result;
    }
    status = ask_at(control.path, RELOAD_TIMEOUT, json_pack("{s:s}", "request", "reload"), &answer,
                    &error);
    if (status != ASK_DONE) {
        return command_not_answered(invocation, &control, status, &error);
    }
    result = report(invocation, answer);
    json_decref(answer);
    return result;
}
