#include "lib/admin/inforce.h"

#include <check.h>
#include <string.h>

#define SUITE(name) Suite *name##_suite(void);
#include "tests/unit/suites.h"
#undef SUITE

#define CHAIN  "/c.pem"
#define KEY    "/k.pem"
#define DENIED "Permission denied"
#define NO_FILE                                                                                    \
    {                                                                                              \
        NULL, NULL, NULL, NULL                                                                     \
    }
#define NO_LEAF                                                                                    \
    {                                                                                              \
        NULL, NULL                                                                                 \
    }
#define OLD_TIME "2026-09-01T12:00:00Z"
#define NEW_TIME "2026-11-30T12:00:00Z"

/* What a certificate's files may be. */
static const struct {
    const char *name;
    struct inforce_certificate certificate;
    enum inforce_state state;
    const char *text;
} rows[] = {
    {"nothing has changed",
     {{CHAIN, "1", "1", NULL}, {KEY, "2", "2", NULL}, NO_LEAF, NO_LEAF},
     INFORCE_SAME,
     ""},
    {"the key is in the chain's file",
     {{CHAIN, "1", "1", NULL}, NO_FILE, NO_LEAF, NO_LEAF},
     INFORCE_SAME,
     ""},
    {"renewed",
     {{CHAIN, "1", "3", NULL}, {KEY, "2", "4", NULL}, {"a", OLD_TIME}, {"b", NEW_TIME}},
     INFORCE_CHANGED,
     "that of 2026-09-01 is served, but /c.pem has a newer one, of 2026-11-30"},
    {"an older one was put back",
     {{CHAIN, "1", "3", NULL}, {KEY, "2", "2", NULL}, {"a", NEW_TIME}, {"b", OLD_TIME}},
     INFORCE_CHANGED,
     "that of 2026-11-30 is served, but /c.pem has an older one, of 2026-09-01"},
    {"another one of the same moment",
     {{CHAIN, "1", "3", NULL}, {KEY, "2", "2", NULL}, {"a", NEW_TIME}, {"b", NEW_TIME}},
     INFORCE_CHANGED,
     "that of 2026-11-30 is served, but /c.pem has another one, of 2026-11-30"},
    {"renewed, and the key cannot be read",
     {{CHAIN, "1", "3", NULL}, {KEY, "2", NULL, DENIED}, {"a", OLD_TIME}, {"b", NEW_TIME}},
     INFORCE_CHANGED,
     "that of 2026-09-01 is served, but /c.pem has a newer one, of 2026-11-30"},
    {"another intermediate",
     {{CHAIN, "1", "3", NULL}, {KEY, "2", "2", NULL}, {"a", OLD_TIME}, {"a", OLD_TIME}},
     INFORCE_CHANGED,
     "/c.pem has changed since it was loaded"},
    {"no certificate in the file",
     {{CHAIN, "1", "3", NULL}, {KEY, "2", "2", NULL}, {"a", OLD_TIME}, {NULL, NULL}},
     INFORCE_CHANGED,
     "/c.pem has changed since it was loaded"},
    {"both, without a certificate",
     {{CHAIN, "1", "3", NULL}, {KEY, "2", "4", NULL}, {"a", OLD_TIME}, {NULL, NULL}},
     INFORCE_CHANGED,
     "/c.pem and /k.pem have changed since they were loaded"},
    {"the key alone",
     {{CHAIN, "1", "1", NULL}, {KEY, "2", "4", NULL}, NO_LEAF, NO_LEAF},
     INFORCE_CHANGED,
     "/k.pem has changed since it was loaded"},
    {"the key cannot be read",
     {{CHAIN, "1", "1", NULL}, {KEY, "2", NULL, DENIED}, NO_LEAF, NO_LEAF},
     INFORCE_NOT_COMPARED,
     "/k.pem cannot be compared: Permission denied"},
    {"the chain cannot be read, and the key has changed",
     {{CHAIN, "1", NULL, DENIED}, {KEY, "2", "4", NULL}, NO_LEAF, NO_LEAF},
     INFORCE_CHANGED,
     "/k.pem has changed since it was loaded"},
    {"nothing can be read",
     {{CHAIN, "1", NULL, DENIED}, {KEY, "2", NULL, DENIED}, NO_LEAF, NO_LEAF},
     INFORCE_NOT_COMPARED,
     "/c.pem cannot be compared: Permission denied"},
    {"new in the configuration",
     {{CHAIN, NULL, "1", NULL}, {KEY, NULL, "2", NULL}, NO_LEAF, NO_LEAF},
     INFORCE_NOT_SERVED,
     "/c.pem has not been loaded"},
    {"new in the configuration, and cannot be read",
     {{CHAIN, NULL, "1", NULL}, {KEY, NULL, NULL, DENIED}, NO_LEAF, NO_LEAF},
     INFORCE_NOT_SERVED,
     "/c.pem has not been loaded"},
};

START_TEST(test_certificate)
{
    char buf[INFORCE_TEXT_SIZE];
    struct text text = text_in(buf, sizeof buf);

    ck_assert_msg(inforce_certificate_text(&text, &rows[_i].certificate) == rows[_i].state, "%s",
                  rows[_i].name);
    ck_assert_msg(strcmp(buf, rows[_i].text) == 0, "%s: %s", rows[_i].name, buf);
}
END_TEST

static const struct {
    const char *data;
    const char *text;
} lines[] = {
    {"", ""},
    {"no end", "no end"},
    {"one\ntwo\n", "one"},
    {"\x1b[2Jgone\x7f\r\n", "?[2Jgone??"},
    {"caf\xc3\xa9 \xc2\x9b"
     "2J~\n",
     "caf?? ??2J~"},
    {"12345678901234567", "1234567890123456"},
};

START_TEST(test_line)
{
    char buf[64];
    struct text text = text_in(buf, sizeof buf);

    inforce_line(&text, bytes_of(lines[_i].data, strlen(lines[_i].data)), 16);
    ck_assert_str_eq(buf, lines[_i].text);
}
END_TEST

Suite *inforce_suite(void)
{
    Suite *suite = suite_create("inforce");
    TCase *tcase = tcase_create("inforce");

    tcase_add_loop_test(tcase, test_certificate, 0, sizeof rows / sizeof rows[0]);
    tcase_add_loop_test(tcase, test_line, 0, sizeof lines / sizeof lines[0]);
    suite_add_tcase(suite, tcase);
    return suite;
}
