/* What the backend owes the client, in every phase. */
#include "tests/unit/dialogue.h"

#include <check.h>

#define SUITE(name) Suite *name##_suite(void);
#include "tests/unit/suites.h"
#undef SUITE

static const struct dialogue dialogues[] = {
    {"the banner",
     false,
     GATE_PASS,
     {OWES(OWED_BANNER), B("220-wait\r\n"), TO_C("220-wait\r\n"), OWES(OWED_BANNER),
      B("220 mx\r\n"), TO_C("220 mx\r\n"), OWES(OWED_NOTHING)}},
    {"the banner, although the client has not waited",
     false,
     GATE_PASS,
     {C("EHLO c\r\n"), TO_B("EHLO c\r\n"), OWES(OWED_BANNER), B("220 mx\r\n"), TO_C("220 mx\r\n"),
      OWES(OWED_REPLY)}},
    {"a reply of several lines",
     false,
     GATE_PASS,
     {GREETED, C("HELP\r\n"), TO_B("HELP\r\n"), OWES(OWED_REPLY), B("214-a\r\n"), TO_C("214-a\r\n"),
      OWES(OWED_REPLY), B("214 b\r\n"), TO_C("214 b\r\n"), OWES(OWED_NOTHING)}},
    {"half a command", false, GATE_PASS, {GREETED, C("NOO"), OWES(OWED_NOTHING)}},
    {"an answer of our own behind a reply",
     false,
     GATE_STARTTLS_HELD,
     {GREETED, C("NOOP\r\nSTARTTLS\r\n"), TO_B("NOOP\r\n"), OWES(OWED_REPLY)}},
    {"nothing, before our 220",
     false,
     GATE_STARTTLS,
     {GREETED, C("STARTTLS\r\n"), OWES(OWED_NOTHING)}},
    {"the banner of a second backend",
     false,
     GATE_PASS,
     {GREETED, C("STARTTLS\r\n"), ACCEPT, TO_C("220 2.0.0 Ready to start TLS\r\n"), TLS_ANEW,
      OWES(OWED_BANNER), B("220 mx2\r\n"), OWES(OWED_NOTHING)}},
    {"a mail",
     false,
     GATE_RELAY,
     {GREETED, C("MAIL FROM:<>\r\nRCPT TO:<a@b>\r\nDATA\r\n"),
      TO_B("MAIL FROM:<>\r\nRCPT TO:<a@b>\r\nDATA\r\n"), OWES(OWED_REPLY),
      B("250 ok\r\n250 ok\r\n"), TO_C("250 ok\r\n250 ok\r\n"), OWES(OWED_REPLY), B("354 go\r\n"),
      TO_C("354 go\r\n"), OWES(OWED_DATA), C("a\r\n.\r\n"), TO_B("a\r\n.\r\n"), OWES(OWED_MAIL),
      B("554-o\r\n"), TO_C("554-o\r\n"), OWES(OWED_MAIL), B("554 k\r\n"), TO_C("554 k\r\n"),
      OWES(OWED_NOTHING)}},
    {"a chunk in the same write as commands before relay",
     false,
     GATE_RELAY,
     {GREETED, C("NOOP\r\nMAIL FROM:<>\r\nBDAT 1 LAST\r\na"),
      TO_B("NOOP\r\nMAIL FROM:<>\r\nBDAT 1 LAST\r\na"), OWES(OWED_MAIL),
      B("250 noop\r\n250 mail\r\n"), TO_C("250 noop\r\n250 mail\r\n"), OWES(OWED_MAIL),
      B("250 bdat\r\n"), TO_C("250 bdat\r\n"), OWES(OWED_NOTHING)}},
    {"replies from before relay",
     false,
     GATE_RELAY,
     {GREETED, C("NOOP\r\nMAIL"), TO_B("NOOP\r\n"), C(" FROM:<>\r\n"), TO_B("MAIL FROM:<>\r\n"),
      B("250 noop\r\n"), TO_C("250 noop\r\n"), OWES(OWED_REPLY), B("250 mail\r\n"),
      TO_C("250 mail\r\n"), OWES(OWED_NOTHING)}},
    {"the rest of a reply in relay",
     false,
     GATE_RELAY,
     {GREETED, MAIL_SHUTS, B("250 ok\r\n421-a\r\n"), TO_C("250 ok\r\n421-a\r\n"), OWES(OWED_REPLY),
      B("421 b\r\n"), TO_C("421 b\r\n"), OWES(OWED_NOTHING)}},
    {"a mail that no DATA has begun",
     false,
     GATE_RELAY,
     {GREETED, C("XDATA\r\n"), TO_B("XDATA\r\n"), B("354 go\r\n"), TO_C("354 go\r\n"),
      C("BDAT 0 LAST\r\n"), TO_B("BDAT 0 LAST\r\n"), OWES(OWED_REPLY)}},
    {"relay in the middle of a line",
     false,
     GATE_RELAY,
     {GREETED, C("NOOP "), TO_B("NOOP "), B("250 unasked\r\n"), TO_C("250 unasked\r\n"),
      NOTES(GATE_NOTE_BACKEND_UNASKED), C("\r\nBDAT 0 LAST\r\n"), TO_B("\r\nBDAT 0 LAST\r\n"),
      OWES(OWED_REPLY)}},
};

START_TEST(dialogue)
{
    dialogue_play_all(&dialogues[_i]);
}
END_TEST

Suite *gate_owes_suite(void)
{
    Suite *suite = suite_create("gate_owes");
    TCase *tcase = tcase_create("gate_owes");

    tcase_add_loop_test(tcase, dialogue, 0, sizeof dialogues / sizeof dialogues[0]);
    suite_add_tcase(suite, tcase);
    return suite;
}
