#include "daemon/common/environment.h"

#include "daemon/common/log.h"
#include "lib/net/passed.h"

#include <stdlib.h>

bool environment_number(const char *variable, uint64_t max, uint64_t *out)
{
    const char *text = getenv(variable);

    *out = 0;
    if (text == NULL) {
        return false;
    }
    if (!passed_number(text, max, out)) {
        log_line(LOG_WARNING, "%s in the environment is no number from 0 to %llu: ignored",
                 variable, (unsigned long long)max);
        return false;
    }
    return true;
}
