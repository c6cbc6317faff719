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

/* The socket that the file names; mistakes in it are posternd's to report. 0 or EXIT_BAD_INPUT. */
static int find_socket(const char *file, char *path, size_t size)
{
    char text[PATH_MAX + 128];
    const char *reason;
    size_t len;
    uint8_t *bytes = readfile(file, &len, NULL, &reason);
    int result;

    if (bytes == NULL) {
        snprintf(text, sizeof text, "%s: %s", file, reason);
        return command_fail(text);
    }
    result = conf_find_control(file, bytes, len, path, size);
    free(bytes);
    return result == 0 ? 0 : command_fail("control: the path is too long");
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
    char path[ADDR_PATH_SIZE];
    struct conf_error error;
    enum ask_status status;
    json_t *answer = NULL;
    int result;

    if (find_socket(invocation->file, path, sizeof path) != 0) {
        return EXIT_BAD_INPUT;
    }
    status = ask_at(path, RELOAD_TIMEOUT, json_pack("{s:s}", "request", "reload"), &answer, &error);
    if (status != ASK_DONE) {
        (void)command_fail(error.text);
        return (int)status;
    }
    result = report(invocation, answer);
    json_decref(answer);
    return result;
}
