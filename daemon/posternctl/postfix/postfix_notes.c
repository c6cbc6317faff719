#include "daemon/posternctl/postfix/postfix_config.h"

#include <string.h>

static const struct conf_listener *listener_on(const struct conf *conf, unsigned port)
{
    for (size_t l = 0; l < conf->num_listeners; l++) {
        for (size_t i = 0; i < conf->listeners[l].num_addresses; i++) {
            if (conf->listeners[l].addresses[i].endpoint.ip.port == port) {
                return &conf->listeners[l];
            }
        }
    }
    return NULL;
}

/* Whether clients of a listener reach a postscreen behind posternd. */
static bool has_postscreen(const struct postconf *postfix, const struct conf_backend *backend)
{
    for (size_t i = 0; i < backend->num_addresses; i++) {
        if (postfix_is_postscreen(postfix, &backend->addresses[i].endpoint)) {
            return true;
        }
    }
    return false;
}

/* A service on a listener's port is the one that posternd is going to be in front of. */
static void note_service(const struct conf *conf, const struct postconf *postfix,
                         const struct postconf_service *service, FILE *out)
{
    struct postconf_text name = postconf_column(service, POSTCONF_NAME);
    unsigned port = postconf_port(postfix, service);
    const struct conf_listener *listener = port == 0 ? NULL : listener_on(conf, port);

    if (listener == NULL) {
        return;
    }
    fprintf(out,
            "# master.cf: %.*s inet\n"
            "#     has port %u, like listener \"%s\": where their addresses overlap, comment it "
            "out%s\n",
            (int)name.len, name.at, port, listener->name,
            listener->num_trial_addresses > 0
                ? "\n#     when the trial (trial_address) ends, not before"
                : "");
    if (postconf_is(postconf_column(service, POSTCONF_COMMAND), "postscreen") &&
        !has_postscreen(postfix, listener->backend)) {
        fprintf(out,
                "#     postscreen does not see clients that come through posternd, unless there is "
                "one at\n#     the address of backend \"%s\"\n",
                listener->backend->name);
    }
}

/* The maximum number of processes of a service above; 0: no bound. */
static unsigned most_processes(const struct conf *conf)
{
    unsigned most = 1;

    for (size_t b = 0; b < conf->num_backends && most > 0; b++) {
        for (size_t i = 0; i < postfix_num_addresses(&conf->backends[b]) && most > 0; i++) {
            unsigned processes =
                postfix_processes(conf, &postfix_address(&conf->backends[b], i)->endpoint);

            most = processes == 0 || processes > most ? processes : most;
        }
    }
    return most;
}

/* A smtpd holds its connection to a policy service as long as it lives; with spawn(8) that is a
 * process each. */
static void note_spawn(const struct conf *conf, const struct postconf *postfix,
                       const struct postconf_service *service, FILE *out)
{
    struct postconf_text name = postconf_column(service, POSTCONF_NAME);
    unsigned limit = postconf_process_limit(postfix, service);
    unsigned most = most_processes(conf);

    if (!postconf_is(postconf_column(service, POSTCONF_COMMAND), "spawn") || limit == 0 ||
        (most != 0 && limit >= most)) {
        return;
    }
    fprintf(out,
            "# master.cf: %.*s, by spawn\n"
            "#     at most %u processes: if smtpd uses it (check_policy_service), more sessions\n"
            "#     than that wait for each other: set its maxproc column to 0\n",
            (int)name.len, name.at, limit);
}

void postfix_notes(const struct conf *conf, const struct postconf *postfix, FILE *out)
{
    const char *at = postfix->services;
    struct postconf_service service;

    if (!postconf_known(postfix)) {
        fputs(
            "#\n"
            "# postconf cannot be run or finds no main.cf: nothing is known about this Postfix.\n",
            out);
        return;
    }
    fputs("#\n# This Postfix, for mail that comes through posternd:\n", out);
    while ((service = postconf_next(&at)).line.at != NULL) {
        note_service(conf, postfix, &service, out);
        note_spawn(conf, postfix, &service, out);
    }
}
