/* The gate and long lines of the client. */
#include "tests/unit/gate_session.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define SUITE(name) Suite *name##_suite(void);
#include "tests/unit/suites.h"
#undef SUITE

static struct gate_session s;

static void client_says(const void *bytes, size_t len)
{
    stream_put(&s.from_client, bytes, len);
    gate_session_pump(&s);
}

static void client_text(const char *text)
{
    client_says(text, strlen(text));
}

static void backend_text(const char *text)
{
    stream_put(&s.from_backend, text, strlen(text));
    gate_session_pump(&s);
}

static void client_says_many(char c, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        client_says(&c, 1);
    }
}

static void expect_end(const struct stream *saw, const char *text)
{
    size_t len = strlen(text);

    ck_assert_msg(saw->len >= len && memcmp(saw->bytes + saw->len - len, text, len) == 0,
                  "expected at the end: %s", text);
}

static const struct verb_row {
    const char *name;
    size_t blanks;
    const char *rest;
    size_t trail; /* this many blanks behind it, then CRLF */
    enum gate_state state;
    size_t forwarded; /* of all that, once it has come in full */
    const char *reply;
} verb_rows[] = {
    {"a verb that ends at byte 2048", GATE_VERB_MAX - 5, "DATA ", 0, GATE_RELAY, GATE_VERB_MAX + 2,
     NULL},
    {"a verb that ends behind byte 2048", GATE_VERB_MAX - 4, "DATA ", 0, GATE_RELAY,
     GATE_VERB_MAX + 3, NULL},
    {"STARTTLS and 3000 blanks", 0, "STARTTLS", 3000, GATE_STARTTLS, 0, NULL},
    {"an argument at byte 2048", GATE_VERB_MAX - 10, "STARTTLS x", 10, GATE_PASS, 0,
     "501 5.5.4 Syntax: STARTTLS\r\n"},
    {"an argument behind byte 2048", GATE_VERB_MAX - 9, "STARTTLS x", 10, GATE_STARTTLS, 0, NULL},
    {"NOOP of 2048 bytes", 0, "NOOP", GATE_VERB_MAX - 6, GATE_PASS, GATE_VERB_MAX, NULL},
    {"NOOP of 2049 bytes", 0, "NOOP", GATE_VERB_MAX - 5, GATE_RELAY, GATE_VERB_MAX + 1, NULL},
    {"NOOP and 20000 blanks", 0, "NOOP", 20000, GATE_RELAY, 20006, NULL},
    {"unknown, of 2048 bytes", 0, "FOO", GATE_VERB_MAX - 5, GATE_PASS, GATE_VERB_MAX, NULL},
    {"unknown, of 2049 bytes", 0, "FOO", GATE_VERB_MAX - 4, GATE_RELAY, GATE_VERB_MAX + 1, NULL},
};

START_TEST(long_line)
{
    const struct verb_row *row = &verb_rows[_i];
    size_t seen;

    gate_session_begin(&s, false);
    backend_text("220 mx\r\n");
    seen = s.client_saw.len;
    client_says_many(' ', row->blanks);
    ck_assert_msg(s.backend_saw.len == 0, "%s: too early", row->name);
    client_text(row->rest);
    client_says_many(' ', row->trail);
    ck_assert_msg(s.client_saw.len == seen, "%s: an answer before the line's end", row->name);
    ck_assert_msg(gate_state(&s.gate) == GATE_PASS || row->state == GATE_RELAY,
                  "%s: a verdict before the line's end", row->name);
    client_text("\r\n");
    ck_assert_msg(gate_state(&s.gate) == row->state, "%s: state %d", row->name,
                  (int)gate_state(&s.gate));
    ck_assert_msg(s.backend_saw.len == row->forwarded, "%s: forwarded %zu", row->name,
                  s.backend_saw.len);
    if (row->reply != NULL) {
        expect_end(&s.client_saw, row->reply);
    } else {
        ck_assert_msg(s.client_saw.len == seen, "%s: a reply", row->name);
    }
}
END_TEST

/* A backend may take the rest of a long line for commands: so nothing that is behind byte 2048 is
 * looked at, or where it must not be passed on unseen, the session ends. */
