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
    /* Clients that connect meanwhile wait for their banner, at most 300 s (RFC 5321 section
     * 4.5.3.2.1), and the next posternd needs some of that to start. */
    STOP_MAIL_TIMEOUT = 270000,
    STOP_HANDSHAKE_TIMEOUT = 2000,
    STOP_LINGER_TIMEOUT = 500,
};

static int64_t sooner(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t later(int64_t a, int64_t b)
{
    return a > b ? a : b;
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

/* What is not yet written has the same time as everything that is written. */
static int64_t linger_end(const struct lifetime *l)
{
    return l->client_blocked_since != 0 ? l->client_blocked_since + WRITE_TIMEOUT
                                        : l->since + LINGER_TIMEOUT;
}

/* When the wait is over, if the daemon does not stop. */
static int64_t wait_end(const struct lifetime *l)
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
    return linger_end(l);
}

/* When a session that does not end at once is over because the daemon stops. */
static int64_t stop_end(const struct lifetime *l)
{
    int64_t at = l->stopping_since + ms(l->shutdown_timeout);

    if (l->wait == LIFETIME_LINGER) {
        return l->client_blocked_since != 0 ? later(at, l->ending_since + LINGER_TIMEOUT)
                                            : l->since + STOP_LINGER_TIMEOUT;
    }
    if (l->wait == LIFETIME_HANDSHAKE) {
        return l->stopping_since + STOP_HANDSHAKE_TIMEOUT;
    }
    /* Who does not read what there is could not be given the reply either, and may keep the backend
     * from sending it. */
    return l->owed == OWED_MAIL && l->client_blocked_since == 0
               ? l->stopping_since + STOP_MAIL_TIMEOUT
               : at;
}

int64_t lifetime_deadline(const struct lifetime *l)
{
    int64_t at = wait_end(l);

    return l->stopping_since == 0 ? at : sooner(at, stop_end(l));
}

bool lifetime_stops_now(const struct lifetime *l)
{
    if (l->stopping_since == 0 || l->wait == LIFETIME_LINGER || l->wait == LIFETIME_HANDSHAKE) {
        return false;
    }
    return l->wait != LIFETIME_TALK || l->said_bye || l->owed == OWED_NOTHING ||
           l->owed == OWED_BANNER;
}

bool lifetime_hears_client(const struct lifetime *l)
{
    return l->stopping_since == 0 || l->owed == OWED_DATA;
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
    if (l->stopping_since != 0 && stop_end(l) <= now) {
        return lifetime_stop_reason(l);
    }
    return l->backend_turn ? LIFETIME_BACKEND_SILENT : LIFETIME_CLIENT_SILENT;
}
