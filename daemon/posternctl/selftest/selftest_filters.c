/*
 * Theory of operation: a milter is tested as Postfix begins with one: both sides say what they can
 * do (SMFIC_OPTNEG of libmilter's protocol), and then it is told to quit. postern's own policy
 * service is sent a request. Other policy services may remember requests, as greylisting does, so
 * selftest only checks whether they accept a connection. Everything is tested as the account of
 * Postfix's processes.
 */
#include "daemon/posternctl/selftest/selftest.h"

#include "daemon/common/privs.h"
#include "daemon/common/sockaddr.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Bounds of questions and answers, and room for texts. */
enum { SEEN_MAX = 64, ADDRESSES_MAX = 4, SPEC_SIZE = 300, ANSWER_SIZE = 512 };

enum kind { MILTER, POLICY_SERVICE };

/* One milter or policy service. */
struct filter {
    enum kind kind;
    bool ours;                /* of postern.conf */
    const char *from;         /* the setting that names it; "smtpd_milters" */
    char spec[SPEC_SIZE];     /* as written there */
    char fallback[SPEC_SIZE]; /* what Postfix does without it, its default_action */
    struct endpoint addresses[ADDRESSES_MAX];
    size_t num;
};

struct filters {
    struct selftest *t;
    struct endpoint seen[SEEN_MAX];
    enum kind kinds[SEEN_MAX];
    size_t num_seen;
};

/* --- speaking with it ----------------------------------------------------------------------- */

static bool open_filter(const struct selftest *t, const struct filter *f, struct smtpclient *c)
{
    struct privs_kept kept;
    bool borrowed = privs_borrow(selftest_mail_owner(t), &kept);
    bool open = false;

    for (size_t i = 0; i < f->num && !open; i++) {
        open = smtpclient_open(c, &f->addresses[i], SELFTEST_CONNECT);
        if (!open && i + 1 < f->num) {
            smtpclient_close(c, 0);
        }
    }
    if (borrowed) {
        privs_return(&kept);
    }
    return open;
}

static time_t seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec;
}

/* Reads at least `least` bytes. NULL, or what is wrong. */
static const char *read_answer(int fd, char *out, size_t size, size_t least)
{
    time_t end = seconds() + SELFTEST_STEP;
    size_t len = 0;

    while (len < least) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        ssize_t got;

        if (seconds() >= end || poll(&p, 1, 1000) < 0) {
            return "it does not answer";
        }
        got = recv(fd, out + len, size - len, 0);
        if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) {
            return "it closes the connection without an answer";
        }
        len += got > 0 ? (size_t)got : 0;
    }
    return NULL;
}

/* What Postfix offers first: version 6, all actions, all steps. NULL, or what is wrong. */
static const char *negotiate(struct smtpclient *c)
{
    static const char offer[] = "\0\0\0\x0dO\0\0\0\x06\0\0\x01\xff\0\x1f\xff\xff";
    static const char quit[] = "\0\0\0\x01Q";
    char answer[ANSWER_SIZE];
    const char *why;

    if (!smtpclient_send(c, offer, sizeof offer - 1, SELFTEST_STEP)) {
        return c->why;
    }
    why = read_answer(c->fd, answer, sizeof answer, 5);
    if (why != NULL) {
        return why;
    }
    (void)!smtpclient_send(c, quit, sizeof quit - 1, SELFTEST_STEP);
    return answer[4] == 'O' ? NULL : "its answer is not in the milter protocol";
}

static const char *request(struct smtpclient *c)
{
    static const char text[] = "request=smtpd_access_policy\nprotocol_state=CONNECT\n\n";
    static const char action[] = "action=";
    char answer[ANSWER_SIZE];
    const char *why;

    if (!smtpclient_send(c, text, sizeof text - 1, SELFTEST_STEP)) {
        return c->why;
    }
    why = read_answer(c->fd, answer, sizeof answer, strlen(action));
    if (why != NULL) {
        return why;
    }
    return strncmp(answer, action, strlen(action)) == 0 ? NULL : "its answer is not an action";
}

/* --- telling of it -------------------------------------------------------------------------- */

/* What happens to mail without it. */
static const char *consequence(const struct filter *f)
{
    static const struct {
        const char *action;
        const char *text;
    } known[] = {{"tempfail", "mail is deferred"},
                 {"accept", "mail bypasses it"},
                 {"reject", "mail is refused"},
                 {"quarantine", "mail is held"},
                 {"shutdown", "clients are disconnected"}};

    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (f->kind == MILTER && strcmp(known[i].action, f->fallback) == 0) {
            return known[i].text;
        }
    }
    return "it does not see the mail";
}

/* A program that Postfix starts itself comes with Postfix; ours is a system service. */
static void write_cure(const struct selftest *t, const struct filter *f, bool hangs,
                       char out[SELFTEST_CURE_SIZE])
{
    struct postconf_service service;

    out[0] = '\0';
    if (f->ours) {
        snprintf(out, SELFTEST_CURE_SIZE, "systemctl %s postern-milter",
                 hangs ? "restart" : "start");
    } else if (!hangs && postconf_known(&t->postfix) &&
               postconf_at(&t->postfix, &f->addresses[0], &service)) {
        selftest_cure_nobody(t, &f->addresses[0], out);
    }
}

