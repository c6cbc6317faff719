/*
 * The gate under random dialogues, from a fixed seed: cut up differently they come to the same end,
 * and with buffers that are emptied late nothing is overrun, made up, reordered or stuck.
 */
#include "lib/smtp/line.h"
#include "tests/unit/dialogue.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define SUITE(name) Suite *name##_suite(void);
#include "tests/unit/suites.h"
#undef SUITE

enum { NUM_STEPS = 24, NUM_DIALOGUES = 4000, STEP_MAX = 600, OUT_MAX = 1 << 16 };

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
        size_t len;
        uint8_t bytes[STEP_MAX];
    } steps[NUM_STEPS];
    bool auth;
} script;

struct stream {
    size_t len;
    uint8_t bytes[OUT_MAX];
};

/* A session: what waits on its way in and out, and all that came out. */
static struct play {
    struct gate gate;
    struct stream from_client, from_backend, client_saw, backend_saw;
    struct buffer to_client, to_backend;
    size_t drain_max; /* bytes that leave each buffer at a time */
    bool by_line;     /* of two replies the first may release the command that the second answers */
    unsigned notes;
    bool tls; /* a handshake was done */
} * now;

static void append(struct stream *s, const void *bytes, size_t len)
{
    MUST(len <= OUT_MAX - s->len);
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

static size_t drain(struct buffer *b, struct stream *s)
{
    struct bytes ready = buffer_ready(b);

    ready.len = ready.len < now->drain_max ? ready.len : now->drain_max;
    append(s, ready.data, ready.len);
    buffer_drop(b, ready.len);
    return ready.len;
}

static size_t give_client(void)
{
    bool relay = gate_state(&now->gate) == GATE_RELAY;
    size_t had = buffer_len(&now->to_backend);
    size_t used = gate_client(&now->gate, bytes_of(now->from_client.bytes, now->from_client.len),
                              &now->to_backend, &now->to_client);
    size_t came = buffer_len(&now->to_backend) - had;
    const uint8_t *out = now->to_backend.data + now->to_backend.end - came;
    size_t at = 0;

    MUST(used <= now->from_client.len);
    MUST(now->to_backend.end <= BUFFER_SIZE);
    MUST(now->to_client.end <= BUFFER_SIZE);
    for (size_t i = 0; i < used && at < came; i++) {
        at += now->from_client.bytes[i] == out[at];
    }
    MUST(at == came);
    MUST(!relay || came == used);
    consume(&now->from_client, used);
    return used;
}

static size_t give_backend(void)
{
    bool ended;
    size_t len = now->by_line
                     ? line_span(bytes_of(now->from_backend.bytes, now->from_backend.len), &ended)
                     : now->from_backend.len;
    size_t used = gate_backend(&now->gate, bytes_of(now->from_backend.bytes, len), &now->to_client);
    struct bytes ready = buffer_ready(&now->to_client);

    MUST(now->to_client.end <= BUFFER_SIZE);
    MUST(ready.len == 0 || ready.data[ready.len - 1] == '\n');
    consume(&now->from_backend, used);
    return used;
}

static void pump(void)
{
    enum gate_state before = gate_state(&now->gate);
    size_t moved;

    do {
        moved = give_backend() + give_client();
        moved += drain(&now->to_client, &now->client_saw);
        moved += drain(&now->to_backend, &now->backend_saw);
    } while (moved > 0);
    now->notes |= now->gate.notes;
    now->gate.notes = 0;
    MUST(before != GATE_CLOSE || gate_state(&now->gate) == GATE_CLOSE);
    MUST(before != GATE_RELAY || gate_state(&now->gate) == GATE_RELAY ||
         gate_state(&now->gate) == GATE_CLOSE);
    MUST(gate_state(&now->gate) != GATE_RELAY || now->from_client.len == 0);
}

static void after_step(bool refuse)
{
    if (gate_state(&now->gate) != GATE_STARTTLS) {
        return;
    }
    if (refuse) {
        gate_starttls_refuse(&now->gate, &now->to_client);
    } else {
        now->from_client.len = 0;
        now->from_backend.len = 0;
        gate_starttls_accept(&now->gate, &now->to_client);
        gate_tls_started(&now->gate);
        now->tls = true;
    }
    pump();
}

/* Writes the next step: mostly of the side whose turn it is, or the door would soon be shut. */
static void write_step(size_t i)
{
    bool by_client = gate_backend_turn(&now->gate) == (any(10) == 0);

    script.steps[i].by_client = by_client;
    script.steps[i].refuse = any(4) == 0;
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
    static uint8_t memory[2][BUFFER_SIZE];
    static struct gate_rules rules;

    now = p;
    rules = (struct gate_rules){.hostname = "mx", .auth_before_tls = script.auth};
    p->from_client.len = p->from_backend.len = 0;
    p->client_saw.len = p->backend_saw.len = 0;
    p->to_client = (struct buffer){.data = memory[0]};
    p->to_backend = (struct buffer){.data = memory[1]};
    p->drain_max = drain_max;
    p->by_line = true;
    p->notes = 0;
    p->tls = false;
    gate_init(&p->gate, &rules);
    for (size_t i = 0; i < NUM_STEPS; i++) {
        struct stream *to;
        size_t len;

        if (chunk == 0) {
            write_step(i);
        }
        to = script.steps[i].by_client ? &p->from_client : &p->from_backend;
        for (size_t at = 0; at < script.steps[i].len; at += len) {
            size_t left = script.steps[i].len - at;

            len = chunk == 0 ? left : 1 + any((uint32_t)chunk);
            len = len < left ? len : left;
            append(to, script.steps[i].bytes + at, len);
            pump();
        }
        after_step(script.steps[i].refuse);
    }
}

static void compare(const struct play *a, const struct play *b, int number)
{
    MUST_MSG(gate_state(&a->gate) == gate_state(&b->gate), "dialogue %d: states", number);
    MUST_MSG(a->notes == b->notes, "dialogue %d: notes", number);
    MUST_MSG(a->backend_saw.len == b->backend_saw.len &&
                 memcmp(a->backend_saw.bytes, b->backend_saw.bytes, a->backend_saw.len) == 0,
             "dialogue %d: the backend saw\n%.*s\nand\n%.*s", number, (int)a->backend_saw.len,
             a->backend_saw.bytes, (int)b->backend_saw.len, b->backend_saw.bytes);
    MUST_MSG(a->client_saw.len == b->client_saw.len &&
                 memcmp(a->client_saw.bytes, b->client_saw.bytes, a->client_saw.len) == 0,
             "dialogue %d: the client saw\n%.*s\nand\n%.*s", number, (int)a->client_saw.len,
             a->client_saw.bytes, (int)b->client_saw.len, b->client_saw.bytes);
}

START_TEST(cut_up)
{
    static struct play whole, cut;
    unsigned ends[GATE_CLOSE + 1] = {0};
    unsigned num_tls = 0;

    seed = 2463534242U + (uint32_t)_i;
    for (int i = 0; i < NUM_DIALOGUES; i++) {
        script.auth = any(3) == 0;
        play(&whole, 0, SIZE_MAX);
        play(&cut, 3, SIZE_MAX);
        compare(&whole, &cut, i);
        play(&cut, 9, 1);
        compare(&whole, &cut, i);
        ends[gate_state(&whole.gate)]++;
        num_tls += whole.tls;
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

        append(s, &c, 1);
    }
}

START_TEST(noise)
{
    static struct play session;
    static uint8_t memory[2][BUFFER_SIZE];
    static const struct gate_rules rules = {.hostname = "mx"};

    seed = 88675123U + (uint32_t)_i;
    now = &session;
    for (int i = 0; i < 200; i++) {
        memset(&session, 0, sizeof session);
        session.to_client.data = memory[0];
        session.to_backend.data = memory[1];
        gate_init(&session.gate, &rules);
        append(&session.from_backend, "220 mx\r\n", any(4) == 0 ? 0 : 8);
        for (int j = 0; j < 200 && gate_state(&session.gate) != GATE_CLOSE; j++) {
            give_noise(&session.from_client);
            give_noise(&session.from_backend);
            give_backend();
            give_client();
            session.drain_max = any(3) == 0 ? any(20000) : 0;
            session.client_saw.len = session.backend_saw.len = 0;
            drain(&session.to_client, &session.client_saw);
            drain(&session.to_backend, &session.backend_saw);
            after_step(false);
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
