/*
 * The comparison of `check` with the existing master.cf, to see what was changed in it since
 * posternd was set up. What the administrator has decided (who is shut out, what is lost) is not a
 * fault; check and postfix-config report it.
 */
#include "daemon/posternctl/selftest/selftest.h"

#include <string.h>

static const char check_name[] = "settings";

/* How much is shown of a value of the administrator's. */
enum { VALUE_MAX = 60 };

/* "smtpd_sasl_auth_enable = yes: nobody can log in" */
static void write_text(const struct compare_finding *f, char out[SELFTEST_TEXT_SIZE])
{
    const char *value = f->today[0] != '\0' ? f->today : f->now;
    size_t len = strlen(value);

    snprintf(out, SELFTEST_TEXT_SIZE, "%s%s%.*s%s: %s", f->parameter, len > 0 ? " = " : "",
             VALUE_MAX, value, len > VALUE_MAX ? "..." : "", f->text);
}

/* The same comparison with the service that postfix-config would print. */
static const struct postfix_compared *find_planned(const struct postfix_comparisons *planned,
                                                   const struct postfix_compared *c)
{
    for (size_t i = 0; i < planned->num; i++) {
        const struct postfix_compared *p = planned->items[i];

        if (p->listener == c->listener && p->address == c->address &&
            strcmp(p->today, c->today) == 0) {
            return p;
        }
    }
    return NULL;
}

static bool has_failure(const struct postfix_compared *c, const char *parameter)
{
    for (size_t i = 0; i < c->result.num; i++) {
        if (c->result.findings[i].verdict == COMPARE_FAIL &&
            strcmp(c->result.findings[i].parameter, parameter) == 0) {
            return true;
        }
    }
    return false;
}

/* The setting that postfix-config would print, if it corrects the fault. With a tls_address it is
 * not known which of the two services it is for. */
static void write_cure(const struct selftest *t, const struct postfix_compared *c,
                       const struct postfix_compared *planned, const char *parameter,
                       char out[SELFTEST_CURE_SIZE])
{
    bool screens = strncmp(parameter, "postscreen_", strlen("postscreen_")) == 0;
    const char *value = NULL;
    char setting[SELFTEST_CURE_SIZE / 2];
    int len;

    out[0] = '\0';
    if (planned != NULL && c->sides[2].values.num == 0 && !has_failure(planned, parameter)) {
        value =
            settings_find(screens ? &planned->sides[1].screen : &planned->sides[1].own, parameter);
    }
    if (value == NULL) {
        return;
    }
    len = strpbrk(value, " \t") == NULL
              ? snprintf(setting, sizeof setting, "%s=%s", parameter, value)
              : snprintf(setting, sizeof setting, "{ %s = %s }", parameter, value);
    if (len < 0 || (size_t)len >= sizeof setting) {
        return;
    }
    if (screens) {
        snprintf(out, SELFTEST_CURE_SIZE, "-o %s", setting);
    } else {
        selftest_cure_smtpd(t, c->address, setting, out);
    }
}

static void tell_finding(struct selftest *t, const struct postfix_compared *c,
                         const struct postfix_compared *planned, const char *subject,
                         const struct compare_finding *f)
{
    char text[SELFTEST_TEXT_SIZE];
    char cure[SELFTEST_CURE_SIZE];

    write_text(f, text);
    if (f->verdict == COMPARE_FAIL) {
        write_cure(t, c, planned, f->parameter, cure);
        selftest_fault(t, check_name, subject, cure, "%s", text);
    } else if (f->verdict == COMPARE_NOT_JUDGED) {
        selftest_not_checked(t, check_name, subject, "%s", text);
    }
}

static void tell(struct selftest *t, const struct postfix_compared *c,
                 const struct postfix_compared *planned)
{
    const size_t *num = c->result.num_by_verdict;
    char subject[SELFTEST_SUBJECT_SIZE];

    snprintf(subject, sizeof subject, "listener \"%s\", %s today, %s behind", c->listener->name,
             c->today, c->behind);
    if (!c->in_master_cf) {
        selftest_not_checked(t, check_name, subject, "master.cf has no service with this name");
        return;
    }
    for (size_t i = 0; i < c->result.num; i++) {
        tell_finding(t, c, planned, subject, &c->result.findings[i]);
    }
    if (num[COMPARE_FAIL] + num[COMPARE_NOT_JUDGED] == 0) {
        selftest_ok(t, check_name, subject,
                    "%zu settings are the same, %zu equal, %zu stricter, "
                    "%zu lost",
                    num[COMPARE_SAME], num[COMPARE_EQUAL], num[COMPARE_STRICTER],
                    num[COMPARE_LOST]);
    }
}

/* The listeners whose backend is on another machine. */
static void tell_rest(struct selftest *t, const struct postfix_comparisons *all)
{
    for (size_t l = 0; l < t->conf->num_listeners; l++) {
        const struct conf_listener *listener = &t->conf->listeners[l];
        char subject[SELFTEST_SUBJECT_SIZE];
        bool compared = false;

        for (size_t i = 0; i < all->num; i++) {
            compared = compared || all->items[i]->listener == listener;
        }
        if (!compared) {
            snprintf(subject, sizeof subject, "listener \"%s\"", listener->name);
            selftest_not_checked(t, check_name, subject,
                                 "its backend is on another machine: run posternctl check there");
        }
    }
}

void selftest_settings(struct selftest *t)
{
    struct postfix_comparisons all;
    struct postfix_comparisons planned = {0};

    if (!postconf_known(&t->postfix)) {
        selftest_not_checked(t, check_name, "Postfix",
                             "postconf cannot be run, or finds no main.cf: its settings are not "
                             "compared");
        return;
    }
    if (postfix_compare_all(&all, t->conf, &t->postfix, false) != 0) {
        selftest_not_checked(t, check_name, "Postfix", "postconf failed");
    } else {
        /* Without it there are no cures. */
        bool has_plan = postfix_count(&all, COMPARE_FAIL) > 0 &&
                        postfix_compare_all(&planned, t->conf, &t->postfix, true) == 0;

        for (size_t i = 0; i < all.num; i++) {
            tell(t, all.items[i], has_plan ? find_planned(&planned, all.items[i]) : NULL);
        }
        tell_rest(t, &all);
    }
    postfix_comparisons_free(&planned);
    postfix_comparisons_free(&all);
}
