#include "lib/smtp/message.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define SUITE(name) Suite *name##_suite(void);
#include "tests/unit/suites.h"
#undef SUITE

/* A string literal with its length: it may hold NULs. */
#define BYTES(s) (s), sizeof(s) - 1

static const struct verb_row {
    const char *name;
    const char *line;
    size_t len;
    enum verb verb; /* VERB_NUM: not known yet */
    bool argument;
} verb_rows[] = {
    {"nothing", BYTES(""), VERB_NUM, false},
    {"blanks", BYTES(" \t"), VERB_NUM, false},
    {"a verb without its end", BYTES("STARTTLS"), VERB_NUM, false},
    {"AUTH", BYTES("AUTH PLAIN\r\n"), VERB_AUTH, true},
    {"BDAT", BYTES("BDAT 3 LAST\r\n"), VERB_BDAT, true},
    {"DATA", BYTES("DATA\r\n"), VERB_DATA, false},
    {"EHLO", BYTES("EHLO x\r\n"), VERB_EHLO, true},
    {"ETRN", BYTES("ETRN x\r\n"), VERB_ETRN, true},
    {"EXPN", BYTES("EXPN x\r\n"), VERB_EXPN, true},
    {"HELO", BYTES("HELO x\r\n"), VERB_HELO, true},
    {"HELP", BYTES("HELP\r\n"), VERB_HELP, false},
    {"MAIL", BYTES("MAIL FROM:<>\r\n"), VERB_MAIL, true},
    {"NOOP", BYTES("NOOP\r\n"), VERB_NOOP, false},
    {"QUIT", BYTES("QUIT\r\n"), VERB_QUIT, false},
    {"RCPT", BYTES("RCPT TO:<a>\r\n"), VERB_RCPT, true},
    {"RSET", BYTES("RSET\r\n"), VERB_RSET, false},
    {"STARTTLS", BYTES("STARTTLS\r\n"), VERB_STARTTLS, false},
    {"VRFY", BYTES("VRFY a\r\n"), VERB_VRFY, true},
    {"without case", BYTES("sTaRtTlS\n"), VERB_STARTTLS, false},
    {"a bare LF", BYTES("DATA\n"), VERB_DATA, false},
    {"CRCRLF", BYTES("DATA\r\r\n"), VERB_DATA, false},
    {"a bare CR parts words", BYTES("STARTTLS\rNOOP\r\n"), VERB_STARTTLS, true},
    {"VT in front", BYTES("\x0bMAIL FROM:<>\r\n"), VERB_MAIL, true},
    {"FF in front",
     BYTES("\x0c"
           "DATA\r\n"),
     VERB_DATA, false},
    {"TAB, SP and CR in front", BYTES("\t \rDATA\r\n"), VERB_DATA, false},
    {"VT behind",
     BYTES("MAIL\x0b"
           "FROM:<>\r\n"),
     VERB_MAIL, true},
    {"FF behind",
     BYTES("MAIL\x0c"
           "FROM:<>\r\n"),
     VERB_MAIL, true},
    {"NUL behind", BYTES("DATA\0 x\r\n"), VERB_DATA, false},
    {"NUL hides an argument", BYTES("STARTTLS \0x\r\n"), VERB_STARTTLS, false},
    {"blanks are no argument", BYTES("STARTTLS \t\x0b\x0c \r\n"), VERB_STARTTLS, false},
    {"an argument", BYTES("STARTTLS x\r\n"), VERB_STARTTLS, true},
    {"NUL inside", BYTES("NO\0OP\r\n"), VERB_OTHER, false},
    {"NUL in front", BYTES("\0DATA\r\n"), VERB_OTHER, false},
    {"LF before a verb", BYTES("\nDATA\r\n"), VERB_OTHER, false},
    {"an empty line", BYTES("\r\n"), VERB_OTHER, false},
    {"blanks only", BYTES("  \r\n"), VERB_OTHER, false},
    {"a colon", BYTES("STARTTLS:\r\n"), VERB_OTHER, false},
    {"too long", BYTES("STARTTLSX\r\n"), VERB_OTHER, false},
    {"too short", BYTES("STARTTL\r\n"), VERB_OTHER, false},
    {"a quoted verb", BYTES("\"DATA\"\r\n"), VERB_OTHER, false},
    {"a no-break space",
     BYTES("\xa0"
           "DATA\r\n"),
     VERB_OTHER, false},
    {"8 bits", BYTES("D\xc4TA\r\n"), VERB_OTHER, false},
};

START_TEST(verb)
{
    const struct verb_row *row = &verb_rows[_i];
    struct bytes line = bytes_of(row->line, row->len);
    enum verb got = VERB_NUM;
    bool known = message_verb(line, &got);

    ck_assert_msg(known == (row->verb != VERB_NUM) && got == row->verb, "%s: verb %d", row->name,
                  (int)got);
    ck_assert_msg(message_has_argument(line) == row->argument, "%s: argument", row->name);
}
END_TEST

