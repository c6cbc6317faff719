/*
 * The gate under random dialogues, from a fixed seed: cut up differently they come to the same end,
 * and with buffers that are emptied late nothing is overrun, made up, reordered or stuck.
 */
#include "tests/unit/gate_session.h"
#include "tests/unit/must.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define SUITE(name) Suite *name##_suite(void);
#include "tests/unit/suites.h"
#undef SUITE

enum { NUM_STEPS = 24, NUM_DIALOGUES = 4000, STEP_MAX = 600 };

static uint32_t seed;

static uint32_t any(uint32_t below)
{
    seed ^= seed << 13;
    seed ^= seed >> 17;
    seed ^= seed << 5;
    return seed % below;
}

#define WORD(s)                                                                                    \
    {                                                                                              \
        (s), sizeof(s) - 1                                                                         \
    }

static const struct word {
    const char *text;
    size_t len;
} client_words[] = {
    WORD("EHLO c\r\n"),
    WORD("HELO c\r\n"),
    WORD("NOOP\r\n"),
    WORD("RSET\n"),
    WORD("STARTTLS\r\n"),
    WORD("STARTTLS x\r\n"),
    WORD("STARTTLS\0x\n"),
    WORD("starttls \r\r\n"),
    WORD("AUTH PLAIN x\n"),
    WORD("FOO\r\n"),
    WORD("\r\n"),
    WORD("\n"),
    WORD("VRFY a\r\n"),
    WORD("\0\r\n"),
    WORD("\x0b"),
    WORD("NO"),
    WORD("OP "),
    WORD("EHLO"),
    WORD(" "),
    WORD("\r"),
    WORD("MAIL FROM:<>\n"),
    WORD("BDAT 3\r\nabc"),
    WORD("QUIT\r\n"),
    WORD("\xff"),
};

static const struct word backend_words[] = {
    WORD("250 ok\r\n"),
    WORD("250-mx\r\n"),
    WORD("250-AUTH PLAIN\r\n"),
    WORD("250 STARTTLS\r\n"),
    WORD("250-XCLIENT\r\n"),
    WORD("250 SIZE\n"),
    WORD("500 no\r\n"),
    WORD("502-no\r\n"),
    WORD("250\r\n"),
    WORD("hm\r\n"),
    WORD("\r\n"),
    WORD("25"),
    WORD("0 "),
    WORD("-"),
    WORD("250-mx\r\n250-SIZE\r\n250 AUTH\r\n"),
    WORD("421 bye\r\n"),
    WORD("354 go\r\n"),
    WORD("250 ok\r\n250 ok\r\n"),
    WORD("334 x\r\n"),
    WORD("220 again\r\n"),
};

/* Rare ends stand last in the lists: mostly they are left alone, so that dialogues grow long. */
static size_t pick(size_t num, size_t num_rare)
{
    return any(20) == 0 ? any((uint32_t)num) : any((uint32_t)(num - num_rare));
}

static struct script {
    struct {
        bool by_client;
        bool refuse; /* a STARTTLS that is ready behind this step gets 454 */
        bool anew;   /* ... or another backend is behind it, which greets */
        size_t len;
        uint8_t bytes[STEP_MAX];
    } steps[NUM_STEPS];
    bool auth;
    enum gate_level level;
    bool from_tls; /* TLS from the first byte */
} script;

/* What a script has come to. */
static struct play {
    struct gate_session session;
    unsigned notes;
    bool tls; /* a handshake was done */
} * now;

static void pump(void)
{
    enum gate_state before = gate_state(&now->session.gate);

    gate_session_pump(&now->session);
    now->notes |= now->session.gate.notes;
    now->session.gate.notes = 0;
    MUST(before != GATE_CLOSE || gate_state(&now->session.gate) == GATE_CLOSE);
    MUST(before != GATE_RELAY || gate_state(&now->session.gate) == GATE_RELAY ||
         gate_state(&now->session.gate) == GATE_CLOSE);
    MUST(gate_state(&now->session.gate) != GATE_RELAY || now->session.from_client.len == 0);
    MUST(gate_state(&now->session.gate) != GATE_RELAY || script.level != GATE_ENCRYPT || now->tls);
    MUST(gate_state(&now->session.gate) != GATE_STARTTLS || script.level != GATE_NONE);
}

static void after_step(bool refuse, bool anew)
{
    static const char greeting[] = "220-second\r\n220 second\r\n";

    if (gate_state(&now->session.gate) != GATE_STARTTLS) {
        return;
    }
    if (refuse) {
        gate_starttls_refuse(&now->session.gate, &now->session.to_client);
    } else {
        now->session.from_client.len = 0;
        now->session.from_backend.len = 0;
        gate_starttls_accept(&now->session.gate, &now->session.to_client);
        if (anew) {
            gate_tls_started_anew(&now->session.gate);
            stream_put(&now->session.from_backend, greeting, sizeof greeting - 1);
        } else {
            gate_tls_started(&now->session.gate);
        }
        now->tls = true;
    }
    pump();
}

