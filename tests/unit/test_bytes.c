#include "lib/base/bytes.h"

#include <check.h>
#include <string.h>

enum reader { U8, U16, U24, TAKE3, TAKE0, VEC8, VEC16 };

/* What one reader makes of some bytes: how many it takes, and the number or the view it gives. */
static const struct {
    const char *name;
    enum reader reader;
    const char *in;
    size_t len;
    bool ok;
    size_t taken;
    uint32_t number; /* of U8, U16, U24 */
    const char *view;
    size_t view_len;
} rows[] = {
    {"u8", U8, "\x81\x02", 2, true, 1, 0x81, "", 0},
    {"u8 at the end", U8, "\xff", 1, true, 1, 0xff, "", 0},
    {"u8 of nothing", U8, "", 0, false, 0, 0, "", 0},
    {"u16 is big-endian", U16, "\x81\x02\x03", 3, true, 2, 0x8102, "", 0},
    {"u16 of one byte", U16, "\x81", 1, false, 0, 0, "", 0},
    {"u16 of nothing", U16, "", 0, false, 0, 0, "", 0},
    {"u24 is big-endian", U24, "\x81\x02\x03\x04", 4, true, 3, 0x810203, "", 0},
    {"u24 of two bytes", U24, "\x81\x02", 2, false, 0, 0, "", 0},
    {"take all there is", TAKE3, "abc", 3, true, 3, 0, "abc", 3},
    {"take the first", TAKE3, "abcd", 4, true, 3, 0, "abc", 3},
    {"take too many", TAKE3, "ab", 2, false, 0, 0, "", 0},
    {"take none of nothing", TAKE0, "", 0, true, 0, 0, "", 0},
    {"take none", TAKE0, "abc", 3, true, 0, 0, "", 0},
    {"vec8", VEC8, "\x02xyz", 4, true, 3, 0, "xy", 2},
    {"vec8, empty", VEC8, "\0x", 2, true, 1, 0, "", 0},
    {"vec8, whole", VEC8, "\x01x", 2, true, 2, 0, "x", 1},
    {"vec8, torn", VEC8, "\x02x", 2, false, 0, 0, "", 0},
    {"vec8 of nothing", VEC8, "", 0, false, 0, 0, "", 0},
    {"vec16", VEC16, "\0\x02xyz", 5, true, 4, 0, "xy", 2},
    {"vec16, empty", VEC16, "\0\0", 2, true, 2, 0, "", 0},
    {"vec16, torn", VEC16, "\0\x02x", 3, false, 0, 0, "", 0},
    {"vec16, the long byte first", VEC16, "\x01\0x", 3, false, 0, 0, "", 0},
    {"vec16, torn length", VEC16, "\0", 1, false, 0, 0, "", 0},
};

static bool read_with(enum reader reader, struct bytes *in, uint32_t *number, struct bytes *view)
{
    uint8_t u8 = 0;
    uint16_t u16 = 0;
    bool ok = false;

    switch (reader) {
    case U8:
        ok = bytes_u8(in, &u8);
        *number = u8;
        break;
    case U16:
        ok = bytes_u16(in, &u16);
        *number = u16;
        break;
    case U24:
        ok = bytes_u24(in, number);
        break;
    case TAKE3:
        ok = bytes_take(in, 3, view);
        break;
    case TAKE0:
        ok = bytes_take(in, 0, view);
        break;
    case VEC8:
        ok = bytes_vec8(in, view);
        break;
    case VEC16:
        ok = bytes_vec16(in, view);
        break;
    }
    return ok;
}

START_TEST(test_reader)
{
    const uint8_t *start = (const uint8_t *)rows[_i].in;
    struct bytes in = bytes_of(start, rows[_i].len);
    struct bytes view = bytes_of(NULL, 0);
    uint32_t number = 0;
    bool ok = read_with(rows[_i].reader, &in, &number, &view);

    ck_assert_msg(ok == rows[_i].ok, "%s: result", rows[_i].name);
    ck_assert_msg(in.len == rows[_i].len - rows[_i].taken, "%s: what is left", rows[_i].name);
    ck_assert_msg(in.data == start + rows[_i].taken, "%s: where it goes on", rows[_i].name);
    ck_assert_msg(number == rows[_i].number, "%s: number", rows[_i].name);
    ck_assert_msg(view.len == rows[_i].view_len, "%s: length of the view", rows[_i].name);
    ck_assert_msg(view.len == 0 || memcmp(view.data, rows[_i].view, view.len) == 0, "%s: view",
                  rows[_i].name);
}
END_TEST

/* The longest vectors, whose length has all its bits set. */
START_TEST(test_longest)
{
    static uint8_t data[2 + 65535];
    struct bytes in;
    struct bytes out;

    data[0] = 0xff;
    data[1] = 0xff;
    in = bytes_of(data, sizeof data);
    ck_assert(bytes_vec16(&in, &out));
    ck_assert_uint_eq(out.len, 65535);
    ck_assert_uint_eq(in.len, 0);
    in = bytes_of(data, sizeof data - 1);
    ck_assert(!bytes_vec16(&in, &out));
    in = bytes_of(data, 256);
    ck_assert(bytes_vec8(&in, &out));
    ck_assert_uint_eq(out.len, 255);
}
END_TEST

/* Nothing at no address: what an absent extension looks like. */
START_TEST(test_null)
{
    struct bytes in = bytes_of(NULL, 0);
    struct bytes out = bytes_of("x", 1);
    uint8_t byte = 7;

    ck_assert(!bytes_u8(&in, &byte));
    ck_assert_uint_eq(byte, 7);
    ck_assert(!bytes_vec8(&in, &out));
    ck_assert_uint_eq(out.len, 1);
    ck_assert(bytes_take(&in, 0, &out));
    ck_assert_uint_eq(out.len, 0);
    ck_assert_ptr_null(in.data);
}
END_TEST

Suite *bytes_suite(void);

Suite *bytes_suite(void)
{
    Suite *suite = suite_create("bytes");
    TCase *tcase = tcase_create("all");

    tcase_add_loop_test(tcase, test_reader, 0, sizeof rows / sizeof rows[0]);
    tcase_add_test(tcase, test_longest);
    tcase_add_test(tcase, test_null);
    suite_add_tcase(suite, tcase);
    return suite;
}
