#include "daemon/posternctl/postfix/postfix_compare.h"

#include "daemon/posternctl/postfix/postfix_config.h"
#include "lib/base/text.h"

#include <stdlib.h>
#include <string.h>

/* --- the sides ------------------------------------------------------------------------------ */

static void label(char *out, size_t size, const struct postfix_side *side)
{
    struct text t = text_in(out, size);

    text_addf(&t, "%s%s%s", side->name, side->type[0] != '\0' ? " " : "", side->type);
}

/* The service at a backend's address, or the one that will be there. */
static int read_behind(struct postfix_side *side, const struct conf *conf,
                       const struct postconf *postfix, const struct endpoint *address, bool planned)
{
    struct postconf_service there;
    const char *socket;

    if (!planned && postconf_at(postfix, address, &there)) {
        return postfix_side_read(side, postfix, &there);
    }
    if (postfix_side_plan(side, conf, postfix, address, 1) != 0) {
        return -1;
    }
    if (address->ip.family == ADDR_NONE) {
        socket = postfix_socket_name(postfix, address->path);
        snprintf(side->name, sizeof side->name, "%s", socket == NULL ? address->path : socket);
    } else {
        endpoint_text(address, side->name, sizeof side->name);
    }
    snprintf(side->type, sizeof side->type, "%s",
             address->ip.family == ADDR_NONE ? "unix" : "inet");
    return 0;
}

/* Today's service; NULL: there is none, and main.cf and the service behind are used instead. */
static int read_today(struct postfix_side *side, const struct postconf *postfix,
                      const struct postconf_service *today, const struct endpoint *address)
{
    struct postconf_service there;

    if (today != NULL) {
        return postfix_side_read(side, postfix, today);
    }
    if (!postconf_at(postfix, address, &there)) {
        return postfix_side_of_main(side);
    }
    if (postfix_side_before(side, postfix, &there) != 0) {
        return -1;
    }
    snprintf(side->name, sizeof side->name, "main.cf");
    side->type[0] = '\0';
    return 0;
}

/* --- one comparison ------------------------------------------------------------------------- */

/* What is compared. */
struct pair {
    const struct conf *conf;
    const struct postconf *postfix;
    const struct conf_listener *listener;
    const struct postconf_service *today; /* NULL: there is none */
    const struct endpoint *address;
    bool planned;
};

static int read_sides(struct postfix_compared *c, const struct pair *pair)
{
    const struct conf_endpoint *tls = &pair->listener->backend->tls_address;

    if (read_today(&c->sides[0], pair->postfix, pair->today, pair->address) != 0 ||
        read_behind(&c->sides[1], pair->conf, pair->postfix, pair->address, pair->planned) != 0) {
        return -1;
    }
    label(c->today, sizeof c->today, &c->sides[0]);
    label(c->behind, sizeof c->behind, &c->sides[1]);
    if (!conf_is_set(tls) || postfix_same(&tls->endpoint, pair->address)) {
        return 0;
    }
    return read_behind(&c->sides[2], pair->conf, pair->postfix, &tls->endpoint, pair->planned);
}

static int compare_pair(struct postfix_compared *c, const struct pair *pair,
                        const struct settings *defaults)
{
    struct compare_input input = {.conf = pair->conf,
                                  .listener = pair->listener,
                                  .defaults = defaults,
                                  .main_cf = &c->main_cf,
                                  .own = &c->sides[0].own,
                                  .known = pair->today != NULL,
                                  .read_table = postfix_read_table};
    struct postconf_service there;

    c->listener = pair->listener;
    c->address = pair->address;
    c->in_master_cf = !pair->planned && postconf_at(pair->postfix, pair->address, &there);
    if (read_sides(c, pair) != 0 || settings_read(&c->main_cf, pair->postfix->settings) != 0) {
        return -1;
    }
    input.today = postfix_side_compared(&c->sides[0]);
    input.plain = postfix_side_compared(&c->sides[1]);
    input.secured = c->sides[2].values.num > 0 ? postfix_side_compared(&c->sides[2]) : input.plain;
    c->ciphers = postfix_ciphers_new(pair->conf, pair->listener, &c->sides[0], &input.ciphers);
    c->files = postfix_files_new(pair->listener, &c->sides[0], &input.files);
    if (c->ciphers == NULL || c->files == NULL) {
        return -1;
    }
    return compare(&input, &c->result);
}

/* --- what is open today --------------------------------------------------------------------- */

static bool is_loopback_only(const char *interfaces)
{
    const char *rest = interfaces;
    struct settings_word word;
    struct addr a;
    char text[ADDR_TEXT_SIZE + 2];

    while ((word = settings_next_word(&rest)).at != NULL) {
        if (word.len > 1 && word.at[0] == '[' && word.at[word.len - 1] == ']') {
            word.at++;
            word.len -= 2;
        }
        snprintf(text, sizeof text, "%.*s", (int)word.len, word.at);
        if (!settings_is_word(word, "loopback-only") && !settings_is_word(word, "localhost") &&
            !(addr_parse(&a, text) && addr_is_loopback(&a))) {
            return false;
        }
    }
    return true;
}

