#include "tests/unit/conf_base.h"

#define SUITE(name) Suite *name##_suite(void);
#include "tests/unit/suites.h"
#undef SUITE

#define NUM(array) (sizeof(array) / sizeof((array)[0]))

static const struct {
    const char *file;
    const char *path;
    unsigned line;
} files[] = {
    {"", CONF_CONTROL, 0},
    {"control = \"/a\"", "/a", 1},
    {"\n\ncontrol\n=\n\"/a\"\n", "/a", 5},
    {"control=\"run/sock\"", "dir/run/sock", 1},
    {"control = \"\"", "", 1},
    {"# control = \"/a\"\ncontrol = # \"/b\"\n\"/c\"", "/c", 3},
    {"hostname = \"control = \"\ncontrol = \"/a\"", "/a", 2},
    {"hostname = \"a \\\" # \"\ncontrol = \"/a\"", "/a", 2},
    {"listener \"control\" { control = \"/no\" { } control = \"/no\" }\ncontrol = \"/a\"", "/a", 2},
    {"mycontrol = \"/no\" control-x = \"/no\" control = \"/a\"", "/a", 1},
    {"control = \"/a\"\ncontrol = \"/b\"", "/a", 1},
    /* With mistakes. */
    {"}} nonsense = ; control = \"/a\" {", "/a", 1},
    {"hostname = \"never ends\ncontrol = \"/a\"", "/a", 2},
    {"hostname = \"ends with a \\", CONF_CONTROL, 0},
    {"control = \"never ends", CONF_CONTROL, 0},
    {"control = 5\ncontrol = \"/a\"", "/a", 2},
    {"control", CONF_CONTROL, 0},
    {"control =", CONF_CONTROL, 0},
    {"control = \"", CONF_CONTROL, 0},
};

START_TEST(test_finds)
{
    /* Of the very length, for a sanitizer. */
    size_t len = strlen(files[_i].file);
    uint8_t *bytes = malloc(len + 1);
    struct conf_control control;
    struct conf_error error;

    ck_assert_ptr_nonnull(bytes);
    bytes = realloc(bytes, len == 0 ? 1 : len);
    ck_assert_ptr_nonnull(bytes);
    memcpy(bytes, files[_i].file, len);
    ck_assert_int_eq(conf_find_control(FILE_NAME, bytes, len, &control, &error), 0);
    ck_assert_str_eq(control.path, files[_i].path);
    ck_assert_uint_eq(control.line, files[_i].line);
    free(bytes);
}
END_TEST

START_TEST(test_too_long)
{
    static const char text[] = "\ncontrol = \"/" HUNDRED HUNDRED "\"";
    struct conf_control control;
    struct conf_error error;

    ck_assert_int_eq(
        conf_find_control(FILE_NAME, (const uint8_t *)text, strlen(text), &control, &error), -1);
    ck_assert_str_eq(error.text, FILE_NAME ":2: control: the path is too long");
}
END_TEST

Suite *conf_control_suite(void)
{
    Suite *suite = suite_create("conf_control");
    TCase *tcase = tcase_create("conf_control");

    tcase_add_loop_test(tcase, test_finds, 0, (int)NUM(files));
    tcase_add_test(tcase, test_too_long);
    suite_add_tcase(suite, tcase);
    return suite;
}
