#include "lib/smtp/lifetime.h"

#include <check.h>
#include <string.h>

#define SUITE(name) Suite *name##_suite(void);
#include "tests/unit/suites.h"
#undef SUITE

#define NUM(array) (sizeof(array) / sizeof((array)[0]))

/* Of every session here: it began, and waits, since these milliseconds. */
enum { BEGAN = 900000, TURN = 990000, SINCE = 1000000 };

/* ... and has these timeouts. */
enum {
    CONNECT = SINCE + 30000,
    BACKEND = SINCE + 3600000,
    IDLE = SINCE + 1800000,
    HANDSHAKE = SINCE + 60000,
    STOP = SINCE + 30,
    SHUTDOWN = STOP + 20000,
    SHUTDOWN_MAIL = STOP + 270000,
};

struct facts {
    enum lifetime_wait wait;
    bool connecting;
    bool backend_turn;
    bool relay;
    bool stressed;
    int64_t tried_at;
    int64_t held_since;
    int64_t client_blocked_since;
    int64_t backend_blocked_since;
    int64_t stopping_since;
    enum owed owed;
    bool said_bye;
    int64_t ending_since;
};

static struct lifetime lifetime_of(const struct facts *facts)
{
    return (struct lifetime){
        .wait = facts->wait,
        .connecting = facts->connecting,
        .backend_turn = facts->backend_turn,
        .relay = facts->relay,
        .stressed = facts->stressed,
        .began = BEGAN,
        .since = SINCE,
        .tried_at = facts->tried_at,
        .turn_since = TURN,
        .held_since = facts->held_since,
        .client_blocked_since = facts->client_blocked_since,
        .backend_blocked_since = facts->backend_blocked_since,
        .connect_timeout = 30,
        .backend_timeout = 3600,
        .idle_timeout = 1800,
        .handshake_timeout = 60,
        .shutdown_timeout = 20,
        .stopping_since = facts->stopping_since,
        .owed = facts->owed,
        .said_bye = facts->said_bye,
        .ending_since = facts->ending_since,
    };
}

/* --- deadlines --- */

