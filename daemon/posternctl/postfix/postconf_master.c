#include "daemon/posternctl/postfix/postconf.h"

#include "daemon/common/sockaddr.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool postconf_known(const struct postconf *p)
{
    return p->services != NULL;
}

struct postconf_text postconf_line(const char **at)
{
    struct postconf_text line = {.at = *at};

    if (line.at == NULL || line.at[0] == '\0') {
        return (struct postconf_text){0};
    }
    line.len = strcspn(line.at, "\n");
    *at = line.at + line.len + (line.at[line.len] == '\n');
    return line;
}

bool postconf_is(struct postconf_text text, const char *word)
{
    return text.at != NULL && text.len == strlen(word) && memcmp(text.at, word, text.len) == 0;
}

struct postconf_service postconf_next(const char **at)
{
    return (struct postconf_service){.line = postconf_line(at)};
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

struct postconf_text postconf_column(const struct postconf_service *service,
                                     enum postconf_column column)
{
    const char *end = service->line.at + service->line.len;
    struct postconf_text found = {.at = service->line.at};

    for (unsigned left = column;; left--) {
        while (found.at < end && is_blank(*found.at)) {
            found.at++;
        }
        found.len = 0;
        while (found.at + found.len < end && !is_blank(found.at[found.len])) {
            found.len++;
        }
        if (left == 0) {
            return found;
        }
        found.at += found.len;
    }
}

static bool column_is(const struct postconf_service *service, enum postconf_column column,
                      const char *word)
{
    return postconf_is(postconf_column(service, column), word);
}

/* --- finding services ----------------------------------------------------------------------- */

bool postconf_named(const struct postconf *p, const char *name, const char *type,
                    struct postconf_service *out)
{
    const char *at = p->services;
    struct postconf_service service;

    *out = (struct postconf_service){0};
    while ((service = postconf_next(&at)).line.at != NULL) {
        if (column_is(&service, POSTCONF_NAME, name) && column_is(&service, POSTCONF_TYPE, type)) {
            *out = service;
        }
    }
    return out->line.at != NULL;
}

bool postconf_host(const struct postconf_service *service, char out[SETTINGS_NAME_SIZE])
{
    struct postconf_text name = postconf_column(service, POSTCONF_NAME);
    size_t len = name.len;

    while (len > 0 && name.at[len - 1] != ':') {
        len--;
    }
    len -= len > 0; /* the colon */
    if (len > 1 && name.at[0] == '[' && name.at[len - 1] == ']') {
        name.at++;
        len -= 2;
    }
    if (len >= SETTINGS_NAME_SIZE) {
        return false;
    }
    memcpy(out, name.at, len);
    out[len] = '\0';
    return true;
}

/* The next argument, which ends at a blank outside of braces; `len` 0 after the last one. */
static struct settings_word next_argument(const char **rest, const char *end)
{
    struct settings_word argument;
    unsigned depth = 0;

    while (*rest < end && is_blank(**rest)) {
        (*rest)++;
    }
    argument = (struct settings_word){.at = *rest};
    while (*rest < end && (depth > 0 || !is_blank(**rest))) {
        depth += **rest == '{';
        depth -= **rest == '}' && depth > 0;
        (*rest)++;
    }
    argument.len = (size_t)(*rest - argument.at);
    return argument;
}

char *postconf_arguments(const struct postconf_service *service)
{
    const char *end = service->line.at + service->line.len;
    struct postconf_text command = postconf_column(service, POSTCONF_COMMAND);
    const char *rest = command.at + command.len;
    char *out = calloc(1, (size_t)(end - rest) + 1);
    struct settings_word argument;
    size_t len = 0;

    while (out != NULL && (argument = next_argument(&rest, end)).len > 0) {
        if (settings_is_word(argument, "-o")) {
            (void)next_argument(&rest, end);
        } else if (strncmp(argument.at, "-o", 2) != 0) {
            out[len++] = ' ';
            memcpy(out + len, argument.at, argument.len);
            len += argument.len;
        }
    }
    return out;
}

/* A number in decimal, or `fallback`. */
static unsigned number_of(struct postconf_text text, unsigned fallback)
{
    unsigned number = 0;

    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] < '0' || text.at[i] > '9' || number > 99999999) {
            return fallback;
        }
        number = number * 10 + (unsigned)(text.at[i] - '0');
    }
    return text.len > 0 ? number : fallback;
}

/* The port of a name in known_tcp_ports, "smtp=25, smtps=submissions=465", which takes precedence
 * over the system's; 0: it has none. */
static unsigned known_port(const char *ports, const char *name)
{
    struct settings_word word;
    bool named = false;

    while ((word = settings_next_word(&ports)).at != NULL) {
        struct postconf_text text = {word.at, word.len};
        unsigned port = number_of(text, 0);

        if (port != 0 && named) {
            return port;
        }
        named = port == 0 && (named || postconf_is(text, name));
    }
    return 0;
}

unsigned postconf_port(const struct postconf *p, const struct postconf_service *service)
{
    struct postconf_text name = postconf_column(service, POSTCONF_NAME);
    size_t start = name.len;
    char text[SETTINGS_NAME_SIZE];
    const struct servent *known;
    unsigned port;

    while (start > 0 && name.at[start - 1] != ':') {
        start--;
    }
    if (!column_is(service, POSTCONF_TYPE, "inet") || name.len - start >= sizeof text) {
        return 0;
    }
    name = (struct postconf_text){name.at + start, name.len - start};
    port = number_of(name, 0);
    if (port == 0) {
        memcpy(text, name.at, name.len);
        text[name.len] = '\0';
        port = known_port(p->ports, text);
    }
    if (port == 0) {
        known = getservbyname(text, "tcp");
        port = known == NULL ? 0 : ntohs((uint16_t)known->s_port);
    }
    return port <= UINT16_MAX ? port : 0;
}

