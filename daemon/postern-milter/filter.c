/*
 * Theory of operation: Postfix opens a connection to the milter for each SMTP session. At its
 * beginning the milter asks posternd which of its sessions that is, once; later the addresses may
 * belong to another one. At each MAIL it asks posternd what is known about that session, since TLS
 * may have begun in between; this answer is used for the whole mail. Everything is kept in the
 * connection's own memory, so that libmilter's threads share only the policy and the look-ups.
 *
 * MAIL is refused if no rule waits for the recipient; otherwise RCPT is, for each recipient. At the
 * end of the message the header is inserted below Postfix's own Received and above everything that
 * the client sent, and every other header with that name is removed, the last one first: removing
 * one changes the numbers of those after it.
 */
#include "daemon/postern-milter/filter.h"

#include "daemon/common/log.h"
#include "daemon/common/sockaddr.h"
#include "daemon/postern-milter/address.h"
#include "daemon/postern-milter/lookup.h"
#include "daemon/postern-milter/policyfile.h"
#include "lib/admin/factsheader.h"
#include "lib/admin/milterlog.h"

#include <libmilter/mfapi.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

/* What cannot be done without. */
#define ACTIONS (SMFIF_ADDHDRS | SMFIF_CHGHDRS | SMFIF_SETSYMLIST)

/* What need not be sent. Recipients that Postfix itself refuses (SMFIP_RCPT_REJ) never are: their
 * macros hold error texts. */
#define NOT_WANTED (SMFIP_NOHELO | SMFIP_NODATA | SMFIP_NOEOH | SMFIP_NOBODY | SMFIP_NOUNKNOWN)

/* Postfix counts its own Received: as the first header. */
#define BELOW_RECEIVED 1

/* How many headers with our name are removed from a mail: Postfix searches for each from the
 * beginning. */
#define OTHERS_MAX 100

/* One SMTP session. */
struct session {
    bool quiet; /* Postfix does not wait for an answer to a header */
    bool keeps; /* the client may send headers with our name */
    bool lost;  /* posternd did not answer */
    struct addr client;
    char id[RECORD_ID_SIZE]; /* "": not known */
    /* of the present mail */
    struct record record;
    struct policy_address sender;
    bool tagged;
    char tag[POLICY_TEXT_MAX + 1];
    int num_ours; /* headers with our name that it has */
};

static const struct conf *conf; /* borrowed */

/* Running callbacks. */
static struct {
    pthread_mutex_t lock;
    pthread_cond_t none;
    unsigned num;
} busy = {.lock = PTHREAD_MUTEX_INITIALIZER, .none = PTHREAD_COND_INITIALIZER};

static void enter(void)
{
    pthread_mutex_lock(&busy.lock);
    busy.num++;
    pthread_mutex_unlock(&busy.lock);
}

static sfsistat leave(sfsistat status)
{
    pthread_mutex_lock(&busy.lock);
    if (--busy.num == 0) {
        pthread_cond_broadcast(&busy.none);
    }
    pthread_mutex_unlock(&busy.lock);
    return status;
}

void filter_wait(time_t seconds)
{
    struct timespec deadline;

    clock_gettime(CLOCK_REALTIME, &deadline);
    deadline.tv_sec += seconds;
    pthread_mutex_lock(&busy.lock);
    while (busy.num > 0 && pthread_cond_timedwait(&busy.none, &busy.lock, &deadline) == 0) {
    }
    pthread_mutex_unlock(&busy.lock);
}

/* --- refusing ------------------------------------------------------------------------------ */

/* A text that libmilter takes for a format. */
static void without_formats(const char *text, char *out, size_t size)
{
    size_t len = 0;

    for (; *text != '\0' && len + 2 < size; text++) {
        out[len++] = *text;
        if (*text == '%') {
            out[len++] = '%';
        }
    }
    out[len] = '\0';
}

static sfsistat refuse(SMFICTX *ctx, const struct session *s, const char *stage,
                       const char *recipient, const struct policy_verdict *verdict)
{
    struct milterlog_refusal refusal = {
        .for_good = verdict->action == POLICY_REJECT,
        .stage = stage,
        .client = s->client,
        .enhanced = verdict->enhanced,
        .text = verdict->text,
        .sender = s->sender.text,
        .recipient = recipient,
        .file = conf->milter.policy.text,
        .line = verdict->line,
        .session = s->id,
    };
    char code[] = "451";
    char enhanced[16];
    char text[2 * POLICY_TEXT_MAX + 2];
    char line[MILTERLOG_SIZE];
    struct text t = text_in(line, sizeof line);

    milterlog_refusal(&t, &refusal);
    log_line(LOG_INFO, "%s", line);
    if (refusal.for_good) {
        memcpy(code, "550", sizeof code);
    }
    snprintf(enhanced, sizeof enhanced, "%s", verdict->enhanced);
    without_formats(verdict->text, text, sizeof text);
    if (smfi_setreply(ctx, code, enhanced, text) != MI_SUCCESS) {
        log_line(LOG_ERR, "libmilter does not accept the reply %s %s %s", code, enhanced, text);
    }
    return refusal.for_good ? SMFIS_REJECT : SMFIS_TEMPFAIL;
}

