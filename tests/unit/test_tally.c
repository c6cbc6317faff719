#include "lib/net/tally.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define SUITE(name) Suite *name##_suite(void);
#include "tests/unit/suites.h"
#undef SUITE

#define SECOND ((int64_t)1000)
#define MINUTE (60 * SECOND)

static const uint8_t secret[SIPHASH_KEY_SIZE] = "sixteen bytes..";

static struct addr addr_of(const char *text)
{
    struct addr a;

    ck_assert_msg(addr_parse(&a, text), "%s", text);
    return a;
}

/* The address 10.0.0.0 plus `number`. */
static struct addr numbered(unsigned number)
{
    struct addr a = {.family = ADDR_IPV4, .ip = {10}};

    a.ip[1] = (uint8_t)(number >> 16);
    a.ip[2] = (uint8_t)(number >> 8);
    a.ip[3] = (uint8_t)number;
    return a;
}

static void make(struct tally *t, size_t capacity)
{
    ck_assert_int_eq(tally_open(t, capacity, secret), 0);
}

static struct tally_client *enter(struct tally *t, const char *address, int64_t now)
{
    struct addr a = addr_of(address);
    struct tally_client *client = tally_enter(t, &a, now);

    ck_assert_ptr_nonnull(client);
    return client;
}

static void grow(struct tally *t, size_t capacity)
{
    struct tally_reserve reserve;

    ck_assert_int_eq(tally_reserve(t, capacity, &reserve), 0);
    tally_grow(t, &reserve);
    tally_release(&reserve);
}

/* --- sessions --- */

START_TEST(test_sessions_are_counted_for_each)
{
    struct tally t;
    struct tally_client *one;
    struct tally_client *other;

    make(&t, 4);
    one = enter(&t, "192.0.2.7", 0);
    other = enter(&t, "2001:db8::1", 0);
    ck_assert_uint_eq(one->sessions, 1);
    ck_assert_ptr_eq(enter(&t, "192.0.2.7", 1), one);
    ck_assert_uint_eq(one->sessions, 2);
    ck_assert_ptr_eq(enter(&t, "2001:db8::2", 1), other);
    ck_assert_uint_eq(other->sessions, 2);
    tally_leave(&t, one, 2);
    ck_assert_uint_eq(one->sessions, 1);
    ck_assert_uint_eq(other->sessions, 2);
    tally_leave(&t, one, 3);
    ck_assert_uint_eq(enter(&t, "192.0.2.7", 4)->sessions, 1);
    tally_close(&t);
}
END_TEST

/* A client with a session keeps its place; when all have one there is none for another. */
START_TEST(test_bounded)
{
    struct tally t;
    struct tally_client *clients[3];
    struct addr a;

    make(&t, 3);
    for (unsigned i = 0; i < 3; i++) {
        a = numbered(i);
        clients[i] = tally_enter(&t, &a, 0);
        ck_assert_ptr_nonnull(clients[i]);
    }
    a = numbered(3);
    ck_assert_ptr_null(tally_enter(&t, &a, 0));
    a = numbered(1);
    ck_assert_ptr_eq(tally_enter(&t, &a, 0), clients[1]);
    tally_leave(&t, clients[2], 1);
    a = numbered(3);
    ck_assert_ptr_nonnull(tally_enter(&t, &a, 1));
    tally_close(&t);
}
END_TEST

/* With fewer chains than clients, and in any order. */
START_TEST(test_many)
{
    enum { CLIENTS = 1000, ROUNDS = 20000 };
    static struct tally_client *known[CLIENTS];
    static unsigned sessions[CLIENTS];
    struct tally t;

    make(&t, CLIENTS);
    memset(known, 0, sizeof known);
    memset(sessions, 0, sizeof sessions);
    srand(1);
    for (int round = 0; round < ROUNDS; round++) {
        unsigned i = (unsigned)rand() % CLIENTS;
        struct addr a = numbered(i);

        if (sessions[i] > 0 && rand() % 2 == 0) {
            tally_leave(&t, known[i], round);
            sessions[i]--;
        } else {
            struct tally_client *client = tally_enter(&t, &a, round);

            ck_assert_ptr_nonnull(client);
            ck_assert(sessions[i] == 0 || client == known[i]);
            known[i] = client;
            sessions[i]++;
        }
        ck_assert(sessions[i] == 0 || known[i]->sessions == sessions[i]);
    }
    tally_close(&t);
}
END_TEST

/* --- handshakes --- */