static const struct {
    const char *name;
    struct facts facts;
    int64_t deadline;
} deadlines[] = {
    {"a PROXY header, from the accept on", {.wait = LIFETIME_PROXY}, BEGAN + 5000},
    {"... whatever the stress", {.wait = LIFETIME_PROXY, .stressed = true}, BEGAN + 5000},
    {"connecting", {.wait = LIFETIME_CONNECT, .connecting = true, .tried_at = SINCE}, CONNECT},
    {"a full backlog", {.wait = LIFETIME_CONNECT, .tried_at = SINCE}, SINCE + 50},
    {"full for 4 s", {.wait = LIFETIME_CONNECT, .tried_at = SINCE + 4000}, SINCE + 5050},
    {"full until the address has had its time",
     {.wait = LIFETIME_CONNECT, .tried_at = SINCE + 29000},
     CONNECT},
    {"QUIT", {.wait = LIFETIME_QUIT}, SINCE + 5000},
    {"handshake", {.wait = LIFETIME_HANDSHAKE}, HANDSHAKE},
    {"handshake under stress", {.wait = LIFETIME_HANDSHAKE, .stressed = true}, SINCE + 10000},
    {"the client's turn", {.wait = LIFETIME_TALK}, IDLE},
    {"... under stress, from its beginning",
     {.wait = LIFETIME_TALK, .stressed = true},
     TURN + 10000},
    {"... in relay", {.wait = LIFETIME_TALK, .stressed = true, .relay = true}, IDLE},
    {"the backend's turn", {.wait = LIFETIME_TALK, .backend_turn = true}, BACKEND},
    {"... is not hurried",
     {.wait = LIFETIME_TALK, .backend_turn = true, .stressed = true},
     BACKEND},
    {"STARTTLS is held",
     {.wait = LIFETIME_TALK, .backend_turn = true, .held_since = SINCE + 7},
     SINCE + 30007},
    {"the client does not read",
     {.wait = LIFETIME_TALK, .backend_turn = true, .client_blocked_since = SINCE + 8},
     SINCE + 300008},
    {"the backend does not read",
     {.wait = LIFETIME_TALK, .backend_turn = true, .backend_blocked_since = SINCE + 9},
     SINCE + 300009},
    {"the client first",
     {.wait = LIFETIME_TALK, .client_blocked_since = SINCE, .backend_blocked_since = SINCE + 9},
     SINCE + 300000},
    {"the backend first",
     {.wait = LIFETIME_TALK, .client_blocked_since = SINCE + 9, .backend_blocked_since = SINCE},
     SINCE + 300000},
    {"the turn first",
     {.wait = LIFETIME_TALK,
      .stressed = true,
      .held_since = SINCE,
      .client_blocked_since = SINCE,
      .backend_blocked_since = SINCE},
     TURN + 10000},
    {"inside a mail, and the daemon stops",
     {.wait = LIFETIME_TALK, .stopping_since = STOP, .owed = OWED_DATA},
     SHUTDOWN},
    {"... in the backend's turn",
     {.wait = LIFETIME_TALK, .stopping_since = STOP, .owed = OWED_DATA, .backend_turn = true},
     SHUTDOWN},
    {"a reply, and the daemon stops",
     {.wait = LIFETIME_TALK, .stopping_since = STOP, .owed = OWED_REPLY, .backend_turn = true},
     SHUTDOWN},
    {"the reply to a mail, and the daemon stops",
     {.wait = LIFETIME_TALK, .stopping_since = STOP, .owed = OWED_MAIL, .backend_turn = true},
     SHUTDOWN_MAIL},
    {"... and the backend does not read",
     {.wait = LIFETIME_TALK,
      .stopping_since = STOP,
      .owed = OWED_MAIL,
      .backend_turn = true,
      .backend_blocked_since = STOP - 40000},
     STOP + 260000},
    {"... and the client does not read",
     {.wait = LIFETIME_TALK,
      .stopping_since = STOP,
      .owed = OWED_MAIL,
      .backend_turn = true,
      .client_blocked_since = STOP + 1},
     SHUTDOWN},
    {"the time is over before the daemon's",
     {.wait = LIFETIME_TALK, .stopping_since = SINCE + 1790000, .owed = OWED_DATA},
     IDLE},
    {"linger, and the daemon stops",
     {.wait = LIFETIME_LINGER, .stopping_since = STOP, .ending_since = SINCE - 9000},
     SINCE + 500},
    {"... and the last reply is not taken",
     {.wait = LIFETIME_LINGER,
      .stopping_since = STOP,
      .ending_since = SINCE,
      .client_blocked_since = SINCE},
     SHUTDOWN},
    {"... which came late",
     {.wait = LIFETIME_LINGER,
      .stopping_since = STOP,
      .ending_since = STOP + 90000,
      .client_blocked_since = STOP + 90001},
     STOP + 95000},
    {"... long before the daemon stops",
     {.wait = LIFETIME_LINGER,
      .stopping_since = SINCE + 290000,
      .ending_since = SINCE,
      .client_blocked_since = SINCE},
     SINCE + 300000},
    {"a handshake when the daemon stops",
     {.wait = LIFETIME_HANDSHAKE, .stopping_since = STOP},
     STOP + 2000},
    {"linger", {.wait = LIFETIME_LINGER}, SINCE + 5000},
    {"linger, and the last reply is not taken",
     {.wait = LIFETIME_LINGER, .client_blocked_since = SINCE + 6},
     SINCE + 300006},
};

START_TEST(test_deadline)
{
    struct lifetime l = lifetime_of(&deadlines[_i].facts);

    ck_assert_msg(lifetime_deadline(&l) == deadlines[_i].deadline, "%s: %lld", deadlines[_i].name,
                  (long long)lifetime_deadline(&l));
}
END_TEST

/* --- stopping --- */

