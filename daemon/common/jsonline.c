#include "daemon/common/jsonline.h"

#include <stdlib.h>
#include <string.h>

char *jsonline(const json_t *value)
{
    size_t len = json_dumpb(value, NULL, 0, JSON_COMPACT);
    char *line = malloc(len + 2);

    if (len == 0 || line == NULL || json_dumpb(value, line, len, JSON_COMPACT) != len) {
        free(line);
        return NULL;
    }
    memcpy(line + len, "\n", 2);
    return line;
}