/* What happens to a mail with a verdict that does not refuse it. */
static void note_tag(struct session *s, const struct policy_verdict *verdict)
{
    if (verdict->action == POLICY_TAG && !s->tagged) {
        s->tagged = true;
        snprintf(s->tag, sizeof s->tag, "%s", verdict->text);
    }
}

/* --- callbacks ----------------------------------------------------------------------------- */

static char *macro(SMFICTX *ctx, const char *name)
{
    char own[32];

    snprintf(own, sizeof own, "{%s}", name);
    return smfi_getsymval(ctx, own);
}

static int ask_for_macros(SMFICTX *ctx)
{
    char at_connect[] = "{client_port} {daemon_addr} {daemon_port}";
    char at_mail[] = "{mail_addr}";
    char at_rcpt[] = "{rcpt_addr}";

    return smfi_setsymlist(ctx, SMFIM_CONNECT, at_connect) == MI_SUCCESS &&
                   smfi_setsymlist(ctx, SMFIM_ENVFROM, at_mail) == MI_SUCCESS &&
                   smfi_setsymlist(ctx, SMFIM_ENVRCPT, at_rcpt) == MI_SUCCESS
               ? 0
               : -1;
}

static sfsistat on_negotiate(SMFICTX *ctx, unsigned long actions, unsigned long steps,
                             unsigned long unused1, unsigned long unused2,
                             unsigned long *out_actions, unsigned long *out_steps,
                             unsigned long *out_unused1, unsigned long *out_unused2)
{
    struct session *s;

    (void)unused1;
    (void)unused2;
    *out_unused1 = 0;
    *out_unused2 = 0;
    if ((actions & ACTIONS) != ACTIONS || ask_for_macros(ctx) != 0) {
        log_line(LOG_ERR, "the mail server cannot change headers or name its macros: it is not "
                          "Postfix 2.6 or newer");
        return SMFIS_REJECT;
    }
    s = calloc(1, sizeof *s);
    if (s == NULL || smfi_setpriv(ctx, s) != MI_SUCCESS) {
        free(s);
        return SMFIS_REJECT;
    }
    s->quiet = (steps & SMFIP_NR_HDR) != 0;
    *out_actions = ACTIONS;
    *out_steps = (NOT_WANTED | SMFIP_NR_HDR) & steps;
    return SMFIS_CONTINUE;
}

/* For milters Postfix writes "IPv6:" before an IPv6 address. */
static bool read_address(const char *text, struct addr *out)
{
    if (text == NULL) {
        return false;
    }
    if (strncasecmp(text, "IPv6:", 5) == 0) {
        text += 5;
    }
    return addr_parse(out, text);
}

static bool read_port(const char *text, uint16_t *out)
{
    char *end;
    unsigned long port;

    if (text == NULL || *text < '0' || *text > '9') {
        return false;
    }
    port = strtoul(text, &end, 10);
    if (*end != '\0' || port > UINT16_MAX) {
        return false;
    }
    *out = (uint16_t)port;
    return true;
}

/* The address that the client has connected to, according to Postfix. */
static bool read_destination(SMFICTX *ctx, struct addr *out)
{
    return read_address(macro(ctx, "daemon_addr"), out) &&
           read_port(macro(ctx, "daemon_port"), &out->port);
}

static sfsistat on_connect(SMFICTX *ctx, char *name, _SOCK_ADDR *address)
{
    struct session *s = smfi_getpriv(ctx);
    struct addr destination;

    (void)name;
    if (s == NULL) {
        return SMFIS_TEMPFAIL;
    }
    enter();
    s->lost = false;
    s->id[0] = '\0';
    s->client = address == NULL ? (struct addr){0} : sockaddr_to((const void *)address);
    (void)read_port(macro(ctx, "client_port"), &s->client.port);
    addr_unmap(&s->client);
    s->keeps =
        prefix_any_contains(conf->milter.keep_from.items, conf->milter.keep_from.num, &s->client);
    if (s->client.family != ADDR_NONE && read_destination(ctx, &destination)) {
        addr_unmap(&destination);
        s->lost = lookup_session(&s->client, &destination, s->id) != 0;
    }
    return leave(SMFIS_CONTINUE);
}

/* An address from Postfix's macro, or otherwise from the argument of the command. */
static void read_envelope(struct policy_address *out, const char *resolved, const char *typed)
{
    const char *address = resolved != NULL ? resolved : typed;
    size_t len = strlen(address);

    if (resolved == NULL && len >= 2 && address[0] == '<' && address[len - 1] == '>') {
        address++;
        len -= 2;
    }
    address_read(out, bytes_of(address, len), resolved != NULL);
}

/* Clears everything that the previous mail has left. */
static void begin_mail(struct session *s, const char *resolved, const char *typed)
{
    s->record = (struct record){.known = false};
    s->tagged = false;
    s->num_ours = 0;
    read_envelope(&s->sender, resolved, typed);
    if (s->id[0] != '\0') {
        s->lost = lookup_record(s->id, &s->record) != 0;
    }
}

