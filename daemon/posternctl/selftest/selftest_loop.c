/*
 * Theory of operation: conf refuses a backend whose address is a listener's; one that leads back to
 * posternd in another way (a listener on every address of the machine, a redirection, a second
 * posternd) is not recognised by its name. A session in a loop never gets a banner: each round
 * opens the next, until a bound is met, and that refusal comes back through all of them. It is in
 * posternd's own words. Where the circle is not closed, as with a tls_address that is a listener,
 * there is a banner, and STARTTLS is offered. Many a Postfix does the same, with the same
 * certificates; but only posternd has the keys of its tickets. So selftest begins a session at a
 * listener, and asks the backend to resume it.
 */
#include "daemon/posternctl/selftest/selftest.h"

#include <string.h>

bool selftest_is_listener(const struct conf *conf, const struct endpoint *address,
                          const struct addr *mine)
{
    if (address->ip.family == ADDR_NONE || !addr_same_ip(&address->ip, mine)) {
        return false;
    }
    for (size_t l = 0; l < conf->num_listeners; l++) {
        struct conf_bound bound = conf_bound(&conf->listeners[l]);

        for (size_t i = 0; i < bound.num; i++) {
            const struct addr *a = &bound.addresses[i].endpoint.ip;

            if (a->port == address->ip.port && a->family == mine->family &&
                (addr_is_unspecified(a) || addr_same_ip(a, mine))) {
                return true;
            }
        }
    }
    return false;
}

bool selftest_is_own_refusal(const struct smtpreply *greeting)
{
    static const char begin[] = "421 4.3.2 ";
    static const char *const words[] = {" Service currently unavailable",
                                        " All server ports are busy", " Service shutting down",
                                        " Service not available"};
    const char *name = greeting->text + sizeof begin - 1;
    size_t len;

    if (strncmp(greeting->text, begin, sizeof begin - 1) != 0) {
        return false;
    }
    /* postscreen uses some of these words, but without a name before them. */
    len = strcspn(name, " ");
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strcmp(name + len, words[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* A session that a listener can resume; the caller frees it. NULL: it gives none. */
static SSL_SESSION *begin_at(struct selftest *t, const struct conf_listener *listener)
{
    struct smtpclient c;
    struct smtpreply reply;
    struct endpoint to;
    SSL_SESSION *session;

    if (listener->tls == CONF_TLS_NONE ||
        !selftest_reach(&conf_bound(listener).addresses[0], &to)) {
        return NULL;
    }
    SSL_SESSION_free(t->resumable);
    t->resumable = NULL;
    /* In TLS 1.3 the ticket comes with the reply to EHLO, whatever that is. */
    (void)selftest_begin_tls(t, &c, listener, &to, NULL, &reply);
    smtpclient_close(&c, SELFTEST_QUIT);
    session = t->resumable;
    t->resumable = NULL;
    return session;
}

bool selftest_is_posternd(struct selftest *t, const struct conf_backend *backend,
                          const struct endpoint *address, const struct addr *client)
{
    bool found = false;

    for (size_t l = 0; l < t->conf->num_listeners && !found; l++) {
        SSL_SESSION *session = begin_at(t, &t->conf->listeners[l]);
        struct smtpclient c;
        struct smtpreply reply;

        if (session == NULL) {
            continue;
        }
        found = selftest_greet(t, &c, backend, address, client, &reply) == SELFTEST_GREETED &&
                smtpclient_command(&c, "STARTTLS", &reply, SELFTEST_STEP) && reply.code == 220 &&
                smtpclient_tls(&c, t->ctx, NULL, session, SELFTEST_STEP) &&
                SSL_session_reused(c.ssl) == 1;
        smtpclient_close(&c, SELFTEST_QUIT);
        SSL_SESSION_free(session);
    }
    return found;
}
