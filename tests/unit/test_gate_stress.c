/* The gate at its limits: long lines, long replies, full buffers, full ring, and random bytes. */
#include "tests/unit/dialogue.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define SUITE(name) Suite *name##_suite(void);
#include "tests/unit/suites.h"
#undef SUITE

#define QUEUE_SIZE ((size_t)65536)

/* Both sides of a session: what was sent and not consumed, and all that came out. */
static struct gate gate;
static struct gate_rules rules;
static struct buffer to_client, to_backend;
static uint8_t client_memory[BUFFER_SIZE], backend_memory[BUFFER_SIZE];

struct stream {
    uint8_t bytes[QUEUE_SIZE];
    size_t len;
};

static struct stream from_client, from_backend, client_saw, backend_saw;

static void begin(bool auth)
{
    rules = (struct gate_rules){.hostname = "mx.example", .auth_before_tls = auth};
    to_client = (struct buffer){.data = client_memory};
    to_backend = (struct buffer){.data = backend_memory};
    from_client.len = 0;
    from_backend.len = 0;
    client_saw.len = 0;
    backend_saw.len = 0;
    gate_init(&gate, &rules);
}

static void append(struct stream *s, const void *bytes, size_t len)
{
    MUST(len <= QUEUE_SIZE - s->len);
    if (len > 0) {
        memcpy(s->bytes + s->len, bytes, len);
        s->len += len;
    }
}

static void consume(struct stream *s, size_t len)
{
    MUST(len <= s->len);
    memmove(s->bytes, s->bytes + len, s->len - len);
    s->len -= len;
}

static size_t drain(struct buffer *b, struct stream *s, size_t max)
{
    struct bytes ready = buffer_ready(b);

    ready.len = ready.len < max ? ready.len : max;
    append(s, ready.data, ready.len);
    buffer_drop(b, ready.len);
    return ready.len;
}

/* gate_client() and gate_backend() with everything that waits; what must hold after each call. */
static size_t give_client(void)
{
    enum gate_state before = gate_state(&gate);
    size_t had = buffer_len(&to_backend);
    size_t used =
        gate_client(&gate, bytes_of(from_client.bytes, from_client.len), &to_backend, &to_client);
    size_t came = buffer_len(&to_backend) - had;
    const uint8_t *out = to_backend.data + to_backend.end - came;
    size_t at = 0;

    MUST(used <= from_client.len);
    MUST(came <= used);
    MUST(to_backend.end <= BUFFER_SIZE);
    MUST(to_client.end <= BUFFER_SIZE);
    /* Nothing is made up or reordered; in relay nothing is left out. */
    for (size_t i = 0; i < used && at < came; i++) {
        at += from_client.bytes[i] == out[at];
    }
    MUST(at == came);
    if (before == GATE_RELAY) {
        MUST(came == used);
        MUST(used == from_client.len || buffer_room(&to_backend) == 0);
    }
    consume(&from_client, used);
    return used;
}

static size_t give_backend(void)
{
    size_t used = gate_backend(&gate, bytes_of(from_backend.bytes, from_backend.len), &to_client);
    struct bytes ready = buffer_ready(&to_client);

    MUST(used <= from_backend.len);
    MUST(to_client.end <= BUFFER_SIZE);
    MUST(to_client.held <= buffer_len(&to_client));
    MUST(ready.len == 0 || ready.data[ready.len - 1] == '\n');
    MUST(used == 0 || from_backend.bytes[used - 1] == '\n');
    consume(&from_backend, used);
    return used;
}

static void pump(void)
{
    size_t moved;

    do {
        moved = give_backend() + give_client();
        moved += drain(&to_client, &client_saw, SIZE_MAX);
        moved += drain(&to_backend, &backend_saw, SIZE_MAX);
    } while (moved > 0);
}

static void client_says(const void *bytes, size_t len)
{
    append(&from_client, bytes, len);
    pump();
}

static void backend_says(const void *bytes, size_t len)
{
    append(&from_backend, bytes, len);
    pump();
}

static void client_text(const char *s)
{
    client_says(s, strlen(s));
}

static void backend_text(const char *s)
{
    backend_says(s, strlen(s));
}

static void client_says_many(char c, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        client_says(&c, 1);
    }
}

