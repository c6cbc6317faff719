#include "lib/tls/ticketring.h"

#include <check.h>
#include <string.h>

#define HOUR 3600

static struct ticket_key key(uint8_t byte)
{
    struct ticket_key k;

    memset(&k, byte, sizeof k);
    return k;
}

static int find(const struct ticket_ring *ring, uint8_t byte)
{
    struct ticket_key k = key(byte);

    return ticket_key_find(ring->keys, ring->num, k.name);
}

static void turn(struct ticket_ring *ring, uint8_t byte, int64_t now)
{
    struct ticket_key k = key(byte);

    ticket_ring_turn(ring, &k, now);
}

START_TEST(test_empty)
{
    struct ticket_ring ring = {0};

    ck_assert(ticket_ring_is_due(&ring, 0));
    ck_assert(ticket_ring_is_due(&ring, -1000000));
    ck_assert_int_eq(find(&ring, 0), -1);
}
END_TEST

START_TEST(test_turns)
{
    struct ticket_ring ring = {0};

    turn(&ring, 1, 100);
    ck_assert(!ticket_ring_is_due(&ring, 100));
    ck_assert(!ticket_ring_is_due(&ring, 100 + 12 * HOUR - 1));
    ck_assert(ticket_ring_is_due(&ring, 100 + 12 * HOUR));
    ck_assert_int_eq(find(&ring, 1), 0);

    turn(&ring, 2, 100 + 12 * HOUR);
    ck_assert(!ticket_ring_is_due(&ring, 100 + 24 * HOUR - 1));
    ck_assert_int_eq(find(&ring, 2), 0);
    ck_assert_int_eq(find(&ring, 1), 1);

    turn(&ring, 3, 100 + 24 * HOUR);
    ck_assert_int_eq(find(&ring, 3), 0);
    ck_assert_int_eq(find(&ring, 2), 1);
    ck_assert_int_eq(find(&ring, 1), -1);
}
END_TEST

/* A key that nothing has used for a period has no session left: it is forgotten, and wiped. */
START_TEST(test_idle)
{
    static const struct ticket_key zero;
    struct ticket_ring ring = {0};

    turn(&ring, 1, 0);
    turn(&ring, 2, 24 * HOUR - 1);
    ck_assert_int_eq(find(&ring, 1), 1);
    turn(&ring, 3, 48 * HOUR - 1);
    ck_assert_int_eq(find(&ring, 3), 0);
    ck_assert_int_eq(find(&ring, 2), -1);
    ck_assert_int_eq(find(&ring, 0), -1);
    ck_assert_mem_eq(&ring.keys[1], &zero, sizeof zero);
}
END_TEST

START_TEST(test_find)
{
    struct ticket_key keys[] = {key(5), key(6), key(6)};
    struct ticket_key other = key(6);

    ck_assert_int_eq(ticket_key_find(keys, 3, keys[0].name), 0);
    ck_assert_int_eq(ticket_key_find(keys, 3, other.name), 1);
    ck_assert_int_eq(ticket_key_find(keys, 1, other.name), -1);
    other.name[15] = 7;
    ck_assert_int_eq(ticket_key_find(keys, 3, other.name), -1);
    other.name[15] = 6;
    other.mac[0] = other.cipher[0] = 9;
    ck_assert_int_eq(ticket_key_find(keys, 3, other.name), 1);
}
END_TEST

Suite *ticketring_suite(void);

Suite *ticketring_suite(void)
{
    Suite *suite = suite_create("ticketring");
    TCase *tcase = tcase_create("all");

    tcase_add_test(tcase, test_empty);
    tcase_add_test(tcase, test_turns);
    tcase_add_test(tcase, test_idle);
    tcase_add_test(tcase, test_find);
    suite_add_tcase(suite, tcase);
    return suite;
}
