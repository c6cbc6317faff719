/* The gate at its limits: long replies, full buffers, full ring, and random bytes. */
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

static void backend_says(const void *bytes, size_t len)
{
    stream_put(&s.from_backend, bytes, len);
    gate_session_pump(&s);
}

static void client_text(const char *text)
{
    client_says(text, strlen(text));
}

static void backend_text(const char *text)
{
    backend_says(text, strlen(text));
}

static void expect_end(const struct stream *saw, const char *text)
{
    size_t len = strlen(text);

    ck_assert_msg(saw->len >= len && memcmp(saw->bytes + saw->len - len, text, len) == 0,
                  "expected at the end: %s", text);
}

/* --- long lines and replies of the backend ------------------------------------------------------
 */

enum long_phase { BEFORE_BANNER, OPEN_DOOR, RELAY, UNDER_TLS, NUM_LONG_PHASES };

static void enter(enum long_phase phase)
{
    gate_session_begin(&s, false);
    if (phase == BEFORE_BANNER) {
        return;
    }
    backend_text("220 mx\r\n");
    if (phase == RELAY) {
        client_text("MAIL FROM:<>\r\n");
    } else if (phase == OPEN_DOOR) {
        client_text("HELP\r\n");
    } else {
        client_text("STARTTLS\r\n");
        gate_starttls_accept(&s.gate, &s.to_client);
        gate_tls_started(&s.gate);
        client_text("EHLO c\r\n");
    }
}

static void reply_line(const char *start, size_t len)
{
    char line[GATE_REPLY_LINE_MAX + 2];

    ck_assert_uint_le(len, sizeof line);
    memset(line, 'x', len);
    memcpy(line, start, 4);
    memcpy(line + len - 2, "\r\n", 2);
    backend_says(line, len);
}

START_TEST(reply_line_length)
{
    enum long_phase phase = (enum long_phase)_i;
    const char *code = phase == BEFORE_BANNER ? "220-" : "250-";
    char full[GATE_REPLY_LINE_MAX];
    size_t before;

    enter(phase);
    before = s.client_saw.len;
    reply_line(code, GATE_REPLY_LINE_MAX);
    reply_line(code, GATE_REPLY_LINE_MAX);
    ck_assert(gate_state(&s.gate) != GATE_CLOSE);
    ck_assert_uint_ge(s.client_saw.len, before + GATE_REPLY_LINE_MAX);
    memset(full, 'x', sizeof full);
    memcpy(full, code, 4);
    backend_says(full, sizeof full - 1);
    ck_assert(gate_state(&s.gate) != GATE_CLOSE);
    backend_says(full, 1);
    ck_assert_int_eq(gate_state(&s.gate), GATE_CLOSE);
    ck_assert_uint_eq(s.gate.notes, GATE_NOTE_BACKEND_LINE);
    expect_end(&s.client_saw, "xx\r\n421 4.3.2 mx.example Service not available\r\n");
}
END_TEST

START_TEST(reply_length)
{
    enum long_phase phase = (enum long_phase)_i;
    const char *code = phase == BEFORE_BANNER ? "220-" : "250-";

    enter(phase);
    s.client_saw.len = 0;
    for (size_t i = 0; i < GATE_REPLY_MAX / 1024; i++) {
        reply_line(code, 1024);
        s.client_saw.len = 0;
    }
    ck_assert(gate_state(&s.gate) != GATE_CLOSE);
    backend_text(code[0] == '2' && code[1] == '2' ? "220-x\r\n" : "250-x\r\n");
    if (phase == RELAY) {
        ck_assert_int_eq(gate_state(&s.gate), GATE_RELAY);
        return;
    }
    ck_assert_int_eq(gate_state(&s.gate), GATE_CLOSE);
    ck_assert_uint_eq(s.gate.notes, GATE_NOTE_BACKEND_REPLY);
    expect_end(&s.client_saw, "421 4.3.2 mx.example Service not available\r\n");
}
END_TEST

/* A finished reply does not count for the next one. */
START_TEST(replies_length)
{
    enter(OPEN_DOOR);
    for (size_t i = 0; i < 3 * GATE_REPLY_MAX / 1024; i++) {
        reply_line("214 ", 1024);
        client_text("HELP\r\n");
        s.client_saw.len = 0;
        s.backend_saw.len = 0;
    }
    ck_assert_int_eq(gate_state(&s.gate), GATE_PASS);
}
END_TEST

/* --- full rings and buffers ----------------------------------------------------------------------
 */

