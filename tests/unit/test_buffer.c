#include "lib/base/buffer.h"

#include <check.h>
#include <string.h>

static uint8_t memory[BUFFER_SIZE + 1];

/* A queue over fresh memory that shows a write behind its end. */
static struct buffer fresh(void)
{
    memset(memory, '#', sizeof memory);
    return (struct buffer){.data = memory};
}

static void expect(const struct buffer *b, const char *bytes)
{
    ck_assert_uint_eq(buffer_len(b), strlen(bytes));
    ck_assert_mem_eq(b->data + b->start, bytes, strlen(bytes));
    ck_assert_uint_eq(buffer_room(b), BUFFER_SIZE - strlen(bytes));
}

START_TEST(test_without_memory)
{
    struct buffer b = {0};

    ck_assert_uint_eq(buffer_len(&b), 0);
    ck_assert_uint_eq(buffer_room(&b), 0);
    ck_assert_uint_eq(buffer_ready(&b).len, 0);
    buffer_put(&b, "", 0);
    buffer_drop(&b, 0);
    ck_assert_uint_eq(buffer_len(&b), 0);
}
END_TEST

START_TEST(test_first_in_first_out)
{
    struct buffer b = fresh();

    buffer_put(&b, "abc", 3);
    buffer_put(&b, "def", 3);
    expect(&b, "abcdef");
    buffer_drop(&b, 2);
    expect(&b, "cdef");
    buffer_put(&b, "g", 1);
    expect(&b, "cdefg");
    buffer_drop(&b, 0);
    expect(&b, "cdefg");
    buffer_drop(&b, 5);
    expect(&b, "");
    ck_assert_uint_eq(b.start, 0);
    ck_assert_uint_eq(b.end, 0);
}
END_TEST

START_TEST(test_held)
{
    struct buffer b = fresh();
    struct bytes ready;

    buffer_put(&b, "abcdef", 6);
    b.held = 2;
    ready = buffer_ready(&b);
    ck_assert_uint_eq(ready.len, 4);
    ck_assert_mem_eq(ready.data, "abcd", 4);
    buffer_drop(&b, 3);
    ready = buffer_ready(&b);
    ck_assert_uint_eq(ready.len, 1);
    ck_assert_mem_eq(ready.data, "d", 1);
    buffer_drop(&b, 1);
    ck_assert_uint_eq(buffer_ready(&b).len, 0);
    ck_assert_uint_eq(buffer_len(&b), 2);
    ck_assert_uint_eq(b.held, 2);
    buffer_put(&b, "g", 1);
    ck_assert_uint_eq(buffer_ready(&b).len, 1);
}
END_TEST

/* Held bytes that are thrown away are held no longer. */
START_TEST(test_held_dropped)
{
    struct buffer b = fresh();

    buffer_put(&b, "abcd", 4);
    b.held = 3;
    buffer_drop(&b, 2);
    ck_assert_uint_eq(b.held, 2);
    buffer_drop(&b, 2);
    ck_assert_uint_eq(b.held, 0);
    buffer_put(&b, "e", 1);
    ck_assert_uint_eq(buffer_ready(&b).len, 1);
}
END_TEST

START_TEST(test_tail)
{
    struct buffer b = fresh();
    size_t room;
    uint8_t *tail = buffer_tail(&b, &room);

    ck_assert_ptr_eq(tail, memory);
    ck_assert_uint_eq(room, BUFFER_SIZE);
    memcpy(tail, "abcdef", 6);
    buffer_grow(&b, 4);
    expect(&b, "abcd");
    buffer_drop(&b, 3);
    tail = buffer_tail(&b, &room);
    ck_assert_ptr_eq(tail, memory + 1);
    ck_assert_uint_eq(room, BUFFER_SIZE - 1);
    expect(&b, "d");
    buffer_grow(&b, 0);
    expect(&b, "d");
}
END_TEST

START_TEST(test_full)
{
    static uint8_t bytes[BUFFER_SIZE];
    struct buffer b = fresh();
    size_t room;

    memset(bytes, 'x', sizeof bytes);
    buffer_put(&b, bytes, sizeof bytes);
    ck_assert_uint_eq(buffer_room(&b), 0);
    ck_assert_uint_eq(buffer_ready(&b).len, BUFFER_SIZE);
    (void)buffer_tail(&b, &room);
    ck_assert_uint_eq(room, 0);
    ck_assert_uint_eq(memory[BUFFER_SIZE], '#');
}
END_TEST

/* Room in front of the queue counts: put moves the queue when the room behind it is too small. */
START_TEST(test_put_moves)
{
    static uint8_t bytes[BUFFER_SIZE];
    struct buffer b = fresh();

    memset(bytes, 'x', sizeof bytes);
    bytes[BUFFER_SIZE - 1] = 'y';
    buffer_put(&b, bytes, sizeof bytes);
    buffer_drop(&b, BUFFER_SIZE - 2);
    ck_assert_uint_eq(buffer_room(&b), BUFFER_SIZE - 2);
    buffer_put(&b, "abc", 3);
    expect(&b, "xyabc");
    memset(bytes, 'z', sizeof bytes);
    buffer_put(&b, bytes, BUFFER_SIZE - 5);
    ck_assert_uint_eq(buffer_room(&b), 0);
    ck_assert_mem_eq(buffer_ready(&b).data, "xyabcz", 6);
    ck_assert_uint_eq(memory[BUFFER_SIZE - 1], 'z');
    ck_assert_uint_eq(memory[BUFFER_SIZE], '#');
}
END_TEST

Suite *buffer_suite(void);

Suite *buffer_suite(void)
{
    Suite *suite = suite_create("buffer");
    TCase *tcase = tcase_create("all");

    tcase_add_test(tcase, test_without_memory);
    tcase_add_test(tcase, test_first_in_first_out);
    tcase_add_test(tcase, test_held);
    tcase_add_test(tcase, test_held_dropped);
    tcase_add_test(tcase, test_tail);
    tcase_add_test(tcase, test_full);
    tcase_add_test(tcase, test_put_moves);
    suite_add_tcase(suite, tcase);
    return suite;
}