START_TEST(test_handshakes_of_a_minute)
{
    struct tally t;
    struct tally_client *client;

    make(&t, 2);
    client = enter(&t, "192.0.2.7", 0);
    ck_assert_uint_eq(tally_handshake(client, 5 * SECOND), 1);
    ck_assert_uint_eq(tally_handshake(client, 6 * SECOND), 2);
    ck_assert_uint_eq(tally_handshake(client, 5 * SECOND + MINUTE - 1), 3);
    ck_assert_uint_eq(tally_handshake(client, 5 * SECOND + MINUTE), 1);
    ck_assert_uint_eq(tally_handshake(client, 5 * SECOND + 2 * MINUTE - 1), 2);
    tally_close(&t);
}
END_TEST

/* They are counted over sessions that come one after the other. */
START_TEST(test_handshakes_outlive_sessions)
{
    struct tally t;

    make(&t, 4);
    for (unsigned i = 1; i <= 5; i++) {
        struct tally_client *client = enter(&t, "192.0.2.7", i * SECOND);

        ck_assert_uint_eq(tally_handshake(client, i * SECOND), i);
        tally_leave(&t, client, i * SECOND);
    }
    ck_assert_uint_eq(tally_handshake(enter(&t, "192.0.2.7", 2 * MINUTE), 2 * MINUTE), 1);
    tally_close(&t);
}
END_TEST

/* Who was without a session for longest is forgotten first, and only when room is needed. */
START_TEST(test_forgotten_for_others)
{
    struct tally t;
    struct tally_client *client;
    struct addr a;

    make(&t, 3);
    for (unsigned i = 0; i < 3; i++) {
        a = numbered(i);
        client = tally_enter(&t, &a, i);
        tally_handshake(client, i);
        tally_leave(&t, client, i);
    }
    a = numbered(0);
    client = tally_enter(&t, &a, 10);
    ck_assert_uint_eq(tally_handshake(client, 10), 2);
    a = numbered(7);
    ck_assert_ptr_nonnull(tally_enter(&t, &a, 10)); /* in place of 1, the oldest idle one */
    a = numbered(2);
    ck_assert_uint_eq(tally_handshake(tally_enter(&t, &a, 10), 10), 2);
    tally_leave(&t, client, 11);
    a = numbered(1);
    ck_assert_uint_eq(tally_handshake(tally_enter(&t, &a, 12), 12), 1);
    tally_close(&t);
}
END_TEST

/* What is over is not kept: the places of the clients of the last minute are free again. */
START_TEST(test_forgotten_in_time)
{
    struct tally t;
    struct tally_client *client;
    struct addr a;

    make(&t, 100);
    for (unsigned i = 0; i < 50; i++) {
        a = numbered(i);
        client = tally_enter(&t, &a, 0);
        tally_handshake(client, 0);
        tally_leave(&t, client, 0);
    }
    ck_assert_uint_eq(t.slabs->num_touched, 50);
    for (unsigned i = 100; i < 150; i++) {
        a = numbered(i);
        client = tally_enter(&t, &a, MINUTE);
        tally_handshake(client, MINUTE);
        tally_leave(&t, client, MINUTE);
    }
    ck_assert_uint_eq(t.slabs->num_touched, 50);
    /* ... and one that nothing is known of is not kept at all. */
    for (unsigned i = 200; i < 300; i++) {
        a = numbered(i);
        tally_leave(&t, tally_enter(&t, &a, MINUTE), MINUTE);
    }
    ck_assert_uint_le(t.slabs->num_touched, 51);
    tally_close(&t);
}
END_TEST

/* --- lines --- */

START_TEST(test_one_line_a_minute)
{
    struct tally t;
    struct tally_client *client;

    make(&t, 2);
    client = enter(&t, "192.0.2.7", 0);
    ck_assert_uint_eq(tally_refused(&t, client, TALLY_NO_SESSION, SECOND), 1);
    for (int i = 0; i < 9; i++) {
        ck_assert_uint_eq(tally_refused(&t, client, TALLY_NO_SESSION, 2 * SECOND + i), 0);
    }
    ck_assert_uint_eq(tally_refused(&t, client, TALLY_NO_HANDSHAKE, 3 * SECOND), 1);
    ck_assert_uint_eq(tally_refused(&t, client, TALLY_NO_SESSION, SECOND + MINUTE - 1), 0);
    ck_assert_uint_eq(tally_refused(&t, client, TALLY_NO_SESSION, SECOND + MINUTE), 11);
    ck_assert_uint_eq(tally_refused(&t, client, TALLY_NO_SESSION, SECOND + MINUTE), 0);
    tally_close(&t);
}
END_TEST

