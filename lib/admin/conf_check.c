#include "lib/admin/conf_parts.h"

#include "lib/tls/sni.h"

#include <string.h>

/* The option called `name` as given in a section. */
static const struct conf_values *given(const struct conf_node *section, enum conf_kind kind,
                                       const char *name)
{
    return &section->options[conf_option_index(&conf_sections[kind], name)];
}

static int no_such(struct conf *conf, const struct conf_token *value, const char *option,
                   enum conf_kind target, struct conf_error *error)
{
    return conf_fail(error, conf, value->line, "%s: there is no %s \"%s\"", option,
                     conf_sections[target].name, value->text);
}

/* --- references ---------------------------------------------------------------------------- */

/* The certificate of that name, or NULL; likewise the set. Thousands of sections usually refer to
 * each other in the order in which they are written, so the search begins at `*next`, and `*next`
 * becomes what follows the one found. */
static const struct conf_certificate *find_certificate(const struct conf *conf, const char *name,
                                                       size_t *next)
{
    for (size_t i = 0; i < conf->num_certificates; i++) {
        size_t at = (*next + i) % conf->num_certificates;

        if (strcmp(conf->certificates[at].name, name) == 0) {
            *next = at + 1;
            return &conf->certificates[at];
        }
    }
    return NULL;
}

static const struct conf_set *find_set(const struct conf *conf, const char *name, size_t *next)
{
    for (size_t i = 0; i < conf->num_sets; i++) {
        size_t at = (*next + i) % conf->num_sets;

        if (strcmp(conf->sets[at].name, name) == 0) {
            *next = at + 1;
            return &conf->sets[at];
        }
    }
    return NULL;
}

static int resolve_certificates(struct conf *conf, struct conf_set *set,
                                const struct conf_node *section, size_t *next,
                                struct conf_error *error)
{
    const struct conf_values *values = given(section, CONF_SET, "certificates");
    size_t num = values->num;

    set->certificates = conf_alloc(conf, num, sizeof *set->certificates, error);
    if (set->certificates == NULL) {
        return -1;
    }
    for (size_t i = 0; i < num; i++) {
        const struct conf_token *value = conf_value(values, i);

        set->certificates[i] = find_certificate(conf, value->text, next);
        if (set->certificates[i] == NULL) {
            return no_such(conf, value, "certificates", CONF_CERTIFICATE, error);
        }
    }
    set->num_certificates = num;
    return 0;
}

static int resolve_sets(struct conf *conf, struct conf_listener *listener,
                        const struct conf_node *section, struct conf_error *error)
{
    const struct conf_values *values = given(section, CONF_LISTENER, "certificate_sets");
    size_t num = values->num;
    size_t next = 0;

    if (num == 0 && listener->tls != CONF_TLS_NONE) {
        return conf_fail(error, conf, listener->line, "listener \"%s\" has no certificate_sets",
                         listener->name);
    }
    listener->sets = conf_alloc(conf, num, sizeof *listener->sets, error);
    if (listener->sets == NULL) {
        return -1;
    }
    for (size_t i = 0; i < num; i++) {
        const struct conf_token *value = conf_value(values, i);

        listener->sets[i] = find_set(conf, value->text, &next);
        if (listener->sets[i] == NULL) {
            return no_such(conf, value, "certificate_sets", CONF_SET, error);
        }
    }
    listener->num_sets = listener->tls == CONF_TLS_NONE ? 0 : num;
    return 0;
}

static int resolve_backend(struct conf *conf, struct conf_listener *listener,
                           const struct conf_node *section, struct conf_error *error)
{
    const struct conf_token *value = conf_value(given(section, CONF_LISTENER, "backend"), 0);

    for (size_t i = 0; i < conf->num_backends; i++) {
        if (strcmp(conf->backends[i].name, value->text) == 0) {
            listener->backend = &conf->backends[i];
            return 0;
        }
    }
    return no_such(conf, value, "backend", CONF_BACKEND, error);
}

/* Where every client must use TLS, weak TLS helps nobody. */
static const char *default_profile(enum conf_tls tls)
{
    return conf_built_in[tls == CONF_TLS_ENCRYPT || tls == CONF_TLS_IMPLICIT];
}

static int resolve_profile(struct conf *conf, struct conf_listener *listener,
                           const struct conf_node *section, struct conf_error *error)
{
    static const char option[] = "tls_profile";
    const struct conf_values *values = given(section, CONF_LISTENER, option);
    const struct conf_token fallback = {.kind = CONF_TOKEN_TEXT,
                                        .text = default_profile(listener->tls)};
    const struct conf_token *value = values->num > 0 && conf_value(values, 0)->text[0] != '\0'
                                         ? conf_value(values, 0)
                                         : &fallback;

    for (size_t i = 0; i < conf->num_profiles; i++) {
        if (strcmp(conf->profiles[i].name, value->text) == 0) {
            listener->profile = &conf->profiles[i];
            return 0;
        }
    }
    return no_such(conf, value, option, CONF_PROFILE, error);
}

