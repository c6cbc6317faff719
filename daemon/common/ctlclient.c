#include "daemon/common/ctlclient.h"

#include "daemon/common/jsonline.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

/* Seconds for the whole answer. */
#define ANSWER_TIMEOUT 10

/* The longest answer that is taken: all kept failures need far less. */
#define ANSWER_MAX ((size_t)4 << 20)

static enum ctl_status fail(enum ctl_status status, const struct conf *conf, const char *reason,
                            struct conf_error *error)
{
    snprintf(error->text, sizeof error->text, "%s: %s", conf->control.text, reason);
    return status;
}

static enum ctl_status fail_errno(const struct conf *conf, struct conf_error *error)
{
    int reason = errno;
    char text[128];

    if (reason == EACCES || reason == EPERM) {
        return fail(CTL_REFUSED, conf, strerror(reason), error);
    }
    snprintf(text, sizeof text, "no posternd answers: %s",
             reason == EAGAIN ? "timeout" : strerror(reason));
    return fail(CTL_NOBODY, conf, text, error);
}

/* A connected socket, or -1 with errno. */
static int connect_to(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct timeval timeout = {.tv_sec = ANSWER_TIMEOUT};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    /* conf has seen that it fits. */
    memcpy(address.sun_path, path, strlen(path));
    if (fd >= 0 && (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout) != 0 ||
                    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout) != 0 ||
                    connect(fd, (const struct sockaddr *)&address, sizeof address) != 0)) {
        int reason = errno;

        close(fd);
        errno = reason;
        return -1;
    }
    return fd;
}

static int send_all(int fd, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t put = send(fd, data, len, MSG_NOSIGNAL);

        if (put < 0 && errno != EINTR) {
            return -1;
        }
        data += put > 0 ? put : 0;
        len -= put > 0 ? (size_t)put : 0;
    }
    return 0;
}

static time_t seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec;
}

/* Appends what has come to the line. 0, or -1 with errno. */
static int read_more(int fd, char line[ANSWER_MAX], size_t *len)
{
    ssize_t got;

    if (*len == ANSWER_MAX) {
        errno = EMSGSIZE;
        return -1;
    }
    got = recv(fd, line + *len, ANSWER_MAX - *len, 0);
    if (got == 0) {
        errno = ECONNRESET;
        return -1;
    }
    if (got < 0) {
        return errno == EINTR ? 0 : -1;
    }
    *len += (size_t)got;
    return 0;
}

/* Reads up to the end of the line. 0, or -1 with errno. */
static int read_line(int fd, char line[ANSWER_MAX], size_t *len)
{
    time_t end = seconds() + ANSWER_TIMEOUT;

    *len = 0;
    while (*len == 0 || line[*len - 1] != '\n') {
        if (seconds() > end) {
            errno = EAGAIN;
            return -1;
        }
        if (read_more(fd, line, len) != 0) {
            return -1;
        }
    }
    return 0;
}

static enum ctl_status read_answer(const struct conf *conf, int fd, json_t **answer,
                                   struct conf_error *error)
{
    char *line = malloc(ANSWER_MAX);
    const char *refused;
    size_t len;

    errno = ENOMEM;
    if (line == NULL || read_line(fd, line, &len) != 0) {
        enum ctl_status status = fail_errno(conf, error);

        free(line);
        return status;
    }
    *answer = json_loadb(line, len, 0, NULL);
    free(line);
    if (!json_is_object(*answer)) {
        json_decref(*answer);
        return fail(CTL_NOBODY, conf, "what answered is not posternd", error);
    }
    refused = json_string_value(json_object_get(*answer, "error"));
    if (refused != NULL) {
        (void)fail(CTL_REFUSED, conf, refused, error);
        json_decref(*answer);
        return CTL_REFUSED;
    }
    return CTL_DONE;
}

enum ctl_status ctlclient_ask(const struct conf *conf, json_t *request, json_t **answer,
                              struct conf_error *error)
{
    char *line = jsonline(request);
    enum ctl_status status;
    int fd;

    json_decref(request);
    if (line == NULL) {
        errno = ENOMEM;
        return fail_errno(conf, error);
    }
    if (conf->control.text[0] == '\0') {
        free(line);
        snprintf(error->text, sizeof error->text, "%s: control = \"\": there is no control socket",
                 conf->file);
        return CTL_NOBODY;
    }
    fd = connect_to(conf->control.text);
    /* Who has no time for us has said so and closed, perhaps before we could ask. */
    if (fd < 0 || (send_all(fd, line, strlen(line)) != 0 && errno != EPIPE)) {
        status = fail_errno(conf, error);
    } else {
        status = read_answer(conf, fd, answer, error);
    }
    if (fd >= 0) {
        close(fd);
    }
    free(line);
    return status;
}

static int hex_value(char digit)
{
    static const char digits[] = "0123456789abcdef";
    const char *at = digit == '\0' ? NULL : strchr(digits, digit);

    return at == NULL ? -1 : (int)(at - digits);
}

static bool read_hex(const char *text, uint8_t out[HELLO_SIZE_MAX], size_t *len)
{
    *len = strlen(text) / 2;
    if (strlen(text) % 2 != 0 || *len > HELLO_SIZE_MAX) {
        return false;
    }
    for (size_t i = 0; i < *len; i++) {
        int high = hex_value(text[i * 2]);
        int low = hex_value(text[i * 2 + 1]);

        if (high < 0 || low < 0) {
            return false;
        }
        out[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

enum ctl_status ctlclient_failure_hello(const struct conf *conf, uint64_t id, struct ctl_hello *out,
                                        struct conf_error *error)
{
    json_t *request = json_pack("{s:s, s:I}", "request", "failure", "id", (json_int_t)id);
    json_t *answer;
    enum ctl_status status = ctlclient_ask(conf, request, &answer, error);
    const char *hex;
    const char *listener;

    if (status != CTL_DONE) {
        return status;
    }
    hex = json_string_value(json_object_get(answer, "hello"));
    listener = json_string_value(json_object_get(answer, "listener"));
    out->sslv2 = json_is_true(json_object_get(answer, "sslv2"));
    snprintf(out->listener, sizeof out->listener, "%s", listener == NULL ? "" : listener);
    if (hex == NULL || !read_hex(hex, out->data, &out->len)) {
        status = fail(CTL_NOBODY, conf, "what answered is not posternd", error);
    }
    json_decref(answer);
    return status;
}
