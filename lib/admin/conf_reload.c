#include "lib/admin/conf.h"

#include <string.h>

static int refuse(struct conf_error *error, const struct conf *next, unsigned line,
                  const char *option)
{
    return conf_fail(error, next, line, "%s: a changed value needs a restart", option);
}

int conf_check_reload(const struct conf *present, const struct conf *next, unsigned num_workers,
                      struct conf_error *error)
{
    const struct {
        const char *option;
        const struct conf_text *before;
        const struct conf_text *now;
    } texts[] = {
        {"user", &present->user, &next->user},
        {"control", &present->control, &next->control},
        {"state_directory", &present->state_directory, &next->state_directory},
        {"user", &present->milter.user, &next->milter.user},
    };

    if (next->workers != present->workers && next->workers != num_workers) {
        return refuse(error, next, next->workers_line, "workers");
    }
    if (next->failures != present->failures) {
        return refuse(error, next, next->failures_line, "failures");
    }
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (strcmp(texts[i].before->text, texts[i].now->text) != 0) {
            return refuse(error, next, texts[i].now->line, texts[i].option);
        }
    }
    return 0;
}