/* Where TLS is demanded no client can be exempt from it, and without TLS none need be. */
static int check_exceptions(const struct conf *conf, const struct conf_listener *listener,
                            const struct conf_node *section, struct conf_error *error)
{
    if (listener->tls == CONF_TLS_MAY || listener->starttls_except.num == 0) {
        return 0;
    }
    return conf_fail(error, conf,
                     conf_value(given(section, CONF_LISTENER, "starttls_except"), 0)->line,
                     "starttls_except: needs tls = \"may\", but listener \"%s\" has tls = \"%s\"",
                     listener->name, conf_tls_word(listener->tls));
}

static int resolve_all(struct conf *conf, const struct conf_tree *tree, struct conf_error *error)
{
    const struct conf_node *section = tree->first[CONF_SET];
    size_t next = 0;

    for (size_t i = 0; i < conf->num_sets; i++, section = section->next) {
        if (resolve_certificates(conf, &conf->sets[i], section, &next, error) != 0) {
            return -1;
        }
    }
    section = tree->first[CONF_LISTENER];
    for (size_t i = 0; i < conf->num_listeners; i++, section = section->next) {
        struct conf_listener *listener = &conf->listeners[i];

        if (resolve_profile(conf, listener, section, error) != 0 ||
            resolve_sets(conf, listener, section, error) != 0 ||
            resolve_backend(conf, listener, section, error) != 0 ||
            check_exceptions(conf, listener, section, error) != 0) {
            return -1;
        }
    }
    return 0;
}

/* --- what sections must satisfy together --------------------------------------------------- */

static int check_profiles(const struct conf *conf, struct conf_error *error)
{
    for (size_t i = CONF_NUM_BUILT_IN; i < conf->num_profiles; i++) {
        const struct conf_profile *p = &conf->profiles[i];

        /* The words sort in the order of the versions. */
        if (p->max_protocol.text[0] != '\0' &&
            strcmp(p->min_protocol.text, p->max_protocol.text) > 0) {
            return conf_fail(error, conf, p->max_protocol.line,
                             "max_protocol: \"%s\" is below min_protocol", p->max_protocol.text);
        }
    }
    return 0;
}

/* The line of a name in a set that has it. */
static unsigned line_of_name(const struct conf_set *set, const char *name)
{
    size_t i = 0;

    while (strcmp(set->names.items[i].text, name) != 0) {
        i++;
    }
    return set->names.items[i].line;
}

/* If two sets of a listener had the same server name, chance would decide between them. `room`
 * holds the names of all sets. */
static int check_listener_names(const struct conf *conf, const struct conf_listener *listener,
                                struct sni_name *room, struct conf_error *error)
{
    size_t num = 0;
    size_t at;

    for (size_t s = 0; s < listener->num_sets; s++) {
        for (size_t i = 0; i < listener->sets[s]->names.num; i++) {
            room[num++] = (struct sni_name){listener->sets[s]->names.items[i].text, s};
        }
    }
    at = sni_sort(room, num);
    if (at < num) {
        const struct conf_set *first = listener->sets[room[at - 1].set];
        const struct conf_set *second = listener->sets[room[at].set];

        return conf_fail(error, conf, line_of_name(second, room[at].name),
                         "names: \"%s\" is already a name of certificate_set \"%s\", which "
                         "listener \"%s\" also has",
                         room[at].name, first->name, listener->name);
    }
    return 0;
}

static int check_names(struct conf *conf, struct conf_error *error)
{
    struct sni_name *room;
    size_t num = 0;

    for (size_t i = 0; i < conf->num_sets; i++) {
        num += conf->sets[i].names.num;
    }
    room = conf_alloc(conf, num, sizeof *room, error);
    if (room == NULL) {
        return -1;
    }
    for (size_t i = 0; i < conf->num_listeners; i++) {
        if (check_listener_names(conf, &conf->listeners[i], room, error) != 0) {
            return -1;
        }
    }
    return 0;
}

/* The address, with v4-mapped IPv6 turned into IPv4. */
static struct addr plain(const struct conf_endpoint *e)
{
    struct addr a = e->endpoint.ip;

    addr_unmap(&a);
    return a;
}

/* True if a connection to `backend` would reach a listener at `listener`, as far as the addresses
 * alone show. Listeners on [::] accept no IPv4 connections. */
static bool reaches(const struct addr *backend, const struct addr *listener)
{
    if (backend->family != listener->family || backend->port != listener->port) {
        return false;
    }
    if (addr_is_unspecified(listener)) {
        return addr_is_loopback(backend) || addr_is_unspecified(backend);
    }
    return addr_equal(backend, listener) ||
           (addr_is_unspecified(backend) && addr_is_loopback(listener));
}

/* Address number `address` of conf_own(). Port 0, which the kernel replaces by a free one, is never
 * the same port twice. */
static int check_listener_address(const struct conf *conf, size_t listener, size_t address,
                                  struct conf_error *error)
{
    const struct conf_endpoint *mine = conf_own(&conf->listeners[listener], address);
    const char *option =
        address < conf->listeners[listener].num_addresses ? "address" : "trial_address";
    struct addr a = plain(mine);

