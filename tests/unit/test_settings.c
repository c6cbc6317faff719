#include "lib/postfix/settings.h"
#include "tests/unit/must.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SUITE(name) Suite *name##_suite(void);
#include "tests/unit/suites.h"
#undef SUITE

#define NUM(array) (sizeof(array) / sizeof((array)[0]))

static struct settings settings;

static void read_text(const char *text)
{
    settings_free(&settings);
    ck_assert_int_eq(settings_read(&settings, text), 0);
}

/* --- the list ------------------------------------------------------------------------------- */

/* `text` and what the list has then, in the same form and in the order of the names. */
static const struct {
    const char *name;
    const char *text;
    const char *has;
} lists[] = {
    {"none", NULL, ""},
    {"empty", "", ""},
    {"one", "a = b\n", "a=b;"},
    {"no last newline", "a = b", "a=b;"},
    {"no value", "a = \nb =\nc =", "a=;b=;c=;"},
    {"in another order", "c = 3\nb = 2\na = 1\nba = 4\n", "a=1;b=2;ba=4;c=3;"},
    {"twice: the last holds", "a = 1\nb = 2\na = 3\n", "a=3;b=2;"},
    {"without blanks", "a=b\n", "a=b;"},
    {"blanks before the sign", "a   = b\n", "a=b;"},
    {"one blank behind the sign goes", "a =  b \n", "a= b ;"},
    {"a sign in the value", "a = b = c\n", "a=b = c;"},
    {"braces", "a = { b = c }, ${d?{e}:{f}}\n", "a={ b = c }, ${d?{e}:{f}};"},
    {"no setting", "postconf: warning\n\n = x\nword\n  \na = b\n", "a=b;"},
    {"a name at the end", "a = b\nc ", "a=b;"},
    {"upper and lower case differ", "CA = 1\nca = 2\n", "CA=1;ca=2;"},
};

START_TEST(test_lists)
{
    char has[512] = "";

    read_text(lists[_i].text);
    for (size_t i = 0; i < settings.num; i++) {
        size_t len = strlen(has);

        snprintf(has + len, sizeof has - len, "%s=%s;", settings.items[i].name,
                 settings.items[i].value);
    }
    ck_assert_msg(strcmp(has, lists[_i].has) == 0, "%s: %s", lists[_i].name, has);
    settings_free(&settings);
    ck_assert_uint_eq(settings.num, 0);
}
END_TEST

/* What comes later is added to what is there. */
START_TEST(test_more)
{
    struct settings other = {0};

    read_text("a = 1\nb = 2\n");
    ck_assert_int_eq(settings_read(&settings, "b = 3\nc = 4\n"), 0);
    ck_assert_int_eq(settings_set(&settings, "a", "$b"), 0);
    ck_assert_str_eq(settings_find(&settings, "a"), "$b");
    ck_assert_str_eq(settings_find(&settings, "b"), "3");
    ck_assert_str_eq(settings_find(&settings, "c"), "4");
    ck_assert_ptr_null(settings_find(&settings, "d"));
    ck_assert_ptr_null(settings_find(&settings, ""));
    ck_assert_str_eq(settings_get(&settings, "d"), "");
    ck_assert_uint_eq(settings.num, 3);
    ck_assert_int_eq(settings_read(&other, "x_a = 5\nx = 6\na = 7\nx_ = 8\n"), 0);
    ck_assert_int_eq(settings_take(&settings, &other, "x_"), 0);
    ck_assert_uint_eq(settings.num, 5);
    ck_assert_str_eq(settings_get(&settings, "x_a"), "5");
    ck_assert_str_eq(settings_get(&settings, "x_"), "8");
    ck_assert_ptr_null(settings_find(&settings, "x"));
    ck_assert_str_eq(settings_get(&settings, "a"), "$b");
    settings_free(&other);
    settings_free(&settings);
}
END_TEST

/* More than there is room for at first. */
START_TEST(test_many)
{
    enum { MANY = 1500 };

    for (unsigned i = 0; i < MANY; i++) {
        char name[32];

        snprintf(name, sizeof name, "name_%u", i * 7919 % MANY);
        MUST(settings_set(&settings, name, name + 5) == 0);
    }
    ck_assert_uint_eq(settings.num, MANY);
    for (size_t i = 0; i < settings.num; i++) {
        MUST(i == 0 || strcmp(settings.items[i - 1].name, settings.items[i].name) < 0);
        MUST(strcmp(settings_get(&settings, settings.items[i].name), settings.items[i].name + 5) ==
             0);
    }
    settings_free(&settings);
}
END_TEST

