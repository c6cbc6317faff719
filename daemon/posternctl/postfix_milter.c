/* The milter in front of the milters that a service has today. */
#include "daemon/posternctl/postfix_config.h"

#include <string.h>

/* Where Postfix has its queue when nobody says. */
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

/* Relative to the queue directory where that can be: so a smtpd finds it, chrooted or not. */
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

/* The next milter of a list, "inet:..." or "{ ... }"; `at` NULL behind the last one. */
static struct postconf_text next_milter(struct postconf_text *list)
{
    struct postconf_text item;
    size_t len = 0;

    while (list->len > 0 && strchr(" \t,", list->at[0]) != NULL) {
        list->at++;
        list->len--;
    }
    if (list->len == 0) {
        return (struct postconf_text){0};
    }
    if (list->at[0] == '{') {
        const char *end = memchr(list->at, '}', list->len);

        len = end == NULL ? list->len : (size_t)(end + 1 - list->at);
    } else {
        while (len < list->len && strchr(" \t,", list->at[len]) == NULL) {
            len++;
        }
    }
    item = (struct postconf_text){list->at, len};
    list->at += len;
    list->len -= len;
    return item;
}

/* Whether a milter of the list is the one at `address`, with settings of its own or without. */
static bool is_at(struct postconf_text item, const char *address)
{
    size_t len;

    if (item.len > 0 && item.at[0] == '{') {
        item.at++;
        item.len -= item.at[item.len - 2] == '}' ? 2 : 1;
        while (item.len > 0 && strchr(" \t", item.at[0]) != NULL) {
            item.at++;
            item.len--;
        }
    }
    for (len = 0; len < item.len && strchr(" \t,", item.at[len]) == NULL; len++) {
    }
    return len == strlen(address) && memcmp(item.at, address, len) == 0;
}

void postfix_print_milters(const struct conf *conf, const struct postconf *postfix,
                           struct postconf_text today, FILE *out)
{
    char address[ADDR_PATH_SIZE + 8];
    struct postconf_text item;

    if (!postfix_has_milter(conf)) {
        return;
    }
    postfix_milter_address(postfix, &conf->milter.socket.endpoint, address, sizeof address);
    fprintf(out, "    -o { smtpd_milters = { %s, default_action=%s }", address,
            conf->milter.on_failure == CONF_ON_FAILURE_ACCEPT ? "accept" : "tempfail");
    while ((item = next_milter(&today)).at != NULL) {
        if (!is_at(item, address)) {
            fprintf(out, ", %.*s", (int)item.len, item.at);
        }
    }
    fputs(" }\n", out);
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
            "#\n# The policy service: this is to stand in smtpd_recipient_restrictions of the "
            "services above,\n# behind what refuses mail for other reasons:\n"
            "#     check_policy_service %s\n",
            address);
}
