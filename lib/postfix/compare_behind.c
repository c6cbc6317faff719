/* What the service behind must have: the value of today's service, or a specific one. */
#include "lib/postfix/compare_parts.h"

#include <string.h>
#include <strings.h>

/* How long a quoted value may be. */
#define QUOTED_MAX 80

/* How a value is quoted: a long one is cut. */
static int shown(const char *value)
{
    size_t len = strlen(value);

    return (int)(len > QUOTED_MAX ? QUOTED_MAX : len);
}

/* The service behind has a different value than today's. */
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

/* The value that a service behind must have; NULL: any. Only the program that clients reach first
 * gets the header. */
static const char *wanted_of(const struct comparing *c, const struct compare_service *service)
{
    bool screens = compare_is_of_postscreen(c->name);

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

void compare_ours(struct comparing *c)
{
    const struct compare_service *services[] = {&c->in->plain, &c->in->secured};

    for (size_t i = 0; i < 2; i++) {
        const char *has = settings_get(services[i]->values, c->name);
        const char *wanted = wanted_of(c, services[i]);

        if (wanted != NULL && strcmp(has, wanted) != 0 && !is_no_level(c, services[i])) {
            compare_say(c, c->row->rule == RULE_NAMED ? COMPARE_LOST : COMPARE_FAIL, has,
                        "the service behind must have \"%s\", but has \"%.*s\"", wanted, shown(has),
                        has);
            return;
        }
    }
}