static const struct {
    const char *value;
    bool yes;
} answers[] = {{"yes", true}, {"YES", true}, {"no", false},  {"", false},
               {"y", false},  {"1", false},  {"yes,", false}};

START_TEST(test_yes)
{
    ck_assert_int_eq(settings_set(&settings, "a", answers[_i].value), 0);
    ck_assert_msg(settings_yes(&settings, "a") == answers[_i].yes, "%s", answers[_i].value);
    ck_assert(!settings_yes(&settings, "b"));
    settings_free(&settings);
}
END_TEST

static const struct {
    const char *value;
    long number; /* -7: none */
} numbers[] = {
    {"0", 0},
    {"50", 50},
    {"300s", 300},
    {"5m", 300},
    {"2h", 7200},
    {"1d", 86400},
    {"1w", 604800},
    {"1000000000", 1000000000},
    {"1000000001", -7},
    {"99999999999999999999", -7},
    {"1000000000w", sizeof(long) > 4 ? 604800L * 1000000000L : -7},
    {"", -7},
    {"s", -7},
    {"-1", -7},
    {"3x", -7},
    {"3ss", -7},
    {"1h30m", -7},
    {"3 s", -7},
    {"${stress?{10}:{300}}s", -7},
    {"0x10", -7},
};

START_TEST(test_numbers)
{
    ck_assert_int_eq(settings_set(&settings, "a", numbers[_i].value), 0);
    ck_assert_msg(settings_number(&settings, "a", -7) == numbers[_i].number, "%s: %ld",
                  numbers[_i].value, settings_number(&settings, "a", -7));
    ck_assert_int_eq(settings_number(&settings, "b", 12), 12);
    settings_free(&settings);
}
END_TEST

/* --- words ---------------------------------------------------------------------------------- */

typedef struct settings_word next_fn(const char **rest);

/* The words or items of a value, each with "|" behind it. */
static const char *split(next_fn *next, const char *value, bool inner)
{
    static char out[512];
    struct settings_word word;

    out[0] = '\0';
    while ((word = next(&value)).at != NULL) {
        size_t len = strlen(out);

        word = inner ? settings_inner(word) : word;
        snprintf(out + len, sizeof out - len, "%.*s|", (int)word.len, word.at);
    }
    ck_assert_uint_eq(word.len, 0);
    ck_assert_str_eq(value, "");
    return out;
}

static const struct {
    const char *name;
    const char *value;
    const char *words;
    const char *items;
    const char *inner; /* NULL: as the items */
} values[] = {
    {"empty", "", "", "", NULL},
    {"blanks", " ,\t\r\n, ", "", "", NULL},
    {"words", "a b,c, d\te", "a|b|c|d|e|", "a|b|c|d|e|", NULL},
    {"around", " ,a, ", "a|", "a|", NULL},
    {"a table", "hash:/etc/a, x", "hash:/etc/a|x|", "hash:/etc/a|x|", NULL},
    {"braces", "{ a b, c=d } e", "a|b|c|d|e|", "{ a b, c=d }|e|", " a b, c=d |e|"},
    {"tight braces", "{a},{b}", "a|b|", "{a}|{b}|", "a|b|"},
    {"an inline table", "inline:{ {a = b}, {c=d} }, e", "inline:|a|b|c|d|e|",
     "inline:{ {a = b}, {c=d} }|e|", NULL},
    {"braces in braces", "{ { a, b } c } d", "a|b|c|d|", "{ { a, b } c }|d|", " { a, b } c |d|"},
    {"empty braces", "{} { } a", "a|", "{}|{ }|a|", "| |a|"},
    {"without an end", "{ a, b", "a|b|", "{ a, b|", NULL},
    {"without a beginning", "a } b, c", "a|b|c|", "a|}|b|c|", NULL},
    {"the last one only", "}, { a b }", "a|b|", "}|{ a b }|", "}| a b |"},
    {"one brace", "{", "", "{|", NULL},
    {"a sign alone", "a = b", "a|b|", "a|=|b|", NULL},
    {"versions", ">=TLSv1.2, !SSLv3", ">|TLSv1.2|!SSLv3|", ">=TLSv1.2|!SSLv3|", NULL},
    {"lines", "a\n b\r\nc", "a|b|c|", "a|b|c|", NULL},
};

