#include "lib/smtp/owed.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SUITE(name) Suite *name##_suite(void);
#include "tests/unit/suites.h"
#undef SUITE

#define NUM(array) (sizeof(array) / sizeof((array)[0]))

#define DATA_GROUP "MAIL FROM:<>\r\nRCPT TO:<a@b>\r\nDATA\r\n", "250", "250", "354"

enum { SAID_MAX = 12 };

/* What is said, in order: a reply's code, or what the client sends in one write. */
static const struct row {
    const char *name;
    const char *said[SAID_MAX];
    enum owed owed;
} rows[] = {
    {"nothing", {""}, OWED_NOTHING},
    {"a command", {"MAIL FROM:<>\r\n"}, OWED_REPLY},
    {"a command and its reply", {"MAIL FROM:<>\r\n", "250"}, OWED_NOTHING},
    {"half a command", {"MAIL FR"}, OWED_NOTHING},
    {"half a command behind a reply", {"MAIL FROM:<>\r\n", "250", "RCPT"}, OWED_NOTHING},
    {"a command in two halves", {"MAIL FR", "OM:<>\r\n"}, OWED_REPLY},
    {"LF alone ends a command", {"RSET\n"}, OWED_REPLY},
    {"two commands, one reply", {"MAIL FROM:<>\r\nRCPT TO:<>\r\n", "250"}, OWED_REPLY},
    {"two commands, two replies", {"MAIL FROM:<>\r\nRCPT TO:<>\r\n", "250", "550"}, OWED_NOTHING},
    {"a reply to nothing", {"421"}, OWED_NOTHING},
    {"... is not one to what follows", {"250", "RSET\r\n"}, OWED_REPLY},

    {"DATA", {"MAIL FROM:<>\r\nRCPT TO:<a@b>\r\nDATA\r\n", "250", "250"}, OWED_REPLY},
    {"DATA that is refused", {"DATA\r\n", "503"}, OWED_NOTHING},
    {"DATA that is accepted", {DATA_GROUP}, OWED_DATA},
    {"half a mail", {DATA_GROUP, "Subject: a\r\n\r\nb\r\n"}, OWED_DATA},
    {"a whole mail", {DATA_GROUP, "Subject: a\r\n\r\nb\r\n.\r\n"}, OWED_MAIL},
    {"... and its reply", {DATA_GROUP, "Subject: a\r\n\r\nb\r\n.\r\n", "250"}, OWED_NOTHING},
    {"... and a bad one", {DATA_GROUP, "a\r\n.\r\n", "554"}, OWED_NOTHING},
    {"an empty mail", {DATA_GROUP, ".\r\n"}, OWED_MAIL},
    {"an empty mail in pieces", {DATA_GROUP, ".", "\r", "\n"}, OWED_MAIL},
    {"the end in pieces", {DATA_GROUP, "a\r", "\n.", "\r\n"}, OWED_MAIL},
    {"the end in single bytes", {DATA_GROUP, "a", "\r", "\n", ".", "\r", "\n"}, OWED_MAIL},
    {"the end but for its last byte", {DATA_GROUP, "a\r\n.\r"}, OWED_DATA},
    {"a line that begins with a dot", {DATA_GROUP, "a\r\n.b\r\n"}, OWED_DATA},
    {"two dots", {DATA_GROUP, "a\r\n..\r\n"}, OWED_DATA},
    {"a dot at the end of a line", {DATA_GROUP, "a.\r\n"}, OWED_DATA},
    {"a dot between bare LFs", {DATA_GROUP, "a\n.\n"}, OWED_DATA},
    {"a dot behind a bare LF", {DATA_GROUP, "a\n.\r\n"}, OWED_DATA},
    {"a dot before a bare LF", {DATA_GROUP, "a\r\n.\n"}, OWED_DATA},
    {"a dot behind a bare CR", {DATA_GROUP, "a\r.\r\n"}, OWED_DATA},
    {"QUIT in the same write", {DATA_GROUP, "a\r\n.\r\nQUIT\r\n"}, OWED_MAIL},
    {"QUIT in the next write", {DATA_GROUP, "a\r\n.\r\n", "QUIT\r\n"}, OWED_MAIL},
    {"... and the mail's reply", {DATA_GROUP, "a\r\n.\r\nQUIT\r\n", "250"}, OWED_REPLY},
    {"... and both replies", {DATA_GROUP, "a\r\n.\r\nQUIT\r\n", "250", "221"}, OWED_NOTHING},
    {"the next mail in the same write",
     {DATA_GROUP, "a\r\n.\r\nMAIL FROM:<>\r\nRCPT TO:<a@b>\r\nDATA\r\n"},
     OWED_MAIL},
    {"... which is accepted",
     {DATA_GROUP, "a\r\n.\r\nMAIL FROM:<>\r\nDATA\r\n", "250", "250", "354"},
     OWED_DATA},
    {"... and whole",
     {DATA_GROUP, "a\r\n.\r\nMAIL FROM:<>\r\nDATA\r\n", "250", "250", "354", "b\r\n.\r\n"},
     OWED_MAIL},
    {"a second mail", {DATA_GROUP, "a\r\n.\r\n", "250", DATA_GROUP, "b\r\n.\r\n"}, OWED_MAIL},
    {"the backend refuses the rest", {DATA_GROUP, "a\r\nb", "452"}, OWED_NOTHING},
    {"... and sees commands again", {DATA_GROUP, "a\r\nb", "452", "RSET\r\n"}, OWED_REPLY},

    {"a dot that is no end", {"\r\n.\r\n"}, OWED_REPLY},
    {"... before a mail",
     {"\r\n.\r\nMAIL FROM:<>\r\nDATA\r\n", "502", "502", "250", "354", "a"},
     OWED_DATA},
    {"the mail before the 354", {"DATA\r\na\r\n.\r\n"}, OWED_REPLY},
    {"... and then the 354", {"DATA\r\na\r\n.\r\n", "354"}, OWED_DATA},
    {"... and then the reply", {"DATA\r\na\r\n.\r\n", "354", "250"}, OWED_NOTHING},
    {"lines of a mail before the 354", {"DATA\r\na\r\n", "354", "\r\n.\r\n"}, OWED_DATA},
    {"half a mail before the 354", {"DATA\r\na", "354", "b\r\n.\r\n"}, OWED_DATA},
    {"... and then the reply", {"DATA\r\na", "354", "b\r\n.\r\n", "250"}, OWED_NOTHING},
    {"... and then a command", {"DATA\r\na", "354", "b\r\n.\r\n", "250", "R"}, OWED_REPLY},
    {"... and then a mail",
     {"DATA\r\na", "354", ".\r\n", "250", DATA_GROUP, "\r\n.\r\n"},
     OWED_DATA},

    {"a chunk", {"BDAT 5\r\nabcde"}, OWED_REPLY},
    {"... and its reply", {"BDAT 5\r\nabcde", "250"}, OWED_NOTHING},
    {"the last chunk", {"BDAT 5 LAST\r\nabcde"}, OWED_MAIL},
    {"... and its reply", {"BDAT 5 LAST\r\nabcde", "250"}, OWED_NOTHING},
    {"in small letters", {"bdat 5 last\r\nabcde"}, OWED_MAIL},
    {"no byte of it yet", {"BDAT 5 LAST\r\n"}, OWED_DATA},
    {"a byte too few", {"BDAT 5 LAST\r\nabcd"}, OWED_DATA},
    {"a byte too few of a chunk", {"BDAT 5\r\nabcd"}, OWED_DATA},
    {"the last chunk in pieces", {"BD", "AT 5 LA", "ST\r", "\nab", "cd", "e"}, OWED_MAIL},
    {"an empty last chunk", {"BDAT 0 LAST\r\n"}, OWED_MAIL},
    {"an empty chunk", {"BDAT 0\r\n"}, OWED_REPLY},
    {"several digits", {"BDAT 10 LAST\r\n0123456789"}, OWED_MAIL},
    {"18 digits", {"BDAT 000000000000000005 LAST\r\nabcde"}, OWED_MAIL},
    {"19 digits", {"BDAT 0000000000000000005 LAST\r\nabcde"}, OWED_REPLY},
    {"an end inside a chunk", {"BDAT 9 LAST\r\n\r\n.\r\n"}, OWED_DATA},
    {"commands inside a chunk", {"BDAT 99\r\nBDAT 0 LAST\r\n"}, OWED_DATA},
    {"a group", {"MAIL FROM:<>\r\nRCPT TO:<a@b>\r\nBDAT 1 LAST\r\na", "250"}, OWED_MAIL},
    {"... and all replies but the last",
     {"MAIL FROM:<>\r\nRCPT TO:<a@b>\r\nBDAT 1 LAST\r\na", "250", "250"},
     OWED_MAIL},
    {"... and all replies",
     {"MAIL FROM:<>\r\nRCPT TO:<a@b>\r\nBDAT 1 LAST\r\na", "250", "250", "250"},
     OWED_NOTHING},
    {"a group with half a chunk", {"MAIL FROM:<>\r\nBDAT 2 LAST\r\na", "250"}, OWED_DATA},
    {"two mails", {"BDAT 1 LAST\r\naMAIL FROM:<>\r\nBDAT 1 LAST\r\na", "250", "250"}, OWED_MAIL},
    {"two chunks, the second with a part", {"BDAT 1\r\naBDAT 2 LAST\r\na", "250"}, OWED_DATA},
    {"half a mail behind a whole one", {"BDAT 1 LAST\r\naBDAT 2\r\n"}, OWED_MAIL},
    {"QUIT behind the last chunk", {"BDAT 1 LAST\r\naQUIT\r\n", "250"}, OWED_REPLY},

    {"no size", {"BDAT LAST\r\n"}, OWED_REPLY},
    {"no size behind two blanks", {"BDAT  LAST\r\n"}, OWED_REPLY},
    {"nothing is an end behind another word", {"BDAT 0 FIRST\r\nBDAT 0 LAST\r\n"}, OWED_REPLY},
    {"a size with a sign", {"BDAT +5 LAST\r\nabcde"}, OWED_REPLY},
    {"another word", {"BDAT 0 FIRST\r\n"}, OWED_REPLY},
    {"a word too many", {"BDAT 0 LAST X\r\n"}, OWED_REPLY},
    {"two blanks", {"BDAT  0 LAST\r\n"}, OWED_REPLY},
    {"a blank at the end", {"BDAT 0 \r\n"}, OWED_REPLY},
    {"a tab", {"BDAT\t0 LAST\r\n"}, OWED_REPLY},
    {"a bare LF", {"BDAT 0 LAST\n"}, OWED_REPLY},
    {"nothing is an end behind a BDAT that is none",
     {"BDAT 00000000000000000001000000\r\nBDAT 0 LAST\r\n"},
     OWED_REPLY},
    {"... and behind one after many blanks",
     {"                                 BDAT 99\r\nBDAT 0 LAST\r\n"},
     OWED_REPLY},
    {"a long word is no BDAT",
     {"dGhpcyBpcyBhIGxvbmcgd29yZCBvZiBBVVRI\r\nBDAT 0 LAST\r\n"},
     OWED_MAIL},
    {"BDAT is a whole word", {"BDATA 5\r\nBDAT 0 LAST\r\n"}, OWED_MAIL},
};

