#include "lib/postfix/compare_parts.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* What a value is cut to where a text quotes it. */
#define QUOTED_MAX 80

/* --- findings ------------------------------------------------------------------------------- */

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

/* --- what the class says -------------------------------------------------------------------- */

/* How a value is quoted: a long one is cut. */
static int shown(const char *value)
{
    size_t len = strlen(value);

    return (int)(len > QUOTED_MAX ? QUOTED_MAX : len);
}

/* The service behind has another value than today's. */
static void say_changed(struct comparing *c, const char *behind)
{
    bool demand = c->row->class == PARAMETER_DEMAND;

    if (demand && strcasecmp(c->today, "no") == 0) {
        compare_say(c, COMPARE_STRICTER, behind,
                    "the service behind has \"%.*s\", which today's service does not demand",
                    shown(behind), behind);
        return;
    }
    compare_say(c, demand ? COMPARE_FAIL : COMPARE_LOST, behind,
                "the service behind has \"%.*s\"%s", shown(behind), behind,
                demand ? ": what today's service demands is not demanded there" : "");
}

void compare_carried(struct comparing *c)
{
    if (strcmp(c->today, c->plain) != 0) {
        say_changed(c, c->plain);
    } else if (strcmp(c->today, c->secured) != 0) {
        say_changed(c, c->secured);
    }
}

static bool is_of_postscreen(const char *name)
{
    return strncmp(name, "postscreen_", strlen("postscreen_")) == 0;
}

/* The value that a service behind must have; NULL: any. The header is for what clients come to. */
static const char *wanted_of(const struct comparing *c, const struct compare_service *service)
{
    bool screens = is_of_postscreen(c->name);

    if (c->row->rule == RULE_PROXY) {
        return screens == service->postscreen ? c->row->behind : screens ? NULL : "";
    }
    return screens && !service->postscreen ? NULL : c->row->behind;
}

/* Without any setting there is no TLS either. */
static bool is_no_level(const struct comparing *c, const struct compare_service *service)
{
    bool screens = strcmp(c->name, "postscreen_tls_security_level") == 0;

    return (screens || c->row->rule == RULE_LEVEL) &&
           compare_level(service->values, screens) == CONF_TLS_NONE;
}

/* The service behind must have a value of its own. */
static void compare_ours(struct comparing *c)
{
    const struct compare_service *services[] = {&c->in->plain, &c->in->secured};

    for (size_t i = 0; i < 2; i++) {
        const char *has = settings_get(services[i]->values, c->name);
        const char *wanted = wanted_of(c, services[i]);

        if (wanted != NULL && strcmp(has, wanted) != 0 && !is_no_level(c, services[i])) {
            compare_say(c, c->row->rule == RULE_NAMED ? COMPARE_LOST : COMPARE_FAIL, has,
                        "the service behind must have \"%s\", and has \"%.*s\"", wanted, shown(has),
                        has);
            return;
        }
    }
}

/* Nothing is lost that is off today. */
static bool is_off(const char *value)
{
    return value[0] == '\0' || strcasecmp(value, "no") == 0 || strcasecmp(value, "none") == 0;
}

/* What has a text of its own is named where the administrator has set it. */
static void compare_named(struct comparing *c)
{
    if (c->set && c->row->text != NULL && !c->said &&
        !(c->row->class == PARAMETER_LOST && is_off(c->today))) {
        compare_say(c, COMPARE_LOST, "", "%s", c->row->text);
    }
}

static void compare_rules(struct comparing *c)
{
    compare_tls(c);
    compare_suites(c);
    compare_limits(c);
    compare_lists(c);
    compare_milters(c);
    compare_tables(c);
    compare_world(c);
}

static void compare_class(struct comparing *c)
{
    switch (c->row->class) {
    case PARAMETER_CARRIED:
    case PARAMETER_DEMAND:
        if (c->row->rule == RULE_NONE || c->row->rule > RULE_CARRIED_APART) {
            compare_carried(c);
        }
        break;
    case PARAMETER_OURS:
        compare_ours(c);
        break;
    case PARAMETER_REPLACED:
    case PARAMETER_LOST:
    case PARAMETER_WORLD:
    case PARAMETER_NOTHING:
        break;
    }
    compare_rules(c);
    if (c->row->rule == RULE_NONE) {
        compare_named(c);
    }
}

/* --- each parameter ------------------------------------------------------------------------- */

/* Postfix is under stress only where clients come to it directly. */
static void compare_stress(struct comparing *c)
{
    const char *raw = settings_find(c->in->own, c->name);

    raw = raw != NULL ? raw : settings_find(c->in->main_cf, c->name);
    if (raw != NULL && (strstr(raw, "${stress") != NULL || strstr(raw, "$(stress") != NULL)) {
        compare_say(c, COMPARE_LOST, c->plain,
                    "what it is under stress never holds: posternd has a rule of its own");
    }
}

