#include "daemon/posternd/inherited.h"

#include "daemon/common/environment.h"
#include "daemon/common/log.h"
#include "daemon/common/sockaddr.h"
#include "lib/base/text.h"
#include "lib/net/passed.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The first descriptor that is passed: SD_LISTEN_FDS_START. */
enum { FIRST = 3 };

enum kind {
    LISTENER,
    LEFT, /* was one */
    TICKETS,
    FOREIGN,
};

struct descriptor {
    int fd; /* owned; -1: taken, or closed */
    enum kind kind;
    const char *why;             /* static; what is wrong with it, if it is foreign */
    struct addr at;              /* what a listening socket is bound to */
    ino_t inode;                 /* the same for two descriptors of one socket */
    char name[PASSED_NAME_SIZE]; /* under which it is stored, or came */
    bool own;                    /* the name is of our kind, and nothing else has it */
};

static struct {
    struct descriptor *items; /* owned */
    size_t num;
    uint64_t serial; /* the largest in a name */
} state;

static int option_of(int fd, int level, int name)
{
    int value = 0;
    socklen_t len = sizeof value;

    return getsockopt(fd, level, name, &value, &len) == 0 ? value : 0;
}

/* NULL, or why it is not a listening socket that posternd could have made. */
static const char *unfit(int fd, const struct addr *at)
{
    if (at->family == ADDR_NONE || option_of(fd, SOL_SOCKET, SO_TYPE) != SOCK_STREAM) {
        return "not a TCP socket";
    }
    if (option_of(fd, SOL_SOCKET, SO_ACCEPTCONN) == 0) {
        return "not a listening socket";
    }
    if (at->family == ADDR_IPV6 && option_of(fd, IPPROTO_IPV6, IPV6_V6ONLY) == 0) {
        return "it also takes IPv4: its socket unit needs BindIPv6Only=ipv6-only";
    }
    return NULL;
}

/* What it is. Only memory has seals. */
static void sort(struct descriptor *d, mode_t mode)
{
    d->kind = FOREIGN;
    d->why = "not a socket";
    if (S_ISSOCK(mode)) {
        d->at = sockaddr_local(d->fd);
        d->why = unfit(d->fd, &d->at);
        d->kind = d->why == NULL ? LISTENER : FOREIGN;
        if (d->kind == LISTENER &&
            option_of(d->fd, SOL_SOCKET, SO_BINDTOIFINDEX) == INHERITED_LEFT) {
            d->kind = LEFT;
            d->why = "an earlier posternd has left its address: its socket unit needs a restart";
        }
    } else if (strcmp(d->name, INHERITED_TICKETS) == 0 && fcntl(d->fd, F_GET_SEALS) >= 0) {
        d->kind = TICKETS;
    }
}

/* An entry before this one that is the same socket. */
static struct descriptor *twin_of(const struct descriptor *d)
{
    for (struct descriptor *other = state.items; other < d; other++) {
        if (other->fd >= 0 && other->kind == LISTENER && other->inode == d->inode) {
            return other;
        }
    }
    return NULL;
}

static bool name_is_taken(const struct descriptor *d)
{
    for (const struct descriptor *other = state.items; other < d; other++) {
        if (other->fd >= 0 && strcmp(other->name, d->name) == 0) {
            return true;
        }
    }
    return false;
}

/* A socket that came from a socket unit and from the store has the name that it has there. */
static void note_name(struct descriptor *d)
{
    struct descriptor *twin = twin_of(d);
    uint64_t serial;

    d->own = passed_serial(d->name, &serial) && !name_is_taken(d);
    if (d->own && serial > state.serial) {
        state.serial = serial;
    }
    if (twin == NULL) {
        return;
    }
    if (d->own && !twin->own) {
        text_copy(twin->name, sizeof twin->name, d->name);
        twin->own = true;
    }
    close(d->fd);
    d->fd = -1;
}

static void take(int fd, const char *name)
{
    struct descriptor *d = &state.items[state.num];
    struct stat st;
    int flags = fcntl(fd, F_GETFL);

    if (flags < 0 || fstat(fd, &st) != 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) != 0) {
        log_line(LOG_WARNING, "descriptor %d from the supervisor: %s: ignored", fd,
                 strerror(errno));
        return;
    }
    *d = (struct descriptor){.fd = fd, .inode = st.st_ino};
    text_copy(d->name, sizeof d->name, name);
    sort(d, st.st_mode);
    state.num++;
    if (d->kind == LISTENER) {
        (void)fcntl(fd, F_SETFL, flags | O_NONBLOCK);
        note_name(d);
    }
}

/* Names may be missing. */
static void take_all(size_t num)
{
    const char *names = getenv("LISTEN_FDNAMES");
    char name[PASSED_NAME_SIZE];

    if (names == NULL) {
        names = "";
    }
    for (size_t i = 0; i < num; i++) {
        passed_name(&names, name);
        take(FIRST + (int)i, name);
    }
}

void inherited_open(void)
{
    uint64_t pid;
    uint64_t num;

    /* Meant for this process, not for one that has started it. */
    if (environment_number("LISTEN_PID", INT32_MAX, &pid) && pid == (uint64_t)getpid() &&
        environment_number("LISTEN_FDS", INHERITED_MAX, &num) && num > 0) {
        state.items = calloc(num, sizeof *state.items);
        if (state.items == NULL) {
            log_line(LOG_WARNING, "descriptors from the supervisor: %s", strerror(errno));
        } else {
            take_all(num);
        }
    }
    unsetenv("LISTEN_PID");
    unsetenv("LISTEN_FDS");
    unsetenv("LISTEN_FDNAMES");
}

int inherited_listener(const struct addr *at, char name[NOTIFY_NAME_SIZE])
{
    for (struct descriptor *d = state.items; d < state.items + state.num; d++) {
        if (d->fd >= 0 && d->kind == LISTENER && addr_equal(&d->at, at)) {
            int fd = d->fd;

            if (d->own) {
                text_copy(name, NOTIFY_NAME_SIZE, d->name);
            } else {
                notify_remove(d->name);
                inherited_new_name(name);
            }
            d->fd = -1;
            return fd;
        }
    }
    return -1;
}

bool inherited_has_port(uint16_t port)
{
    for (const struct descriptor *d = state.items; d < state.items + state.num; d++) {
        if (d->fd >= 0 && (d->kind == LISTENER || d->kind == LEFT) && d->at.port == port) {
            return true;
        }
    }
    return false;
}

int inherited_tickets(void)
{
    for (struct descriptor *d = state.items; d < state.items + state.num; d++) {
        if (d->fd >= 0 && d->kind == TICKETS) {
            int fd = d->fd;

            d->fd = -1;
            return fd;
        }
    }
    return -1;
}

void inherited_close(void)
{
    for (struct descriptor *d = state.items; d < state.items + state.num; d++) {
        char text[ADDR_TEXT_SIZE];

        if (d->fd < 0) {
            continue;
        }
        if (d->kind == LISTENER) {
            log_line(LOG_WARNING, "closing [%s]:%u from the supervisor: no listener has it",
                     addr_text(&d->at, text), d->at.port);
        } else {
            log_line(LOG_WARNING, "closing descriptor \"%s\" from the supervisor: %s", d->name,
                     d->kind == TICKETS ? "a second one" : d->why);
        }
        notify_remove(d->name);
        close(d->fd);
    }
    free(state.items);
    state.items = NULL;
    state.num = 0;
}

void inherited_new_name(char name[NOTIFY_NAME_SIZE])
{
    state.serial++;
    passed_listener_name(state.serial, name, NOTIFY_NAME_SIZE);
}
