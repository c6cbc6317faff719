/*
 * Theory of operation: each client has a bufferevent. serve() answers the lines that have come, one
 * after the other, and only while no answer waits to be written: so a client that does not read
 * holds one answer, and its further requests stay in a buffer that takes CONTROL_REQUEST_MAX bytes.
 * It runs when something has come, when all is written, and when the client has ended its
 * direction, after which the rest is answered and the client closed. A client that neither sends
 * nor takes anything for CONTROL_IDLE seconds is closed, too. Who may ask is the file system's to
 * say: the socket belongs to the daemon's user and group.
 */
#include "daemon/posternd/control.h"

#include "daemon/common/log.h"
#include "daemon/common/unixsocket.h"
#include "daemon/posternd/control_request.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event_struct.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

struct client {
    struct control *control; /* borrowed */
    struct client *next;
    struct client **link;
    struct bufferevent *stream; /* owned, with its socket */
    struct ucred caller;
    bool ended; /* sends nothing more */
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
    unsigned num_clients;
};

/* --- clients ------------------------------------------------------------------------------- */

static void client_free(struct client *c)
{
    *c->link = c->next;
    if (c->next != NULL) {
        c->next->link = c->link;
    }
    c->control->num_clients--;
    bufferevent_free(c->stream);
    free(c);
}

/* Answers one line. False if there is no memory for it. */
static bool answer(struct client *c, const char *line, size_t len)
{
    char why[CONTROL_WHY_SIZE];
    char *text = control_answer(bytes_of(line, len), why);
    bool done = text != NULL && bufferevent_write(c->stream, text, strlen(text)) == 0 &&
                bufferevent_write(c->stream, "\n", 1) == 0;

    if (why[0] != '\0') {
        log_line(LOG_WARNING, "control request of uid=%u pid=%d refused: %s", c->caller.uid,
                 (int)c->caller.pid, why);
    }
    free(text);
    return done;
}

/* A line that does not end. What is read of it is thrown away, and nothing more is read. */
static bool refuse_long(struct client *c)
{
    static const char text[] = "{\"error\":\"the request is too long\"}\n";
    struct evbuffer *in = bufferevent_get_input(c->stream);

    c->ended = true;
    return bufferevent_disable(c->stream, EV_READ) == 0 &&
           evbuffer_drain(in, evbuffer_get_length(in)) == 0 &&
           bufferevent_write(c->stream, text, sizeof text - 1) == 0;
}

static bool waits_to_be_written(const struct client *c)
{
    return evbuffer_get_length(bufferevent_get_output(c->stream)) > 0;
}

static void serve(struct client *c)
{
    struct evbuffer *in = bufferevent_get_input(c->stream);
    bool good = true;

    while (good && !waits_to_be_written(c)) {
        size_t len;
        char *line = evbuffer_readln(in, &len, EVBUFFER_EOL_LF);

        if (line == NULL && !c->ended && evbuffer_get_length(in) >= CONTROL_REQUEST_MAX) {
            good = refuse_long(c);
        } else if (line == NULL) {
            good = !c->ended;
            break;
        } else {
            good = answer(c, line, len);
        }
        free(line);
    }
    if (!good) {
        client_free(c);
    }
}

static void on_bytes(struct bufferevent *stream, void *arg)
{
    (void)stream;
    serve(arg);
}

static void on_event(struct bufferevent *stream, short what, void *arg)
{
    struct client *c = arg;

    (void)stream;
    if ((what & BEV_EVENT_EOF) == 0) {
        client_free(c);
        return;
    }
    c->ended = true;
    if (!waits_to_be_written(c)) {
        serve(c);
    }
}

/* --- accepting ----------------------------------------------------------------------------- */

/* The client, owner of `fd`; NULL without memory, and `fd` stays the caller's. */
static struct client *client_new(struct control *control, int fd)
{
    struct client *c = calloc(1, sizeof *c);
    const struct timeval idle = {.tv_sec = CONTROL_IDLE};
    socklen_t len = sizeof c->caller;

    if (c == NULL || getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &c->caller, &len) != 0) {
        free(c);
        return NULL;
    }
    c->stream = bufferevent_socket_new(control->base, fd, BEV_OPT_CLOSE_ON_FREE);
    if (c->stream == NULL) {
        free(c);
        return NULL;
    }
    c->control = control;
    c->next = control->clients;
    c->link = &control->clients;
    if (c->next != NULL) {
        c->next->link = &c->next;
    }
    control->clients = c;
    control->num_clients++;
    bufferevent_setcb(c->stream, on_bytes, on_bytes, on_event, c);
    bufferevent_setwatermark(c->stream, EV_READ, 0, CONTROL_REQUEST_MAX);
    bufferevent_set_timeouts(c->stream, &idle, &idle);
    return c;
}

static void turn_away(int fd)
{
    static const char full[] = "{\"error\":\"too many clients\"}\n";

    (void)!send(fd, full, sizeof full - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
    close(fd);
}

static void take(struct control *control, int fd)
{
    struct client *c;

    if (control->num_clients >= CONTROL_CLIENTS_MAX) {
        turn_away(fd);
        return;
    }
    c = client_new(control, fd);
    if (c == NULL) {
        close(fd);
    } else if (bufferevent_enable(c->stream, EV_READ | EV_WRITE) != 0) {
        client_free(c);
    }
}

static void on_client(evutil_socket_t fd, short what, void *arg)
{
    struct control *control = arg;
    int client = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

    (void)what;
    if (client >= 0) {
        take(control, client);
    } else if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) {
        /* Out of descriptors or memory: to try again at once would spin. */
        log_line(LOG_WARNING, "accept on %s: %s", control->address.sun_path, strerror(errno));
        event_del(&control->accept);
        event_add(&control->pause, &(struct timeval){.tv_sec = 1});
    }
}

static void on_pause_over(evutil_socket_t fd, short what, void *arg)
{
    struct control *control = arg;

    (void)fd;
    (void)what;
    event_add(&control->accept, NULL);
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
    const char *wrong = unixsocket_listen(control->address.sun_path, CONTROL_CLIENTS_MAX,
                                          SOCK_NONBLOCK, &control->fd);
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
    control->address.sun_family = AF_UNIX;
    /* conf has seen that it fits. */
    memcpy(control->address.sun_path, conf->control.text, strlen(conf->control.text));
    wrong = listen_at(control);
    if (wrong == NULL && (event_assign(&control->pause, base, -1, 0, on_pause_over, control) != 0 ||
                          event_assign(&control->accept, base, control->fd, EV_READ | EV_PERSIST,
                                       on_client, control) != 0 ||
                          event_add(&control->accept, NULL) != 0)) {
        wrong = strerror(ENOMEM);
    }
    if (wrong != NULL) {
        fail(conf, error, wrong);
        control_close(control);
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
    while (control->clients != NULL) {
        client_free(control->clients);
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
