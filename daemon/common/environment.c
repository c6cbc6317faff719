#include "daemon/common/environment.h"

#include "daemon/common/log.h"

#include <stdlib.h>

static bool read_number(const char *text, uint64_t max, uint64_t *out)
{
    uint64_t number = 0;

    for (const char *c = text; *c != '\0'; c++) {
        unsigned digit = (unsigned)*c - '0';

        if (digit > 9 || number > (max - digit) / 10) {
            return false;
        }
        number = number * 10 + digit;
    }
    *out = number;
    return *text != '\0';
}

bool environment_number(const char *variable, uint64_t max, uint64_t *out)
{
    const char *text = getenv(variable);

    *out = 0;
    if (text == NULL) {
        return false;
    }
    if (!read_number(text, max, out)) {
        log_line(LOG_WARNING, "%s in the environment is no number from 0 to %llu: ignored",
                 variable, (unsigned long long)max);
        return false;
    }
    return true;
}