/* `why` NULL: it is good. */
static void tell(struct selftest *t, const struct filter *f, const struct smtpclient *c,
                 const char *why, bool hangs)
{
    const char *name = f->kind == MILTER ? "milter" : "policy-service";
    char subject[SELFTEST_SUBJECT_SIZE];
    char address[ADDR_PATH_SIZE + 8];
    char text[SELFTEST_TEXT_SIZE];
    char cure[SELFTEST_CURE_SIZE];

    endpoint_text(&f->addresses[0], address, sizeof address);
    snprintf(subject, sizeof subject, "%s %s", f->kind == MILTER ? "milter" : "policy service",
             address);
    if (why == NULL) {
        selftest_ok(t, name, subject, "%s, of %s",
                    f->kind == MILTER ? "negotiates"
                    : f->ours         ? "answers"
                                      : "accepts connections",
                    f->from);
    } else if (c->trouble == SMTPCLIENT_DENIED && !selftest_connects_as(selftest_mail_owner(t))) {
        selftest_not_checked(t, name, subject, "this account may not connect (%s): run it as root",
                             c->why);
    } else if (c->trouble == SMTPCLIENT_DENIED) {
        selftest_closed(selftest_mail_owner(t), f->addresses[0].path, "postfix reload", text, cure);
        selftest_fault(t, name, subject, cure, "%s: %s (default_action = %s of %s)", text,
                       consequence(f), f->fallback, f->from);
    } else {
        write_cure(t, f, hangs, cure);
        selftest_fault(t, name, subject, cure, "%s: %s (default_action = %s of %s)", why,
                       consequence(f), f->fallback, f->from);
    }
}

static void ask(struct filters *filters, const struct filter *f)
{
    struct selftest *t = filters->t;
    struct smtpclient c;
    char text[SMTPCLIENT_TEXT_SIZE + 32];
    const char *why = NULL;
    bool open = open_filter(t, f, &c);

    if (!open) {
        snprintf(text, sizeof text, "it cannot be reached (%s)", c.why);
        why = text;
    } else if (f->kind == MILTER) {
        why = negotiate(&c);
    } else if (f->ours) {
        why = request(&c);
    }
    tell(t, f, &c, why, open);
    /* Not smtpclient_close(), which would send SMTP's QUIT. */
    c.trouble = SMTPCLIENT_CLOSED;
    smtpclient_close(&c, 0);
}

/* Tests it, unless it has been tested. */
static void ask_once(struct filters *filters, const struct filter *f)
{
    for (size_t i = 0; i < filters->num_seen; i++) {
        if (filters->kinds[i] == f->kind && postfix_same(&filters->seen[i], &f->addresses[0])) {
            return;
        }
    }
    if (filters->num_seen < SEEN_MAX) {
        filters->kinds[filters->num_seen] = f->kind;
        filters->seen[filters->num_seen++] = f->addresses[0];
        ask(filters, f);
    }
}

/* --- where it is ---------------------------------------------------------------------------- */

/* A path of a chrooted service, and one that is relative, begin at the queue directory. */
static void add_path(struct filter *f, const struct postconf *postfix, char chroot,
                     const char *path)
{
    bool below = path[0] != '/' || chroot == 'y';
    struct endpoint *to = &f->addresses[0];
    int len = snprintf(to->path, sizeof to->path, "%s%s%s", below ? postfix->queue : "",
                       below && path[0] != '/' ? "/" : "", path);

    f->num = len > 0 && (size_t)len < sizeof to->path;
}

/* "localhost:11332", "[::1]:11332" */
static void add_hosts(struct filter *f, char *host)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    char *colon = strrchr(host, ':');
    struct addrinfo *found = NULL;

    if (colon == NULL) {
        return;
    }
    *colon = '\0';
    if (host[0] == '[' && colon[-1] == ']') {
        colon[-1] = '\0';
        host++;
    }
    if (getaddrinfo(host, colon + 1, &hints, &found) != 0) {
        return;
    }
    for (const struct addrinfo *a = found; a != NULL && f->num < ADDRESSES_MAX; a = a->ai_next) {
        struct sockaddr_storage sa = {0};

        memcpy(&sa, a->ai_addr, a->ai_addrlen);
        f->addresses[f->num] = (struct endpoint){.ip = sockaddr_to(&sa)};
        f->num += f->addresses[f->num].ip.family != ADDR_NONE;
    }
    freeaddrinfo(found);
}

static void find_addresses(struct filter *f, const struct postconf *postfix, char chroot)
{
    char *colon = strchr(f->spec, ':');
    char rest[SPEC_SIZE];

    if (colon == NULL) {
        return;
    }
    snprintf(rest, sizeof rest, "%s", colon + 1);
    if (strncmp(f->spec, "unix:", 5) == 0 || strncmp(f->spec, "local:", 6) == 0) {
        add_path(f, postfix, chroot, rest);
    } else if (strncmp(f->spec, "inet:", 5) == 0) {
        add_hosts(f, rest);
    }
}