static const struct argument_row {
    const char *name;
    const char *line;
    size_t len;
    bool known;
    const char *argument;
} argument_rows[] = {
    {"nothing behind the verb yet", BYTES("AUTH "), false, ""},
    {"a word without its end", BYTES("AUTH PLA"), false, "PLA"},
    {"a word and a blank", BYTES("AUTH PLAIN "), true, "PLAIN"},
    {"a word and LF", BYTES("AUTH\tPLAIN\n"), true, "PLAIN"},
    {"a word and NUL", BYTES("AUTH PLAIN\0x\n"), true, "PLAIN"},
    {"no word", BYTES("AUTH \r\n"), true, ""},
    {"the next line is another", BYTES("AUTH\nPLAIN\n"), true, ""},
};

START_TEST(argument)
{
    const struct argument_row *row = &argument_rows[_i];
    struct bytes got;
    bool known = message_argument(bytes_of(row->line, row->len), &got);

    ck_assert_msg(known == row->known, "%s: known", row->name);
    ck_assert_msg(got.len == strlen(row->argument) &&
                      (got.len == 0 || memcmp(got.data, row->argument, got.len) == 0),
                  "%s: %.*s", row->name, (int)got.len, (const char *)got.data);
}
END_TEST

static const struct reply_row {
    const char *name;
    const char *line;
    size_t len;
    unsigned code; /* 0: no reply line */
    bool last;
    const char *text;
} reply_rows[] = {
    {"a last line", BYTES("250 ok\r\n"), 250, true, "ok\r\n"},
    {"a line before others", BYTES("250-ok\r\n"), 250, false, "ok\r\n"},
    {"a code alone", BYTES("250\r\n"), 250, true, "\r\n"},
    {"a code and a bare LF", BYTES("354\n"), 354, true, "\n"},
    {"a code and a blank", BYTES("250 \r\n"), 250, true, "\r\n"},
    {"a code and a hyphen", BYTES("250-\r\n"), 250, false, "\r\n"},
    {"an odd separator", BYTES("220xok\r\n"), 220, true, "xok\r\n"},
    {"three digits without an end", BYTES("421"), 421, true, ""},
    {"two digits", BYTES("25\r\n"), 0, false, NULL},
    {"an empty line", BYTES("\r\n"), 0, false, NULL},
    {"text", BYTES("hello 250 \r\n"), 0, false, NULL},
    {"a blank in front", BYTES(" 250 ok\r\n"), 0, false, NULL},
    {"no digit", BYTES("2a0 ok\r\n"), 0, false, NULL},
    {"below the digits", BYTES("25/ ok\r\n"), 0, false, NULL},
    {"above the digits", BYTES("25: ok\r\n"), 0, false, NULL},
};

START_TEST(reply)
{
    const struct reply_row *row = &reply_rows[_i];
    struct reply_line got;
    bool is_reply = message_reply_line(bytes_of(row->line, row->len), &got);

    ck_assert_msg(is_reply == (row->text != NULL), "%s", row->name);
    if (row->text == NULL) {
        return;
    }
    ck_assert_msg(got.code == row->code, "%s: code %u", row->name, got.code);
    ck_assert_msg(got.last == row->last, "%s: last", row->name);
    ck_assert_msg(got.text.len == strlen(row->text) &&
                      memcmp(got.text.data, row->text, got.text.len) == 0,
                  "%s: text", row->name);
}
END_TEST

static const struct keyword_row {
    const char *name;
    const char *text;
    const char *keyword;
    bool is;
} keyword_rows[] = {
    {"alone", "STARTTLS\r\n", "STARTTLS", true},
    {"without case", "startTLS\n", "STARTTLS", true},
    {"with parameters", "AUTH PLAIN LOGIN\r\n", "AUTH", true},
    {"with an equals sign", "AUTH=PLAIN LOGIN\r\n", "AUTH", true},
    {"behind a blank", " AUTH PLAIN\r\n", "AUTH", true},
    {"TAB behind it", "XCLIENT\tNAME\r\n", "XCLIENT", true},
    {"CRCRLF", "XFORWARD\r\r\n", "XFORWARD", true},
    {"longer", "AUTHX\r\n", "AUTH", false},
    {"shorter", "AUT\r\n", "AUTH", false},
    {"another", "SIZE 10\r\n", "AUTH", false},
    {"nothing", "\r\n", "AUTH", false},
    {"not the first word", "X AUTH\r\n", "AUTH", false},
};

