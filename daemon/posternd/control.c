/*
 * Theory of operation: each client has one event. It waits for the client to send, with room for
 * one request of CTLPROTOCOL_REQUEST_MAX bytes, or, as long as an answer is not written whole, for
 * the client to read; never for both. So a client that does not read holds one answer, and its
 * further requests stay where they are. serve() answers the lines that have arrived, one by one, a
 * few in a turn, so that a client with many requests does not keep the others waiting; when the
 * client has ended its direction, it answers the rest and closes. A client that neither sends nor
 * reads anything for CTLPROTOCOL_IDLE seconds is also closed. The file system decides who may ask:
 * the socket belongs to the daemon's user and group. Each permitted user has a share; a new client
 * always gets a place, if necessary that of the one that shares_enter() names, which is closed
 * without a message: that would be taken for the answer to the next question.
 *
 * A step that has no memory closes its client and nothing else. That is why there is no bufferevent
 * here: those of libevent 2.1 end the process when the memory for the callback of a watermark is
 * missing.
 */
#include "daemon/posternd/control.h"

#include "daemon/common/ctlprotocol.h"
#include "daemon/common/log.h"
#include "daemon/common/privs.h"
#include "daemon/common/unixsocket.h"
#include "daemon/posternd/control_request.h"
#include "daemon/posternd/descriptors.h"
#include "daemon/posternd/thread.h"
#include "lib/base/pace.h"
#include "lib/base/text.h"

#include <assert.h>
#include <errno.h>
#include <event2/event_struct.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* How many clients are accepted before the existing ones get their turn. */
enum { ACCEPT_BATCH = 16 };

/* How many answers one client gets before the others get their turn. */
enum { ANSWER_BATCH = 16 };

struct client {
    struct shares_place place; /* first: what shares.c names is a client */
    struct reload_waiter
        waiter;              /* while its answer waits for a reload, it waits for nothing else */
    struct control *control; /* borrowed */
    struct client *next;
    struct client **link;
    int fd; /* owned */
    struct event event;
    struct ucred caller;
    bool ended; /* sends nothing more */
    char in[CTLPROTOCOL_REQUEST_MAX];
    size_t in_start; /* what is answered */
    size_t in_end;   /* what has arrived */
    char *out;       /* owned: an answer that is not written whole, or NULL */
    size_t out_len;
    size_t out_sent;
};

struct control {
    struct event_base *base; /* borrowed */
    struct sockaddr_un address;
    int fd;              /* owned */
    dev_t device;        /* of the socket's file, when it was made */
    ino_t inode;         /* ... */
    struct event accept; /* pending but while accepting pauses */
    struct event pause;
    struct client *clients; /* owned */
    struct shares shares;
    struct pace refusals; /* of lines about refused requests, */
    struct pace pauses;   /* ... and about pauses in accepting */
};

/* --- clients ------------------------------------------------------------------------------- */

static void client_free(struct client *c)
{
    *c->link = c->next;
    if (c->next != NULL) {
        c->next->link = c->link;
    }
    shares_leave(&c->control->shares, &c->place);
    reload_cancel(&c->waiter);
    event_del(&c->event);
    close(c->fd);
    free(c->out);
    free(c);
}

static void log_refusal(const struct client *c, const char *why)
{
    unsigned times = pace_note(&c->control->refusals, CONTROL_REFUSALS_MAX, thread_now());
    char more[32];
    struct text t = text_in(more, sizeof more);

    if (times > 1) {
        text_addf(&t, " times=%u", times);
    }
    if (times > 0) {
        log_line(LOG_WARNING, "control request from uid=%u pid=%d refused: %s%s", c->caller.uid,
                 (int)c->caller.pid, why, more);
    }
}

static void on_ready(evutil_socket_t fd, short what, void *arg);

/* Waits for `what`, EV_READ or EV_WRITE. False if there is no memory for it. */
static bool wait_for(struct client *c, short what)
{
    const struct timeval idle = {.tv_sec = CTLPROTOCOL_IDLE};

    return event_assign(&c->event, c->control->base, c->fd, what, on_ready, c) == 0 &&
           event_add(&c->event, &idle) == 0;
}

/* Reads once. False if the client is gone. */
static bool fill(struct client *c)
{
    ssize_t got;

    c->in_end -= c->in_start;
    memmove(c->in, c->in + c->in_start, c->in_end);
    c->in_start = 0;
    got = recv(c->fd, c->in + c->in_end, sizeof c->in - c->in_end, 0);
    if (got < 0) {
        return errno == EAGAIN || errno == EINTR;
    }
    c->in_end += (size_t)got;
    c->ended = got == 0;
    return true;
}