START_TEST(full_ring)
{
    gate_session_begin(&s, false);
    for (size_t i = 0; i < 2 * GATE_PENDING_MAX; i++) {
        client_text("NOOP\r\n");
    }
    ck_assert_uint_eq(s.backend_saw.len, 6 * (GATE_PENDING_MAX - 1));
    ck_assert_uint_eq(s.from_client.len, 6 * (GATE_PENDING_MAX + 1));
    backend_text("220 mx\r\n");
    ck_assert_uint_eq(s.backend_saw.len, 6 * GATE_PENDING_MAX);
    for (size_t i = 0; i < 2 * GATE_PENDING_MAX; i++) {
        ck_assert(gate_backend_turn(&s.gate));
        backend_text("250 ok\r\n");
    }
    ck_assert_uint_eq(s.backend_saw.len, 12 * GATE_PENDING_MAX);
    ck_assert(!gate_backend_turn(&s.gate));
    ck_assert_int_eq(gate_state(&s.gate), GATE_PASS);
}
END_TEST

/* Where the ring is full, MAIL needs no place in it. */
START_TEST(full_ring_and_mail)
{
    gate_session_begin(&s, false);
    for (size_t i = 0; i < GATE_PENDING_MAX - 1; i++) {
        client_text("NOOP\r\n");
    }
    client_text("MAIL FROM:<>\r\n");
    ck_assert_int_eq(gate_state(&s.gate), GATE_RELAY);
}
END_TEST

/* A client that reads nothing: replies wait, and the last word still fits. */
START_TEST(full_to_client)
{
    static const char text[] =
        "a reason of two hundred bytes and more, so that it does not fit into what is left by "
        "chance where the gate keeps no room: a reason of two hundred bytes and more, so that it "
        "does not fit into what is left by chance";
    char line[60];

    gate_session_begin(&s, false);
    stream_put(&s.from_backend, "220 mx\r\n", 8);
    stream_put(&s.from_client, "MAIL FROM:<>\r\n", 14);
    gate_session_backend(&s);
    gate_session_client(&s);
    memset(line, 'x', sizeof line);
    memcpy(line, "250 ", 4);
    line[sizeof line - 1] = '\n';
    for (int i = 0; i < 500; i++) {
        stream_put(&s.from_backend, line, sizeof line);
    }
    gate_session_backend(&s);
    ck_assert_uint_eq(gate_session_backend(&s), 0);
    ck_assert_uint_lt(buffer_room(&s.to_client), 1000);
    s.drain_max = 3000;
    gate_session_drain(&s);
    ck_assert_uint_ge(gate_session_backend(&s), 2900);
    ck_assert_uint_gt(s.from_backend.len, 0);
    gate_give_up(&s.gate, &s.to_client, "4.3.2", text);
    ck_assert_int_eq(gate_state(&s.gate), GATE_CLOSE);
    s.drain_max = SIZE_MAX;
    gate_session_drain(&s);
    expect_end(&s.client_saw, "by chance\r\n");
}
END_TEST

/* Refusals fill the client's buffer: the gate stops, loses none, and gives the next one when there
 * is room, though the client has nothing more to say. */
START_TEST(full_to_client_refusals)
{
    char line[1000];

    gate_session_begin(&s, false);
    stream_put(&s.from_backend, "220 mx\r\n", 8);
    gate_session_backend(&s);
    memset(line, 'x', sizeof line);
    memcpy(line, "214 ", 4);
    line[sizeof line - 1] = '\n';
    for (int i = 0; i < 15; i++) {
        stream_put(&s.from_client, "HELP\r\n", 6);
        stream_put(&s.from_backend, line, sizeof line);
    }
    gate_session_client(&s);
    gate_session_backend(&s);
    ck_assert_uint_eq(s.from_backend.len, 0);
    for (int i = 0; i < GATE_REFUSALS_MAX; i++) {
        stream_put(&s.from_client, "AUTH X\r\n", 8);
    }
    while (gate_session_client(&s) > 0) {
    }
    ck_assert_uint_gt(s.from_client.len, 0);
    ck_assert_int_eq(gate_state(&s.gate), GATE_PASS);
    ck_assert_uint_ge(buffer_room(&s.to_client), 512);
    s.from_client.len = 0;
    s.drain_max = SIZE_MAX;
    gate_session_drain(&s);
    s.client_saw.len = 0;
    gate_session_client(&s);
    s.drain_max = SIZE_MAX;
    gate_session_drain(&s);
    expect_end(&s.client_saw, "538 5.7.11 Encryption required for requested authentication "
                              "mechanism\r\n");
    ck_assert_uint_eq(gate_client(&s.gate, bytes_of(NULL, 0), &s.to_backend, &s.to_client), 0);
    ck_assert_uint_eq(buffer_len(&s.to_client), 0);
}
END_TEST

