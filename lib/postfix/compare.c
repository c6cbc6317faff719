#include "lib/postfix/compare_parts.h"

#include <string.h>
#include <strings.h>

/* --- what the class says -------------------------------------------------------------------- */

/* A feature that is off today is not lost. */
static bool is_off(const char *value)
{
    return value[0] == '\0' || strcasecmp(value, "no") == 0 || strcasecmp(value, "none") == 0;
}

/* A parameter with a text in its row is reported if the administrator has set it. */
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

/* Postfix is under stress only if clients reach it directly. */
static void compare_stress(struct comparing *c)
{
    const char *raw = settings_find(c->in->own, c->name);

    raw = raw != NULL ? raw : settings_find(c->in->main_cf, c->name);
    if (raw != NULL && (strstr(raw, "${stress") != NULL || strstr(raw, "$(stress") != NULL)) {
        compare_say(c, COMPARE_LOST, c->plain,
                    "its value under stress never applies: posternd has its own rule");
    }
}

/* A parameter of Postfix's that has no row. Names that only the administrator's own settings use
 * are not. */
static void compare_unknown(struct comparing *c)
{
    if (c->set && settings_find(c->in->defaults, c->name) != NULL) {
        compare_say(c, COMPARE_NOT_JUDGED, c->plain, "its effect behind posternd is not known");
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
    if (compare_is_of_postscreen(name) && !(c->in->today.postscreen && c->in->plain.postscreen) &&
        (c->row == NULL || c->row->class != PARAMETER_OURS)) {
        return; /* a separate finding says that one of the two has none */
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

/* Settings that are not parameters of this Postfix, and may be another release's; without those
 * that `before` also has, which were handled already. */
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
                       "%u sessions at one time, today %u%s: max_connections", now, today,
                       today == 0 ? ", which is no bound" : "");
    } else {
        compare_say_of(c, "maxproc", COMPARE_LOST, "", "",
                       "%u sessions at one time%s, today at most %u, which bounds memory and the "
                       "load of filters: max_connections",
                       now, now == 0 ? ", which is no bound" : "", today);
    }
}

/* The columns of master.cf, and the kind of service. */
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
                       "sockets and tables with a relative path are looked up elsewhere");
    }
    if (today->postscreen && !(plain->postscreen && secured->postscreen)) {
        compare_say_of(c, "postscreen", COMPARE_FAIL, "postscreen", "smtpd",
                       "clients reach smtpd without any of postscreen's tests");
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
