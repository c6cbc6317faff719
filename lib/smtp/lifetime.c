#include "lib/smtp/lifetime.h"

/* Milliseconds. */
enum {
    PROXY_TIMEOUT = 5000,
    QUIT_TIMEOUT = 5000,
    LINGER_TIMEOUT = 5000,
    WRITE_TIMEOUT = 300000,
    HELD_TIMEOUT = 30000,
    STRESS_TIMEOUT = 10000,
    BACKLOG_RETRY = 50, /* at least */
};

static int64_t sooner(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t ms(unsigned seconds)
{
    return (int64_t)seconds * 1000;
}

/* The end `at`, or that of a wait which began at `since` (0: there is none), if it is earlier. */
static int64_t sooner_wait(int64_t at, int64_t since, int64_t timeout)
{
    return since == 0 ? at : sooner(at, since + timeout);
}

static bool is_over(int64_t since, int64_t timeout, int64_t now)
{
    return since != 0 && since + timeout <= now;
}

/* When the time of the backend's present address is over. */
static int64_t connect_end(const struct lifetime *l)
{
    return l->since + ms(l->connect_timeout);
}

/* When a backend whose backlog is full is tried again: the longer it has been full, the more
 * sessions wait for it, and the later. */
static int64_t next_try(const struct lifetime *l)
{
    return l->tried_at + BACKLOG_RETRY + (l->tried_at - l->since) / 4;
}

/* The end `at` of a wait that began at `since`, or an earlier one under stress. */
static int64_t under_stress(const struct lifetime *l, int64_t at, int64_t since)
{
    return l->stressed && !l->relay ? sooner(at, since + STRESS_TIMEOUT) : at;
}

static int64_t talk_end(const struct lifetime *l)
{
    int64_t at = l->since + ms(l->backend_timeout);

    if (!l->backend_turn) {
        at = under_stress(l, l->since + ms(l->idle_timeout), l->turn_since);
    }
    at = sooner_wait(at, l->held_since, HELD_TIMEOUT);
    at = sooner_wait(at, l->client_blocked_since, WRITE_TIMEOUT);
    return sooner_wait(at, l->backend_blocked_since, WRITE_TIMEOUT);
}

int64_t lifetime_deadline(const struct lifetime *l)
{
    switch (l->wait) {
    case LIFETIME_PROXY:
        return l->began + PROXY_TIMEOUT;
    case LIFETIME_CONNECT:
        return l->connecting ? connect_end(l) : sooner(connect_end(l), next_try(l));
    case LIFETIME_QUIT:
        return l->since + QUIT_TIMEOUT;
    case LIFETIME_TALK:
        return talk_end(l);
    case LIFETIME_HANDSHAKE:
        return under_stress(l, l->since + ms(l->handshake_timeout), l->since);
    case LIFETIME_LINGER:
        break;
    }
    /* What is not yet written has the same time as everything that is written. */
    return l->client_blocked_since != 0 ? l->client_blocked_since + WRITE_TIMEOUT
                                        : l->since + LINGER_TIMEOUT;
}

bool lifetime_retries(const struct lifetime *l, int64_t now)
{
    return !l->connecting && now < connect_end(l);
}

enum lifetime_reason lifetime_talk_timeout(const struct lifetime *l, bool client_closed,
                                           int64_t now)
{
    if (is_over(l->client_blocked_since, WRITE_TIMEOUT, now)) {
        return LIFETIME_CLIENT_BLOCKED;
    }
    if (is_over(l->backend_blocked_since, WRITE_TIMEOUT, now)) {
        return LIFETIME_BACKEND_BLOCKED;
    }
    if (is_over(l->held_since, HELD_TIMEOUT, now)) {
        /* A client that has closed gets no handshake, whatever the backend still owes. */
        return client_closed ? LIFETIME_LOST : LIFETIME_STARTTLS_HELD;
    }
    return l->backend_turn ? LIFETIME_BACKEND_SILENT : LIFETIME_CLIENT_SILENT;
}