/* Whether a service listens where inet_interfaces says. */
static bool has_no_host(const struct postconf_service *service)
{
    char host[SETTINGS_NAME_SIZE];

    return postconf_host(service, host) && host[0] == '\0';
}

/* A port that only this machine could reach, and that a listener opens. */
static int look_at_interfaces(struct postfix_compared *c, const struct pair *pair)
{
    const char *interfaces = settings_get(&c->sides[0].values, "inet_interfaces");

    if (pair->today == NULL || !has_no_host(pair->today) || !is_loopback_only(interfaces)) {
        return 0;
    }
    for (size_t i = 0; i < pair->listener->num_addresses; i++) {
        if (!addr_is_loopback(&pair->listener->addresses[i].endpoint.ip)) {
            return compare_add(
                &c->result, COMPARE_FAIL, "inet_interfaces", interfaces, "",
                "only this machine can reach the port today, and the listener opens it");
        }
    }
    return 0;
}

/* --- who comes to a port of its own --------------------------------------------------------- */

/* A port that clients use by default. */
static bool is_known(unsigned port)
{
    return port == 25 || port == 465 || port == 587;
}

static bool has_known_port(const struct conf_listener *listener)
{
    for (size_t i = 0; i < listener->num_addresses; i++) {
        if (is_known(listener->addresses[i].endpoint.ip.port)) {
            return true;
        }
    }
    return false;
}

/* Whether some listener is in front of a service. */
static bool has_listener(const struct pair *pair, const struct postconf_service *service)
{
    for (size_t l = 0; l < pair->conf->num_listeners; l++) {
        struct postconf_service today[POSTFIX_TODAY_MAX];
        size_t num = postfix_today(pair->conf, pair->postfix, &pair->conf->listeners[l], today);

        for (size_t i = 0; i < num; i++) {
            if (today[i].line.at == service->line.at) {
                return true;
            }
        }
    }
    return false;
}

/* A service that such clients use, with its own settings, and that no listener replaces.
 */
static bool lacks_listener(const struct pair *pair, const struct postconf_service *service)
{
    enum conf_tls tls = pair->listener->tls;
    unsigned port = postconf_port(pair->postfix, service);
    struct postfix_side side = {0};
    bool own;

    /* A listener that demands STARTTLS may replace submission. */
    if ((tls == CONF_TLS_IMPLICIT ? port != 465
                                  : port != 25 && (port != 587 || tls != CONF_TLS_ENCRYPT)) ||
        has_listener(pair, service)) {
        return false;
    }
    own = postfix_side_read(&side, pair->postfix, service) == 0 &&
          (side.own.num > 0 || side.postscreen);
    postfix_side_free(&side);
    return own;
}

/* A listener on an unusual port, to which a firewall may redirect the clients of another one. */
static int look_at_port(struct postfix_compared *c, const struct pair *pair)
{
    const char *at = pair->postfix->services;
    struct postconf_service service;

    while (pair->today == NULL && !has_known_port(pair->listener) &&
           (service = postconf_next(&at)).line.at != NULL) {
        struct postconf_text name = postconf_column(&service, POSTCONF_NAME);

        if (lacks_listener(pair, &service) &&
            compare_add(
                &c->result, COMPARE_FAIL, "address", "", "",
                "today's service for this port is not known; if clients of %.*s reach it, that "
                "service's own settings do not apply to them: set address to the port that they "
                "use, and trial_address to this one",
                (int)name.len, name.at) != 0) {
            return -1;
        }
    }
    return 0;
}

/* --- what cannot be told -------------------------------------------------------------------- */

/* A service without a known smtpd passes its clients elsewhere, where other settings apply. */
static int look_at_programs(struct postfix_compared *c)
{
    for (size_t i = 0; i < sizeof c->sides / sizeof c->sides[0]; i++) {
        const struct postfix_side *side = &c->sides[i];

        if (side->values.num > 0 && !side->has_smtpd &&
            compare_add(&c->result, COMPARE_NOT_JUDGED, "smtpd", side->name, "",
                        "it is not known which smtpd gets the clients of this service: that "
                        "smtpd's settings are not compared") != 0) {
            return -1;
        }
    }
    return 0;
}

/* If a service is listed twice, master uses the last one; postconf prints the own settings of both
 * under one name. */
static int look_for_duplicates(struct postfix_compared *c, const struct pair *pair)
{
    for (size_t i = 0; i < sizeof c->sides / sizeof c->sides[0]; i++) {
        const char *at = pair->postfix->services;
        const struct postfix_side *side = &c->sides[i];
        struct postconf_service service;
        size_t num = 0;

        while ((service = postconf_next(&at)).line.at != NULL) {
            num += postconf_is(postconf_column(&service, POSTCONF_NAME), side->name) &&
                   postconf_is(postconf_column(&service, POSTCONF_TYPE), side->type);
        }
        if (num > 1 &&
            compare_add(&c->result, COMPARE_NOT_JUDGED, "master.cf", side->name, "",
                        "it has this service more than once, and Postfix uses the last one: the "
                        "settings of the others are also counted here") != 0) {
            return -1;
        }
    }
    return 0;
}

