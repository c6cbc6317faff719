#include "daemon/common/log.h"
#include "daemon/posternd/reload_parts.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static bool is_same(const struct endpoint *a, const struct endpoint *b)
{
    return addr_equal(&a->ip, &b->ip);
}

static bool has_address(const struct conf *conf, const struct endpoint *address)
{
    for (size_t i = 0; i < conf->num_listeners; i++) {
        struct conf_bound bound = conf_bound(&conf->listeners[i]);

        for (size_t at = 0; at < bound.num; at++) {
            if (is_same(&bound.addresses[at].endpoint, address)) {
                return true;
            }
        }
    }
    return false;
}

/* How many addresses of `conf` the other one does not have. */
static size_t count_others(const struct conf *conf, const struct conf *other)
{
    size_t num = 0;

    for (size_t i = 0; i < conf->num_listeners; i++) {
        struct conf_bound bound = conf_bound(&conf->listeners[i]);

        for (size_t at = 0; at < bound.num; at++) {
            num += has_address(other, &bound.addresses[at].endpoint) ? 0 : 1;
        }
    }
    return num;
}

struct reload_opened reload_opened(const struct conf *before, const struct conf *after)
{
    return (struct reload_opened){.opened = count_others(after, before),
                                  .closed = count_others(before, after)};
}

void reload_log(const struct snapshot *snapshot, const struct reload_opened *opened)
{
    const struct conf *conf = snapshot->conf;

    log_line(LOG_INFO,
             "reloaded: configuration=%s certificates=%zu new=%zu addresses=%zu "
             "opened=%zu closed=%zu",
             conf->file, conf->num_certificates, snapshot->num_loaded, sockets_count(conf),
             opened->opened, opened->closed);
}

void reload_explain(const struct reload_setup *setup, struct conf_error *error)
{
    const char *denied = strerror(EACCES);
    size_t len = strlen(error->text);

    if (setup->gave_up_root && len >= strlen(denied) &&
        strcmp(error->text + len - strlen(denied), denied) == 0) {
        snprintf(error->text + len, sizeof error->text - len,
                 " (posternd was started by root and is not root any more: it needs a restart)");
    }
}