static void expect_end(const struct stream *saw, const char *s)
{
    size_t len = strlen(s);

    ck_assert_msg(saw->len >= len && memcmp(saw->bytes + saw->len - len, s, len) == 0,
                  "expected at the end: %s", s);
}

/* --- long lines of the client ------------------------------------------------------------------
 */

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
    {"a verb that ends behind byte 2048", GATE_VERB_MAX - 4, "DATA ", 0, GATE_PASS,
     GATE_VERB_MAX + 3, NULL},
    {"STARTTLS and 3000 blanks", 0, "STARTTLS", 3000, GATE_STARTTLS, 0, NULL},
    {"an argument at byte 2048", GATE_VERB_MAX - 10, "STARTTLS x", 10, GATE_PASS, 0,
     "501 5.5.4 Syntax: STARTTLS\r\n"},
    {"an argument behind byte 2048", GATE_VERB_MAX - 9, "STARTTLS x", 10, GATE_STARTTLS, 0, NULL},
    {"NOOP and 20000 blanks", 0, "NOOP", 20000, GATE_PASS, 20006, NULL},
};

START_TEST(long_line)
{
    const struct verb_row *row = &verb_rows[_i];
    size_t seen;

    begin(false);
    backend_text("220 mx\r\n");
    seen = client_saw.len;
    client_says_many(' ', row->blanks);
    ck_assert_msg(backend_saw.len == 0, "%s: too early", row->name);
    client_text(row->rest);
    client_says_many(' ', row->trail);
    ck_assert_msg(client_saw.len == seen, "%s: an answer before the line's end", row->name);
    ck_assert_msg(gate_state(&gate) == GATE_PASS || row->state == GATE_RELAY,
                  "%s: a verdict before the line's end", row->name);
    client_text("\r\n");
    ck_assert_msg(gate_state(&gate) == row->state, "%s: state %d", row->name,
                  (int)gate_state(&gate));
    ck_assert_msg(backend_saw.len == row->forwarded, "%s: forwarded %zu", row->name,
                  backend_saw.len);
    if (row->reply != NULL) {
        expect_end(&client_saw, row->reply);
    } else {
        ck_assert_msg(client_saw.len == seen, "%s: a reply", row->name);
    }
}
END_TEST

/* A verb that is not known by then counts as another: what is behind waits for its reply. */
START_TEST(late_verb_waits)
{
    begin(false);
    backend_text("220 mx\r\n");
    client_says_many(' ', GATE_VERB_MAX - 4);
    client_text("NOOP\r\nMAIL FROM:<>\r\n");
    ck_assert_uint_eq(backend_saw.len, GATE_VERB_MAX + 2);
    backend_text("500 no\r\n");
    expect_end(&backend_saw, "MAIL FROM:<>\r\n");
}
END_TEST

/* --- long lines and replies of the backend ------------------------------------------------------
 */

enum long_phase { BEFORE_BANNER, OPEN_DOOR, RELAY, UNDER_TLS, NUM_LONG_PHASES };

static void enter(enum long_phase phase)
{
    begin(false);
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
        gate_starttls_accept(&gate, &to_client);
        gate_tls_started(&gate);
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
    before = client_saw.len;
    reply_line(code, GATE_REPLY_LINE_MAX);
    reply_line(code, GATE_REPLY_LINE_MAX);
    ck_assert(gate_state(&gate) != GATE_CLOSE);
    ck_assert_uint_ge(client_saw.len, before + GATE_REPLY_LINE_MAX);
    memset(full, 'x', sizeof full);
    memcpy(full, code, 4);
    backend_says(full, sizeof full - 1);
    ck_assert(gate_state(&gate) != GATE_CLOSE);
    backend_says(full, 1);
    ck_assert_int_eq(gate_state(&gate), GATE_CLOSE);
    ck_assert_uint_eq(gate.notes, GATE_NOTE_BACKEND_LINE);
    expect_end(&client_saw, "xx\r\n421 4.3.2 mx.example Service not available\r\n");
}
END_TEST