/* A parameter of Postfix's that has no row. Names that only the administrator's own settings use
 * are none. */
static void compare_unknown(struct comparing *c)
{
    if (c->set && settings_find(c->in->defaults, c->name) != NULL) {
        compare_say(c, COMPARE_NOT_JUDGED, c->plain,
                    "what becomes of it behind posternd is not known");
    }
}

static void compare_one(struct comparing *c, const char *name, const char *value)
{
    size_t before = c->out->num;

    c->name = name;
    c->row = parameter_find(name);
    c->today = value;
    c->plain = settings_get(c->in->plain.values, name);
    c->secured = settings_get(c->in->secured.values, name);
    c->set = compare_is_set(c, name);
    c->said = false;
    if (is_of_postscreen(name) && !(c->in->today.postscreen && c->in->plain.postscreen) &&
        (c->row == NULL || c->row->class != PARAMETER_OURS)) {
        return; /* that one of the two has none is said apart */
    }
    if (compare_is_list_of_own(c)) {
        compare_list_of_own(c);
    } else if (c->row == NULL) {
        compare_unknown(c);
    } else {
        compare_class(c);
    }
    compare_stress(c);
    if (c->out->num == before) {
        c->out->num_by_verdict[COMPARE_SAME]++;
    }
}

/* What is set and no parameter of Postfix's, which may be another release's; but what `before`
 * has, too, which was gone through. */
static void compare_strangers(struct comparing *c, const struct settings *raw,
                              const struct settings *before)
{
    for (size_t i = 0; i < raw->num; i++) {
        const char *name = raw->items[i].name;

        if (parameter_must_be_known(name) && settings_find(c->in->today.values, name) == NULL &&
            (before == NULL || settings_find(before, name) == NULL)) {
            compare_say_of(c, name, COMPARE_NOT_JUDGED, raw->items[i].value, "",
                           "this Postfix has no such parameter");
        }
    }
}

/* "-" was a chroot before Postfix 3.0, and still is at that compatibility_level. */
static bool has_chroot(const struct compare_service *service)
{
    bool old = settings_get(service->values, "compatibility_level")[0] == '0';

    return service->chroot == 'y' || (service->chroot != 'n' && old);
}

static const char *chroot_word(char chroot)
{
    return chroot == 'y' ? "y" : chroot == 'n' ? "n" : "-";
}

/* Each smtpd is a session, and a client of milters and filters. */
static void compare_processes(struct comparing *c)
{
    unsigned today = c->in->today.maxproc;
    unsigned now = c->in->listener->backend->max_connections;

    if (!c->in->known || today == now) {
        return;
    }
    if (now != 0 && (today == 0 || now < today)) {
        compare_say_of(c, "maxproc", COMPARE_STRICTER, "", "",
                       "%u sessions at one time, and today %u%s: max_connections", now, today,
                       today == 0 ? ", which is no bound" : "");
    } else {
        compare_say_of(c, "maxproc", COMPARE_LOST, "", "",
                       "%u sessions at one time%s, and today no more than %u, which bounds memory "
                       "and the load of filters: max_connections",
                       now, now == 0 ? ", which is no bound" : "", today);
    }
}

/* What stands in the columns of master.cf, and what service it is. */
static void compare_columns(struct comparing *c)
{
    const struct compare_service *today = &c->in->today;
    const struct compare_service *plain = &c->in->plain;
    const struct compare_service *secured = &c->in->secured;
    const struct compare_service *other = has_chroot(today) == has_chroot(plain) ? secured : plain;

    compare_processes(c);
    if (c->in->known && has_chroot(today) != has_chroot(other)) {
        compare_say_of(c, "chroot", COMPARE_LOST, chroot_word(today->chroot),
                       chroot_word(other->chroot),
                       "sockets and tables with a relative path are looked for elsewhere");
    }
    if (today->postscreen && !(plain->postscreen && secured->postscreen)) {
        compare_say_of(c, "postscreen", COMPARE_FAIL, "postscreen", "smtpd",
                       "clients come to smtpd without any of postscreen's tests");
    }
}

int compare(const struct compare_input *input, struct comparison *out)
{
    struct comparing c = {.in = input, .out = out};
    const struct settings *today = input->today.values;

    *out = (struct comparison){0};
    compare_columns(&c);
    for (size_t i = 0; i < today->num; i++) {
        compare_one(&c, today->items[i].name, today->items[i].value);
    }
    compare_strangers(&c, input->own, NULL);
    compare_strangers(&c, input->main_cf, input->own);
    return c.failed ? -1 : 0;
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

    return words[verdict];
}