/* In one text: "now" and why, or "waits"; and whether the client is heard. */
static const struct {
    const char *name;
    struct facts facts;
    const char *what;
} stops[] = {
    {"not stopping", {.wait = LIFETIME_TALK}, "waits, hears"},
    {"... inside a mail", {.wait = LIFETIME_TALK, .owed = OWED_DATA}, "waits, hears"},
    {"... behind the last word", {.wait = LIFETIME_TALK, .said_bye = true}, "waits, hears"},
    {"... while a backend is sought", {.wait = LIFETIME_CONNECT}, "waits, hears"},
    {"an idle client", {.wait = LIFETIME_TALK, .stopping_since = STOP}, "now: 421"},
    {"no banner yet",
     {.wait = LIFETIME_TALK, .stopping_since = STOP, .owed = OWED_BANNER},
     "now: 421"},
    {"a reply", {.wait = LIFETIME_TALK, .stopping_since = STOP, .owed = OWED_REPLY}, "waits"},
    {"inside a mail",
     {.wait = LIFETIME_TALK, .stopping_since = STOP, .owed = OWED_DATA},
     "waits, hears"},
    {"the reply to a mail",
     {.wait = LIFETIME_TALK, .stopping_since = STOP, .owed = OWED_MAIL},
     "waits"},
    {"behind the last word",
     {.wait = LIFETIME_TALK, .stopping_since = STOP, .said_bye = true},
     "now: done"},
    {"... whatever is owed",
     {.wait = LIFETIME_TALK, .stopping_since = STOP, .said_bye = true, .owed = OWED_REPLY},
     "now: done"},
    {"a PROXY header", {.wait = LIFETIME_PROXY, .stopping_since = STOP}, "now: 421"},
    {"a backend is sought", {.wait = LIFETIME_CONNECT, .stopping_since = STOP}, "now: 421"},
    {"... whatever was owed",
     {.wait = LIFETIME_CONNECT, .stopping_since = STOP, .owed = OWED_MAIL},
     "now: 421"},
    {"... by a client with a last word in its past",
     {.wait = LIFETIME_CONNECT, .stopping_since = STOP, .owed = OWED_MAIL, .said_bye = true},
     "now: 421"},
    {"a second backend", {.wait = LIFETIME_QUIT, .stopping_since = STOP}, "now: 421"},
    {"a handshake", {.wait = LIFETIME_HANDSHAKE, .stopping_since = STOP}, "waits"},
    {"its end", {.wait = LIFETIME_LINGER, .stopping_since = STOP}, "waits"},
};

START_TEST(test_stop)
{
    struct lifetime l = lifetime_of(&stops[_i].facts);
    enum lifetime_reason reason = lifetime_stop_reason(&l);
    const char *what = lifetime_hears_client(&l) ? "waits, hears" : "waits";

    if (lifetime_stops_now(&l)) {
        what = reason == LIFETIME_SHUTDOWN ? "now: 421"
               : reason == LIFETIME_DONE   ? "now: done"
                                           : "now: ?";
    }
    ck_assert_msg(strcmp(what, stops[_i].what) == 0, "%s: %s", stops[_i].name, what);
}
END_TEST

/* --- what a timeout means --- */

START_TEST(test_retries)
{
    struct facts facts = {.wait = LIFETIME_CONNECT, .tried_at = SINCE};
    struct lifetime l = lifetime_of(&facts);

    ck_assert(lifetime_retries(&l, SINCE + 50));
    ck_assert(lifetime_retries(&l, CONNECT - 1));
    ck_assert(!lifetime_retries(&l, CONNECT));
    l.connecting = true;
    ck_assert(!lifetime_retries(&l, SINCE + 50));
}
END_TEST

