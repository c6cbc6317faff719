#include "daemon/posternd/notify.h"

#include "daemon/common/environment.h"
#include "daemon/common/log.h"
#include "lib/base/pace.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

/* Room for a message of all that is ever said at once. */
enum { MESSAGE_SIZE = 512 };

static struct {
    struct sockaddr_un address;
    socklen_t address_len; /* 0: nobody is told anything */
    unsigned watchdog_ms;  /* 0: nobody waits for it */
    bool deaf;             /* the last message found no room */
    struct pace failures;
} state;

static uint64_t microseconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* A path, or with '@' a name in the abstract namespace. */
static void read_address(void)
{
    const char *text = getenv("NOTIFY_SOCKET");
    size_t len;

    if (text == NULL) {
        return;
    }
    len = strlen(text);
    if ((text[0] != '/' && text[0] != '@') || text[1] == '\0' ||
        len >= sizeof state.address.sun_path) {
        log_line(LOG_WARNING, "NOTIFY_SOCKET is no address of a socket: ignored");
        return;
    }
    state.address.sun_family = AF_UNIX;
    memcpy(state.address.sun_path, text, len);
    if (text[0] == '@') {
        state.address.sun_path[0] = '\0';
    }
    state.address_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
}

static void read_watchdog(void)
{
    uint64_t wait = 0;
    uint64_t pid;

    if ((getenv("WATCHDOG_PID") != NULL &&
         (!environment_number("WATCHDOG_PID", INT32_MAX, &pid) || pid != (uint64_t)getpid())) ||
        !environment_number("WATCHDOG_USEC", INT64_MAX, &wait)) {
        return;
    }
    wait /= 1000;
    state.watchdog_ms = wait < INT32_MAX ? (unsigned)wait : INT32_MAX;
}

void notify_open(void)
{
    read_address();
    if (state.address_len > 0) {
        read_watchdog();
    }
    unsetenv("NOTIFY_SOCKET");
    unsetenv("WATCHDOG_USEC");
    unsetenv("WATCHDOG_PID");
}

/* The message, with a copy of `fd` unless that is -1. 0, or -1 with errno. */
static int send_once(int to, const char *text, int fd)
{
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(sizeof(int))];
    } control = {0};
    /* sendmsg() does not write to it. */
    struct iovec part = {.iov_base = (void *)(uintptr_t)text, .iov_len = strlen(text)};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};

    if (fd >= 0) {
        message.msg_control = control.room;
        message.msg_controllen = sizeof control.room;
        control.header.cmsg_level = SOL_SOCKET;
        control.header.cmsg_type = SCM_RIGHTS;
        control.header.cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(&control.header), &fd, sizeof fd);
    }
    return sendmsg(to, &message, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0 ? 0 : -1;
}

/* 0, or -1 with errno. */
static int send_with(int to, const char *text, int fd)
{
    struct pollfd room = {.fd = to, .events = POLLOUT};
    int result;

    if (connect(to, (const struct sockaddr *)&state.address, state.address_len) != 0) {
        return -1;
    }
    result = send_once(to, text, fd);
    if (result != 0 && errno == EAGAIN && !state.deaf) {
        (void)poll(&room, 1, NOTIFY_WAIT_MS);
        result = send_once(to, text, fd);
    }
    state.deaf = result != 0 && errno == EAGAIN;
    return result;
}

static void say(const char *text, int fd)
{
    int result = -1;
    int to;

    if (state.address_len == 0) {
        return;
    }
    to = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (to >= 0) {
        result = send_with(to, text, fd);
    }
    if (result != 0 && pace_note(&state.failures, 1, log_now()) > 0) {
        log_line(LOG_WARNING, "cannot tell the supervisor %.*s: %s", (int)strcspn(text, "\n"), text,
                 strerror(errno));
    }
    if (to >= 0) {
        close(to);
    }
}

void notify_ready(void)
{
    say("READY=1", -1);
}

void notify_reloading(void)
{
    char text[MESSAGE_SIZE];

    snprintf(text, sizeof text, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64, microseconds());
    say(text, -1);
}

void notify_stopping(void)
{
    say("STOPPING=1", -1);
}

void notify_extend(unsigned seconds)
{
    char text[MESSAGE_SIZE];

    snprintf(text, sizeof text, "EXTEND_TIMEOUT_USEC=%u000000", seconds);
    say(text, -1);
}

void notify_watchdog(void)
{
    say("WATCHDOG=1", -1);
}

unsigned notify_watchdog_limit(void)
{
    return state.watchdog_ms;
}

void notify_status(const char *text)
{
    char message[MESSAGE_SIZE];
    size_t len = (size_t)snprintf(message, sizeof message, "STATUS=%s", text);

    for (size_t i = 0; i < len && i < sizeof message; i++) {
        if (message[i] == '\n') {
            message[i] = ' ';
        }
    }
    say(message, -1);
}

bool notify_is_open(void)
{
    return state.address_len != 0;
}

void notify_store(int fd, const char *name)
{
    char text[MESSAGE_SIZE];

    /* Without FDPOLL=0 the supervisor itself would decide when a descriptor is of no more use. */
    snprintf(text, sizeof text, "FDSTORE=1\nFDNAME=%s\nFDPOLL=0", name);
    say(text, fd);
}

void notify_remove(const char *name)
{
    char text[MESSAGE_SIZE];

    if (name[0] != '\0') {
        snprintf(text, sizeof text, "FDSTOREREMOVE=1\nFDNAME=%s", name);
        say(text, -1);
    }
}
