/* The milter in front of the milters that a service has today. */
#include "daemon/posternctl/postfix/postfix_config.h"
#include "lib/base/text.h"

#include <stdlib.h>
#include <string.h>

/* Room for the milters of a service. */
enum { MILTERS_SIZE = 8192 };

/* Postfix's default queue directory. */
static const char usual_queue[] = "/var/spool/postfix";

bool postfix_has_milter(const struct conf *conf)
{
    return conf->milter.line != 0 && conf_is_set(&conf->milter.socket);
}

const char *postfix_queue_path(const struct postconf *postfix, const char *path)
{
    const char *queue = postfix->queue == NULL ? usual_queue : postfix->queue;
    size_t len = strlen(queue);

    return strncmp(path, queue, len) == 0 && path[len] == '/' ? path + len + 1 : NULL;
}

/* Relative to the queue directory if possible: so an smtpd finds it, chrooted or not. */
void postfix_milter_address(const struct postconf *postfix, const struct endpoint *at, char *out,
                            size_t size)
{
    char host[ADDR_TEXT_SIZE];

    if (at->ip.family == ADDR_NONE) {
        const char *relative = postfix_queue_path(postfix, at->path);

        snprintf(out, size, "unix:%s", relative != NULL ? relative : at->path);
    } else {
        snprintf(out, size, at->ip.family == ADDR_IPV6 ? "inet:[%s]:%u" : "inet:%s:%u",
                 addr_text(&at->ip, host), at->ip.port);
    }
}

/* Whether a milter of a list is the one at `address`, with or without its own settings. */
static bool is_at(struct settings_word item, const char *address)
{
    struct settings_word inner = settings_inner(item);
    const char *rest = inner.at;
    struct settings_word first = settings_next_item(&rest);

    /* The first word ends where the braces do, if nothing follows it. */
    if (first.at + first.len > inner.at + inner.len) {
        first.len = (size_t)(inner.at + inner.len - first.at);
    }
    return first.len == strlen(address) && memcmp(first.at, address, first.len) == 0;
}

int postfix_add_milters(const struct conf *conf, const struct postconf *postfix,
                        struct postfix_side *side)
{
    static const char name[] = "smtpd_milters";
    const char *own = settings_find(&side->own, name);
    struct postconf_text common = postconf_setting(postfix, name);
    char *today =
        own != NULL ? strdup(own) : strndup(common.at == NULL ? "" : common.at, common.len);
    const char *rest = today;
    char address[ADDR_PATH_SIZE + 8];
    char list[MILTERS_SIZE];
    struct text t = text_in(list, sizeof list);
    struct settings_word item;
    int status = -1;

    if (today != NULL && !postfix_has_milter(conf)) {
        status = 0;
    } else if (today != NULL) {
        postfix_milter_address(postfix, &conf->milter.socket.endpoint, address, sizeof address);
        text_addf(&t, "{ %s, default_action=%s }", address,
                  conf->milter.on_failure == CONF_ON_FAILURE_ACCEPT ? "accept" : "tempfail");
        while ((item = settings_next_item(&rest)).at != NULL) {
            if (!is_at(item, address)) {
                text_addf(&t, ", %.*s", (int)item.len, item.at);
            }
        }
        status = t.cut ? -1 : settings_set(&side->own, name, list);
    }
    free(today);
    return status;
}

void postfix_print_milter_comments(const struct conf *conf, const struct postconf *postfix,
                                   char chroot, FILE *out)
{
    const char *path = conf->milter.socket.endpoint.path;

    if (postfix_has_milter(conf) && path[0] != '\0' && postfix_queue_path(postfix, path) == NULL &&
        chroot != 'n') {
        fprintf(out,
                "# This service is chrooted and will not find the milter at %s:\n"
                "# put its socket below %s.\n",
                path, postfix->queue == NULL ? usual_queue : postfix->queue);
    }
}

void postfix_print_policy_service(const struct conf *conf, const struct postconf *postfix,
                                  FILE *out)
{
    char address[ADDR_PATH_SIZE + 8];

    if (conf->milter.line == 0 || !conf_is_set(&conf->milter.policy_socket)) {
        return;
    }
    postfix_milter_address(postfix, &conf->milter.policy_socket.endpoint, address, sizeof address);
    fprintf(out,
            "#\n"
            "# The policy service: put this into smtpd_recipient_restrictions of the services\n"
            "# above, after everything that refuses mail for other reasons:\n"
            "#     check_policy_service %s\n",
            address);
}
