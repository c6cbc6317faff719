#include "daemon/posternctl/postfix/postfix_config.h"

#include <stdlib.h>
#include <string.h>

/* --- raw settings --------------------------------------------------------------------------- */

/* Where raw settings are collected. */
struct collecting {
    struct settings *into;
    const char *service; /* its name, substituted for $service_name */
    const char *process; /* ... for $process_name */
    bool failed;
};

static bool asks_for_name(const char *value)
{
    return strstr(value, "service_name") != NULL || strstr(value, "process_name") != NULL;
}

static void collect(struct collecting *c, const char *name, const char *value)
{
    char *named = settings_replace(value, "service_name", c->service);
    char *whole = named == NULL ? NULL : settings_replace(named, "process_name", c->process);

    if (whole == NULL || settings_set(c->into, name, whole) != 0) {
        c->failed = true;
    }
    free(named);
    free(whole);
}

static void collect_override(void *arg, struct postconf_text name, struct postconf_text value)
{
    struct collecting *c = arg;
    char *n = strndup(name.at, name.len);
    char *v = strndup(value.at, value.len);

    if (n == NULL || v == NULL) {
        c->failed = true;
    } else {
        collect(c, n, v);
    }
    free(n);
    free(v);
}

/* A setting in main.cf that contains the service's name means something else for a service with a
 * different name. */
static void collect_named(struct collecting *c, const struct postconf *postfix)
{
    struct settings main_cf = {0};

    if (settings_read(&main_cf, postfix->settings) != 0) {
        c->failed = true;
    }
    for (size_t i = 0; i < main_cf.num; i++) {
        if (asks_for_name(main_cf.items[i].value) &&
            settings_find(c->into, main_cf.items[i].name) == NULL) {
            collect(c, main_cf.items[i].name, main_cf.items[i].value);
        }
    }
    settings_free(&main_cf);
}

/* The raw settings of one service. */
static int read_own(struct settings *own, const struct postconf *postfix,
                    const struct postconf_service *service)
{
    struct postconf_text name = postconf_column(service, POSTCONF_NAME);
    struct postconf_text command = postconf_column(service, POSTCONF_COMMAND);
    char *service_name = strndup(name.at, name.len);
    char *process = strndup(command.at, command.len);
    struct collecting c = {.into = own, .service = service_name, .process = process};

    if (service_name == NULL || process == NULL) {
        c.failed = true;
    } else {
        postconf_each_override(postfix, service, collect_override, &c);
        collect_named(&c, postfix);
    }
    free(service_name);
    free(process);
    return c.failed ? -1 : 0;
}

/* --- effective values ----------------------------------------------------------------------- */

static int read_values(struct postfix_side *side)
{
    struct settings screen = {0};
    int status = postconf_effective(&side->own, &side->values);

    if (status == 0 && side->postscreen) {
        status = postconf_effective(&side->screen, &screen);
        status = status != 0 ? -1 : settings_take(&side->values, &screen, "postscreen_");
    }
    settings_free(&screen);
    return status;
}

static void name_side(struct postfix_side *side, const struct postconf_service *service)
{
    struct postconf_text name = postconf_column(service, POSTCONF_NAME);
    struct postconf_text type = postconf_column(service, POSTCONF_TYPE);

    snprintf(side->name, sizeof side->name, "%.*s", (int)name.len, name.at);
    snprintf(side->type, sizeof side->type, "%.*s", (int)type.len, type.at);
}

/* Everything but the effective values. */
static int read_service(struct postfix_side *side, const struct postconf *postfix,
                        const struct postconf_service *service)
{
    struct postconf_service smtpd;
    struct postconf_text chroot;
    int status = 0;

    name_side(side, service);
    side->postscreen = postconf_is(postconf_column(service, POSTCONF_COMMAND), "postscreen");
    if (side->postscreen) {
        status = read_own(&side->screen, postfix, service);
    }
    side->has_smtpd = postfix_smtpd_of(postfix, service, &smtpd);
    if (!side->has_smtpd) {
        smtpd = *service;
    }
    chroot = postconf_column(&smtpd, POSTCONF_CHROOT);
    side->chroot = chroot.len == 1 ? *chroot.at : '-';
    side->maxproc = postconf_process_limit(postfix, &smtpd);
    side->arguments = postconf_arguments(&smtpd);
    return status != 0 || side->arguments == NULL ? -1 : read_own(&side->own, postfix, &smtpd);
}

