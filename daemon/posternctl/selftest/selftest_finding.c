/* The findings of `posternctl selftest`, printed immediately. */
#include "daemon/posternctl/selftest/selftest.h"

#include <stdarg.h>
#include <string.h>

/* Prints the newest finding. */
static void print_newest(const struct selftest *t, const struct finding *finding)
{
    size_t num = json_array_size(t->checks);
    const char *cure = finding->cure[0] == '-'              ? "cure, for this service in master.cf"
                       : strcmp(finding->name, "loop") == 0 ? "cure, in postern.conf"
                                                            : "cure";

    report_print_below(json_array_get(t->checks, num - 1),
                       num > 1 ? json_array_get(t->checks, num - 2) : NULL, cure, t->out);
    fflush(t->out);
}

static void add(struct selftest *t, struct finding finding, const char *format, va_list args)
    __attribute__((format(printf, 3, 0)));

static void add(struct selftest *t, struct finding finding, const char *format, va_list args)
{
    char text[SELFTEST_TEXT_SIZE];

    vsnprintf(text, sizeof text, format, args);
    finding.text = text;
    report_finding(&t->report, t->checks, &finding);
    if (t->out != NULL && !t->report.bad) {
        print_newest(t, &finding);
    }
}

/* A finding without its text. */
static struct finding finding_of(enum finding_result result, const char *name, const char *subject,
                                 const char *cure)
{
    return (struct finding){.result = result, .name = name, .subject = subject, .cure = cure};
}

void selftest_ok(struct selftest *t, const char *name, const char *subject, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    add(t, finding_of(FINDING_OK, name, subject, ""), format, args);
    va_end(args);
}

void selftest_not_checked(struct selftest *t, const char *name, const char *subject,
                          const char *format, ...)
{
    va_list args;

    va_start(args, format);
    add(t, finding_of(FINDING_NOT_CHECKED, name, subject, ""), format, args);
    va_end(args);
}

void selftest_fault(struct selftest *t, const char *name, const char *subject, const char *cure,
                    const char *format, ...)
{
    va_list args;

    va_start(args, format);
    add(t, finding_of(FINDING_FAULT, name, subject, cure), format, args);
    va_end(args);
}
