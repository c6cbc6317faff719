/*
 * Theory of operation: one thread accepts, and each connection has a thread. A connection is that
 * of one smtpd(8), which has one SMTP session at a time and asks once or more for each mail. All
 * requests for a mail have the same `instance`: with the first of them the service asks what is
 * known about its session, and it returns the header once.
 *
 * The service does not learn when an SMTP session begins, so it asks posternd by addresses for each
 * mail.
 */
#include "daemon/postern-milter/service.h"

#include "daemon/common/log.h"
#include "daemon/common/sockaddr.h"
#include "daemon/common/unixsocket.h"
#include "daemon/postern-milter/address.h"
#include "daemon/postern-milter/lookup.h"
#include "daemon/postern-milter/policyfile.h"
#include "daemon/postern-milter/thread.h"
#include "lib/admin/factsheader.h"
#include "lib/admin/milterlog.h"
#include "lib/base/pace.h"
#include "lib/smtp/delegation.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

/* Seconds that a connection may be silent: more than smtpd_policy_service_max_ttl, after which
 * Postfix closes it itself. */
#define IDLE_SECONDS 3600

/* Each smtpd(8) that has just been started may wait. */
#define BACKLOG SERVICE_CONNECTIONS_MAX

struct connection {
    int fd;
    size_t len; /* bytes in `in` */
    uint8_t in[DELEGATION_SIZE_MAX];
    /* of the present mail */
    char instance[128];
    struct addr client;
    struct record record;
    bool lost;      /* posternd did not answer */
    bool told;      /* the header has been returned */
    unsigned asked; /* recipients that were judged */
};

static struct {
    const struct conf *conf; /* borrowed */
    int fd;                  /* -1: there is no service */
    _Atomic unsigned num;    /* connections */
} state = {.fd = -1};

/* --- one request --------------------------------------------------------------------------- */

static bool read_end(struct bytes address, struct bytes port, struct addr *out)
{
    char text[ADDR_TEXT_SIZE];

    return delegation_value(address, text, sizeof text) && addr_parse(out, text) &&
           delegation_number(port, &out->port);
}

/* The first request for a mail. */
static void begin_mail(struct connection *c, const struct delegation *request)
{
    char id[RECORD_ID_SIZE] = "";
    struct addr destination;

    if (!delegation_value(request->instance, c->instance, sizeof c->instance)) {
        c->instance[0] = '\0';
    }
    c->record = (struct record){.known = false};
    c->client = (struct addr){0};
    c->lost = false;
    c->told = false;
    c->asked = 0;
    if (!read_end(request->client_address, request->client_port, &c->client) ||
        !read_end(request->server_address, request->server_port, &destination)) {
        return;
    }
    addr_unmap(&c->client);
    addr_unmap(&destination);
    c->lost = lookup_session(&c->client, &destination, id) != 0;
    if (id[0] != '\0') {
        c->lost = lookup_record(id, &c->record) != 0;
    }
}

/* There is a mail, and its header may still be added. */
static bool is_in_envelope(const struct delegation *request)
{
    return delegation_is(request->protocol_state, "MAIL") ||
           delegation_is(request->protocol_state, "RCPT") ||
           delegation_is(request->protocol_state, "DATA");
}

static bool is_in_mail(const struct delegation *request)
{
    return is_in_envelope(request) || delegation_is(request->protocol_state, "END-OF-MESSAGE");
}

/* There are rules for recipients that Postfix has not asked about: the service is used too late. */
static bool is_too_late(const struct connection *c, const struct delegation *request,
                        const struct policy_verdict *verdict)
{
    uint16_t recipients;

    return verdict->undecided && !delegation_is(request->protocol_state, "MAIL") &&
           (!delegation_number(request->recipient_count, &recipients) || c->asked < recipients);
}

