/* What `posternctl check` checks against this machine's Postfix, without a connection to it. */
#include "daemon/posternctl/check/check.h"
#include "daemon/posternctl/postfix/postfix_config.h"

#include <stdarg.h>
#include <string.h>

/* Room for an address in a text. */
enum { ADDRESS_SIZE = ADDR_PATH_SIZE + 8 };

/* The finding that is being made. */
struct looking {
    struct check *check;
    const struct postconf *postfix;
    char subject[CHECK_SUBJECT_SIZE];
};

static void find(struct looking *l, enum finding_result result, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void find(struct looking *l, enum finding_result result, const char *format, ...)
{
    char text[CHECK_TEXT_SIZE];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    report_finding(&l->check->report, l->check->findings,
                   &(struct finding){.result = result, .subject = l->subject, .text = text});
}

static const char *address_text(const struct conf_endpoint *address, char out[ADDRESS_SIZE])
{
    endpoint_text(&address->endpoint, out, ADDRESS_SIZE);
    return out;
}

/* --- one address of a backend --------------------------------------------------------------- */

/* postscreen has no unix-domain sockets. */
static void look_for_postscreen(struct looking *l, const struct conf_backend *backend,
                                const struct conf_endpoint *address)
{
    char text[ADDRESS_SIZE];

    if (!conf_is_set(&backend->tls_address) || address == &backend->tls_address ||
        address->endpoint.ip.family == ADDR_NONE) {
        return;
    }
    address_text(address, text);
    if (!postconf_known(l->postfix)) {
        find(l, FINDING_NOT_CHECKED, "whether %s is a postscreen, which tls_address would bypass",
             text);
    } else if (postfix_is_postscreen(l->postfix, &address->endpoint)) {
        find(l, FINDING_FAIL,
             "master.cf has a postscreen at %s, and tls_address bypasses it: remove tls_address",
             text);
    }
}

/* The service that gets the clients must have more processes than sessions, or the last clients
 * wait in silence. */
static void look_at_limit(struct looking *l, const struct conf_endpoint *address,
                          const struct postconf_service *there)
{
    unsigned processes = postfix_processes(l->check->snapshot->conf, &address->endpoint);
    struct postconf_service smtpd;
    struct postconf_text name;
    unsigned limit;

    if (!postfix_smtpd_of(l->postfix, there, &smtpd)) {
        return;
    }
    name = postconf_column(&smtpd, POSTCONF_NAME);
    limit = postconf_process_limit(l->postfix, &smtpd);
    if (limit != 0 && (processes == 0 || processes - POSTFIX_SPARE_PROCESSES >= limit)) {
        bool common = postconf_is(postconf_column(&smtpd, POSTCONF_MAXPROC), "-");

        find(l, FINDING_WARNING,
             "max_connections is not below the %u processes that %.*s in master.cf may have%s: "
             "further clients would wait in silence; set its maxproc to %u",
             limit, (int)name.len, name.at, common ? " (-: default_process_limit)" : "", processes);
    }
}

static void look_at_address(struct looking *l, const struct conf_backend *backend,
                            const struct conf_endpoint *address)
{
    struct postconf_service there;
    char text[ADDRESS_SIZE];

    snprintf(l->subject, sizeof l->subject, "backend \"%s\"", backend->name);
    look_for_postscreen(l, backend, address);
    if (!postconf_known(l->postfix)) {
        return;
    }
    address_text(address, text);
    if (postconf_at(l->postfix, &address->endpoint, &there)) {
        look_at_limit(l, address, &there);
    } else if (address->endpoint.ip.family == ADDR_NONE &&
               postfix_socket_name(l->postfix, address->endpoint.path) == NULL) {
        find(l, FINDING_WARNING, "%s: this machine's Postfix has its sockets in %s/public", text,
             l->postfix->queue);
    } else {
        find(l, FINDING_NOT_CHECKED, "%s: this machine's master.cf has no service there", text);
    }
}

/* --- all ------------------------------------------------------------------------------------ */

int check_postfix(struct check *check)
{
    const struct conf *conf = check->snapshot->conf;
    struct postconf *postfix = &check->postfix;
    struct looking l = {.check = check, .postfix = postfix};

    postconf_read(postfix);
    if (!postconf_known(postfix)) {
        snprintf(l.subject, sizeof l.subject, "Postfix");
        find(&l, FINDING_NOT_CHECKED,
             "process limits and today's services: postconf cannot be run or finds no main.cf");
    }
    for (size_t b = 0; b < conf->num_backends; b++) {
        for (size_t i = 0; i < postfix_num_addresses(&conf->backends[b]); i++) {
            look_at_address(&l, &conf->backends[b], postfix_address(&conf->backends[b], i));
        }
    }
    return postfix_compare_all(&check->comparisons, conf, postfix, false);
}