static const struct long_line_row {
    const char *name;
    enum gate_level level;
    bool tls, greeted;
    enum gate_state state;
} long_line_rows[] = {
    {"may", GATE_MAY, false, false, GATE_RELAY},
    {"none", GATE_NONE, false, false, GATE_RELAY},
    {"encrypt", GATE_ENCRYPT, false, false, GATE_CLOSE},
    {"under TLS, before EHLO", GATE_MAY, true, false, GATE_CLOSE},
    {"under TLS", GATE_MAY, true, true, GATE_RELAY},
    {"encrypt, under TLS", GATE_ENCRYPT, true, true, GATE_RELAY},
};

START_TEST(behind_a_long_line)
{
    const struct long_line_row *row = &long_line_rows[_i];
    bool closed = row->state == GATE_CLOSE;

    gate_session_begin_as(&s, (struct gate_rules){.level = row->level}, false);
    backend_text("220 mx\r\n");
    if (row->tls) {
        client_text("STARTTLS\r\n");
        gate_starttls_accept(&s.gate, &s.to_client);
        gate_tls_started(&s.gate);
    }
    if (row->greeted) {
        client_text("EHLO c\r\n");
        backend_text("250 mx\r\n");
    }
    client_text("NOOP ");
    client_says_many('A', GATE_VERB_MAX - 5);
    ck_assert_msg(gate_state(&s.gate) == GATE_PASS, "%s: too early", row->name);
    client_text("AMAIL FROM:<>\r\nSTARTTLS\r\n");
    ck_assert_msg(gate_state(&s.gate) == row->state, "%s: state %d", row->name,
                  (int)gate_state(&s.gate));
    ck_assert_uint_eq(s.gate.notes, closed ? GATE_NOTE_CLIENT_LINE : 0U);
    if (closed) {
        expect_end(&s.client_saw, "421 4.5.2 mx.example Error: line too long\r\n");
    } else {
        expect_end(&s.backend_saw, "AMAIL FROM:<>\r\nSTARTTLS\r\n");
        ck_assert(gate_backend_turn(&s.gate));
    }
}
END_TEST

/* The byte that went ahead of the reply to EHLO belongs to its line. */
START_TEST(long_line_ahead)
{
    bool longer = _i == 1;

    gate_session_begin(&s, false);
    backend_text("220 mx\r\n");
    client_text("STARTTLS\r\n");
    gate_starttls_accept(&s.gate, &s.to_client);
    gate_tls_started(&s.gate);
    client_text("EHLO c\r\nVRFY ");
    expect_end(&s.backend_saw, "EHLO c\r\nV");
    client_says_many('A', GATE_VERB_MAX - 7 + (longer ? 1 : 0));
    client_text("\r\n");
    expect_end(&s.backend_saw, "EHLO c\r\nV");
    backend_text("250 mx\r\n");
    expect_end(&s.backend_saw, "AA\r\n");
    ck_assert_int_eq(gate_state(&s.gate), longer ? GATE_RELAY : GATE_PASS);
}
END_TEST

START_TEST(each_line_has_its_length)
{
    gate_session_begin(&s, false);
    backend_text("220 mx\r\n");
    for (int i = 0; i < 3; i++) {
        client_text("NOOP ");
        client_says_many('A', GATE_VERB_MAX - 7);
        client_text("\r\n");
        ck_assert_int_eq(gate_state(&s.gate), GATE_PASS);
    }
}
END_TEST

/* Behind the backend's last word nothing of ours follows for such a line either. */
START_TEST(long_line_behind_a_bye)
{
    gate_session_begin_as(&s, (struct gate_rules){.level = GATE_ENCRYPT}, false);
    backend_text("220 mx\r\n421 timeout\r\n");
    client_text("NOOP ");
    client_says_many('A', GATE_VERB_MAX);
    ck_assert_int_eq(gate_state(&s.gate), GATE_CLOSE);
    expect_end(&s.client_saw, "421 timeout\r\n");
}
END_TEST

Suite *gate_lines_suite(void)
{
    Suite *suite = suite_create("gate_lines");
    TCase *tcase = tcase_create("gate_lines");

    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, long_line, 0, sizeof verb_rows / sizeof verb_rows[0]);
    tcase_add_loop_test(tcase, behind_a_long_line, 0,
                        sizeof long_line_rows / sizeof long_line_rows[0]);
    tcase_add_loop_test(tcase, long_line_ahead, 0, 2);
    tcase_add_test(tcase, each_line_has_its_length);
    tcase_add_test(tcase, long_line_behind_a_bye);
    suite_add_tcase(suite, tcase);
    return suite;
}
