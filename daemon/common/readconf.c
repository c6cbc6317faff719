#include "daemon/common/readconf.h"

#include "daemon/common/readfile.h"

#include <stdio.h>
#include <stdlib.h>

uint8_t *readconf_bytes(const char *file, size_t *len, struct conf_error *error)
{
    const char *reason = NULL;
    uint8_t *bytes = readfile(file, len, NULL, &reason);

    if (bytes == NULL) {
        snprintf(error->text, sizeof error->text, "%s: %s", file, reason);
    }
    return bytes;
}

struct conf *readconf(const char *file, struct conf_error *error)
{
    size_t len;
    uint8_t *bytes = readconf_bytes(file, &len, error);
    struct conf *conf;

    if (bytes == NULL) {
        return NULL;
    }
    conf = conf_parse(file, bytes, len, error);
    free(bytes);
    return conf;
}