static void log_refusal(const struct connection *c, const struct policy_verdict *verdict,
                        const struct policy_address *sender, const struct policy_address *recipient)
{
    struct milterlog_refusal refusal = {
        .for_good = verdict->action == POLICY_REJECT,
        .stage = recipient == NULL ? "MAIL" : "RCPT",
        .client = c->client,
        .enhanced = verdict->enhanced,
        .text = verdict->text,
        .sender = sender->text,
        .recipient = recipient == NULL ? NULL : recipient->text,
        .file = state.conf->milter.policy.text,
        .line = verdict->line,
        .session = c->record.session,
    };
    char line[MILTERLOG_SIZE];
    struct text t = text_in(line, sizeof line);

    milterlog_refusal(&t, &refusal);
    log_line(LOG_INFO, "%s", line);
}

static void judge(struct connection *c, const struct delegation *request,
                  const struct policy_address *sender, const struct policy_address *recipient,
                  struct policyfile_verdict *found)
{
    struct policy_mail mail = {
        .client = c->client, .sender = sender, .recipient = recipient, .record = &c->record};

    if (c->lost && state.conf->milter.on_failure == CONF_ON_FAILURE_TEMPFAIL) {
        found->verdict = (struct policy_verdict){
            .action = POLICY_DEFER,
            .enhanced = "4.3.0",
            .text = "Cannot find out now how this session is protected, try again later"};
        return;
    }
    policyfile_judge(&mail, found);
    if (is_too_late(c, request, &found->verdict)) {
        log_line(LOG_ERR, "the policy has rules for recipients: check_policy_service must be in "
                          "smtpd_recipient_restrictions");
        found->verdict = (struct policy_verdict){
            .action = POLICY_DEFER, .enhanced = "4.3.5", .text = "Server configuration error"};
    }
    c->asked += recipient != NULL && delegation_is(request->protocol_state, "RCPT");
}

static void write_header(const struct connection *c, const struct policy_verdict *verdict,
                         struct text *out)
{
    const char *name = state.conf->milter.header.text;
    char header[FACTSHEADER_SIZE + 80];
    struct text t = text_in(header, sizeof header);

    text_addf(&t, "%s: ", name);
    factsheader_write(&t, name, state.conf->hostname.text, &c->record,
                      verdict->action == POLICY_TAG ? verdict->text : NULL, false);
    delegation_answer(out, "PREPEND", header);
}

static void answer(struct connection *c, const struct delegation *request, struct text *out)
{
    struct policy_address sender;
    struct policy_address to;
    const struct policy_address *recipient = request->recipient.len > 0 ? &to : NULL;
    struct policyfile_verdict found;

    if (!is_in_mail(request)) {
        delegation_answer(out, "DUNNO", NULL);
        return;
    }
    if (request->instance.len == 0 || !delegation_is(request->instance, c->instance)) {
        begin_mail(c, request);
    }
    address_read(&sender, request->sender, false);
    address_read(&to, request->recipient, false);
    judge(c, request, &sender, recipient, &found);
    if (found.verdict.action >= POLICY_DEFER) {
        char argument[sizeof found.enhanced + sizeof found.text + 1];

        snprintf(argument, sizeof argument, "%s %s", found.verdict.enhanced, found.verdict.text);
        log_refusal(c, &found.verdict, &sender, recipient);
        delegation_answer(out, found.verdict.action == POLICY_REJECT ? "REJECT" : "DEFER",
                          argument);
    } else if (is_in_envelope(request) && !c->told) {
        c->told = true;
        write_header(c, &found.verdict, out);
    } else {
        delegation_answer(out, "DUNNO", NULL);
    }
}

/* --- connections --------------------------------------------------------------------------- */

static bool send_all(int fd, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t put = send(fd, data, len, MSG_NOSIGNAL);

        if (put < 0 && errno != EINTR) {
            return false;
        }
        data += put > 0 ? put : 0;
        len -= put > 0 ? (size_t)put : 0;
    }
    return true;
}