/* A backend that reads nothing, byte by byte room. */
START_TEST(full_to_backend)
{
    static const char mail[] = "MAIL FROM:<>\r\n";
    size_t room;
    uint8_t *tail;

    gate_session_begin(&s, false);
    tail = buffer_tail(&s.to_backend, &room);
    memset(tail, 'x', room);
    buffer_grow(&s.to_backend, room);
    stream_put(&s.from_client, "NOOP\r\nNOOP\r\n", 12);
    stream_put(&s.from_client, mail, sizeof mail - 1);
    ck_assert_uint_eq(gate_session_client(&s), 0);
    for (size_t i = 0; i < 12 + sizeof mail - 1; i++) {
        ck_assert_int_eq(gate_state(&s.gate), i < 12 ? GATE_PASS : GATE_RELAY);
        buffer_drop(&s.to_backend, 1);
        ck_assert_uint_eq(gate_session_client(&s), 1);
    }
    ck_assert_uint_eq(s.from_client.len, 0);
}
END_TEST

/* --- ends ----------------------------------------------------------------------------------------
 */

START_TEST(give_up_with_held_lines)
{
    gate_session_begin(&s, false);
    backend_text("220 mx\r\n");
    client_text("EHLO c\r\n");
    backend_text("250-mx\r\n250-SIZE\r\n250-DSN\r\n250-half");
    s.client_saw.len = 0;
    gate_give_up(&s.gate, &s.to_client, "4.3.2", "Service currently unavailable");
    gate_give_up(&s.gate, &s.to_client, "4.3.2", "not twice");
    gate_session_pump(&s);
    ck_assert_uint_eq(s.client_saw.len, strlen("421 4.3.2 mx.example Service currently "
                                               "unavailable\r\n"));
    ck_assert_int_eq(gate_state(&s.gate), GATE_CLOSE);
    ck_assert(!gate_is_open(&s.gate));
    client_text("NOOP\r\n");
    backend_text("250 ok\r\n");
    ck_assert_uint_eq(s.from_client.len, 6);
    ck_assert_uint_eq(s.backend_saw.len, 8);
}
END_TEST

START_TEST(give_up_without_memory)
{
    struct buffer none = {0};

    gate_session_begin(&s, false);
    gate_give_up(&s.gate, &none, "4.3.2", "Service currently unavailable");
    ck_assert_int_eq(gate_state(&s.gate), GATE_CLOSE);
}
END_TEST

START_TEST(give_up_with_a_long_name)
{
    char name[1000];

    gate_session_begin(&s, false);
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    s.rules.hostname = name;
    gate_give_up(&s.gate, &s.to_client, "4.3.2", "Service currently unavailable");
    s.drain_max = SIZE_MAX;
    gate_session_drain(&s);
    ck_assert_uint_le(s.client_saw.len, 512);
    expect_end(&s.client_saw, "n\r\n");
}
END_TEST

START_TEST(relay_turn)
{
    gate_session_begin(&s, false);
    backend_text("220 mx\r\n");
    client_text("MAIL FROM:<>\r\n");
    backend_text("250 ok\r\n");
    ck_assert(!gate_backend_turn(&s.gate));
    gate_forwarded(&s.gate, bytes_of("RCPT TO:<>\r\n", 12));
    ck_assert(gate_backend_turn(&s.gate));
    backend_text("354 go\r\n");
    ck_assert(!gate_backend_turn(&s.gate));
}
END_TEST

Suite *gate_stress_suite(void)
{
    Suite *suite = suite_create("gate_stress");
    TCase *tcase = tcase_create("gate_stress");

    tcase_set_timeout(tcase, 120);
    tcase_add_loop_test(tcase, reply_line_length, 0, NUM_LONG_PHASES);
    tcase_add_loop_test(tcase, reply_length, 0, NUM_LONG_PHASES);
    tcase_add_test(tcase, replies_length);
    tcase_add_test(tcase, full_ring);
    tcase_add_test(tcase, full_ring_and_mail);
    tcase_add_test(tcase, full_to_client);
    tcase_add_test(tcase, full_to_client_refusals);
    tcase_add_test(tcase, full_to_backend);
    tcase_add_test(tcase, give_up_with_held_lines);
    tcase_add_test(tcase, give_up_without_memory);
    tcase_add_test(tcase, give_up_with_a_long_name);
    tcase_add_test(tcase, relay_turn);
    suite_add_tcase(suite, tcase);
    return suite;
}
