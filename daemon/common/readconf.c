#include "daemon/common/readconf.h"

#include "daemon/common/readfile.h"

#include <stdio.h>
#include <stdlib.h>

struct conf *readconf(const char *file, struct conf_error *error)
{
    const char *reason = NULL;
    struct conf *conf;
    size_t len;
    uint8_t *bytes = readfile(file, &len, NULL, &reason);

    if (bytes == NULL) {
        snprintf(error->text, sizeof error->text, "%s: %s", file, reason);
        return NULL;
    }
    conf = conf_parse(file, bytes, len, error);
    free(bytes);
    return conf;
}
