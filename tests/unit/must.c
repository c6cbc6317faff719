/* must for the unit test program: by Check. */
#include "tests/unit/must.h"

#include <check.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void must_fail(const char *file, int line, const char *format, ...)
{
    static char text[1 << 17];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    ck_abort_msg("%s:%d: %s", file, line, text);
    abort();
}