/* A service that may be today's: its port has an unknown name, or it runs another program. */
static bool may_be_todays(const struct pair *pair, const struct postconf_service *service)
{
    struct postconf_text command = postconf_column(service, POSTCONF_COMMAND);
    bool serves = postconf_is(command, "smtpd") || postconf_is(command, "postscreen");

    return postconf_is(postconf_column(service, POSTCONF_TYPE), "inet") &&
           (serves ? postconf_port(pair->postfix, service) == 0
                   : postfix_is_met(pair->postfix, pair->listener, service));
}

static int look_for_others(struct postfix_compared *c, const struct pair *pair)
{
    const char *at = pair->postfix->services;
    struct postconf_service service;

    while (pair->today == NULL && (service = postconf_next(&at)).line.at != NULL) {
        struct postconf_text name = postconf_column(&service, POSTCONF_NAME);

        if (may_be_todays(pair, &service) &&
            compare_add(&c->result, COMPARE_NOT_JUDGED, "address", "", "",
                        "today's service for this listener is not known; it may be %.*s, whose "
                        "port or program is not known: its settings are not compared",
                        (int)name.len, name.at) != 0) {
            return -1;
        }
    }
    return 0;
}

/* --- all ------------------------------------------------------------------------------------ */

static int add_pair(struct postfix_comparisons *out, const struct pair *pair)
{
    struct postfix_compared **more = realloc(out->items, (out->num + 1) * sizeof(void *));
    struct postfix_compared *c;

    if (more == NULL) {
        return -1;
    }
    out->items = more;
    c = calloc(1, sizeof *c);
    if (c == NULL) {
        return -1;
    }
    out->items[out->num++] = c;
    if (compare_pair(c, pair, &out->defaults) != 0) {
        return -1;
    }
    return look_at_interfaces(c, pair) != 0 || look_at_port(c, pair) != 0 ||
                   look_at_programs(c) != 0 || look_for_duplicates(c, pair) != 0 ||
                   look_for_others(c, pair) != 0
               ? -1
               : 0;
}

/* What is in master.cf says nothing about another machine. */
static bool is_elsewhere(const struct endpoint *address)
{
    return address->ip.family != ADDR_NONE && !postconf_is_here(&address->ip);
}

static int compare_listener(struct postfix_comparisons *out, struct pair pair)
{
    const struct conf_backend *backend = pair.listener->backend;
    struct postconf_service today[POSTFIX_TODAY_MAX];
    size_t num = postfix_today(pair.conf, pair.postfix, pair.listener, today);

    for (size_t i = 0; i < backend->num_addresses; i++) {
        pair.address = &backend->addresses[i].endpoint;
        for (size_t t = 0; t < (num == 0 ? 1 : num) && !is_elsewhere(pair.address); t++) {
            pair.today = num == 0 ? NULL : &today[t];
            if (add_pair(out, &pair) != 0) {
                return -1;
            }
        }
    }
    if (num < POSTFIX_TODAY_MAX || out->num == 0) {
        return 0;
    }
    return compare_add(&out->items[out->num - 1]->result, COMPARE_NOT_JUDGED, "address", "", "",
                       "master.cf has many services for this listener: those after the first %d "
                       "are not compared",
                       POSTFIX_TODAY_MAX);
}

int postfix_compare_all(struct postfix_comparisons *out, const struct conf *conf,
                        const struct postconf *postfix, bool planned)
{
    struct pair pair = {.conf = conf, .postfix = postfix, .planned = planned};

    *out = (struct postfix_comparisons){0};
    if (!postconf_known(postfix)) {
        return 0;
    }
    if (postconf_defaults(&out->defaults) != 0) {
        return -1;
    }
    for (size_t l = 0; l < conf->num_listeners; l++) {
        pair.listener = &conf->listeners[l];
        if (compare_listener(out, pair) != 0) {
            return -1;
        }
    }
    return 0;
}

size_t postfix_count(const struct postfix_comparisons *all, enum compare_verdict verdict)
{
    size_t num = 0;

    for (size_t i = 0; i < all->num; i++) {
        num += all->items[i]->result.num_by_verdict[verdict];
    }
    return num;
}

void postfix_comparisons_free(struct postfix_comparisons *all)
{
    for (size_t i = 0; i < all->num; i++) {
        struct postfix_compared *c = all->items[i];

        comparison_free(&c->result);
        for (size_t s = 0; s < sizeof c->sides / sizeof c->sides[0]; s++) {
            postfix_side_free(&c->sides[s]);
        }
        settings_free(&c->main_cf);
        postfix_ciphers_free(c->ciphers);
        postfix_files_free(c->files);
        free(c);
    }
    free(all->items);
    settings_free(&all->defaults);
    *all = (struct postfix_comparisons){0};
}
