/*
 * Theory of operation: there are LOOKUP_CONNECTIONS slots. A question takes a free one, waiting for
 * it if need be, sends its line, reads one line and gives the slot back. A connection stays open
 * for the next question; posternd closes one that is idle, so one that was used before and turns
 * out to be closed is made anew, once, and the question put again: no question changes anything
 * that matters. All of it has to be done at one deadline. A connection that was not answered in
 * time is closed: the answer might come for the next question.
 */
#include "daemon/postern-milter/lookup.h"

#include "daemon/common/jsonline.h"
#include "daemon/common/log.h"
#include "daemon/common/sockaddr.h"
#include "lib/admin/logline.h"
#include "lib/base/pace.h"
#include "lib/net/hostname.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* The longest answer, with its line end. */
#define ANSWER_MAX 65536

/* One connection, whose owner is the question that has taken it. */
struct slot {
    int fd; /* -1: not connected */
    bool taken;
};

static struct {
    const struct conf *conf; /* borrowed */
    pthread_mutex_t lock;    /* for all below */
    pthread_cond_t freed;
    struct slot slots[LOOKUP_CONNECTIONS];
    struct bound silent; /* the last question was not answered, */
    int error;           /* ... and why one was not */
} state;

void lookup_init(const struct conf *conf)
{
    pthread_condattr_t attributes;

    state.conf = conf;
    pthread_mutex_init(&state.lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&state.freed, &attributes);
    pthread_condattr_destroy(&attributes);
    for (size_t i = 0; i < LOOKUP_CONNECTIONS; i++) {
        state.slots[i] = (struct slot){.fd = -1};
    }
}

/* --- time ---------------------------------------------------------------------------------- */

static struct timespec deadline_from_now(void)
{
    struct timespec at;

    clock_gettime(CLOCK_MONOTONIC, &at);
    at.tv_sec += LOOKUP_TIMEOUT_MS / 1000;
    at.tv_nsec += LOOKUP_TIMEOUT_MS % 1000 * 1000000L;
    if (at.tv_nsec >= 1000000000L) {
        at.tv_sec++;
        at.tv_nsec -= 1000000000L;
    }
    return at;
}

/* What is left of the time, 0 at least. */
static long ms_until(const struct timespec *deadline)
{
    struct timespec now;
    long left;

    clock_gettime(CLOCK_MONOTONIC, &now);
    left = (deadline->tv_sec - now.tv_sec) * 1000 + (deadline->tv_nsec - now.tv_nsec) / 1000000;
    return left > 0 ? left : 0;
}

/* Waits until the socket is ready. 0, or -1 with errno. */
static int wait_for(int fd, short events, const struct timespec *deadline)
{
    struct pollfd ready = {.fd = fd, .events = events};
    int num;

    do {
        num = poll(&ready, 1, (int)ms_until(deadline));
    } while (num < 0 && errno == EINTR);
    if (num == 0) {
        errno = ETIMEDOUT;
    }
    return num > 0 ? 0 : -1;
}

/* --- slots --------------------------------------------------------------------------------- */

/* A slot of one's own, or NULL with errno. */
static struct slot *take_slot(const struct timespec *deadline)
{
    struct slot *found = NULL;
    int error = 0;

    pthread_mutex_lock(&state.lock);
    while (found == NULL && error == 0) {
        for (size_t i = 0; i < LOOKUP_CONNECTIONS && found == NULL; i++) {
            found = state.slots[i].taken ? NULL : &state.slots[i];
        }
        if (found == NULL) {
            error = pthread_cond_timedwait(&state.freed, &state.lock, deadline);
        }
    }
    if (found != NULL) {
        found->taken = true;
    }
    pthread_mutex_unlock(&state.lock);
    errno = error;
    return found;
}

static void give_slot(struct slot *slot)
{
    pthread_mutex_lock(&state.lock);
    slot->taken = false;
    pthread_cond_signal(&state.freed);
    pthread_mutex_unlock(&state.lock);
}

static void disconnect(struct slot *slot)
{
    int error = errno;

    if (slot->fd >= 0) {
        close(slot->fd);
        slot->fd = -1;
    }
    errno = error;
}