START_TEST(reply_length)
{
    enum long_phase phase = (enum long_phase)_i;
    const char *code = phase == BEFORE_BANNER ? "220-" : "250-";

    enter(phase);
    client_saw.len = 0;
    for (size_t i = 0; i < GATE_REPLY_MAX / 1024; i++) {
        reply_line(code, 1024);
        client_saw.len = 0;
    }
    ck_assert(gate_state(&gate) != GATE_CLOSE);
    backend_text(code[0] == '2' && code[1] == '2' ? "220-x\r\n" : "250-x\r\n");
    if (phase == RELAY) {
        ck_assert_int_eq(gate_state(&gate), GATE_RELAY);
        return;
    }
    ck_assert_int_eq(gate_state(&gate), GATE_CLOSE);
    ck_assert_uint_eq(gate.notes, GATE_NOTE_BACKEND_REPLY);
    expect_end(&client_saw, "421 4.3.2 mx.example Service not available\r\n");
}
END_TEST

/* A finished reply does not count for the next one. */
START_TEST(replies_length)
{
    enter(OPEN_DOOR);
    for (size_t i = 0; i < 3 * GATE_REPLY_MAX / 1024; i++) {
        reply_line("214 ", 1024);
        client_text("HELP\r\n");
        client_saw.len = 0;
        backend_saw.len = 0;
    }
    ck_assert_int_eq(gate_state(&gate), GATE_PASS);
}
END_TEST

/* --- full rings and buffers ----------------------------------------------------------------------
 */

START_TEST(full_ring)
{
    begin(false);
    for (size_t i = 0; i < 2 * GATE_PENDING_MAX; i++) {
        client_text("NOOP\r\n");
    }
    ck_assert_uint_eq(backend_saw.len, 6 * (GATE_PENDING_MAX - 1));
    ck_assert_uint_eq(from_client.len, 6 * (GATE_PENDING_MAX + 1));
    backend_text("220 mx\r\n");
    ck_assert_uint_eq(backend_saw.len, 6 * GATE_PENDING_MAX);
    for (size_t i = 0; i < 2 * GATE_PENDING_MAX; i++) {
        ck_assert(gate_backend_turn(&gate));
        backend_text("250 ok\r\n");
    }
    ck_assert_uint_eq(backend_saw.len, 12 * GATE_PENDING_MAX);
    ck_assert(!gate_backend_turn(&gate));
    ck_assert_int_eq(gate_state(&gate), GATE_PASS);
}
END_TEST

/* Where the ring is full, MAIL needs no place in it. */
START_TEST(full_ring_and_mail)
{
    begin(false);
    for (size_t i = 0; i < GATE_PENDING_MAX - 1; i++) {
        client_text("NOOP\r\n");
    }
    client_text("MAIL FROM:<>\r\n");
    ck_assert_int_eq(gate_state(&gate), GATE_RELAY);
}
END_TEST

/* A client that reads nothing: replies wait, and the last word still fits. */
START_TEST(full_to_client)
{
    size_t held;

    begin(false);
    append(&from_backend, "220 mx\r\n", 8);
    give_backend();
    for (int i = 0; i < 30; i++) {
        append(&from_client, "HELP\r\n", 6);
    }
    give_client();
    for (int i = 0; i < 30; i++) {
        char line[1000];

        memset(line, 'x', sizeof line);
        memcpy(line, "214 ", 4);
        line[sizeof line - 1] = '\n';
        append(&from_backend, line, sizeof line);
    }
    give_backend();
    ck_assert_uint_eq(give_backend(), 0);
    held = from_backend.len;
    ck_assert_uint_ge(held, 1000);
    ck_assert_uint_lt(buffer_room(&to_client), 2000);
    drain(&to_client, &client_saw, 3000);
    ck_assert_uint_ge(give_backend(), 2000);
    gate_give_up(&gate, &to_client, "4.3.2", "Service currently unavailable");
    ck_assert_int_eq(gate_state(&gate), GATE_CLOSE);
    drain(&to_client, &client_saw, SIZE_MAX);
    expect_end(&client_saw, "x\n421 4.3.2 mx.example Service currently unavailable\r\n");
}
END_TEST

/* Refusals fill the client's buffer: the gate stops, loses none, and gives the next one when there
 * is room, though the client has nothing more to say. */
