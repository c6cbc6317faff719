#include "daemon/posternctl/selftest/smtpclient.h"

#include "daemon/common/sockaddr.h"
#include "daemon/tls/sslerror.h"
#include "lib/smtp/message.h"

#include <errno.h>
#include <openssl/err.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* The maximum number of lines of one reply. */
#define LINES_MAX 200

/* Milliseconds until a server whose backlog is full is tried again. */
#define BACKLOG_RETRY 50

static int64_t now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static bool fail(struct smtpclient *c, enum smtpclient_trouble trouble, const char *why)
{
    c->trouble = trouble;
    snprintf(c->why, sizeof c->why, "%s", why);
    return false;
}

static bool fail_errno(struct smtpclient *c)
{
    int reason = errno;

    switch (reason) {
    case EACCES:
    case EPERM:
        return fail(c, SMTPCLIENT_DENIED, strerror(reason));
    case EPIPE:
    case ECONNRESET:
        return fail(c, SMTPCLIENT_CLOSED, strerror(reason));
    default:
        return fail(c, SMTPCLIENT_NOBODY, strerror(reason));
    }
}

/* --- waiting -------------------------------------------------------------------------------- */

/* Until the socket is ready for `events`, or the deadline. */
static bool wait_for(struct smtpclient *c, short events, int64_t deadline)
{
    for (;;) {
        struct pollfd p = {.fd = c->fd, .events = events};
        int64_t left = deadline - now_ms();
        int ready = left <= 0 ? 0 : poll(&p, 1, (int)left);

        if (ready > 0) {
            return true;
        }
        if (ready == 0) {
            return fail(c, SMTPCLIENT_TIMEOUT, "timeout");
        }
        if (errno != EINTR) {
            return fail_errno(c);
        }
    }
}

/* After libssl did not finish an operation: waits until it is worth retrying. False: it never will
 * be. */
static bool wait_for_tls(struct smtpclient *c, int64_t deadline)
{
    if ((SSL_get_shutdown(c->ssl) & SSL_RECEIVED_SHUTDOWN) != 0) {
        return fail(c, SMTPCLIENT_CLOSED, "closed");
    }
    if (SSL_want_read(c->ssl)) {
        return wait_for(c, POLLIN, deadline);
    }
    if (SSL_want_write(c->ssl)) {
        return wait_for(c, POLLOUT, deadline);
    }
    return fail(c, SMTPCLIENT_BROKEN, sslerror_words());
}

static int64_t deadline_in(unsigned seconds)
{
    return now_ms() + (int64_t)seconds * 1000;
}

/* --- connecting ----------------------------------------------------------------------------- */

/* connect(), except that a unix-domain socket with a full backlog fails at once, where TCP would
 * wait. */
static int connect_in_turn(int fd, const struct sockaddr_storage *sa, socklen_t len,
                           int64_t deadline)
{
    int result;

    while ((result = connect(fd, (const struct sockaddr *)sa, len)) != 0 && errno == EAGAIN) {
        if (now_ms() >= deadline) {
            errno = EINPROGRESS; /* the wait for it is over at once */
            break;
        }
        (void)poll(NULL, 0, BACKLOG_RETRY);
    }
    return result;
}

bool smtpclient_open(struct smtpclient *c, const struct endpoint *to, unsigned seconds)
{
    int64_t deadline = deadline_in(seconds);
    struct sockaddr_storage sa;
    socklen_t len = sockaddr_from(to, &sa);
    int reason = 0;
    socklen_t reason_len = sizeof reason;

    *c = (struct smtpclient){.fd = -1};
    c->fd = socket(sa.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (c->fd < 0) {
        return fail_errno(c);
    }
    if (connect_in_turn(c->fd, &sa, len, deadline) == 0) {
        return true;
    }
    if (errno != EINPROGRESS) {
        return fail_errno(c);
    }
    if (!wait_for(c, POLLOUT, deadline)) {
        return false;
    }
    if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &reason, &reason_len) != 0 || reason != 0) {
        errno = reason != 0 ? reason : errno;
        return fail_errno(c);
    }
    return true;
}

void smtpclient_close(struct smtpclient *c, unsigned seconds)
{
    struct smtpreply reply;

    if (c->fd >= 0 && c->trouble == SMTPCLIENT_NONE &&
        smtpclient_command(c, "QUIT", &reply, seconds) && c->ssl != NULL) {
        SSL_shutdown(c->ssl);
    }
    ERR_clear_error();
    SSL_free(c->ssl);
    c->ssl = NULL;
    if (c->fd >= 0) {
        close(c->fd);
    }
    c->fd = -1;
}

/* --- bytes ---------------------------------------------------------------------------------- */

bool smtpclient_send(struct smtpclient *c, const void *data, size_t len, unsigned seconds)
{
    int64_t deadline = deadline_in(seconds);
    const char *at = data;

    while (len > 0) {
        size_t put = 0;

        if (c->ssl != NULL) {
            ERR_clear_error();
            if (SSL_write_ex(c->ssl, at, len, &put) != 1 && !wait_for_tls(c, deadline)) {
                return false;
            }
        } else {
            ssize_t sent = send(c->fd, at, len, MSG_NOSIGNAL);

            if (sent < 0 && errno != EAGAIN && errno != EINTR) {
                return fail_errno(c);
            }
            if (sent < 0 && !wait_for(c, POLLOUT, deadline)) {
                return false;
            }
            put = sent < 0 ? 0 : (size_t)sent;
        }
        at += put;
        len -= put;
    }
    return true;
}

