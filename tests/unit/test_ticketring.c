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

/* The clock is behind: a key that is never old is none. */
START_TEST(test_another_clock)
{
    struct ticket_ring ring = {0};

    turn(&ring, 1, 1000);
    ck_assert(!ticket_ring_is_due(&ring, 1000));
    ck_assert(ticket_ring_is_due(&ring, 999));
    turn(&ring, 2, 999);
    ck_assert_int_eq(find(&ring, 2), 0);
    ck_assert_int_eq(find(&ring, 1), -1);
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

/* --- the image ------------------------------------------------------------------------------ */

/* A file in memory, and the ring that is written to it. */
struct file {
    struct ticket_ring ring;
    uint8_t image[TICKET_IMAGE_SIZE];
};

static struct file file_of(unsigned turns)
{
    struct file file = {0};

    ticket_image_empty(file.image);
    for (unsigned i = 1; i <= turns; i++) {
        uint8_t slot[TICKET_IMAGE_SLOT];
        size_t place;

        turn(&file.ring, (uint8_t)i, 100 + i);
        place = ticket_image_slot(&file.ring, slot);
        ck_assert_uint_le(place + sizeof slot, sizeof file.image);
        memcpy(file.image + place, slot, sizeof slot);
    }
    return file;
}

static const char *read_image(struct ticket_ring *out, const struct file *file, int64_t now)
{
    memset(out, 0xff, sizeof *out);
    return ticket_image_read(out, bytes_of(file->image, sizeof file->image), now);
}

static void check_refused(const struct file *file, size_t len, int64_t now, const char *why)
{
    struct ticket_ring ring;
    const char *got;

    memset(&ring, 0xff, sizeof ring);
    got = ticket_image_read(&ring, bytes_of(file->image, len), now);
    ck_assert_pstr_eq(got, why);
    ck_assert_uint_eq(ring.num, 0);
    ck_assert(ticket_ring_is_due(&ring, now));
}

/* Every slot in its turn; what is read goes on where the other process ended. */
START_TEST(test_image)
{
    struct file file = file_of((unsigned)_i);
    struct ticket_ring ring;

    ck_assert_ptr_null(read_image(&ring, &file, 200));
    ck_assert_uint_eq(ring.num, file.ring.num);
    ck_assert_uint_eq(ring.turns, (unsigned)_i);
    ck_assert_int_eq(ring.since, file.ring.since);
    ck_assert_mem_eq(ring.keys, file.ring.keys, sizeof ring.keys);
    ck_assert(ticket_ring_is_due(&ring, 200) == (_i == 0));
}
END_TEST

/* The numbers of the form: what one version writes, each later build of it must read. */
START_TEST(test_image_form)
{
    struct file file = file_of(2);
    const uint8_t *slot = file.image + 16;

    ck_assert_uint_eq(sizeof file.image, 400);
    ck_assert_mem_eq(file.image, "postern tickets\001", 16);
    ck_assert_mem_eq(slot, "\0\0\0\0\0\0\0\002\0\0\0\0\0\0\0\146\0\0\0\0\0\0\0\002", 24);
    ck_assert_mem_eq(slot + 24, &file.ring.keys[0], 80);
    ck_assert_mem_eq(slot + 104, &file.ring.keys[1], 80);
    ck_assert_mem_eq(file.image + 208, "\0\0\0\0\0\0\0\001", 8);
}
END_TEST

/* A writer that ended after each byte of a slot: the turn before, or this one. */
START_TEST(test_image_half_written)
{
    struct file before = file_of(3);
    struct file after = file_of(4);

    for (size_t len = 0; len <= TICKET_IMAGE_SLOT; len++) {
        struct file file = before;
        struct ticket_ring ring;

        memcpy(file.image + TICKET_IMAGE_HEAD, after.image + TICKET_IMAGE_HEAD, len);
        ck_assert_ptr_null(read_image(&ring, &file, 200));
        ck_assert_msg(ring.turns == (len == TICKET_IMAGE_SLOT ? 4 : 3), "%zu bytes: turn %u", len,
                      (unsigned)ring.turns);
        ck_assert_int_eq(find(&ring, 3), len == TICKET_IMAGE_SLOT ? 1 : 0);
    }
}
END_TEST

/* The only slot that was ever written is half written. */
START_TEST(test_image_first_half_written)
{
    struct file file = file_of(1);

    memset(file.image + sizeof file.image - 9, 0, 9);
    check_refused(&file, sizeof file.image, 200, "they are damaged");
}
END_TEST

/* Every single bit: another turn's keys at most, never others. */
START_TEST(test_image_damaged)
{
    struct file good = file_of(4);

    for (size_t bit = 0; bit < 8 * sizeof good.image; bit++) {
        struct file file = good;
        struct ticket_ring ring;

        file.image[bit / 8] ^= (uint8_t)(1 << bit % 8);
        if (read_image(&ring, &file, 200) != NULL) {
            ck_assert_uint_lt(bit / 8, TICKET_IMAGE_HEAD);
            ck_assert_uint_eq(ring.num, 0);
        } else {
            ck_assert(ring.turns == 3 || ring.turns == 4);
            ck_assert_int_eq(find(&ring, (uint8_t)ring.turns), 0);
            ck_assert_int_eq(find(&ring, (uint8_t)(ring.turns - 1)), 1);
        }
    }
}
END_TEST

START_TEST(test_image_refused)
{
    struct file file = file_of(2);
    struct file other = file;

    check_refused(&file, 0, 200, "they are not ticket keys");
    check_refused(&file, TICKET_IMAGE_HEAD - 1, 200, "they are not ticket keys");
    check_refused(&file, TICKET_IMAGE_HEAD, 200, "they are damaged");
    check_refused(&file, sizeof file.image - 1, 200, "they are damaged");
    check_refused(&file, sizeof file.image, 101, "they are of another boot");
    other.image[14] = 'S';
    check_refused(&other, sizeof other.image, 200, "they are not ticket keys");
    other = file;
    other.image[15] = 2;
    check_refused(&other, sizeof other.image, 200, "they are in the form of another version");
    check_refused(&other, TICKET_IMAGE_HEAD, 200, "they are in the form of another version");
}
END_TEST

/* Whole slots that no ring has. */
START_TEST(test_image_out_of_bounds)
{
    static const struct ticket_ring rings[] = {
        {.num = 0, .since = 1, .turns = 2},         {.num = 3, .since = 1, .turns = 2},
        {.num = SIZE_MAX, .since = 1, .turns = 2},  {.num = 1, .since = -1, .turns = 2},
        {.num = 1, .since = INT64_MIN, .turns = 2},
    };
    struct file file = file_of(0);
    uint8_t slot[TICKET_IMAGE_SLOT];
    size_t place = ticket_image_slot(&rings[_i], slot);

    memcpy(file.image + place, slot, sizeof slot);
    check_refused(&file, sizeof file.image, 200, "they are damaged");
}
END_TEST

/* A slot in the other one's place would be read, and written over, out of turn. */
START_TEST(test_image_out_of_place)
{
    struct file file = file_of(1);

    memcpy(file.image + 16, file.image + 208, TICKET_IMAGE_SLOT);
    memset(file.image + 208, 0, TICKET_IMAGE_SLOT);
    check_refused(&file, sizeof file.image, 200, "they are damaged");
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
    tcase_add_test(tcase, test_another_clock);
    tcase_add_test(tcase, test_find);
    tcase_add_loop_test(tcase, test_image, 0, 6);
    tcase_add_test(tcase, test_image_form);
    tcase_add_test(tcase, test_image_half_written);
    tcase_add_test(tcase, test_image_first_half_written);
    tcase_add_test(tcase, test_image_damaged);
    tcase_add_test(tcase, test_image_refused);
    tcase_add_loop_test(tcase, test_image_out_of_bounds, 0, 5);
    tcase_add_test(tcase, test_image_out_of_place);
    suite_add_tcase(suite, tcase);
    return suite;
}