START_TEST(test_words)
{
    const char *value = values[_i].value;
    const char *inner = values[_i].inner == NULL ? values[_i].items : values[_i].inner;

    ck_assert_msg(strcmp(split(settings_next_word, value, false), values[_i].words) == 0,
                  "%s: words", values[_i].name);
    ck_assert_msg(strcmp(split(settings_next_item, value, false), values[_i].items) == 0,
                  "%s: items", values[_i].name);
    ck_assert_msg(strcmp(split(settings_next_item, value, true), inner) == 0, "%s: inner",
                  values[_i].name);
}
END_TEST

static const struct {
    const char *value;
    const char *word;
    bool has;
} members[] = {
    {"a, bc", "bc", true},
    {"a, bc", "b", false},
    {"a, bc", "bcd", false},
    {"a, BC", "bc", true},
    {"", "a", false},
    {"{ a { b } }", "b", true},
    {"silent-discard,dsn", "silent-discard", true},
    {"a=b", "b", true},
    {"a", "", false},
    {"!a", "a", false},
};

START_TEST(test_has_word)
{
    ck_assert_msg(settings_has_word(members[_i].value, members[_i].word) == members[_i].has,
                  "%s in %s", members[_i].word, members[_i].value);
}
END_TEST

#define LONG_WORD                                                                                  \
    "a234567890a234567890a234567890a234567890a234567890a234567890"                                 \
    "a234567890a234567890a234567890a234567890a234567890a234567890"

static const struct {
    const char *value;
    const char *other;
    bool in;
} subsets[] = {
    {"", "", true},
    {"", "a", true},
    {"a", "", false},
    {"a, b", "b a c", true},
    {"a, b", "b c", false},
    {"NoAnonymous", "noanonymous,noplaintext", true},
    {LONG_WORD "1234567", LONG_WORD "1234567", true},
    /* A word that nobody's parameter has: it is not taken for one that is there. */
    {LONG_WORD "12345678", LONG_WORD "12345678", false},
};

START_TEST(test_words_in)
{
    ck_assert_msg(settings_words_in(subsets[_i].value, subsets[_i].other) == subsets[_i].in,
                  "%s in %s", subsets[_i].value, subsets[_i].other);
}
END_TEST

START_TEST(test_is_word)
{
    struct settings_word none = {0};
    struct settings_word word = {.at = "reject_all", .len = 6};

    ck_assert(!settings_is_word(none, ""));
    ck_assert(settings_is_word(word, "reject"));
    ck_assert(settings_is_word(word, "REJECT"));
    ck_assert(!settings_is_word(word, "reject_all"));
    ck_assert(!settings_is_word(word, "rejec"));
    ck_assert(!settings_is_word(word, ""));
}
END_TEST

/* --- $name ---------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    const char *value;
    const char *out; /* with "name" replaced by "smtp" */
} references[] = {
    {"none", "postfix", "postfix"},
    {"empty", "", ""},
    {"plain", "postfix/$name", "postfix/smtp"},
    {"alone", "$name", "smtp"},
    {"braces", "a${name}b", "asmtpb"},
    {"parentheses", "a$(name)b", "asmtpb"},
    {"twice", "$name/$name${name}", "smtp/smtpsmtp"},
    {"a longer name", "$name_longer", "$name_longer"},
    {"another longer name", "$names $name2 $nameX", "$names $name2 $nameX"},
    {"a longer name in braces", "${name_longer}$(names)", "${name_longer}$(names)"},
    {"a longer name's end", "$my_name", "$my_name"},
    {"no name's letter behind it", "$name-$name.$name,", "smtp-smtp.smtp,"},
    {"a shorter name", "$nam ${nam}", "$nam ${nam}"},
    {"the wrong end", "${name) $(name} ${name", "${name) $(name} ${name"},
    {"with a condition", "${name?x}${name:y}", "${name?x}${name:y}"},
    {"without a dollar", "name {name}", "name {name}"},
    {"a dollar that is one", "$$name", "$$name"},
    {"two dollars and a name", "$$$name", "$$smtp"},
    {"dollars at the end", "a$ $$ $", "a$ $$ $"},
};

