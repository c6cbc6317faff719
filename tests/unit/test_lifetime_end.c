#include "lib/smtp/lifetime.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

#define SUITE(name) Suite *name##_suite(void);
#include "tests/unit/suites.h"
#undef SUITE

#define NUM(array) (sizeof(array) / sizeof((array)[0]))

/* --- what is said of a reason --- */

/* In one text: "lost", the log's line, '+' for one that tells of no problem, the 421, "abort". */
static const struct {
    enum lifetime_reason reason;
    const char *said;
} endings[] = {
    {LIFETIME_DONE, ""},
    {LIFETIME_LOST, "lost"},
    {LIFETIME_LOST_ASKING, "lost 421 4.3.2 Service currently unavailable"},
    {LIFETIME_UNAVAILABLE, "421 4.3.2 Service currently unavailable"},
    {LIFETIME_NO_GREETING, "the backend closed the connection without a greeting "
                           "421 4.3.2 Service currently unavailable"},
    {LIFETIME_BACKEND_CLOSED, "the backend closed the connection "
                              "421 4.3.2 Service currently unavailable"},
    {LIFETIME_CLIENT_BLOCKED, "timeout: the client does not read abort"},
    {LIFETIME_BACKEND_BLOCKED, "timeout: the backend does not read "
                               "421 4.3.2 Service currently unavailable"},
    {LIFETIME_STARTTLS_HELD, "timeout: STARTTLS waits for the backend's replies "
                             "421 4.3.2 Service currently unavailable"},
    {LIFETIME_BACKEND_SILENT, "timeout: the backend does not reply "
                              "421 4.3.2 Service currently unavailable"},
    {LIFETIME_CLIENT_SILENT, "timeout: the client is silent "
                             "421 4.4.2 Error: timeout exceeded"},
    {LIFETIME_BUSY, "421 4.3.2 All server ports are busy"},
    {LIFETIME_EVICTED, "+makes room for a new client 421 4.3.2 All server ports are busy"},
    {LIFETIME_TOO_MANY_HANDSHAKES, "421 4.3.2 Error: too many TLS handshakes"},
    {LIFETIME_SHUTDOWN, "421 4.3.2 Service shutting down"},
    {LIFETIME_SHUTDOWN_INSIDE, "+stopped: the client was inside a mail "
                               "421 4.3.2 Service shutting down"},
    {LIFETIME_SHUTDOWN_UNANSWERED, "stopped: the backend has not replied to a mail, which may be "
                                   "delivered twice"},
};

static void add(char said[256], const char *first, const char *second)
{
    size_t len = strlen(said);

    snprintf(said + len, 256 - len, "%s%s%s", len > 0 ? " " : "", first, second);
}

START_TEST(test_ending)
{
    const struct lifetime_ending *ending = lifetime_ending(endings[_i].reason);
    char said[256] = "";

    if (ending->lost) {
        add(said, "lost", "");
    }
    if (ending->warning != NULL) {
        add(said, ending->warning, "");
    }
    if (ending->note != NULL) {
        add(said, "+", ending->note);
    }
    if (ending->code != NULL) {
        add(said, "421 ", ending->code);
        add(said, ending->text, "");
    }
    if (ending->abort) {
        add(said, "abort", "");
    }
    ck_assert_str_eq(said, endings[_i].said);
}
END_TEST

START_TEST(test_every_reason)
{
    ck_assert_uint_eq(NUM(endings), NUM_LIFETIME_REASONS);
}
END_TEST

/* --- what a side's end means --- */