/* Reads something more. */
static bool read_more(struct smtpclient *c, int64_t deadline)
{
    for (;;) {
        size_t got = 0;
        ssize_t received;

        if (c->ssl != NULL) {
            ERR_clear_error();
            if (SSL_read_ex(c->ssl, c->in + c->end, sizeof c->in - c->end, &got) == 1) {
                c->end += got;
                return true;
            }
            if (!wait_for_tls(c, deadline)) {
                return false;
            }
            continue;
        }
        received = recv(c->fd, c->in + c->end, sizeof c->in - c->end, 0);
        if (received > 0) {
            c->end += (size_t)received;
            return true;
        }
        if (received == 0) {
            return fail(c, SMTPCLIENT_CLOSED, "closed");
        }
        if (errno != EAGAIN && errno != EINTR) {
            return fail_errno(c);
        }
        if (!wait_for(c, POLLIN, deadline)) {
            return false;
        }
    }
}

/* The next line with its end, good until the next call. */
static bool read_line(struct smtpclient *c, struct bytes *out, int64_t deadline)
{
    for (;;) {
        char *start = c->in + c->start;
        char *end = memchr(start, '\n', c->end - c->start);

        if (end != NULL) {
            *out = bytes_of((const uint8_t *)start, (size_t)(end + 1 - start));
            c->start = (size_t)(end + 1 - c->in);
            return true;
        }
        memmove(c->in, start, c->end - c->start);
        c->end -= c->start;
        c->start = 0;
        if (c->end == sizeof c->in) {
            return fail(c, SMTPCLIENT_BROKEN, "a line is too long");
        }
        if (!read_more(c, deadline)) {
            return false;
        }
    }
}

/* --- SMTP ----------------------------------------------------------------------------------- */

static void copy_printable(char out[SMTPCLIENT_TEXT_SIZE], struct bytes line)
{
    size_t len = 0;

    while (len < line.len && len + 1 < SMTPCLIENT_TEXT_SIZE && line.data[len] != '\r' &&
           line.data[len] != '\n') {
        bool printable = line.data[len] >= 0x20 && line.data[len] < 0x7f;

        out[len] = printable ? (char)line.data[len] : '?';
        len++;
    }
    out[len] = '\0';
}

static unsigned keyword_of(struct bytes text)
{
    static const struct {
        const char *word;
        unsigned bit;
    } words[] = {{"STARTTLS", SMTPCLIENT_STARTTLS},
                 {"AUTH", SMTPCLIENT_AUTH},
                 {"XCLIENT", SMTPCLIENT_XCLIENT},
                 {"XFORWARD", SMTPCLIENT_XFORWARD}};

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (message_is_keyword(text, words[i].word)) {
            return words[i].bit;
        }
    }
    return 0;
}

static bool read_reply(struct smtpclient *c, struct smtpreply *out, int64_t deadline)
{
    for (size_t num = 0; num < LINES_MAX; num++) {
        struct reply_line line;
        struct bytes bytes;

        if (!read_line(c, &bytes, deadline)) {
            return false;
        }
        copy_printable(out->text, bytes);
        if (!message_reply_line(bytes, &line)) {
            return fail(c, SMTPCLIENT_BROKEN, "its reply is not SMTP");
        }
        if (num > 0) {
            out->keywords |= keyword_of(line.text);
        }
        if (line.last) {
            out->code = line.code;
            return true;
        }
    }
    return fail(c, SMTPCLIENT_BROKEN, "a reply is too long");
}

bool smtpclient_reply(struct smtpclient *c, struct smtpreply *out, unsigned seconds)
{
    *out = (struct smtpreply){0};
    return read_reply(c, out, deadline_in(seconds));
}

bool smtpclient_command(struct smtpclient *c, const char *line, struct smtpreply *out,
                        unsigned seconds)
{
    char bytes[1024];
    int len = snprintf(bytes, sizeof bytes, "%s\r\n", line);

    if (len < 0 || (size_t)len >= sizeof bytes) {
        return fail(c, SMTPCLIENT_BROKEN, "the command is too long");
    }
    return smtpclient_send(c, bytes, (size_t)len, seconds) && smtpclient_reply(c, out, seconds);
}

bool smtpclient_tls(struct smtpclient *c, SSL_CTX *ctx, const char *name, SSL_SESSION *resume,
                    unsigned seconds)
{
    int64_t deadline = deadline_in(seconds);
    char host[256]; /* libssl's macro needs one that it may write to */

    ERR_clear_error();
    snprintf(host, sizeof host, "%s", name == NULL ? "" : name);
    c->start = c->end = 0;
    c->ssl = SSL_new(ctx);
    if (c->ssl == NULL || SSL_set_fd(c->ssl, c->fd) != 1 ||
        (name != NULL && SSL_set_tlsext_host_name(c->ssl, host) != 1) ||
        (resume != NULL && SSL_set_session(c->ssl, resume) != 1)) {
        return fail(c, SMTPCLIENT_BROKEN, sslerror_words());
    }
    while (SSL_connect(c->ssl) != 1) {
        if (!wait_for_tls(c, deadline)) {
            return false;
        }
        ERR_clear_error();
    }
    c->secured = true;
    return true;
}