    if (a.family == ADDR_NONE) {
        return conf_fail(error, conf, mine->line, "%s: a listener cannot be a unix-domain socket",
                         option);
    }
    for (size_t l = 0; l <= listener; l++) {
        const struct conf_listener *other = &conf->listeners[l];

        for (size_t i = 0; i < (l < listener ? conf_num_own(other) : address); i++) {
            struct addr b = plain(conf_own(other, i));

            if (a.port != 0 && addr_equal(&a, &b)) {
                return conf_fail(error, conf, mine->line,
                                 "%s: listener \"%s\" already has this address", option,
                                 other->name);
            }
        }
    }
    return 0;
}

/* An address of a backend in `option` must not lead back to a listener. */
static int check_destination(const struct conf *conf, const char *option,
                             const struct conf_endpoint *mine, struct conf_error *error)
{
    struct addr a = plain(mine);

    if (a.family == ADDR_NONE) {
        return 0;
    }
    if (a.port == 0) {
        return conf_fail(error, conf, mine->line, "%s: a backend cannot have port 0", option);
    }
    for (size_t l = 0; l < conf->num_listeners; l++) {
        const struct conf_listener *listener = &conf->listeners[l];

        for (size_t i = 0; i < conf_num_own(listener); i++) {
            struct addr b = plain(conf_own(listener, i));

            if (reaches(&a, &b)) {
                return conf_fail(error, conf, mine->line,
                                 "%s: this address is listener \"%s\": mail would loop", option,
                                 listener->name);
            }
        }
    }
    return 0;
}

static int check_backend_address(const struct conf *conf, const struct conf_backend *backend,
                                 size_t address, struct conf_error *error)
{
    const struct conf_endpoint *mine = &backend->addresses[address];
    struct addr a = plain(mine);

    for (size_t i = 0; i < address; i++) {
        struct addr b = plain(&backend->addresses[i]);

        if (addr_equal(&a, &b) &&
            strcmp(mine->endpoint.path, backend->addresses[i].endpoint.path) == 0) {
            return conf_fail(error, conf, mine->line,
                             "address: backend \"%s\" already has this address", backend->name);
        }
    }
    return check_destination(conf, "address", mine, error);
}

static int check_addresses(const struct conf *conf, struct conf_error *error)
{
    for (size_t l = 0; l < conf->num_listeners; l++) {
        for (size_t i = 0; i < conf_num_own(&conf->listeners[l]); i++) {
            if (check_listener_address(conf, l, i, error) != 0) {
                return -1;
            }
        }
    }
    for (size_t b = 0; b < conf->num_backends; b++) {
        for (size_t i = 0; i < conf->backends[b].num_addresses; i++) {
            if (check_backend_address(conf, &conf->backends[b], i, error) != 0) {
                return -1;
            }
        }
        if (check_destination(conf, "tls_address", &conf->backends[b].tls_address, error) != 0) {
            return -1;
        }
    }
    return 0;
}

/* A relative path has become longer than it is in the file. */
static int check_control(const struct conf *conf, struct conf_error *error)
{
    if (strlen(conf->control.text) >= ADDR_PATH_SIZE) {
        return conf_fail(
            error, conf, conf->control.line,
            "control: the path of a socket may have at most %d bytes, but this is \"%s\"",
            ADDR_PATH_SIZE - 1, conf->control.text);
    }
    return 0;
}

static int check_milter_socket(const struct conf *conf, const char *option,
                               const struct conf_endpoint *address, struct conf_error *error)
{
    if (address->endpoint.ip.family != ADDR_NONE && address->endpoint.ip.port == 0) {
        return conf_fail(error, conf, address->line, "%s: Postfix could not find port 0", option);
    }
    return 0;
}

static int check_milter(const struct conf *conf, struct conf_error *error)
{
    const struct conf_milter *milter = &conf->milter;
    struct addr a = plain(&milter->socket);
    struct addr b = plain(&milter->policy_socket);

    if (!conf_is_set(&milter->socket) && !conf_is_set(&milter->policy_socket)) {
        return conf_fail(error, conf, milter->line, "milter has neither socket nor policy_socket");
    }
    if (addr_equal(&a, &b) &&
        strcmp(milter->socket.endpoint.path, milter->policy_socket.endpoint.path) == 0) {
        return conf_fail(error, conf, milter->policy_socket.line,
                         "policy_socket: this is already the milter's socket");
    }
    return check_milter_socket(conf, "socket", &milter->socket, error) != 0
               ? -1
               : check_milter_socket(conf, "policy_socket", &milter->policy_socket, error);
}

int conf_check(struct conf *conf, const struct conf_tree *tree, struct conf_error *error)
{
    if (resolve_all(conf, tree, error) != 0 || check_profiles(conf, error) != 0 ||
        check_control(conf, error) != 0 || check_milter(conf, error) != 0 ||
        check_names(conf, error) != 0) {
        return -1;
    }
    if (conf->num_listeners == 0) {
        return conf_fail(error, conf, 0, "there is no listener");
    }
    return check_addresses(conf, error);
}
