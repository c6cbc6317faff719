#include "daemon/posternd/sockets.h"

#include "daemon/common/log.h"
#include "daemon/common/sockaddr.h"
#include "daemon/posternd/inherited.h"
#include "lib/net/spread.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct listening {
    int fd; /* owned */
    char name[NOTIFY_NAME_SIZE];
    bool listens; /* or is only bound */
    bool stored;  /* by this process */
};

struct sockets_address {
    struct addr wanted;          /* as in the configuration: port 0 stays 0 */
    struct addr bound;           /* with the port that it got */
    struct listening *listening; /* owned array */
    size_t num;
    int *by_worker; /* owned: `stride` places for each worker, the most that one has */
    size_t stride;
    bool leaving; /* no configuration names it any more */
};

size_t sockets_count(const struct conf *conf)
{
    size_t num = 0;

    for (size_t i = 0; i < conf->num_listeners; i++) {
        num += conf_bound(&conf->listeners[i]).num;
    }
    return num;
}

static void set_on(int fd, int level, int option)
{
    (void)setsockopt(fd, level, option, &(int){1}, sizeof(int));
}

/* A socket bound to `at`, or -1 with errno. */
static int bind_one(const struct addr *at, bool shared)
{
    struct sockaddr_storage sa = {0};
    socklen_t len = sockaddr_from(&(struct endpoint){.ip = *at}, &sa);
    int fd = socket(sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0) {
        return -1;
    }
    set_on(fd, SOL_SOCKET, SO_REUSEADDR);
    if (shared) {
        set_on(fd, SOL_SOCKET, SO_REUSEPORT);
    }
    if (sa.ss_family == AF_INET6) {
        set_on(fd, IPPROTO_IPV6, IPV6_V6ONLY);
    }
    if (bind(fd, (struct sockaddr *)&sa, len) != 0) {
        int error = errno;

        close(fd);
        errno = error;
        return -1;
    }
    return fd;
}

static bool holds_port(const struct sockets *s, uint16_t port)
{
    for (size_t i = 0; i < s->num_addresses; i++) {
        if (s->addresses[i]->bound.port == port) {
            return true;
        }
    }
    return inherited_has_port(port);
}

/* SO_REUSEPORT would hide a port that is in use, so the address is bound once without it: unless
 * our own sockets are what would be found. */
static int probe(const struct sockets *s, const struct addr *at)
{
    int fd;

    if (at->port == 0 || holds_port(s, at->port)) {
        return 0;
    }
    fd = bind_one(at, false);
    if (fd < 0) {
        return -1;
    }
    close(fd);
    return 0;
}

/* One more for the address, which takes it. 0 or -1. */
static int add(struct sockets_address *a, int fd, const char *name, bool listens)
{
    struct listening *more = reallocarray(a->listening, a->num + 1, sizeof *more);

    if (more == NULL) {
        close(fd);
        errno = ENOMEM;
        return -1;
    }
    /* Accepted sockets inherit it: replies in two writes must not wait for each other. */
    set_on(fd, IPPROTO_TCP, TCP_NODELAY);
    a->listening = more;
    a->listening[a->num].fd = fd;
    a->listening[a->num].listens = listens;
    a->listening[a->num].stored = false;
    memcpy(a->listening[a->num].name, name, NOTIFY_NAME_SIZE);
    a->num++;
    return 0;
}

static int take_inherited(struct sockets_address *a)
{
    char name[NOTIFY_NAME_SIZE] = "";
    int fd;

    while ((fd = inherited_listener(&a->wanted, name)) >= 0) {
        if (add(a, fd, name, true) != 0) {
            return -1;
        }
    }
    return 0;
}

/* Binds one for each worker that has none yet; none of them listens. Port 0 becomes the port that
 * the first one got. */
static int bind_missing(struct sockets_address *a, unsigned num_workers)
{
    char name[NOTIFY_NAME_SIZE];

    while (a->num < num_workers) {
        int fd = bind_one(&a->bound, true);

        if (fd < 0) {
            return -1;
        }
        inherited_new_name(name);
        if (add(a, fd, name, false) != 0) {
            return -1;
        }
        a->bound = sockaddr_local(fd);
    }
    return 0;
}

/* Which worker polls which. */
static int distribute(struct sockets_address *a, unsigned num_workers)
{
    a->stride = spread_count(a->num, num_workers, 0);
    a->by_worker = calloc(a->stride * num_workers, sizeof *a->by_worker);
    if (a->by_worker == NULL) {
        return -1;
    }
    for (unsigned w = 0; w < num_workers; w++) {
        for (size_t i = 0; i < spread_count(a->num, num_workers, w); i++) {
            a->by_worker[w * a->stride + i] = a->listening[spread_at(a->num, num_workers, w, i)].fd;
        }
    }
    return 0;
}