START_TEST(keyword)
{
    const struct keyword_row *row = &keyword_rows[_i];
    struct bytes text = bytes_of(row->text, strlen(row->text));

    ck_assert_msg(message_is_keyword(text, row->keyword) == row->is, "%s", row->name);
}
END_TEST

static const struct edit_row {
    const char *name;
    struct message_edit edit;
    const char *in;
    const char *out;
} edit_rows[] = {
    {"one line", {true, true}, "250 mx\r\n", "250-mx\r\n250 STARTTLS\r\n"},
    {"one line without a separator", {true, true}, "250\r\n", "250-\r\n250 STARTTLS\r\n"},
    {"one line, nothing added", {false, true}, "250 mx\r\n", "250 mx\r\n"},
    {"behind the first line",
     {true, true},
     "250-mx\r\n250 SIZE\r\n",
     "250-mx\r\n250-STARTTLS\r\n250 SIZE\r\n"},
    {"the own line becomes the last",
     {true, true},
     "250-mx\r\n250 XCLIENT NAME\r\n",
     "250-mx\r\n250 STARTTLS\r\n"},
    {"the first line becomes the last", {false, true}, "250-mx\r\n250 STARTTLS\r\n", "250 mx\r\n"},
    {"several hidden at the end",
     {false, true},
     "250-mx\r\n250-SIZE\r\n250-XCLIENT A\r\n250-XFORWARD A\r\n250 starttls\r\n",
     "250-mx\r\n250 SIZE\r\n"},
    {"hidden in the middle",
     {false, true},
     "250-mx\r\n250-AUTH PLAIN\r\n250-AUTH=PLAIN\r\n250-STARTTLS\r\n250 SIZE\r\n",
     "250-mx\r\n250 SIZE\r\n"},
    {"AUTH shown",
     {false, false},
     "250-mx\r\n250-AUTH PLAIN\r\n250 XCLIENT\r\n",
     "250-mx\r\n250 AUTH PLAIN\r\n"},
    {"a host with a keyword's name",
     {false, true},
     "250-auth\r\n250 SIZE\r\n",
     "250-auth\r\n250 SIZE\r\n"},
    {"the backend's line ends",
     {true, true},
     "250-mx\n250-AUTH\n250 SIZE\r\r\n",
     "250-mx\n250-STARTTLS\r\n250 SIZE\r\r\n"},
    {"another code is left alone",
     {false, true},
     "250-mx\r\n500 AUTH\r\n",
     "250-mx\r\n500 AUTH\r\n"},
};

START_TEST(edit)
{
    const struct edit_row *row = &edit_rows[_i];
    static uint8_t memory[BUFFER_SIZE];
    struct buffer out = {.data = memory};
    struct reply_line r;
    struct bytes ready;
    bool first = true;

    for (const char *at = row->in; *at != '\0'; first = false) {
        const char *end = strchr(at, '\n') + 1;
        struct bytes line = bytes_of(at, (size_t)(end - at));

        ck_assert(message_reply_line(line, &r));
        message_put_ehlo_line(&out, line, &r, first, row->edit);
        ck_assert_msg(r.last == (out.held == 0), "%s: held", row->name);
        at = end;
    }
    ready = buffer_ready(&out);
    ck_assert_msg(ready.len == strlen(row->out) && memcmp(ready.data, row->out, ready.len) == 0,
                  "%s: %.*s", row->name, (int)ready.len, (const char *)ready.data);
}
END_TEST

/* Nothing is held (a line that is no reply came between): the reply still gets an end. */
START_TEST(edit_without_a_line_before)
{
    static uint8_t memory[BUFFER_SIZE];
    struct buffer out = {.data = memory};
    struct bytes line = bytes_of("250 AUTH\r\n", 10);
    struct reply_line r;

    ck_assert(message_reply_line(line, &r));
    message_put_ehlo_line(&out, line, &r, false, (struct message_edit){false, true});
    ck_assert_uint_eq(buffer_ready(&out).len, 6);
    ck_assert_mem_eq(buffer_ready(&out).data, "250 \r\n", 6);
}
END_TEST

Suite *message_suite(void)
{
    Suite *suite = suite_create("message");
    TCase *tcase = tcase_create("message");

    tcase_add_loop_test(tcase, argument, 0, sizeof argument_rows / sizeof argument_rows[0]);
    tcase_add_loop_test(tcase, verb, 0, sizeof verb_rows / sizeof verb_rows[0]);
    tcase_add_loop_test(tcase, reply, 0, sizeof reply_rows / sizeof reply_rows[0]);
    tcase_add_loop_test(tcase, keyword, 0, sizeof keyword_rows / sizeof keyword_rows[0]);
    tcase_add_loop_test(tcase, edit, 0, sizeof edit_rows / sizeof edit_rows[0]);
    tcase_add_test(tcase, edit_without_a_line_before);
    suite_add_tcase(suite, tcase);
    return suite;
}