/* --- those of a service --------------------------------------------------------------------- */

/* Takes "inet:[::1]:9" or "{ inet:[::1]:9, default_action=accept }" apart. */
static void read_item(struct filter *f, struct settings_word item)
{
    static const char action[] = "default_action=";
    struct settings_word inner = settings_inner(item);
    char text[SPEC_SIZE];
    const char *rest = text;
    struct settings_word word;

    snprintf(text, sizeof text, "%.*s", (int)inner.len, inner.at);
    word = settings_next_item(&rest);
    snprintf(f->spec, sizeof f->spec, "%.*s", (int)word.len, word.at == NULL ? "" : word.at);
    while ((word = settings_next_item(&rest)).at != NULL) {
        if (word.len > strlen(action) && strncmp(word.at, action, strlen(action)) == 0) {
            snprintf(f->fallback, sizeof f->fallback, "%.*s", (int)(word.len - strlen(action)),
                     word.at + strlen(action));
        }
    }
}

static void ask_item(struct filters *filters, const struct postfix_side *side, enum kind kind,
                     const char *from, struct settings_word item)
{
    struct filter f = {.kind = kind, .from = from};

    snprintf(f.fallback, sizeof f.fallback, "%s",
             settings_get(&side->values, kind == MILTER ? "milter_default_action"
                                                        : "smtpd_policy_service_default_action"));
    read_item(&f, item);
    find_addresses(&f, &filters->t->postfix, side->chroot);
    if (f.num == 0) {
        selftest_not_checked(filters->t, kind == MILTER ? "milter" : "policy-service", from,
                             "%s: its address is not known", f.spec);
    } else {
        ask_once(filters, &f);
    }
}

/* Whether a setting is a list of restrictions, or a class of them. */
static bool is_list(const struct postfix_side *side, const char *name)
{
    static const char suffix[] = "_restrictions";
    size_t len = strlen(name);

    return (len > strlen(suffix) && strcmp(name + len - strlen(suffix), suffix) == 0) ||
           settings_has_word(settings_get(&side->values, "smtpd_restriction_classes"), name);
}

/* What follows each check_policy_service of a list. */
static void ask_policies(struct filters *filters, const struct postfix_side *side,
                         const struct setting *list)
{
    const char *rest = list->value;
    struct settings_word item;

    while ((item = settings_next_item(&rest)).at != NULL) {
        if (settings_is_word(item, "check_policy_service") &&
            (item = settings_next_item(&rest)).at != NULL) {
            ask_item(filters, side, POLICY_SERVICE, list->name, item);
        }
    }
}

static void ask_service(struct filters *filters, const struct postfix_side *side)
{
    static const char milters[] = "smtpd_milters";
    const char *rest = settings_get(&side->values, milters);
    struct settings_word item;

    while ((item = settings_next_item(&rest)).at != NULL) {
        ask_item(filters, side, MILTER, milters, item);
    }
    for (size_t i = 0; i < side->values.num; i++) {
        if (is_list(side, side->values.items[i].name)) {
            ask_policies(filters, side, &side->values.items[i]);
        }
    }
}

/* --- all ------------------------------------------------------------------------------------ */

static void ask_ours(struct filters *filters, enum kind kind, const struct conf_endpoint *address)
{
    const struct conf *conf = filters->t->conf;
    struct filter f = {.kind = kind, .ours = true, .num = 1};
    bool accepts = conf->milter.on_failure == CONF_ON_FAILURE_ACCEPT;

    if (conf->milter.line == 0 || !conf_is_set(address)) {
        return;
    }
    f.from = kind == MILTER ? "milter in postern.conf" : "policy_socket in postern.conf";
    f.addresses[0] = address->endpoint;
    snprintf(f.fallback, sizeof f.fallback, "%s", accepts ? "accept" : "tempfail");
    ask_once(filters, &f);
}

void selftest_filters(struct selftest *t)
{
    struct filters filters = {.t = t};
    const struct conf *conf = t->conf;

    ask_ours(&filters, MILTER, &conf->milter.socket);
    ask_ours(&filters, POLICY_SERVICE, &conf->milter.policy_socket);
    for (size_t b = 0; postconf_known(&t->postfix) && b < conf->num_backends; b++) {
        for (size_t i = 0; i < postfix_num_addresses(&conf->backends[b]); i++) {
            const struct conf_endpoint *address = postfix_address(&conf->backends[b], i);
            struct postconf_service service;
            struct postfix_side side = {0};

            if (!postfix_is_repeated(conf, b, i) &&
                postconf_at(&t->postfix, &address->endpoint, &service) &&
                postfix_side_read(&side, &t->postfix, &service) == 0) {
                ask_service(&filters, &side);
            }
            postfix_side_free(&side);
        }
    }
}
