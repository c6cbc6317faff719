#include "lib/admin/fields.h"

#include "lib/net/addr.h"

#include <check.h>
#include <string.h>

Suite *fields_suite(void);

enum colour { RED, GREEN };

struct thing {
    char text[16];
    int number;
    uint64_t count;
    bool flag;
    enum colour colour;
    struct addr address;
};

static const char *colour_word(unsigned colour)
{
    static const char *const words[] = {"red", "green"};

    return words[colour];
}

static const struct field fields[] = {
    {"text", FIELD_TEXT, FIELD_OF(thing, text)},
    {"number", FIELD_NUMBER, FIELD_OF(thing, number)},
    {"count", FIELD_COUNT, FIELD_OF(thing, count)},
    {"flag", FIELD_FLAG, FIELD_OF(thing, flag)},
    {"colour", FIELD_WORD, FIELD_OF(thing, colour), .word = colour_word, .num_words = 2},
    {"address", FIELD_ADDRESS, FIELD_OF(thing, address)},
};

enum { NUM = sizeof fields / sizeof fields[0] };

static const struct thing things[] = {
    {"", 0, 0, false, RED, {ADDR_IPV4, 25, {192, 0, 2, 7}}},
    {"fifteen letters", 1, INT64_MAX, true, GREEN, {ADDR_IPV6, 65535, {0x20, 1, [15] = 1}}},
};

static const char *const texts[][NUM] = {
    {"", "0", "0", "no", "red", "192.0.2.7:25"},
    {"fifteen letters", "1", "9223372036854775807", "yes", "green", "[2001::1]:65535"},
};

START_TEST(test_text)
{
    for (size_t i = 0; i < NUM; i++) {
        char buf[64];
        struct text t = text_in(buf, sizeof buf);

        field_text(&fields[i], &things[_i], &t);
        ck_assert_str_eq(buf, texts[_i][i]);
    }
}
END_TEST

START_TEST(test_pack)
{
    uint8_t packed[sizeof(struct thing)];
    struct thing back;
    size_t len = 0;
    size_t read = 0;

    memset(&back, '#', sizeof back);
    for (size_t i = 0; i < NUM; i++) {
        size_t size = field_pack(&fields[i], &things[_i], packed + len);

        ck_assert_uint_le(size, fields[i].size);
        len += size;
    }
    for (size_t i = 0; i < NUM; i++) {
        read += field_unpack(&fields[i], packed + read, &back);
    }
    ck_assert_uint_eq(read, len);
    ck_assert_str_eq(back.text, things[_i].text);
    ck_assert_int_eq(back.number, things[_i].number);
    ck_assert_uint_eq(back.count, things[_i].count);
    ck_assert_int_eq(back.flag, things[_i].flag);
    ck_assert_int_eq(back.colour, things[_i].colour);
    ck_assert(addr_equal(&back.address, &things[_i].address));
}
END_TEST

/* Nothing is kept of the room that a text does not need. */
START_TEST(test_packed_size)
{
    uint8_t packed[sizeof things[0].text];

    ck_assert_uint_eq(field_pack(&fields[0], &things[0], packed), 1);
    ck_assert_uint_eq(field_pack(&fields[0], &things[1], packed), 16);
}
END_TEST

Suite *fields_suite(void)
{
    Suite *suite = suite_create("fields");
    TCase *tcase = tcase_create("all");

    tcase_add_loop_test(tcase, test_text, 0, 2);
    tcase_add_loop_test(tcase, test_pack, 0, 2);
    tcase_add_test(tcase, test_packed_size);
    suite_add_tcase(suite, tcase);
    return suite;
}