/* With the lock, so that the lines stand in the order of what they tell. */
static void tell(void)
{
    struct bound_news news = bound_news(&state.silent, log_now());
    char times[32];
    struct text t = text_in(times, sizeof times);

    logline_times(&t, news);
    if (news.line == BOUND_CROSSED) {
        log_line(LOG_WARNING, "posternd does not answer on %s: %s%s", state.conf->control.text,
                 strerror(state.error), times);
    } else if (news.line == BOUND_LEFT) {
        log_line(LOG_INFO, "posternd answers again on %s%s", state.conf->control.text, times);
    }
}

/* Says that posternd is silent, and that it is not any more. */
static void note(bool silent, int error)
{
    pthread_mutex_lock(&state.lock);
    bound_set(&state.silent, silent);
    state.error = silent ? error : state.error;
    tell();
    pthread_mutex_unlock(&state.lock);
}

void lookup_tell_withheld(void)
{
    pthread_mutex_lock(&state.lock);
    tell();
    pthread_mutex_unlock(&state.lock);
}

/* --- talking ------------------------------------------------------------------------------- */

/* 0, or -1 with errno. A full backlog of the daemon's socket is waited for: somebody else may have
 * filled it for a moment. */
static int connect_slot(struct slot *slot, const struct timespec *deadline)
{
    long left = ms_until(deadline);
    struct timeval wait = {.tv_sec = left / 1000, .tv_usec = left % 1000 * 1000 + 1};
    struct endpoint to = {0};
    struct sockaddr_storage sa = {0};
    socklen_t len;

    snprintf(to.path, sizeof to.path, "%s", state.conf->control.text);
    len = sockaddr_from(&to, &sa);
    slot->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (slot->fd >= 0 && (setsockopt(slot->fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof wait) != 0 ||
                          connect(slot->fd, (struct sockaddr *)&sa, len) != 0 ||
                          fcntl(slot->fd, F_SETFL, O_NONBLOCK) != 0)) {
        disconnect(slot);
    }
    return slot->fd >= 0 ? 0 : -1;
}

static int send_all(int fd, const char *data, size_t len, const struct timespec *deadline)
{
    while (len > 0) {
        ssize_t put = send(fd, data, len, MSG_NOSIGNAL);

        if (put < 0 && errno == EAGAIN) {
            if (wait_for(fd, POLLOUT, deadline) != 0) {
                return -1;
            }
        } else if (put < 0 && errno != EINTR) {
            return -1;
        }
        data += put > 0 ? put : 0;
        len -= put > 0 ? (size_t)put : 0;
    }
    return 0;
}

/* Reads one line and no more; its length, or -1 with errno. */
static ssize_t read_line(int fd, char *line, const struct timespec *deadline)
{
    size_t len = 0;

    while (len == 0 || line[len - 1] != '\n') {
        ssize_t got;

        if (len == ANSWER_MAX) {
            errno = EMSGSIZE;
            return -1;
        }
        if (wait_for(fd, POLLIN, deadline) != 0) {
            return -1;
        }
        got = recv(fd, line + len, ANSWER_MAX - len, 0);
        if (got == 0) {
            errno = ECONNRESET;
            return -1;
        }
        if (got < 0 && errno != EINTR && errno != EAGAIN) {
            return -1;
        }
        len += got > 0 ? (size_t)got : 0;
    }
    return (ssize_t)len;
}

/* Whether an old connection may just have been closed for being idle. */
static bool was_closed(int error)
{
    return error == EPIPE || error == ECONNRESET;
}

/* One question on a slot; the length of the answer, or -1 with errno. */
static ssize_t talk(struct slot *slot, const char *question, char *line,
                    const struct timespec *deadline)
{
    bool old = slot->fd >= 0;

    for (;;) {
        ssize_t len = -1;

        if ((slot->fd >= 0 || connect_slot(slot, deadline) == 0) &&
            send_all(slot->fd, question, strlen(question), deadline) == 0) {
            len = read_line(slot->fd, line, deadline);
        }
        if (len >= 0) {
            return len;
        }
        disconnect(slot);
        if (!old || !was_closed(errno)) {
            return -1;
        }
        old = false;
    }
}