static sfsistat on_mail(SMFICTX *ctx, char **arguments)
{
    static const struct policy_verdict lost = {
        .action = POLICY_DEFER,
        .enhanced = "4.3.0",
        .text = "Cannot find out now how this session is protected, try again later"};
    struct session *s = smfi_getpriv(ctx);
    struct policyfile_verdict found;
    struct policy_mail mail;

    if (s == NULL) {
        return SMFIS_TEMPFAIL;
    }
    enter();
    begin_mail(s, macro(ctx, "mail_addr"), arguments[0]);
    if (s->lost && conf->milter.on_failure == CONF_ON_FAILURE_TEMPFAIL) {
        return leave(refuse(ctx, s, "MAIL", NULL, &lost));
    }
    mail = (struct policy_mail){.client = s->client, .sender = &s->sender, .record = &s->record};
    policyfile_judge(&mail, &found);
    if (found.verdict.action >= POLICY_DEFER) {
        return leave(refuse(ctx, s, "MAIL", NULL, &found.verdict));
    }
    return leave(SMFIS_CONTINUE);
}

static sfsistat on_rcpt(SMFICTX *ctx, char **arguments)
{
    struct session *s = smfi_getpriv(ctx);
    struct policy_address recipient;
    struct policyfile_verdict found;
    struct policy_mail mail;

    if (s == NULL) {
        return SMFIS_TEMPFAIL;
    }
    enter();
    read_envelope(&recipient, macro(ctx, "rcpt_addr"), arguments[0]);
    mail = (struct policy_mail){
        .client = s->client, .sender = &s->sender, .recipient = &recipient, .record = &s->record};
    policyfile_judge(&mail, &found);
    if (found.verdict.action >= POLICY_DEFER) {
        return leave(refuse(ctx, s, "RCPT", recipient.text, &found.verdict));
    }
    note_tag(s, &found.verdict);
    return leave(SMFIS_CONTINUE);
}

static sfsistat on_header(SMFICTX *ctx, char *name, char *value)
{
    struct session *s = smfi_getpriv(ctx);

    (void)value;
    if (s == NULL) {
        return SMFIS_TEMPFAIL;
    }
    if (factsheader_is(conf->milter.header.text, name, strlen(name))) {
        s->num_ours++;
    }
    return s->quiet ? SMFIS_NOREPLY : SMFIS_CONTINUE;
}

/* A mail that would keep Postfix busy for a long time. */
static sfsistat refuse_headers(SMFICTX *ctx, const struct session *s)
{
    char code[] = "550";
    char enhanced[] = "5.6.0";
    char text[128];

    snprintf(text, sizeof text, "Too many headers %s", conf->milter.header.text);
    log_line(LOG_WARNING, "%d headers %s: mail refused, session=%s", s->num_ours,
             conf->milter.header.text, s->id);
    (void)smfi_setreply(ctx, code, enhanced, text);
    return SMFIS_REJECT;
}

static int remove_others(SMFICTX *ctx, const struct session *s, char *name)
{
    for (int i = s->keeps ? 0 : s->num_ours; i > 0; i--) {
        if (smfi_chgheader(ctx, name, i, NULL) != MI_SUCCESS) {
            return -1;
        }
    }
    return 0;
}

static sfsistat on_end(SMFICTX *ctx)
{
    struct session *s = smfi_getpriv(ctx);
    char name[64];
    char value[FACTSHEADER_SIZE];
    struct text t = text_in(value, sizeof value);

    if (s == NULL) {
        return SMFIS_TEMPFAIL;
    }
    enter();
    if (s->num_ours > OTHERS_MAX && !s->keeps) {
        return leave(refuse_headers(ctx, s));
    }
    snprintf(name, sizeof name, "%s", conf->milter.header.text);
    factsheader_write(&t, name, conf->hostname.text, &s->record, s->tagged ? s->tag : NULL, true);
    /* If either fails, a forged header could be taken for ours. */
    if (remove_others(ctx, s, name) != 0 ||
        smfi_insheader(ctx, BELOW_RECEIVED, name, value) != MI_SUCCESS) {
        log_line(LOG_WARNING, "headers cannot be changed: session=%s", s->id);
        return leave(SMFIS_TEMPFAIL);
    }
    return leave(SMFIS_CONTINUE);
}

static sfsistat on_close(SMFICTX *ctx)
{
    free(smfi_getpriv(ctx));
    (void)smfi_setpriv(ctx, NULL);
    return SMFIS_CONTINUE;
}

int filter_register(const struct conf *configuration)
{
    static char name[] = "postern-milter";
    struct smfiDesc description = {
        .xxfi_name = name,
        .xxfi_version = SMFI_VERSION,
        .xxfi_flags = ACTIONS,
        .xxfi_connect = on_connect,
        .xxfi_envfrom = on_mail,
        .xxfi_envrcpt = on_rcpt,
        .xxfi_header = on_header,
        .xxfi_eom = on_end,
        .xxfi_close = on_close,
        .xxfi_negotiate = on_negotiate,
    };

    conf = configuration;
    return smfi_register(description) == MI_SUCCESS ? 0 : -1;
}