/* Writes the next step: mostly of the side whose turn it is, or the door would soon be shut. */
static void write_step(size_t i)
{
    bool by_client = gate_backend_turn(&now->session.gate) == (any(10) == 0);

    script.steps[i].by_client = by_client;
    script.steps[i].refuse = any(4) == 0;
    script.steps[i].anew = any(3) == 0;
    script.steps[i].len = 0;
    for (uint32_t words = 1 + any(by_client ? 4 : 2); words > 0; words--) {
        const struct word *w = by_client ? &client_words[pick(24, 4)] : &backend_words[pick(20, 4)];

        memcpy(script.steps[i].bytes + script.steps[i].len, w->text, w->len);
        script.steps[i].len += w->len;
    }
    if (i == 0 && any(10) != 0) {
        script.steps[i].by_client = false;
        script.steps[i].len = 8;
        memcpy(script.steps[i].bytes, "220 mx\r\n", 8);
    }
}

/* Plays the script, each step in chunks of at most `chunk` random bytes; or, with `chunk` 0, each
 * step whole, and writes it before. */
static void play(struct play *p, size_t chunk, size_t drain_max)
{
    struct gate_session *s = &p->session;

    now = p;
    gate_session_begin(s, script.auth);
    s->rules.level = script.level;
    if (script.from_tls) {
        gate_init_tls(&s->gate, &s->rules);
    }
    s->drain_max = drain_max;
    s->by_line = true;
    p->notes = 0;
    p->tls = script.from_tls;
    for (size_t i = 0; i < NUM_STEPS; i++) {
        struct stream *to;
        size_t len;

        if (chunk == 0) {
            write_step(i);
        }
        to = script.steps[i].by_client ? &s->from_client : &s->from_backend;
        for (size_t at = 0; at < script.steps[i].len; at += len) {
            size_t left = script.steps[i].len - at;

            len = chunk == 0 ? left : 1 + any((uint32_t)chunk);
            len = len < left ? len : left;
            stream_put(to, script.steps[i].bytes + at, len);
            pump();
        }
        after_step(script.steps[i].refuse, script.steps[i].anew);
    }
}

static void compare_streams(const struct stream *a, const struct stream *b, const char *who,
                            int number)
{
    MUST_MSG(a->len == b->len && memcmp(a->bytes, b->bytes, a->len) == 0,
             "dialogue %d: %s saw\n%.*s\nand\n%.*s", number, who, (int)a->len, a->bytes,
             (int)b->len, b->bytes);
}

static void compare(const struct play *a, const struct play *b, int number)
{
    compare_streams(&a->session.client_saw, &b->session.client_saw, "the client", number);
    compare_streams(&a->session.backend_saw, &b->session.backend_saw, "the backend", number);
    MUST_MSG(gate_state(&a->session.gate) == gate_state(&b->session.gate), "dialogue %d: states",
             number);
    MUST_MSG(a->notes == b->notes, "dialogue %d: notes", number);
}

START_TEST(cut_up)
{
    static struct play whole, cut;
    unsigned ends[GATE_CLOSE + 1] = {0};
    unsigned num_tls = 0;

    seed = 2463534242U + (uint32_t)_i;
    for (int i = 0; i < NUM_DIALOGUES; i++) {
        script.auth = any(3) == 0;
        script.level = (enum gate_level)any(GATE_NONE + 1);
        script.from_tls = any(5) == 0;
        play(&whole, 0, SIZE_MAX);
        play(&cut, 3, SIZE_MAX);
        compare(&whole, &cut, i);
        play(&cut, 9, 1);
        compare(&whole, &cut, i);
        ends[gate_state(&whole.session.gate)]++;
        num_tls += whole.tls && !script.from_tls;
    }
    ck_assert_uint_gt(num_tls, NUM_DIALOGUES / 10);
    ck_assert_uint_gt(ends[GATE_PASS], NUM_DIALOGUES / 200);
    ck_assert_uint_gt(ends[GATE_RELAY], NUM_DIALOGUES / 50);
    ck_assert_uint_gt(ends[GATE_CLOSE], NUM_DIALOGUES / 50);
}
END_TEST

/* Bytes without any sense, in large pieces, into buffers that are emptied by chance. */
static void give_noise(struct stream *s)
{
    static const uint8_t common[] = "250-\r\n 2 AUTHEHLOQ\0\t5";
    size_t len = any(4) == 0 ? any(6000) : any(80);

    for (; len > 0 && s->len < 12000; len--) {
        uint8_t c = any(8) == 0 ? (uint8_t)any(256) : common[any(sizeof common)];

        stream_put(s, &c, 1);
    }
}

START_TEST(noise)
{
    static struct play play;
    struct gate_session *s = &play.session;

    seed = 88675123U + (uint32_t)_i;
    now = &play;
    script.level = GATE_MAY;
    for (int i = 0; i < 200; i++) {
        gate_session_begin(s, false);
        stream_put(&s->from_backend, "220 mx\r\n", any(4) == 0 ? 0 : 8);
        for (int j = 0; j < 200 && gate_state(&s->gate) != GATE_CLOSE; j++) {
            give_noise(&s->from_client);
            give_noise(&s->from_backend);
            gate_session_backend(s);
            gate_session_client(s);
            s->drain_max = any(3) == 0 ? any(20000) : 0;
            s->client_saw.len = 0;
            s->backend_saw.len = 0;
            gate_session_drain(s);
            after_step(false, false);
        }
    }
}
END_TEST

Suite *gate_random_suite(void)
{
    Suite *suite = suite_create("gate_random");
    TCase *tcase = tcase_create("gate_random");

    tcase_set_timeout(tcase, 120);
    tcase_add_loop_test(tcase, cut_up, 0, 2);
    tcase_add_loop_test(tcase, noise, 0, 2);
    suite_add_tcase(suite, tcase);
    return suite;
}