/* Writes what the client accepts. False if it is gone. */
static bool flush(struct client *c)
{
    while (c->out_sent < c->out_len) {
        ssize_t put = send(c->fd, c->out + c->out_sent, c->out_len - c->out_sent, MSG_NOSIGNAL);

        if (put < 0 && errno != EINTR) {
            return errno == EAGAIN;
        }
        c->out_sent += put > 0 ? (size_t)put : 0;
    }
    free(c->out);
    c->out = NULL;
    c->out_len = 0;
    c->out_sent = 0;
    return true;
}

/* Begins to write a line, and takes ownership of it. False if there is none. */
static bool say(struct client *c, char *line)
{
    if (line == NULL) {
        return false;
    }
    c->out = line;
    c->out_len = strlen(line);
    return true;
}

/* Answers the next line, which ends at `end`, or lets it wait for a reload. False if there is no
 * memory for it. */
static bool answer(struct client *c, const char *end)
{
    const char *line = c->in + c->in_start;
    struct control_caller caller = {.uid = c->caller.uid, .waiter = &c->waiter};
    char why[CONTROL_WHY_SIZE];
    char *said = control_answer(bytes_of(line, (size_t)(end - line)), &caller, why);

    shares_spoke(&c->control->shares, &c->place);
    if (why[0] != '\0') {
        log_refusal(c, why);
    }
    c->in_start = (size_t)(end + 1 - c->in);
    return caller.waits || say(c, said);
}

/* A line without an end. What was read of it is discarded, and nothing more is read. */
static bool refuse_long(struct client *c)
{
    c->ended = true;
    c->in_start = c->in_end;
    return say(c, strdup("{\"error\":\"the request is too long\"}\n"));
}

/* Answers what can be answered in this turn, and waits for the next or for more. False if the
 * client is done with. */
static bool serve(struct client *c)
{
    for (int answers = 0; flush(c); answers++) {
        size_t waiting = c->in_end - c->in_start;
        const char *end = memchr(c->in + c->in_start, '\n', waiting);
        bool good;

        if (c->out != NULL || answers == ANSWER_BATCH) {
            return wait_for(c, EV_WRITE);
        }
        if (end != NULL) {
            good = answer(c, end);
        } else if (c->ended) {
            return false;
        } else if (waiting == sizeof c->in) {
            good = refuse_long(c);
        } else {
            return wait_for(c, EV_READ);
        }
        if (!good) {
            return false;
        }
        if (c->waiter.waits) {
            return true;
        }
    }
    return false;
}

static void on_ready(evutil_socket_t fd, short what, void *arg)
{
    struct client *c = arg;

    (void)fd;
    if ((what & EV_TIMEOUT) != 0 || ((what & EV_READ) != 0 && !fill(c)) || !serve(c)) {
        client_free(c);
    }
}

static void on_reload_done(struct reload_waiter *waiter, const struct reload_result *result)
{
    struct client *c = (struct client *)((char *)waiter - offsetof(struct client, waiter));

    if (!say(c, control_answer_reload(result)) || !serve(c)) {
        client_free(c);
    }
}

/* --- accepting ----------------------------------------------------------------------------- */

/* A client has lost its place. */
static void end_client(struct client *c, unsigned times)
{
    if (times > 0) {
        log_line(LOG_WARNING,
                 "control: too many clients: closing the one of uid=%u silent for longest, "
                 "pid=%d times=%u",
                 c->caller.uid, (int)c->caller.pid, times);
    }
    client_free(c);
}

/* Puts the client among the others. */
static void enlist(struct control *control, struct client *c)
{
    struct shares_answer entered =
        shares_enter(&control->shares, &c->place, c->caller.uid, thread_now());

    c->next = control->clients;
    c->link = &control->clients;
    if (c->next != NULL) {
        c->next->link = &c->next;
    }
    control->clients = c;
    if (entered.ended != NULL) {
        end_client((struct client *)entered.ended, entered.say);
    }
}

/* The client of `caller`, owner of `fd`. False without memory, and `fd` stays the caller's. */
static bool client_new(struct control *control, int fd, const struct ucred *caller)
{
    struct client *c = calloc(1, sizeof *c);

    if (c == NULL) {
        return false;
    }
    c->control = control;
    c->waiter.done = on_reload_done;
    c->fd = fd;
    c->caller = *caller;
    if (!wait_for(c, EV_READ)) {
        free(c);
        return false;
    }
    enlist(control, c);
    return true;
}

/* `kept`: the descriptor is one of those that are reserved for users with a share of their own. */
static void take(struct control *control, int fd, bool kept)
{
    struct ucred caller;
    socklen_t len = sizeof caller;

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &caller, &len) != 0 ||
        (kept && !shares_is_owner(&control->shares, caller.uid)) ||
        !client_new(control, fd, &caller)) {
        close(fd);
    }
}