static void say(struct owed_count *o, const char *text)
{
    if (text[0] >= '2' && text[0] <= '5' && strlen(text) == 3) {
        owed_replied(o, (unsigned)atoi(text));
    } else {
        owed_forwarded(o, bytes_of(text, strlen(text)));
    }
}

START_TEST(test_owed)
{
    const struct row *row = &rows[_i];
    struct owed_count o = {0};

    for (size_t i = 0; i < SAID_MAX && row->said[i] != NULL; i++) {
        say(&o, row->said[i]);
    }
    ck_assert_msg(owed_now(&o) == row->owed, "%s: %d", row->name, (int)owed_now(&o));
}
END_TEST

/* A client that is followed no more from the start on. */
START_TEST(given_up)
{
    struct owed_count o = {0};

    owed_give_up(&o);
    ck_assert(owed_now(&o) == OWED_NOTHING);
    say(&o, "BDAT 0 LAST\r\nBDAT 0 LAST\r\n");
    ck_assert(owed_now(&o) == OWED_REPLY);
    say(&o, "250");
    ck_assert(owed_now(&o) == OWED_NOTHING);
    say(&o, "354");
    ck_assert(owed_now(&o) == OWED_DATA);
    say(&o, "\r\n.\r\n");
    ck_assert(owed_now(&o) == OWED_DATA);
}
END_TEST