START_TEST(test_replace)
{
    char *out = settings_replace(references[_i].value, "name", "smtp");

    ck_assert_ptr_nonnull(out);
    ck_assert_msg(strcmp(out, references[_i].out) == 0, "%s: %s", references[_i].name, out);
    free(out);
    out = settings_replace(references[_i].value, "name", "");
    ck_assert_msg(strlen(out) <= strlen(references[_i].value), "%s: %s", references[_i].name, out);
    free(out);
}
END_TEST

/* What is put in is not read again. */
START_TEST(test_replace_once)
{
    char *out = settings_replace("$name ${name}", "name", "$name$");

    ck_assert_ptr_nonnull(out);
    ck_assert_str_eq(out, "$name$ $name$");
    free(out);
}
END_TEST

/* --- at random ------------------------------------------------------------------------------ */

enum { RANDOM_ROUNDS = 30000, RANDOM_LEN = 40 };

/* Copies of exactly its length, so that the sanitizers see a byte too many. */
static char *random_text(void)
{
    static const char pieces[] = "$$$$nnaammee_{{{}}}((())) ,,\n\n==ab1?:!<>/s";
    size_t len = (size_t)rand() % RANDOM_LEN;
    char *text = malloc(len + 1);

    MUST(text != NULL);
    for (size_t i = 0; i < len; i++) {
        text[i] =
            rand() % 8 == 0 ? (char)(1 + rand() % 255) : pieces[(size_t)rand() % (NUM(pieces) - 1)];
    }
    text[len] = '\0';
    return text;
}

/* Words and items lie within the value in their order, and leave nothing out but what is between
 * them. */
static void walk(next_fn *next, const char *text, const char *between)
{
    const char *rest = text;
    const char *end = text;
    struct settings_word word;

    while ((word = next(&rest)).at != NULL) {
        struct settings_word inner = settings_inner(word);

        MUST(word.len > 0 && word.at >= end && rest == word.at + word.len);
        MUST(strspn(end, between) >= (size_t)(word.at - end));
        MUST(inner.at >= word.at && inner.at + inner.len <= word.at + word.len);
        MUST(inner.len == word.len || inner.len + 2 == word.len);
        end = rest;
    }
    MUST(strspn(end, between) == strlen(end));
}

START_TEST(test_random)
{
    srand(1);
    for (int round = 0; round < RANDOM_ROUNDS; round++) {
        char *text = random_text();
        char *same = settings_replace(text, "name", "$name");
        char *gone = settings_replace(text, "name", "");
        struct settings list = {0};

        walk(settings_next_word, text, " \t\r\n,{}=");
        walk(settings_next_item, text, " \t\r\n,");
        MUST(settings_read(&list, text) == 0);
        for (size_t i = 0; i < list.num; i++) {
            MUST(list.items[i].name[0] != '\0');
            MUST(strpbrk(list.items[i].name, " =\n") == NULL);
            MUST(strchr(list.items[i].value, '\n') == NULL);
            MUST(i == 0 || strcmp(list.items[i - 1].name, list.items[i].name) < 0);
            (void)settings_number(&list, list.items[i].name, 0);
        }
        MUST(settings_words_in(text, text));
        MUST(same != NULL && gone != NULL && strlen(gone) <= strlen(text));
        settings_free(&list);
        free(gone);
        free(same);
        free(text);
    }
}
END_TEST

Suite *settings_suite(void)
{
    Suite *suite = suite_create("settings");
    TCase *tcase = tcase_create("settings");

    tcase_add_loop_test(tcase, test_lists, 0, (int)NUM(lists));
    tcase_add_test(tcase, test_more);
    tcase_add_test(tcase, test_many);
    tcase_add_loop_test(tcase, test_yes, 0, (int)NUM(answers));
    tcase_add_loop_test(tcase, test_numbers, 0, (int)NUM(numbers));
    tcase_add_loop_test(tcase, test_words, 0, (int)NUM(values));
    tcase_add_loop_test(tcase, test_has_word, 0, (int)NUM(members));
    tcase_add_loop_test(tcase, test_words_in, 0, (int)NUM(subsets));
    tcase_add_test(tcase, test_is_word);
    tcase_add_loop_test(tcase, test_replace, 0, (int)NUM(references));
    tcase_add_test(tcase, test_replace_once);
    tcase_add_test(tcase, test_random);
    suite_add_tcase(suite, tcase);
    return suite;
}
