#include "lib/net/passed.h"

#include "lib/base/text.h"

#include <string.h>

/* The beginning of our names. No colon: systemd refuses it. */
#define PREFIX "l-"

bool passed_number(const char *text, uint64_t max, uint64_t *out)
{
    uint64_t number = 0;

    for (const char *c = text; *c != '\0'; c++) {
        unsigned digit = (unsigned)*c - '0';

        if (digit > 9 || digit > max || number > (max - digit) / 10) {
            return false;
        }
        number = number * 10 + digit;
    }
    *out = number;
    return *text != '\0';
}

void passed_name(const char **names, char out[PASSED_NAME_SIZE])
{
    size_t len = strcspn(*names, ":");
    size_t room = PASSED_NAME_SIZE - 1;

    memcpy(out, *names, len < room ? len : room);
    out[len < room ? len : room] = '\0';
    *names += len;
    *names += **names == ':';
}

void passed_listener_name(uint64_t serial, char *out, size_t size)
{
    struct text t = text_in(out, size);

    text_addf(&t, PREFIX "%llu", (unsigned long long)serial);
}

bool passed_serial(const char *name, uint64_t *out)
{
    char again[PASSED_NAME_SIZE];

    if (strncmp(name, PREFIX, sizeof PREFIX - 1) != 0 ||
        !passed_number(name + sizeof PREFIX - 1, UINT64_MAX - 1, out)) {
        return false;
    }
    passed_listener_name(*out, again, sizeof again);
    return strcmp(again, name) == 0;
}