/* Answers all requests that have arrived. False if the connection is no longer usable. */
static bool serve_requests(struct connection *c)
{
    struct bytes in = bytes_of(c->in, c->len);
    struct delegation request;
    const char *why;
    enum delegation_result result;

    while ((result = delegation_read(&in, &request, &why)) == DELEGATION_DONE) {
        char buf[DELEGATION_ANSWER_SIZE];
        struct text out = text_in(buf, sizeof buf);

        answer(c, &request, &out);
        if (!send_all(c->fd, buf, out.len)) {
            return false;
        }
    }
    if (result == DELEGATION_BAD) {
        log_line(LOG_WARNING, "policy service: not a request from Postfix: %s", why);
        return false;
    }
    memmove(c->in, in.data, in.len);
    c->len = in.len;
    return true;
}

static void *serve(void *arg)
{
    struct connection *c = arg;
    ssize_t got;

    do {
        got = recv(c->fd, c->in + c->len, sizeof c->in - c->len, 0);
        c->len += got > 0 ? (size_t)got : 0;
    } while ((got > 0 && serve_requests(c)) || (got < 0 && errno == EINTR));
    close(c->fd);
    free(c);
    atomic_fetch_sub(&state.num, 1);
    return NULL;
}

/* Logs new connections that cannot be served, once a minute. In the thread that accepts them. */
static void complain(const char *why)
{
    static struct pace pace;
    unsigned times = pace_note(&pace, 1, log_now());

    if (times > 0) {
        log_line(LOG_WARNING, "policy service: accept: %s times=%u", why, times);
    }
}

static void take(int fd)
{
    const struct timeval idle = {.tv_sec = IDLE_SECONDS};
    struct connection *c = calloc(1, sizeof *c);

    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &idle, sizeof idle);
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &idle, sizeof idle);
    if (c != NULL) {
        c->fd = fd;
    }
    if (atomic_fetch_add(&state.num, 1) >= SERVICE_CONNECTIONS_MAX || c == NULL ||
        thread_start(serve, c) != 0) {
        atomic_fetch_sub(&state.num, 1);
        complain("no room for another connection");
        close(fd);
        free(c);
    }
}

static void *accept_all(void *arg)
{
    (void)arg;
    for (;;) {
        int fd = accept4(state.fd, NULL, NULL, SOCK_CLOEXEC);

        if (fd >= 0) {
            take(fd);
        } else if (errno != EINTR && errno != ECONNABORTED) {
            /* Out of descriptors or memory: retrying immediately would spin. */
            complain(strerror(errno));
            sleep(1);
        }
    }
    return NULL;
}

/* --- the socket ---------------------------------------------------------------------------- */

/* NULL, or what went wrong. */
static const char *listen_on_address(const struct endpoint *at)
{
    struct sockaddr_storage sa = {0};
    socklen_t len = sockaddr_from(at, &sa);

    state.fd = socket(sa.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (state.fd < 0 ||
        setsockopt(state.fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int)) != 0 ||
        bind(state.fd, (struct sockaddr *)&sa, len) != 0 || listen(state.fd, BACKLOG) != 0) {
        return strerror(errno);
    }
    return NULL;
}

int service_open(const struct conf *conf, struct conf_error *error)
{
    const struct conf_endpoint *at = &conf->milter.policy_socket;
    char text[ADDR_PATH_SIZE + 8];
    const char *wrong;

    state.conf = conf;
    if (!conf_is_set(at)) {
        return 0;
    }
    wrong = at->endpoint.ip.family == ADDR_NONE
                ? unixsocket_listen(at->endpoint.path, BACKLOG, 0, &state.fd)
                : listen_on_address(&at->endpoint);
    endpoint_text(&at->endpoint, text, sizeof text);
    if (wrong != NULL) {
        return conf_fail(error, conf, at->line, "policy_socket: cannot listen on %s: %s", text,
                         wrong);
    }
    log_line(LOG_INFO, "listening on %s policy service", text);
    return 0;
}

int service_start(void)
{
    return state.fd < 0 ? 0 : thread_start(accept_all, NULL);
}

void service_close(void)
{
    const char *path;

    if (state.fd < 0) {
        return;
    }
    path = state.conf->milter.policy_socket.endpoint.path;
    if (path[0] != '\0') {
        unlink(path);
    }
}