START_TEST(full_to_client_refusals)
{
    char line[1000];

    begin(false);
    append(&from_backend, "220 mx\r\n", 8);
    give_backend();
    memset(line, 'x', sizeof line);
    memcpy(line, "214 ", 4);
    line[sizeof line - 1] = '\n';
    for (int i = 0; i < 15; i++) {
        append(&from_client, "HELP\r\n", 6);
        append(&from_backend, line, sizeof line);
    }
    give_client();
    give_backend();
    ck_assert_uint_eq(from_backend.len, 0);
    for (int i = 0; i < GATE_REFUSALS_MAX; i++) {
        append(&from_client, "AUTH X\r\n", 8);
    }
    while (give_client() > 0) {
    }
    ck_assert_uint_gt(from_client.len, 0);
    ck_assert_int_eq(gate_state(&gate), GATE_PASS);
    ck_assert_uint_ge(buffer_room(&to_client), 512);
    from_client.len = 0;
    drain(&to_client, &client_saw, SIZE_MAX);
    give_client();
    drain(&to_client, &client_saw, SIZE_MAX);
    expect_end(&client_saw, "538 5.7.11 Encryption required for requested authentication "
                            "mechanism\r\n");
    ck_assert_uint_eq(gate_client(&gate, bytes_of(NULL, 0), &to_backend, &to_client), 0);
    ck_assert_uint_eq(buffer_len(&to_client), 0);
}
END_TEST

/* A backend that reads nothing, byte by byte room. */
START_TEST(full_to_backend)
{
    static const char mail[] = "MAIL FROM:<>\r\n";
    size_t room;
    uint8_t *tail;

    begin(false);
    tail = buffer_tail(&to_backend, &room);
    memset(tail, 'x', room);
    buffer_grow(&to_backend, room);
    append(&from_client, "NOOP\r\nNOOP\r\n", 12);
    append(&from_client, mail, sizeof mail - 1);
    ck_assert_uint_eq(give_client(), 0);
    for (size_t i = 0; i < 12 + sizeof mail - 1; i++) {
        ck_assert_int_eq(gate_state(&gate), i < 12 ? GATE_PASS : GATE_RELAY);
        buffer_drop(&to_backend, 1);
        ck_assert_uint_eq(give_client(), 1);
    }
    ck_assert_uint_eq(from_client.len, 0);
}
END_TEST

/* --- ends ----------------------------------------------------------------------------------------
 */

START_TEST(give_up_with_held_lines)
{
    begin(false);
    backend_text("220 mx\r\n");
    client_text("EHLO c\r\n");
    backend_text("250-mx\r\n250-SIZE\r\n250-DSN\r\n250-half");
    client_saw.len = 0;
    gate_give_up(&gate, &to_client, "4.3.2", "Service currently unavailable");
    gate_give_up(&gate, &to_client, "4.3.2", "not twice");
    pump();
    ck_assert_uint_eq(client_saw.len, strlen("421 4.3.2 mx.example Service currently "
                                             "unavailable\r\n"));
    ck_assert_int_eq(gate_state(&gate), GATE_CLOSE);
    ck_assert(!gate_is_open(&gate));
    client_text("NOOP\r\n");
    backend_text("250 ok\r\n");
    ck_assert_uint_eq(from_client.len, 6);
    ck_assert_uint_eq(backend_saw.len, 8);
}
END_TEST

START_TEST(give_up_without_memory)
{
    struct buffer none = {0};

    begin(false);
    gate_give_up(&gate, &none, "4.3.2", "Service currently unavailable");
    ck_assert_int_eq(gate_state(&gate), GATE_CLOSE);
}
END_TEST

START_TEST(give_up_with_a_long_name)
{
    char name[1000];

    begin(false);
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    rules.hostname = name;
    gate_give_up(&gate, &to_client, "4.3.2", "Service currently unavailable");
    drain(&to_client, &client_saw, SIZE_MAX);
    ck_assert_uint_le(client_saw.len, 512);
    expect_end(&client_saw, "n\r\n");
}
END_TEST

START_TEST(relay_turn)
{
    begin(false);
    backend_text("220 mx\r\n");
    client_text("MAIL FROM:<>\r\n");
    backend_text("250 ok\r\n");
    ck_assert(!gate_backend_turn(&gate));
    gate_forwarded(&gate);
    ck_assert(gate_backend_turn(&gate));
    backend_text("354 go\r\n");
    ck_assert(!gate_backend_turn(&gate));
}
END_TEST

Suite *gate_stress_suite(void)
{
    Suite *suite = suite_create("gate_stress");
    TCase *tcase = tcase_create("gate_stress");

    tcase_set_timeout(tcase, 120);
    tcase_add_loop_test(tcase, long_line, 0, sizeof verb_rows / sizeof verb_rows[0]);
    tcase_add_test(tcase, late_verb_waits);
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