int postfix_side_read(struct postfix_side *side, const struct postconf *postfix,
                      const struct postconf_service *service)
{
    *side = (struct postfix_side){0};
    return read_service(side, postfix, service) != 0 ? -1 : read_values(side);
}

int postfix_side_of_main(struct postfix_side *side)
{
    *side = (struct postfix_side){.name = "main.cf", .chroot = '-', .has_smtpd = true};
    return read_values(side);
}

/* --- what must be behind -------------------------------------------------------------------- */

/* A separate service always has these, so that a later main.cf does not change them. */
static const char *const always[] = {"smtpd_tls_security_level", "smtpd_tls_wrappermode",
                                     "smtpd_tls_auth_only", "smtpd_client_port_logging"};

static bool is_always(const char *name)
{
    for (size_t i = 0; i < sizeof always / sizeof always[0]; i++) {
        if (strcmp(always[i], name) == 0) {
            return true;
        }
    }
    return false;
}

/* Removes parameters for which a service behind must have a different value. */
static int drop_ours(struct settings *own)
{
    struct settings kept = {0};
    int status = 0;

    for (size_t i = 0; i < own->num && status == 0; i++) {
        const struct parameter *row = parameter_find(own->items[i].name);

        if (row == NULL || row->class != PARAMETER_OURS) {
            status = settings_set(&kept, own->items[i].name, own->items[i].value);
        }
    }
    settings_free(own);
    *own = kept;
    return status;
}

int postfix_side_before(struct postfix_side *side, const struct postconf *postfix,
                        const struct postconf_service *service)
{
    *side = (struct postfix_side){0};
    if (read_service(side, postfix, service) != 0 || drop_ours(&side->own) != 0 ||
        drop_ours(&side->screen) != 0) {
        return -1;
    }
    return read_values(side);
}

/* Keeps the settings of `own` that `other` also has with the same value. */
static int keep_common(struct settings *own, const struct settings *other)
{
    struct settings kept = {0};
    int status = 0;

    for (size_t i = 0; i < own->num && status == 0; i++) {
        const char *value = settings_find(other, own->items[i].name);

        if (value != NULL && strcmp(value, own->items[i].value) == 0) {
            status = settings_set(&kept, own->items[i].name, value);
        }
    }
    settings_free(own);
    *own = kept;
    return status;
}

/* Adds what `more` has and `own` does not. */
static int add_missing(struct settings *own, const struct settings *more)
{
    int status = 0;

    for (size_t i = 0; i < more->num && status == 0; i++) {
        if (settings_find(own, more->items[i].name) == NULL) {
            status = settings_set(own, more->items[i].name, more->items[i].value);
        }
    }
    return status;
}

/* What today's services have in common, and what was added to the existing service. */
static int plan_own(struct postfix_side *side, const struct conf *conf,
                    const struct postconf *postfix, const struct endpoint *address)
{
    struct postconf_service today[POSTFIX_TODAY_MAX];
    size_t num = postfix_today_at(conf, postfix, address, today);
    struct postconf_service there;
    int status = 0;

    for (size_t i = 0; i < num && status == 0; i++) {
        struct postfix_side next = {0};

        if (i == 0) {
            status = read_service(side, postfix, &today[0]);
            continue;
        }
        status = read_service(&next, postfix, &today[i]);
        status = status != 0 ? -1 : keep_common(&side->own, &next.own);
        if (status == 0 && strcmp(side->arguments, next.arguments) != 0) {
            side->arguments[0] = '\0';
        }
        postfix_side_free(&next);
    }
    if (status == 0 && postconf_at(postfix, address, &there)) {
        struct postfix_side behind = {0};

        status = read_service(&behind, postfix, &there);
        status = status != 0 ? -1 : drop_ours(&behind.own);
        status = status != 0 ? -1 : add_missing(&side->own, &behind.own);
        status = status != 0 ? -1 : add_missing(&side->screen, &behind.screen);
        side->chroot = num == 0 ? behind.chroot : side->chroot;
        if (num == 0) {
            side->arguments = behind.arguments;
            behind.arguments = NULL;
        }
        side->postscreen = behind.postscreen;
        postfix_side_free(&behind);
    } else {
        side->postscreen = false;
    }
    return status;
}