/* What is outstanding when a client is given up remains so. */
START_TEST(given_up_later)
{
    struct owed_count o = {0};

    say(&o, "RSET\r\n");
    owed_give_up(&o);
    ck_assert(owed_now(&o) == OWED_REPLY);
}
END_TEST

/* A write with `len` bytes, of which the first ones and the last ones are given. */
static void say_long(struct owed_count *o, const char *first, size_t len, const char *last)
{
    static char text[65536];

    memset(text, 'x', len);
    memcpy(text, first, strlen(first));
    memcpy(text + len - strlen(last), last, strlen(last));
    owed_forwarded(o, bytes_of(text, len));
}

static const char one_line[] = "\r\n.\r\nMAIL FROM:<>\r\n";

static const struct {
    const char *name;
    const char *first;
    size_t len;
    const char *last;
    enum owed owed;
} writes[] = {
    {"an end in the last bytes", "", 16384, "\r\n.\r\n", OWED_MAIL},
    {"... and a command", "", 16384, one_line, OWED_MAIL},
    {"an end in the first bytes", ".\r\n", 16384, "", OWED_MAIL},
    {"no end", "", 16384, "\r\n", OWED_DATA},
    {"only the window is searched", "x\r\n.\r\n", OWED_WINDOW + 2, "", OWED_DATA},
    {"... all of it", "x\r\n.\r\n", OWED_WINDOW + 1, "", OWED_MAIL},
};

