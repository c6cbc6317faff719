#include "lib/tls/sni.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

#define NUM(array) (sizeof(array) / sizeof((array)[0]))

enum { NONE = 99 };

static const struct sni_name unsorted[] = {
    {"mx.example.org", 4},          {"*.example.org", 1}, {"mail.example.org", 0},
    {"*.mx.example.org", 2},        {"example.net", 3},   {"xn--bcher-kva.example", 5},
    {"*.xn--bcher-kva.example", 6},
};

#define LABEL_50 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

/* 253 bytes: a label of 241 and ".example.org". No host name, but as long as one. */
#define LONGEST                                                                                    \
    LABEL_50 LABEL_50 LABEL_50 LABEL_50 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.example.org"

static const struct {
    const char *name;
    const char *asked;
    size_t len; /* 0: to the end of the text */
    size_t want;
} rows[] = {
    {"exact", "mail.example.org", 0, 0},
    {"exact before a wildcard", "mx.example.org", 0, 4},
    {"case does not matter", "MAIL.Example.ORG", 0, 0},
    {"one final dot", "mail.example.org.", 0, 0},
    {"two final dots", "mail.example.org..", 0, NONE},
    {"only a dot", ".", 0, NONE},
    {"wildcard", "www.example.org", 0, 1},
    {"wildcard, case, final dot", "WWW.EXAMPLE.ORG.", 0, 1},
    {"longer wildcard", "a.mx.example.org", 0, 2},
    {"wildcard stands for one label only", "a.b.example.org", 0, NONE},
    {"wildcard stands for a label", "example.org", 0, NONE},
    {"wildcard does not stand for nothing", ".example.org", 0, NONE},
    {"an asterisk is a label like others", "*.example.org", 0, 1},
    {"a suffix is not a label", "example.net.org", 0, NONE},
    {"exact without wildcard", "a.example.net", 0, NONE},
    {"A-label", "XN--Bcher-KVA.example", 0, 5},
    {"wildcard under an A-label", "mail.xn--bcher-kva.example", 0, 6},
    {"U-label",
     "b\xc3\xbc"
     "cher.example",
     0, NONE},
    {"begin of a name", "mail.example.or", 0, NONE},
    {"name and more", "mail.example.orgs", 0, NONE},
    {"a NUL hides nothing", "mail.example.org\0.evil.example", 29, NONE},
    {"empty", "", 0, NONE},
    {"as long as may be", LONGEST, 253, 1},
    {"as long as may be, final dot", LONGEST ".", 254, 1},
    {"too long", "a" LONGEST, 254, NONE},
    {"address", "192.0.2.7", 0, NONE},
    {"no dot", "localhost", 0, NONE},
};

START_TEST(test_find)
{
    struct sni_name names[NUM(unsorted)];
    size_t len = rows[_i].len != 0 ? rows[_i].len : strlen(rows[_i].asked);
    size_t got;

    memcpy(names, unsorted, sizeof names);
    ck_assert_uint_eq(sni_sort(names, NUM(names)), NUM(names));
    got = sni_find(names, NUM(names), bytes_of(rows[_i].asked, len), NONE);
    ck_assert_msg(got == rows[_i].want, "%s: %zu", rows[_i].name, got);
}
END_TEST

START_TEST(test_no_names)
{
    struct sni_name none[1] = {{NULL, 0}};

    ck_assert_uint_eq(sni_sort(none, 0), 0);
    ck_assert_uint_eq(sni_find(none, 0, bytes_of("a.b", 3), NONE), NONE);
    ck_assert_uint_eq(sni_find(NULL, 0, bytes_of("a.b", 3), NONE), NONE);
}
END_TEST

START_TEST(test_twice)
{
    static const size_t sets[][2] = {{0, 3}, {3, 0}};

    for (size_t i = 0; i < NUM(sets); i++) {
        struct sni_name names[] = {{"b", sets[i][0]}, {"c", 1}, {"a", 2}, {"b", sets[i][1]}};
        size_t twice = sni_sort(names, NUM(names));

        ck_assert_uint_eq(twice, 2);
        ck_assert_str_eq(names[twice - 1].name, "b");
        ck_assert_uint_eq(names[twice - 1].set, 0);
        ck_assert_str_eq(names[twice].name, "b");
        ck_assert_uint_eq(names[twice].set, 3);
    }
}
END_TEST

START_TEST(test_many)
{
    enum { MANY = 5000 };
    static char texts[MANY][32];
    static struct sni_name names[MANY];

    for (size_t i = 0; i < MANY; i++) {
        snprintf(texts[i], sizeof texts[i], i % 2 == 0 ? "m%zu.example" : "*.m%zu.example",
                 i * 7919 % MANY);
        names[i] = (struct sni_name){texts[i], i};
    }
    ck_assert_uint_eq(sni_sort(names, MANY), MANY);
    for (size_t i = 0; i < MANY; i++) {
        char asked[32];

        snprintf(asked, sizeof asked, "%s%s", texts[i][0] == '*' ? "x" : "",
                 texts[i] + (texts[i][0] == '*'));
        ck_assert_uint_eq(sni_find(names, MANY, bytes_of(asked, strlen(asked)), NONE), i);
    }
}
END_TEST

Suite *sni_suite(void);

Suite *sni_suite(void)
{
    Suite *suite = suite_create("sni");
    TCase *tcase = tcase_create("all");

    tcase_add_loop_test(tcase, test_find, 0, NUM(rows));
    tcase_add_test(tcase, test_no_names);
    tcase_add_test(tcase, test_twice);
    tcase_add_test(tcase, test_many);
    suite_add_tcase(suite, tcase);
    return suite;
}