/* Passwords reach it in plaintext, and the same mechanisms must be allowed as for a session of the
 * client's. */
static const char *sasl_options(const struct postfix_side *side, const struct conf *conf,
                                const struct endpoint *address)
{
    bool plain =
        postfix_gets_only_plaintext(conf, address) && postfix_takes_plaintext_auth(conf, address);

    return settings_get(&side->values,
                        plain ? "smtpd_sasl_security_options" : "smtpd_sasl_tls_security_options");
}

/* Whether a service needs its own setting to have the value of a row. */
static bool needs_own(const struct postfix_side *side, const struct parameter *row)
{
    const char *value = settings_find(&side->values, row->name);

    return is_always(row->name) || settings_find(&side->own, row->name) != NULL ||
           (value != NULL && strcmp(value, row->behind) != 0);
}

/* Sets one value that the service must have. */
static int put_row(struct postfix_side *side, const struct parameter *row)
{
    bool screens = strncmp(row->name, "postscreen_", strlen("postscreen_")) == 0;
    const char *value = settings_get(&side->values, row->name);

    if (screens) {
        return side->postscreen ? settings_set(&side->screen, row->name, row->behind) : 0;
    }
    if (row->rule == RULE_PROXY && side->postscreen) {
        /* The header is for the postscreen in front of it. */
        return value[0] == '\0' ? 0 : settings_set(&side->own, row->name, "");
    }
    return row->rule == RULE_PROXY || needs_own(side, row)
               ? settings_set(&side->own, row->name, row->behind)
               : 0;
}

/* Sets the values that the service must have. `side->values` are today's. */
static int put_ours(struct postfix_side *side, const struct conf *conf,
                    const struct endpoint *address)
{
    int status =
        settings_set(&side->own, "smtpd_sasl_security_options", sasl_options(side, conf, address));

    for (size_t i = 0; i < parameters_num() && status == 0; i++) {
        const struct parameter *row = parameter_at(i);

        if (row->class == PARAMETER_OURS && row->behind != NULL) {
            status = put_row(side, row);
        }
    }
    if (status == 0 && postfix_is_without_auth(conf, address)) {
        status = settings_set(&side->own, "smtpd_sasl_auth_enable", "no");
    }
    return status;
}

/* Whether all sessions that reach an address are under TLS. */
static bool gets_only_tls(const struct conf *conf, const struct endpoint *address)
{
    for (size_t l = 0; l < conf->num_listeners; l++) {
        const struct conf_listener *listener = &conf->listeners[l];
        const struct conf_endpoint *tls = &listener->backend->tls_address;
        bool apart = conf_is_set(tls) && postfix_same(&tls->endpoint, address);

        if (postfix_has_address(listener->backend, address) && !apart &&
            !compare_is_mandatory(listener->tls)) {
            return false;
        }
    }
    return true;
}

/* A list without reject_plaintext_session, as it is written; the caller frees it. NULL without
 * memory. */
static char *without_plaintext_word(const char *list)
{
    char *out = calloc(1, strlen(list) + 1);
    const char *rest = list;
    struct settings_word item;
    size_t len = 0;

    while (out != NULL && (item = compare_next_restriction(&rest)).at != NULL) {
        if (len > 0) {
            out[len++] = ',';
        }
        memcpy(out + len, item.at, item.len);
        len += item.len;
    }
    return out;
}