/* Out of descriptors or memory: retrying immediately would spin. */
static void pause_accepting(struct control *control, int error)
{
    if (pace_note(&control->pauses, 1, thread_now()) > 0) {
        log_line(LOG_WARNING, "accept on %s: %s: new clients wait", control->address.sun_path,
                 strerror(error));
    }
    /* Without memory for the pause, it spins rather than never accept again. */
    if (event_add(&control->pause, &(struct timeval){.tv_sec = 1}) == 0) {
        event_del(&control->accept);
    }
}

static void on_clients(evutil_socket_t fd, short what, void *arg)
{
    struct control *control = arg;

    (void)what;
    for (int i = 0; i < ACCEPT_BATCH; i++) {
        int client = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        bool kept = client < 0 && errno == EMFILE;

        if (kept) {
            client = descriptors_accept(fd);
        }
        if (client >= 0) {
            take(control, client, kept);
        } else if (errno != EINTR && errno != ECONNABORTED) {
            if (errno != EAGAIN) {
                pause_accepting(control, errno);
            }
            return;
        }
    }
}

static void on_pause_over(evutil_socket_t fd, short what, void *arg)
{
    struct control *control = arg;

    (void)fd;
    (void)what;
    if (event_add(&control->accept, NULL) != 0) {
        pause_accepting(control, ENOMEM);
    }
}

/* --- the socket ---------------------------------------------------------------------------- */

static int fail(const struct conf *conf, struct conf_error *error, const char *reason)
{
    return conf_fail(error, conf, conf->control.line, "control: cannot listen on %s: %s",
                     conf->control.text, reason);
}

/* NULL, or what went wrong. */
static const char *listen_at(struct control *control)
{
    const char *wrong =
        unixsocket_listen(control->address.sun_path, SOMAXCONN, SOCK_NONBLOCK, &control->fd);
    struct stat st;

    if (wrong != NULL) {
        return wrong;
    }
    if (lstat(control->address.sun_path, &st) != 0) {
        return strerror(errno);
    }
    control->device = st.st_dev;
    control->inode = st.st_ino;
    return NULL;
}

/* The users with a share of their own. A program that mail or the administrator depends on gets its
 * row here. 0, or -1 with `*error`. */
static int share_out(struct control *control, const struct conf *conf, struct conf_error *error)
{
    uint32_t owners[] = {0, geteuid(), geteuid()};
    uid_t milter;

    static_assert(sizeof owners / sizeof owners[0] <= SHARES_OWNERS_MAX,
                  "more shares than there are");
    if (conf->milter.user.text[0] != '\0') {
        if (privs_find_user(conf, &conf->milter.user, &milter, error) != 0) {
            return -1;
        }
        owners[2] = milter;
    }
    shares_init(&control->shares, owners, sizeof owners / sizeof owners[0]);
    return 0;
}

int control_open(struct control **out, const struct conf *conf, struct event_base *base,
                 struct conf_error *error)
{
    struct control *control;
    const char *wrong;

    *out = NULL;
    if (conf->control.text[0] == '\0') {
        return 0;
    }
    control = calloc(1, sizeof *control);
    if (control == NULL) {
        return fail(conf, error, strerror(ENOMEM));
    }
    control->base = base;
    control->fd = -1;
    if (share_out(control, conf, error) != 0) {
        free(control);
        return -1;
    }
    control->address.sun_family = AF_UNIX;
    /* conf has checked that it fits. */
    memcpy(control->address.sun_path, conf->control.text, strlen(conf->control.text));
    wrong = listen_at(control);
    if (wrong == NULL && (event_assign(&control->pause, base, -1, 0, on_pause_over, control) != 0 ||
                          event_assign(&control->accept, base, control->fd, EV_READ | EV_PERSIST,
                                       on_clients, control) != 0 ||
                          event_add(&control->accept, NULL) != 0)) {
        wrong = strerror(ENOMEM);
    }
    if (wrong != NULL) {
        int reason = errno;

        fail(conf, error, wrong);
        control_close(control);
        errno = reason;
        return -1;
    }
    *out = control;
    return 0;
}

void control_close(struct control *control)
{
    struct stat st;

    if (control == NULL) {
        return;
    }
    for (struct client *c = control->clients, *next; c != NULL; c = next) {
        next = c->next;
        client_free(c);
    }
    if (event_initialized(&control->accept)) {
        event_del(&control->accept);
        event_del(&control->pause);
    }
    if (control->fd >= 0) {
        close(control->fd);
    }
    if (control->inode != 0 && lstat(control->address.sun_path, &st) == 0 &&
        st.st_dev == control->device && st.st_ino == control->inode) {
        unlink(control->address.sun_path);
    }
    free(control);
}