START_TEST(test_writes)
{
    struct owed_count o = {0};

    say(&o, "354");
    say_long(&o, writes[_i].first, writes[_i].len, writes[_i].last);
    ck_assert_msg(owed_now(&o) == writes[_i].owed, "%s: %d", writes[_i].name, (int)owed_now(&o));
}
END_TEST

/* An end before the window may have been missed: then what follows may be part of a chunk. */
START_TEST(doubtful)
{
    struct owed_count o = {0};

    say(&o, "354");
    say_long(&o, "", 16384, "\r\n.\r\n");
    say(&o, "250");
    say(&o, "BDAT 0 LAST\r\n");
    ck_assert(owed_now(&o) == OWED_REPLY);
    say(&o, "250");
    say(&o, "DATA\r\n");
    say(&o, "354");
    say_long(&o, "", OWED_WINDOW, "\r\n.\r\n");
    ck_assert(owed_now(&o) == OWED_MAIL);
    say(&o, "250");
    say(&o, "BDAT 0 LAST\r\n");
    ck_assert(owed_now(&o) == OWED_MAIL);
}
END_TEST

START_TEST(missed)
{
    struct owed_count o = {0};

    say(&o, "354");
    say(&o, "a\n.\n");
    say(&o, "250");
    ck_assert(owed_now(&o) == OWED_NOTHING);
    say(&o, "BDAT 0 LAST\r\n");
    ck_assert(owed_now(&o) == OWED_REPLY);
}
END_TEST

START_TEST(line_length)
{
    for (size_t len = OWED_LINE_MAX; len <= OWED_LINE_MAX + 1; len++) {
        struct owed_count o = {0};

        say_long(&o, "NOOP ", len, "\n");
        ck_assert(owed_now(&o) == OWED_REPLY);
        say(&o, "BDAT 0 LAST\r\n");
        ck_assert(owed_now(&o) == (len == OWED_LINE_MAX ? OWED_MAIL : OWED_REPLY));
    }
}
END_TEST

START_TEST(line_length_in_pieces)
{
    struct owed_count o = {0};

    say_long(&o, "NOOP ", OWED_LINE_MAX - 1, "");
    say(&o, "x");
    say(&o, "\nBDAT 0 LAST\r\n");
    ck_assert(owed_now(&o) == OWED_REPLY);
}
END_TEST

/* However a dialogue is cut into writes, the same is owed at its end. */
START_TEST(every_cut)
{
    static const char mail[] =
        "a\r\n..\r\n.\r\nRSET\r\nBDAT 3\r\n\r\n.BDAT 3 LAST\r\n\r\n.QUIT\r\n";
    size_t len = sizeof mail - 1;

    for (size_t first = 0; first <= len; first++) {
        for (size_t second = first; second <= len; second++) {
            struct owed_count o = {0};
            unsigned replies = 0;

            owed_replied(&o, 354);
            owed_forwarded(&o, bytes_of(mail, first));
            owed_forwarded(&o, bytes_of(mail + first, second - first));
            owed_forwarded(&o, bytes_of(mail + second, len - second));
            for (; owed_now(&o) == OWED_MAIL; replies++) {
                owed_replied(&o, 250);
            }
            ck_assert_msg(replies == 4 && owed_now(&o) == OWED_REPLY, "%zu %zu", first, second);
        }
    }
}
END_TEST

Suite *owed_suite(void)
{
    Suite *suite = suite_create("owed");
    TCase *tcase = tcase_create("owed");

    tcase_add_loop_test(tcase, test_owed, 0, (int)NUM(rows));
    tcase_add_test(tcase, given_up);
    tcase_add_test(tcase, given_up_later);
    tcase_add_loop_test(tcase, test_writes, 0, (int)NUM(writes));
    tcase_add_test(tcase, doubtful);
    tcase_add_test(tcase, missed);
    tcase_add_test(tcase, line_length);
    tcase_add_test(tcase, line_length_in_pieces);
    tcase_add_test(tcase, every_cut);
    suite_add_tcase(suite, tcase);
    return suite;
}