/* Removes the word from one raw value, if it is there and something remains. */
static int drop_word(struct postfix_side *side, const char *name, const char *raw)
{
    const struct parameter *row = parameter_find(name);
    bool is_list = row == NULL || row->rule == RULE_RESTRICTIONS;
    char *left;
    int status = 0;

    if (!is_list || !settings_has_word(raw, "reject_plaintext_session")) {
        return 0;
    }
    left = without_plaintext_word(raw);
    if (left == NULL) {
        return -1;
    }
    /* A restriction class must have a word. */
    if (left[0] != '\0' || row != NULL) {
        status = settings_set(&side->own, name, left);
    }
    free(left);
    return status;
}

/* reject_plaintext_session would refuse everything; if all sessions are under TLS, it is removed
 * from lists, classes, and the values of the administrator's own names. */
static int drop_plaintext_word(struct postfix_side *side, const struct postconf *postfix)
{
    struct settings main_cf = {0};
    struct settings own = {0};
    int status = settings_read(&main_cf, postfix->settings);

    status = status != 0 ? -1 : settings_take(&own, &side->own, "");
    for (size_t i = 0; i < own.num && status == 0; i++) {
        status = drop_word(side, own.items[i].name, own.items[i].value);
    }
    for (size_t i = 0; i < main_cf.num && status == 0; i++) {
        if (settings_find(&own, main_cf.items[i].name) == NULL) {
            status = drop_word(side, main_cf.items[i].name, main_cf.items[i].value);
        }
    }
    settings_free(&main_cf);
    settings_free(&own);
    return status;
}

/* The chroot column of the existing smtpd services. */
static char usual_chroot(const struct postconf *postfix)
{
    const char *at = postfix->services;
    struct postconf_service service;

    while ((service = postconf_next(&at)).line.at != NULL) {
        struct postconf_text chroot = postconf_column(&service, POSTCONF_CHROOT);

        if (postconf_is(postconf_column(&service, POSTCONF_COMMAND), "smtpd") && chroot.len == 1) {
            return *chroot.at;
        }
    }
    return 'n';
}

int postfix_side_plan(struct postfix_side *side, const struct conf *conf,
                      const struct postconf *postfix, const struct endpoint *address,
                      unsigned number)
{
    char pass[32];
    int status;

    *side = (struct postfix_side){0};
    status = postconf_known(postfix) ? plan_own(side, conf, postfix, address) : 0;
    if (side->chroot == '\0') {
        side->chroot = postconf_known(postfix) ? usual_chroot(postfix) : 'n';
    }
    side->has_smtpd = true;
    side->maxproc = postfix_processes(conf, address);
    if (status == 0 && postconf_known(postfix)) {
        status = read_values(side);
    } else if (status == 0) {
        status = settings_set(&side->values, "smtpd_sasl_tls_security_options", "noanonymous");
    }
    status = status != 0 ? -1 : put_ours(side, conf, address);
    status = status != 0 ? -1 : postfix_add_milters(conf, postfix, side);
    if (status == 0 && gets_only_tls(conf, address)) {
        status = drop_plaintext_word(side, postfix);
    }
    if (status == 0 && side->postscreen) {
        snprintf(pass, sizeof pass, "postern-smtpd%u", number);
        status = settings_set(&side->screen, "smtpd_service_name", pass);
    }
    settings_free(&side->values);
    return status != 0 || !postconf_known(postfix) ? status : read_values(side);
}

struct compare_service postfix_side_compared(const struct postfix_side *side)
{
    return (struct compare_service){.values = &side->values,
                                    .postscreen = side->postscreen,
                                    .chroot = side->chroot,
                                    .maxproc = side->maxproc};
}

void postfix_side_free(struct postfix_side *side)
{
    free(side->arguments);
    settings_free(&side->own);
    settings_free(&side->screen);
    settings_free(&side->values);
}