bool postconf_is_here(const struct addr *address)
{
    struct endpoint any_port = {.ip = *address};
    struct sockaddr_storage sa;
    socklen_t len;
    bool here;
    int fd;

    any_port.ip.port = 0;
    len = sockaddr_from(&any_port, &sa);
    fd = socket(sa.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    here = fd >= 0 && bind(fd, (const struct sockaddr *)&sa, len) == 0;
    if (fd >= 0) {
        close(fd);
    }
    return here;
}

/* A name without a host listens where inet_interfaces says; that may be any address of the machine.
 */
static bool is_at(const struct postconf *p, const struct postconf_service *service,
                  const struct addr *address)
{
    char host[SETTINGS_NAME_SIZE];
    struct addr a;

    if (postconf_port(p, service) != address->port || !postconf_host(service, host)) {
        return false;
    }
    if (host[0] == '\0') {
        return postconf_is_here(address);
    }
    if (strcmp(host, "localhost") == 0) {
        return addr_is_loopback(address);
    }
    if (!addr_parse(&a, host)) {
        return false;
    }
    a.port = address->port;
    return addr_equal(&a, address);
}

/* A unix-domain socket is named by its path below the queue directory. */
static bool is_socket(const struct postconf *p, const struct postconf_service *service,
                      const char *path)
{
    static const char *const directories[] = {"/public/", "/private/"};
    struct postconf_text name = postconf_column(service, POSTCONF_NAME);
    size_t queue = strlen(p->queue);

    if (!column_is(service, POSTCONF_TYPE, "unix") || strncmp(path, p->queue, queue) != 0) {
        return false;
    }
    for (size_t i = 0; i < sizeof directories / sizeof directories[0]; i++) {
        size_t len = strlen(directories[i]);

        if (strncmp(path + queue, directories[i], len) == 0 &&
            postconf_is(name, path + queue + len)) {
            return true;
        }
    }
    return false;
}

bool postconf_at(const struct postconf *p, const struct endpoint *address,
                 struct postconf_service *out)
{
    const char *at = p->services;
    struct postconf_service service;

    *out = (struct postconf_service){0};
    while ((service = postconf_next(&at)).line.at != NULL) {
        if (address->ip.family == ADDR_NONE ? is_socket(p, &service, address->path)
                                            : is_at(p, &service, &address->ip)) {
            *out = service;
        }
    }
    return out->line.at != NULL;
}

/* --- numbers and settings ------------------------------------------------------------------- */

unsigned postconf_process_limit(const struct postconf *p, const struct postconf_service *service)
{
    enum { POSTFIX_DEFAULT = 100 };
    struct postconf_text own = postconf_column(service, POSTCONF_MAXPROC);
    struct postconf_text common = {p->process_limit, strlen(p->process_limit)};

    return number_of(own, number_of(common, POSTFIX_DEFAULT));
}

void postconf_split(struct postconf_text line, struct postconf_text *name,
                    struct postconf_text *value)
{
    size_t at = 0;

    while (at < line.len && line.at[at] != ' ' && line.at[at] != '=') {
        at++;
    }
    *name = (struct postconf_text){line.at, at};
    while (at < line.len && line.at[at] == ' ') {
        at++;
    }
    at += at < line.len && line.at[at] == '=';
    while (at < line.len && line.at[at] == ' ') {
        at++;
    }
    *value = (struct postconf_text){line.at + at, line.len - at};
}

struct postconf_text postconf_setting(const struct postconf *p, const char *name)
{
    const char *at = p->settings;
    struct postconf_text line;

    while ((line = postconf_line(&at)).at != NULL) {
        struct postconf_text found;
        struct postconf_text value;

        postconf_split(line, &found, &value);
        if (postconf_is(found, name)) {
            return value;
        }
    }
    return (struct postconf_text){0};
}

/* The part of a line of overrides after "service/type/"; `at` NULL: of another service. */
static struct postconf_text own_part(struct postconf_text line,
                                     const struct postconf_service *service)
{
    struct postconf_text name = postconf_column(service, POSTCONF_NAME);
    struct postconf_text type = postconf_column(service, POSTCONF_TYPE);
    size_t len = name.len + type.len + 2;

    if (line.len <= len || memcmp(line.at, name.at, name.len) != 0 || line.at[name.len] != '/' ||
        memcmp(line.at + name.len + 1, type.at, type.len) != 0 || line.at[len - 1] != '/') {
        return (struct postconf_text){0};
    }
    return (struct postconf_text){line.at + len, line.len - len};
}

void postconf_each_override(const struct postconf *p, const struct postconf_service *service,
                            void (*each)(void *arg, struct postconf_text name,
                                         struct postconf_text value),
                            void *arg)
{
    const char *at = p->overrides;
    struct postconf_text line;

    while ((line = postconf_line(&at)).at != NULL) {
        struct postconf_text own = own_part(line, service);
        struct postconf_text name;
        struct postconf_text value;

        if (own.at != NULL) {
            postconf_split(own, &name, &value);
            each(arg, name, value);
        }
    }
}

struct wanted {
    const char *name;
    struct postconf_text value;
};

static void take_wanted(void *arg, struct postconf_text name, struct postconf_text value)
{
    struct wanted *wanted = arg;

    if (postconf_is(name, wanted->name)) {
        wanted->value = value;
    }
}

struct postconf_text postconf_of(const struct postconf *p, const struct postconf_service *service,
                                 const char *name)
{
    struct wanted wanted = {.name = name};

    postconf_each_override(p, service, take_wanted, &wanted);
    return wanted.value.at != NULL ? wanted.value : postconf_setting(p, name);
}