static int open_address(const struct sockets *s, struct sockets_address *a)
{
    size_t num_inherited;

    a->bound = a->wanted;
    if (take_inherited(a) != 0) {
        return -1;
    }
    num_inherited = a->num;
    if (num_inherited == 0 && probe(s, &a->wanted) != 0) {
        return -1;
    }
    /* Those of another user cannot be joined; they are shared. */
    if (bind_missing(a, s->num_workers) != 0 && num_inherited == 0) {
        return -1;
    }
    return distribute(a, s->num_workers);
}

static void close_address(struct sockets_address *a, bool stored)
{
    for (size_t i = 0; i < a->num; i++) {
        if (stored) {
            notify_remove(a->listening[i].name);
        }
        close(a->listening[i].fd);
    }
    free(a->listening);
    free(a->by_worker);
    free(a);
}

/* 0, or -1 with errno. */
static int add_address(struct sockets *s, const struct addr *wanted)
{
    struct sockets_address **more =
        reallocarray(s->addresses, s->num_addresses + 1, sizeof(struct sockets_address *));
    struct sockets_address *a;

    if (more == NULL) {
        return -1;
    }
    s->addresses = more;
    a = calloc(1, sizeof *a);
    if (a == NULL) {
        return -1;
    }
    a->wanted = *wanted;
    if (open_address(s, a) != 0) {
        int reason = errno;

        close_address(a, false);
        errno = reason;
        return -1;
    }
    s->addresses[s->num_addresses++] = a;
    return 0;
}

/* How often `conf` names the address: with port 0 it may be more than once. Only what comes before
 * address `end_address` of listener `end` counts. */
static size_t times_named(const struct conf *conf, const struct addr *wanted, size_t end,
                          size_t end_address)
{
    size_t times = 0;

    for (size_t l = 0; l < conf->num_listeners && l <= end; l++) {
        struct conf_bound bound = conf_bound(&conf->listeners[l]);

        for (size_t a = 0; a < bound.num && (l < end || a < end_address); a++) {
            times += addr_equal(&bound.addresses[a].endpoint.ip, wanted);
        }
    }
    return times;
}

/* The address, which is the n-th with this text in the configuration. NULL: it is not open. */
static struct sockets_address *find(const struct sockets *s, const struct conf *conf,
                                    size_t listener, size_t address)
{
    const struct addr *wanted =
        &conf_bound(&conf->listeners[listener]).addresses[address].endpoint.ip;
    size_t before = times_named(conf, wanted, listener, address);

    for (size_t i = 0; i < s->num_addresses; i++) {
        const struct sockets_address *a = s->addresses[i];

        if (!a->leaving && addr_equal(&a->wanted, wanted) && before-- == 0) {
            return s->addresses[i];
        }
    }
    return NULL;
}

/* Undoes what add_address() has done since there were `num`. */
static void remove_last(struct sockets *s, size_t num)
{
    while (s->num_addresses > num) {
        close_address(s->addresses[--s->num_addresses], false);
    }
}

/* The steps in which an address is opened. 0, or -1 with errno. */
static int bind_step(struct sockets *s, const struct conf *conf, size_t listener, size_t address)
{
    const struct addr *wanted =
        &conf_bound(&conf->listeners[listener]).addresses[address].endpoint.ip;

    return find(s, conf, listener, address) == NULL ? add_address(s, wanted) : 0;
}

static int listen_step(struct sockets *s, const struct conf *conf, size_t listener, size_t address)
{
    struct sockets_address *a = find(s, conf, listener, address);

    for (size_t i = 0; i < a->num; i++) {
        if (!a->listening[i].listens && listen(a->listening[i].fd, SOMAXCONN) != 0) {
            return -1;
        }
        a->listening[i].listens = true;
    }
    return 0;
}

/* Does a step for each address. 0, or -1 with `*error` and errno. */
static int do_step(int (*step)(struct sockets *s, const struct conf *conf, size_t listener,
                               size_t address),
                   struct sockets *s, const struct conf *conf, struct conf_error *error)
{
    for (size_t l = 0; l < conf->num_listeners; l++) {
        struct conf_bound bound = conf_bound(&conf->listeners[l]);

        for (size_t a = 0; a < bound.num; a++) {
            const struct conf_endpoint *address = &bound.addresses[a];

            if (step(s, conf, l, a) != 0) {
                char text[ADDR_PATH_SIZE + 8];
                int reason = errno;

                endpoint_text(&address->endpoint, text, sizeof text);
                (void)conf_fail(error, conf, address->line, "cannot listen on %s: %s", text,
                                strerror(reason));
                errno = reason;
                return -1;
            }
        }
    }
    return 0;
}

/* Nothing listens until all is bound: a client that connects to what is closed again is reset, also
 * where it would have met a wider address that is served. */