static const struct {
    const char *name;
    struct lifetime_sides sides;
    enum lifetime_move move;
    enum lifetime_reason reason;
} judgements[] = {
    {"nothing has ended", {.asked = true, .answered = true}, LIFETIME_GO_ON, 0},
    {"the client is gone", {.client_failed = true, .answered = true}, LIFETIME_END, LIFETIME_LOST},
    {"... before the backend",
     {.client_failed = true, .backend_closed = true},
     LIFETIME_END,
     LIFETIME_LOST},
    {"... behind the last word",
     {.client_failed = true, .said_bye = true},
     LIFETIME_END,
     LIFETIME_DONE},
    {"... behind a 5xx", {.client_failed = true, .said_no = true}, LIFETIME_END, LIFETIME_LOST},

    {"the backend is gone",
     {.backend_closed = true, .answered = true},
     LIFETIME_END,
     LIFETIME_BACKEND_CLOSED},
    {"... and what it said is not written yet",
     {.backend_closed = true, .answered = true, .to_client_waits = true},
     LIFETIME_GO_ON,
     0},
    {"... behind the last word",
     {.backend_closed = true, .answered = true, .said_bye = true},
     LIFETIME_END,
     LIFETIME_DONE},
    {"... behind a 5xx",
     {.backend_closed = true, .answered = true, .said_no = true},
     LIFETIME_END,
     LIFETIME_DONE},
    {"... as the client",
     {.backend_closed = true, .answered = true, .client_eof = true, .backend_told = true},
     LIFETIME_END,
     LIFETIME_LOST},
    {"... as the client, which has its answers",
     {.backend_closed = true,
      .asked = true,
      .answered = true,
      .client_eof = true,
      .backend_told = true},
     LIFETIME_END,
     LIFETIME_LOST},
    {"... as the client, behind a 5xx",
     {.backend_closed = true, .answered = true, .client_eof = true, .said_no = true},
     LIFETIME_END,
     LIFETIME_LOST},
    {"... as the client, behind the last word",
     {.backend_closed = true, .answered = true, .client_eof = true, .said_bye = true},
     LIFETIME_END,
     LIFETIME_DONE},

    {"no greeting", {.backend_closed = true}, LIFETIME_END, LIFETIME_NO_GREETING},
    {"... and another address",
     {.backend_closed = true, .another_address = true},
     LIFETIME_NEXT_ADDRESS,
     0},
    {"... but the client has asked something",
     {.backend_closed = true, .another_address = true, .asked = true},
     LIFETIME_END,
     LIFETIME_NO_GREETING},
    {"a greeting, and another address",
     {.backend_closed = true, .another_address = true, .answered = true},
     LIFETIME_END,
     LIFETIME_BACKEND_CLOSED},
    {"no greeting, as the client has gone",
     {.backend_closed = true, .backend_told = true, .client_eof = true, .another_address = true},
     LIFETIME_END,
     LIFETIME_LOST},
    {"... though it has asked something",
     {.backend_closed = true, .backend_told = true, .client_eof = true, .asked = true},
     LIFETIME_END,
     LIFETIME_LOST_ASKING},

    {"the client has ended", {.client_eof = true}, LIFETIME_TELL_BACKEND, 0},
    {"... which the backend knows", {.client_eof = true, .backend_told = true}, LIFETIME_GO_ON, 0},
    {"... and its bytes are on their way",
     {.client_eof = true, .to_backend_waits = true},
     LIFETIME_GO_ON,
     0},
    {"... and its bytes wait for a reply",
     {.client_eof = true, .from_client_waits = true, .backend_turn = true},
     LIFETIME_GO_ON,
     0},
    {"... and its bytes are no command",
     {.client_eof = true, .from_client_waits = true},
     LIFETIME_TELL_BACKEND,
     0},
    {"... in the backend's turn",
     {.client_eof = true, .backend_turn = true},
     LIFETIME_TELL_BACKEND,
     0},
};

START_TEST(test_judge)
{
    struct lifetime_verdict verdict = lifetime_judge(&judgements[_i].sides);

    ck_assert_msg(verdict.move == judgements[_i].move && verdict.reason == judgements[_i].reason,
                  "%s: %d %d", judgements[_i].name, (int)verdict.move, (int)verdict.reason);
}
END_TEST

Suite *lifetime_end_suite(void)
{
    Suite *suite = suite_create("lifetime_end");
    TCase *tcase = tcase_create("lifetime_end");

    tcase_add_loop_test(tcase, test_ending, 0, (int)NUM(endings));
    tcase_add_test(tcase, test_every_reason);
    tcase_add_loop_test(tcase, test_judge, 0, (int)NUM(judgements));
    suite_add_tcase(suite, tcase);
    return suite;
}
