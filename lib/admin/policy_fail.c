#include "lib/admin/policy_parts.h"

#include <stdarg.h>
#include <stdio.h>

int policy_fail(const struct policy_reader *r, const char *format, ...)
{
    size_t size = sizeof r->error->text;
    int len = snprintf(r->error->text, size, r->line == 0 ? "%s: " : "%s:%u: ", r->file, r->line);
    va_list args;

    if (len > 0 && (size_t)len < size) {
        va_start(args, format);
        vsnprintf(r->error->text + len, size - (size_t)len, format, args);
        va_end(args);
    }
    return -1;
}