/* Also when its sessions end in between. */
START_TEST(test_lines_outlive_sessions)
{
    struct tally t;
    struct tally_client *client;

    make(&t, 2);
    client = enter(&t, "192.0.2.7", 0);
    ck_assert_uint_eq(tally_refused(&t, client, TALLY_NO_SESSION, 0), 1);
    tally_leave(&t, client, 0);
    client = enter(&t, "192.0.2.7", SECOND);
    ck_assert_uint_eq(tally_refused(&t, client, TALLY_NO_SESSION, SECOND), 0);
    tally_close(&t);
}
END_TEST

/* Many clients together have a bound, too; what it costs one client is told later. */
START_TEST(test_lines_of_all)
{
    enum { CLIENTS = 2 * TALLY_LINES_MAX };
    struct tally t;
    struct tally_client *client = NULL;
    unsigned lines = 0;

    make(&t, CLIENTS);
    for (unsigned i = 0; i < CLIENTS; i++) {
        struct addr a = numbered(i);

        client = tally_enter(&t, &a, i);
        ck_assert_ptr_nonnull(client);
        lines += tally_refused(&t, client, TALLY_NO_SESSION, i);
    }
    ck_assert_uint_eq(lines, TALLY_LINES_MAX);
    ck_assert_uint_eq(tally_refused(&t, client, TALLY_NO_SESSION, MINUTE - 1), 0);
    ck_assert_uint_eq(tally_refused(&t, client, TALLY_NO_SESSION, MINUTE), 3);
    tally_close(&t);
}
END_TEST

/* --- another size --- */

/* What is known stays known, and there is room for more. */
START_TEST(test_grows)
{
    enum { BEFORE = 100, AFTER = 1000 };
    static struct tally_client *clients[AFTER];
    struct tally t;
    struct addr a;

    make(&t, BEFORE);
    for (unsigned i = 0; i < BEFORE; i++) {
        a = numbered(i);
        clients[i] = tally_enter(&t, &a, 0);
        ck_assert_uint_eq(tally_handshake(clients[i], 0), 1);
    }
    a = numbered(BEFORE);
    ck_assert_ptr_null(tally_enter(&t, &a, 0));
    tally_leave(&t, clients[0], 0);
    grow(&t, AFTER);
    for (unsigned i = 0; i < AFTER; i++) {
        a = numbered(i);
        clients[i] = tally_enter(&t, &a, 1);
        ck_assert_ptr_nonnull(clients[i]);
        ck_assert_uint_eq(clients[i]->sessions, i > 0 && i < BEFORE ? 2 : 1);
        ck_assert_uint_eq(tally_handshake(clients[i], 1), i < BEFORE ? 2 : 1);
    }
    a = numbered(AFTER);
    ck_assert_ptr_null(tally_enter(&t, &a, 1));
    ck_assert_uint_ge(t.num_heads, AFTER);
    tally_close(&t);
}
END_TEST

/* It grows by what it has at least, and never becomes smaller. */
START_TEST(test_grows_a_few_times)
{
    struct tally t;

    make(&t, 100);
    grow(&t, 101);
    ck_assert_uint_eq(t.capacity, 200);
    grow(&t, 101);
    grow(&t, 1);
    ck_assert_uint_eq(t.capacity, 200);
    tally_close(&t);
}
END_TEST

/* Memory that is not used is freed. */
START_TEST(test_reserve_unused)
{
    struct tally_reserve reserve;
    struct tally t;

    make(&t, 1);
    ck_assert_int_eq(tally_reserve(&t, 10, &reserve), 0);
    tally_release(&reserve);
    ck_assert_ptr_null(reserve.slab);
    ck_assert_uint_eq(t.capacity, 1);
    tally_close(&t);
}
END_TEST

Suite *tally_suite(void)
{
    Suite *suite = suite_create("tally");
    TCase *tcase = tcase_create("tally");

    tcase_add_test(tcase, test_sessions_are_counted_for_each);
    tcase_add_test(tcase, test_bounded);
    tcase_add_test(tcase, test_many);
    tcase_add_test(tcase, test_handshakes_of_a_minute);
    tcase_add_test(tcase, test_handshakes_outlive_sessions);
    tcase_add_test(tcase, test_forgotten_for_others);
    tcase_add_test(tcase, test_forgotten_in_time);
    tcase_add_test(tcase, test_one_line_a_minute);
    tcase_add_test(tcase, test_lines_outlive_sessions);
    tcase_add_test(tcase, test_lines_of_all);
    tcase_add_test(tcase, test_grows);
    tcase_add_test(tcase, test_grows_a_few_times);
    tcase_add_test(tcase, test_reserve_unused);
    suite_add_tcase(suite, tcase);
    return suite;
}