int sockets_open(struct sockets *s, const struct conf *conf, unsigned num_workers,
                 struct conf_error *error)
{
    size_t num_before = s->num_addresses;

    s->num_workers = num_workers;
    if (do_step(bind_step, s, conf, error) != 0 || do_step(listen_step, s, conf, error) != 0) {
        int reason = errno;

        remove_last(s, num_before);
        errno = reason;
        return -1;
    }
    return 0;
}

const int *sockets_of(const struct sockets *s, const struct conf *conf, size_t listener,
                      size_t address, unsigned worker, size_t *num)
{
    const struct sockets_address *a = find(s, conf, listener, address);

    *num = spread_count(a->num, s->num_workers, worker);
    return &a->by_worker[worker * a->stride];
}

const struct addr *sockets_bound(const struct sockets *s, const struct conf *conf, size_t listener,
                                 size_t address)
{
    const struct sockets_address *a = find(s, conf, listener, address);

    return a == NULL ? NULL : &a->bound;
}

/* Whether `conf` names it: as often as the addresses before it with the same text, and once more.
 */
static bool is_named(const struct sockets *s, size_t index, const struct conf *conf)
{
    const struct addr *wanted = &s->addresses[index]->wanted;
    size_t before = 0;

    if (s->addresses[index]->leaving) {
        return false;
    }
    for (size_t i = 0; i < index; i++) {
        before += !s->addresses[i]->leaving && addr_equal(&s->addresses[i]->wanted, wanted);
    }
    return times_named(conf, wanted, conf->num_listeners, 0) > before;
}

/*
 * Bound to a network interface that does not exist, a listening socket is not found for a new
 * connection. Handshakes of TCP that have begun, and clients that wait, are not affected. Linux
 * allows everybody to bind one so (since 5.7), and only root to undo it. A packet filter would drop
 * clients' packets instead, and for a TCP socket it needs root on newer kernels.
 */
static void take_no_more(int fd)
{
    (void)setsockopt(fd, SOL_SOCKET, SO_BINDTOIFINDEX, &(int){INHERITED_LEFT}, sizeof(int));
}

void sockets_leave(struct sockets *s, const struct conf *conf)
{
    /* From the last, as in sockets_retain(). */
    for (size_t i = s->num_addresses; i-- > 0;) {
        struct sockets_address *a = s->addresses[i];

        if (a->leaving || is_named(s, i, conf)) {
            continue;
        }
        a->leaving = true;
        for (size_t n = 0; n < a->num; n++) {
            /* What a next process would get could not be used any more. */
            notify_remove(a->listening[n].name);
            take_no_more(a->listening[n].fd);
        }
    }
}

static void log_closed(const struct sockets_address *a)
{
    char text[ADDR_TEXT_SIZE];

    log_line(LOG_INFO, "no longer listening on [%s]:%u", addr_text(&a->bound, text), a->bound.port);
}

static void store(struct sockets_address *a)
{
    for (size_t i = 0; i < a->num; i++) {
        if (!a->listening[i].stored) {
            notify_store(a->listening[i].fd, a->listening[i].name);
            a->listening[i].stored = true;
        }
    }
}

void sockets_retain(struct sockets *s, const struct conf *conf)
{
    /* From the last, so that those before one still say which of the same text it is. */
    for (size_t i = s->num_addresses; i-- > 0;) {
        struct sockets_address *a = s->addresses[i];

        if (is_named(s, i, conf)) {
            continue;
        }
        log_closed(a);
        close_address(a, true);
        s->num_addresses--;
        memmove(&s->addresses[i], &s->addresses[i + 1],
                (s->num_addresses - i) * sizeof(struct sockets_address *));
    }
    for (size_t i = 0; i < s->num_addresses; i++) {
        store(s->addresses[i]);
    }
}

void sockets_log(const struct sockets *s, const struct conf *conf, const struct conf *previous)
{
    char text[ADDR_TEXT_SIZE];

    for (size_t l = 0; l < conf->num_listeners; l++) {
        struct conf_bound at = conf_bound(&conf->listeners[l]);

        for (size_t i = 0; i < at.num; i++) {
            const struct addr *wanted = &at.addresses[i].endpoint.ip;
            const struct addr *bound = &find(s, conf, l, i)->bound;

            if (previous == NULL || times_named(conf, wanted, l, i) >=
                                        times_named(previous, wanted, previous->num_listeners, 0)) {
                log_line(LOG_INFO, "listening on [%s]:%u listener=%s", addr_text(bound, text),
                         bound->port, conf->listeners[l].name);
            }
        }
    }
}

void sockets_close(struct sockets *s)
{
    remove_last(s, 0);
    free(s->addresses);
    *s = (struct sockets){0};
}
