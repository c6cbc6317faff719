/* posternctl failures: the hellos that posternd has kept of failed handshakes. */
#include "daemon/posternctl/command.h"
#include "daemon/posternctl/report.h"

static const struct report_column columns[] = {
    {"ID", "id", REPORT_NUMBER},       {"LAST", "last", REPORT_TIME},
    {"COUNT", "count", REPORT_NUMBER}, {"CLIENT", "clients", REPORT_FIRST},
    {"REASON", "reason", REPORT_TEXT}, {"JA4", "ja4", REPORT_TEXT},
    {"SNI", "sni", REPORT_TEXT},
};

int command_failures(const struct invocation *invocation)
{
    json_t *answer = NULL;
    int status = command_ask(invocation, json_pack("{s:s}", "request", "failures"), &answer);

    if (status != 0) {
        return status;
    }
    if (!invocation->json) {
        report_print_table(json_object_get(answer, "failures"), columns,
                           sizeof columns / sizeof columns[0], stdout);
    } else if (report_print_json(answer, stdout) != 0) {
        status = command_fail("out of memory");
    }
    json_decref(answer);
    return status;
}
