/* posternctl reload: lets posternd read its files again, and waits for the result. */
#include "daemon/common/readfile.h"
#include "daemon/posternctl/ask.h"
#include "daemon/posternctl/command.h"
#include "daemon/posternctl/report.h"

#include <limits.h>
#include <stdlib.h>

/* Seconds for a load that has begun and the one after it: thousands of certificates on a slow
 * machine. systemd would wait for 90. */
#define RELOAD_TIMEOUT 300

/* Mistakes in the file are posternd's to report. 0, or the exit code after it has reported what is
 * wrong. */
static int find_socket(const char *file, struct conf_control *control)
{
    struct conf_error error;
    const char *reason;
    size_t len;
    uint8_t *bytes = readfile(file, &len, NULL, &reason);
    int result;

    if (bytes == NULL) {
        snprintf(error.text, sizeof error.text, "%s: %s", file, reason);
        return command_fail(error.text);
    }
    result = conf_find_control(file, bytes, len, control, &error);
    free(bytes);
    if (result != 0) {
        (void)command_fail(error.text);
        return EXIT_FINDING;
    }
    return 0;
}

/* posternd is perhaps asked at a socket that it will only have after a restart. */
static int fail(const struct invocation *invocation, const struct conf_control *control,
                enum ask_status status, const struct conf_error *error)
{
    char text[sizeof error->text + PATH_MAX + 128];

    if (status == ASK_NOBODY && control->line != 0) {
        snprintf(text, sizeof text, "%s:%u: control: %s (a changed value needs a restart)",
                 invocation->file, control->line, error->text);
        (void)command_fail(text);
    } else {
        (void)command_fail(error->text);
    }
    return (int)status;
}

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
    int result = find_socket(invocation->file, &control);

    if (result != 0) {
        return result;
    }
    if (control.path[0] == '\0') {
        snprintf(error.text, sizeof error.text, "%s:%u: control = \"\": there is no control socket",
                 invocation->file, control.line);
        (void)command_fail(error.text);
        return ASK_NOBODY;
    }
    status = ask_at(control.path, RELOAD_TIMEOUT, json_pack("{s:s}", "request", "reload"), &answer,
                    &error);
    if (status != ASK_DONE) {
        return fail(invocation, &control, status, &error);
    }
    result = report(invocation, answer);
    json_decref(answer);
    return result;
}