static const struct {
    const char *name;
    struct facts facts;
    bool client_closed;
    int64_t now;
    enum lifetime_reason reason;
} timeouts[] = {
    {"the client's turn", {0}, false, IDLE, LIFETIME_CLIENT_SILENT},
    {"... though it has closed", {0}, true, IDLE, LIFETIME_CLIENT_SILENT},
    {"the backend's turn", {.backend_turn = true}, false, BACKEND, LIFETIME_BACKEND_SILENT},
    {"STARTTLS",
     {.backend_turn = true, .held_since = SINCE},
     false,
     SINCE + 30000,
     LIFETIME_STARTTLS_HELD},
    {"STARTTLS of a client that has closed",
     {.backend_turn = true, .held_since = SINCE},
     true,
     SINCE + 30000,
     LIFETIME_LOST},
    {"not STARTTLS yet",
     {.backend_turn = true, .held_since = SINCE},
     true,
     SINCE + 29999,
     LIFETIME_BACKEND_SILENT},
    {"the client does not read",
     {.client_blocked_since = SINCE},
     false,
     SINCE + 300000,
     LIFETIME_CLIENT_BLOCKED},
    {"not the client yet",
     {.client_blocked_since = SINCE},
     false,
     SINCE + 299999,
     LIFETIME_CLIENT_SILENT},
    {"the backend does not read",
     {.backend_turn = true, .backend_blocked_since = SINCE},
     false,
     SINCE + 300000,
     LIFETIME_BACKEND_BLOCKED},
    {"not the backend yet",
     {.backend_turn = true, .backend_blocked_since = SINCE},
     false,
     SINCE + 299999,
     LIFETIME_BACKEND_SILENT},
    {"neither reads: the client cannot be told",
     {.client_blocked_since = SINCE, .backend_blocked_since = SINCE},
     false,
     SINCE + 300000,
     LIFETIME_CLIENT_BLOCKED},
    {"all at one time",
     {.client_blocked_since = SINCE, .backend_blocked_since = SINCE, .held_since = SINCE},
     true,
     SINCE + 300000,
     LIFETIME_CLIENT_BLOCKED},
    {"inside a mail, and the daemon stops",
     {.stopping_since = STOP, .owed = OWED_DATA, .backend_turn = true},
     false,
     SHUTDOWN,
     LIFETIME_SHUTDOWN_INSIDE},
    {"a reply, and the daemon stops",
     {.stopping_since = STOP, .owed = OWED_REPLY, .backend_turn = true},
     false,
     SHUTDOWN,
     LIFETIME_SHUTDOWN},
    {"the reply to a mail, and the daemon stops",
     {.stopping_since = STOP, .owed = OWED_MAIL, .backend_turn = true},
     false,
     SHUTDOWN_MAIL,
     LIFETIME_SHUTDOWN_UNANSWERED},
    {"... not yet",
     {.stopping_since = STOP, .owed = OWED_MAIL, .backend_turn = true},
     false,
     SHUTDOWN_MAIL - 1,
     LIFETIME_BACKEND_SILENT},
    {"... and the client does not read",
     {.stopping_since = STOP,
      .owed = OWED_MAIL,
      .backend_turn = true,
      .client_blocked_since = SHUTDOWN - 1},
     false,
     SHUTDOWN,
     LIFETIME_SHUTDOWN_UNANSWERED},
    {"STARTTLS, and the backend does not read",
     {.backend_blocked_since = SINCE, .held_since = SINCE},
     true,
     SINCE + 300000,
     LIFETIME_BACKEND_BLOCKED},
};

START_TEST(test_timeout)
{
    struct lifetime l = lifetime_of(&timeouts[_i].facts);
    enum lifetime_reason reason;

    l.wait = LIFETIME_TALK;
    reason = lifetime_talk_timeout(&l, timeouts[_i].client_closed, timeouts[_i].now);
    ck_assert_msg(reason == timeouts[_i].reason, "%s: %d", timeouts[_i].name, (int)reason);
}
END_TEST

Suite *lifetime_suite(void)
{
    Suite *suite = suite_create("lifetime");
    TCase *tcase = tcase_create("lifetime");

    tcase_add_loop_test(tcase, test_deadline, 0, (int)NUM(deadlines));
    tcase_add_loop_test(tcase, test_stop, 0, (int)NUM(stops));
    tcase_add_test(tcase, test_retries);
    tcase_add_loop_test(tcase, test_timeout, 0, (int)NUM(timeouts));
    suite_add_tcase(suite, tcase);
    return suite;
}
