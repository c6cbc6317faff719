/*
 * Theory of operation: a line is built on the stack of its caller and written whole, under one
 * mutex, with a single system call that cannot block: a send to a non-blocking datagram socket, or
 * a write to standard error after poll() has seen room. Room means at least PIPE_BUF bytes on a
 * pipe, and a line is never longer. What the system does not accept is dropped and counted; the
 * count is logged before the next line, and only reset once that was accepted.
 *
 * If standard error leads to systemd's journal ($JOURNAL_STREAM says so, as for sd_journal), a line
 * on it begins with its priority, as the journal reads it.
 */
#include "daemon/common/log.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define SYSLOG_SOCKET "/dev/log"

/* The longest line with everything before it and its line end. */
#define LINE_SIZE ((size_t)PIPE_BUF)

/* Room in LINE_SIZE for "<PRI>Mmm dd hh:mm:ss ", "NAME[PID]: " and the level's prefix. */
#define NAME_SIZE 128
#define TEXT_SIZE (LINE_SIZE - NAME_SIZE - 96)

static struct {
    pthread_mutex_t lock;
    char name[NAME_SIZE];
    bool opened;  /* log_open() has said where lines go */
    bool syslog;  /* after that */
    bool journal; /* standard error is the journal's */
    int facility;
    int socket; /* to SYSLOG_SOCKET, or -1 */
    unsigned long dropped;
} state = {.lock = PTHREAD_MUTEX_INITIALIZER, .facility = LOG_MAIL, .socket = -1};

static int facility_of(const char *word)
{
    static const struct {
        const char *word;
        int facility;
    } table[] = {
        {"auth", LOG_AUTH},     {"authpriv", LOG_AUTHPRIV}, {"cron", LOG_CRON},
        {"daemon", LOG_DAEMON}, {"ftp", LOG_FTP},           {"kern", LOG_KERN},
        {"lpr", LOG_LPR},       {"mail", LOG_MAIL},         {"news", LOG_NEWS},
        {"syslog", LOG_SYSLOG}, {"user", LOG_USER},         {"uucp", LOG_UUCP},
        {"local0", LOG_LOCAL0}, {"local1", LOG_LOCAL1},     {"local2", LOG_LOCAL2},
        {"local3", LOG_LOCAL3}, {"local4", LOG_LOCAL4},     {"local5", LOG_LOCAL5},
        {"local6", LOG_LOCAL6}, {"local7", LOG_LOCAL7},
    };

    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (strcmp(word, table[i].word) == 0) {
            return table[i].facility;
        }
    }
    return LOG_MAIL;
}

static const char *level_prefix(int level)
{
    switch (level) {
    case LOG_CRIT:
        return "fatal: ";
    case LOG_ERR:
        return "error: ";
    case LOG_WARNING:
        return "warning: ";
    default:
        return "";
    }
}

static void disconnect_syslog(void)
{
    if (state.socket >= 0) {
        close(state.socket);
        state.socket = -1;
    }
}

static bool connect_syslog(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = SYSLOG_SOCKET};

    if (state.socket >= 0) {
        return true;
    }
    state.socket = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (state.socket >= 0 &&
        connect(state.socket, (const struct sockaddr *)&address, sizeof address) != 0) {
        disconnect_syslog();
    }
    return state.socket >= 0;
}

/* The format of RFC 3164, as local syslog daemons read it: without a host name. */
static bool send_syslog(int level, const char *text)
{
    char line[LINE_SIZE];
    char when[32];
    time_t now = time(NULL);
    struct tm tm;
    int len;

    strftime(when, sizeof when, "%b %e %H:%M:%S", localtime_r(&now, &tm));
    len = snprintf(line, sizeof line, "<%d>%s %s[%d]: %s%s", state.facility | level, when,
                   state.name, (int)getpid(), level_prefix(level), text);
    /* A restarted syslog daemon has a new socket: the old connection is refused once. */
    for (int tries = 0; tries < 2 && connect_syslog(); tries++) {
        if (send(state.socket, line, (size_t)len, MSG_NOSIGNAL) >= 0) {
            return true;
        }
        if (errno == EAGAIN || errno == ENOBUFS) {
            return false;
        }
        disconnect_syslog();
    }
    return false;
}

/* Writes a whole line, with `head` before the text. */
static bool write_stderr(int level, const char *head, const char *text)
{
    char line[LINE_SIZE];
    char priority[8] = "";
    struct pollfd room = {.fd = STDERR_FILENO, .events = POLLOUT};
    int len;

    if (state.journal) {
        snprintf(priority, sizeof priority, "<%d>", level);
    }
    len = snprintf(line, sizeof line, "%s%s%s\n", priority, head, text);
    if (poll(&room, 1, 0) != 1 || room.revents != POLLOUT) {
        return false;
    }
    return write(STDERR_FILENO, line, (size_t)len) == len;
}

static bool send_stderr(int level, const char *text)
{
    char head[NAME_SIZE + 64];

    snprintf(head, sizeof head, "%s[%d]: %s", state.name, (int)getpid(), level_prefix(level));
    return write_stderr(level, head, text);
}

static bool send_line(int level, const char *text)
{
    return state.syslog ? send_syslog(level, text) : send_stderr(level, text);
}

static bool send_dropped(void)
{
    char text[64];

    if (state.dropped == 0) {
        return true;
    }
    snprintf(text, sizeof text, "%lu log lines dropped", state.dropped);
    if (!send_line(LOG_WARNING, text)) {
        return false;
    }
    state.dropped = 0;
    return true;
}

/* Whether $JOURNAL_STREAM, "DEVICE:INODE", is standard error. */
static bool is_journal(void)
{
    const char *stream = getenv("JOURNAL_STREAM");
    unsigned long long device;
    unsigned long long inode;
    struct stat st;

    return stream != NULL && sscanf(stream, "%20llu:%20llu", &device, &inode) == 2 &&
           fstat(STDERR_FILENO, &st) == 0 && st.st_dev == device && st.st_ino == inode;
}

void log_init(const char *program)
{
    snprintf(state.name, sizeof state.name, "%s", program);
    state.journal = is_journal();
}

void log_answer(void)
{
    state.opened = true;
}

void log_open(const struct conf *conf, const char *program)
{
    pthread_mutex_lock(&state.lock);
    snprintf(state.name, sizeof state.name, "%s", program);
    state.facility = facility_of(conf->log_facility.text);
    state.opened = true;
    state.syslog = conf->log == CONF_LOG_SYSLOG;
    disconnect_syslog();
    pthread_mutex_unlock(&state.lock);
}

static void make_printable(char *text)
{
    for (char *c = text; *c != '\0'; c++) {
        if ((unsigned char)*c < ' ' || *c == 0x7f) {
            *c = '?';
        }
    }
}

void log_line(int level, const char *format, ...)
{
    char text[TEXT_SIZE];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    make_printable(text);
    pthread_mutex_lock(&state.lock);
    if (!send_dropped() || !send_line(level, text)) {
        state.dropped++;
    }
    pthread_mutex_unlock(&state.lock);
}

void log_fatal(const char *format, ...)
{
    char text[TEXT_SIZE];
    va_list args;
    bool said;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    make_printable(text);
    pthread_mutex_lock(&state.lock);
    said = (!state.opened || state.syslog) && send_syslog(LOG_CRIT, text);
    if (!said || !state.journal) {
        (void)write_stderr(LOG_CRIT, "", text);
    }
    pthread_mutex_unlock(&state.lock);
}

int64_t log_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}