/* What posternd says, a JSON object that the caller gives back; NULL if it is none, or refuses. */
static json_t *parse(const char *line, size_t len)
{
    json_t *answer = json_loadb(line, len, JSON_REJECT_DUPLICATES, NULL);

    if (json_is_object(answer) && json_object_get(answer, "error") == NULL) {
        return answer;
    }
    json_decref(answer);
    return NULL;
}

/* NULL with `*error`, an errno. `line` has ANSWER_MAX bytes. */
static json_t *ask_in_time(const char *question, char *line, int *error)
{
    struct timespec deadline = deadline_from_now();
    struct slot *slot = take_slot(&deadline);
    json_t *answer = NULL;
    ssize_t len;

    if (slot == NULL) {
        *error = errno;
        return NULL;
    }
    len = talk(slot, question, line, &deadline);
    *error = len < 0 ? errno : EPROTO;
    if (len >= 0) {
        answer = parse(line, (size_t)len);
    }
    if (answer == NULL) {
        disconnect(slot);
    }
    give_slot(slot);
    return answer;
}

/* `request` is stolen; NULL is allowed. NULL, and a line in the log, if it is not answered. */
static json_t *ask(json_t *request)
{
    char *question = jsonline(request);
    char *line = malloc(ANSWER_MAX);
    json_t *answer = NULL;
    int error = ENOMEM;

    if (question != NULL && line != NULL) {
        answer = ask_in_time(question, line, &error);
    }
    note(answer == NULL, error);
    free(line);
    free(question);
    json_decref(request);
    return answer;
}

/* --- questions ----------------------------------------------------------------------------- */

int lookup_session(const struct addr *client, const struct addr *destination,
                   char id[RECORD_ID_SIZE])
{
    char from[ADDR_TEXT_SIZE];
    char to[ADDR_TEXT_SIZE];
    json_t *answer =
        ask(json_pack("{s:s, s:s, s:i, s:s, s:i}", "request", "session", "client",
                      addr_text(client, from), "client_port", (int)client->port, "destination",
                      addr_text(destination, to), "destination_port", (int)destination->port));
    const char *found = json_string_value(json_object_get(answer, "session"));

    int status = answer == NULL ? -1 : 0;

    snprintf(id, RECORD_ID_SIZE, "%s", found == NULL ? "" : found);
    json_decref(answer);
    return status;
}

static void copy(const json_t *object, const char *key, char *out, size_t size)
{
    const char *text = json_string_value(json_object_get(object, key));

    snprintf(out, size, "%s", text == NULL ? "" : text);
}

static void fill(struct record *out, const json_t *facts)
{
    out->state = RECORD_PLAINTEXT;
    copy(facts, "session", out->session, sizeof out->session);
    copy(facts, "listener", out->listener, sizeof out->listener);
    if (!json_is_true(json_object_get(facts, "tls"))) {
        return;
    }
    out->state = RECORD_TLS;
    copy(facts, "protocol", out->protocol, sizeof out->protocol);
    copy(facts, "cipher", out->cipher, sizeof out->cipher);
    out->bits = (int)json_integer_value(json_object_get(facts, "bits"));
    copy(facts, "certificate", out->certificate, sizeof out->certificate);
    copy(facts, "sni", out->sni, sizeof out->sni);
    hostname_to_lower(out->sni, strlen(out->sni));
    out->client = record_client_of(json_string_value(json_object_get(facts, "client_certificate")));
    copy(facts, "client_fingerprint", out->fingerprint, sizeof out->fingerprint);
    copy(facts, "client_key_fingerprint", out->key_fingerprint, sizeof out->key_fingerprint);
    copy(facts, "client_name", out->client_name, sizeof out->client_name);
}

int lookup_record(const char *id, struct record *out)
{
    json_t *answer = ask(json_pack("{s:s, s:s}", "request", "facts", "session", id));
    const json_t *facts = json_array_get(json_object_get(answer, "facts"), 0);
    int status = answer == NULL ? -1 : 0;

    *out = (struct record){.state = RECORD_UNKNOWN};
    if (json_is_object(facts)) {
        fill(out, facts);
    }
    json_decref(answer);
    return status;
}
