/* Findings, and the questions that all rules ask about a parameter. */
#include "lib/postfix/compare_parts.h"

#include "lib/base/table.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int add(struct comparison *out, const struct compare_finding *finding, const char *format,
               va_list args) __attribute__((format(printf, 3, 0)));

static int add(struct comparison *out, const struct compare_finding *finding, const char *format,
               va_list args)
{
    struct compare_finding *more = out->findings;

    /* There is room for the next power of two. */
    if ((out->num & (out->num - 1)) == 0) {
        more = realloc(more, (out->num == 0 ? 1 : 2 * out->num) * sizeof *more);
        if (more == NULL) {
            return -1;
        }
        out->findings = more;
    }
    more += out->num++;
    *more = *finding;
    vsnprintf(more->text, sizeof more->text, format, args);
    out->num_by_verdict[finding->verdict]++;
    return 0;
}

void compare_say(struct comparing *c, enum compare_verdict verdict, const char *now,
                 const char *format, ...)
{
    struct compare_finding finding = {
        .verdict = verdict, .parameter = c->name, .today = c->today, .now = now};
    va_list args;

    va_start(args, format);
    c->failed = add(c->out, &finding, format, args) != 0 || c->failed;
    va_end(args);
    c->said = true;
}

void compare_say_of(struct comparing *c, const char *name, enum compare_verdict verdict,
                    const char *today, const char *now, const char *format, ...)
{
    struct compare_finding finding = {
        .verdict = verdict, .parameter = name, .today = today, .now = now};
    va_list args;

    va_start(args, format);
    c->failed = add(c->out, &finding, format, args) != 0 || c->failed;
    va_end(args);
    c->said = true;
}

int compare_add(struct comparison *comparison, enum compare_verdict verdict, const char *parameter,
                const char *today, const char *now, const char *format, ...)
{
    struct compare_finding finding = {
        .verdict = verdict, .parameter = parameter, .today = today, .now = now};
    va_list args;
    int status;

    va_start(args, format);
    status = add(comparison, &finding, format, args);
    va_end(args);
    return status;
}

const char *compare_today(const struct comparing *c, const char *name)
{
    return settings_get(c->in->today.values, name);
}

bool compare_is_set(const struct comparing *c, const char *name)
{
    const char *raw = settings_find(c->in->own, name);

    raw = raw != NULL ? raw : settings_find(c->in->main_cf, name);
    return raw != NULL && strcmp(raw, settings_get(c->in->defaults, name)) != 0;
}

bool compare_is_of_postscreen(const char *name)
{
    return strncmp(name, "postscreen_", strlen("postscreen_")) == 0;
}

void comparison_free(struct comparison *comparison)
{
    free(comparison->findings);
    *comparison = (struct comparison){0};
}

const char *compare_verdict_word(enum compare_verdict verdict)
{
    static const char *const words[] = {
        [COMPARE_SAME] = "same", [COMPARE_EQUAL] = "equal", [COMPARE_STRICTER] = "stricter",
        [COMPARE_LOST] = "lost", [COMPARE_FAIL] = "fail",   [COMPARE_NOT_JUDGED] = "not-judged",
    };
    TABLE_HAS_EACH(words, NUM_COMPARE_VERDICTS);

    return words[verdict];
}
