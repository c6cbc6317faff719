/* The example of a configuration and the manual, against the table of options. */
#include "tests/unit/conf_base.h"

/* The text of a file of the source tree; tests run from its top. */
static char *read_file(const char *path)
{
    FILE *in = fopen(path, "r");
    char *text = calloc(1, CONF_SIZE_MAX);

    ck_assert_msg(in != NULL, "%s: not there", path);
    ck_assert_ptr_nonnull(text);
    ck_assert_uint_gt(fread(text, 1, CONF_SIZE_MAX - 1, in), 0);
    fclose(in);
    return text;
}

/* Sections that wait behind a # for somebody who wants them become sections; prose has a blank
 * behind its #, and no more. */
static void uncomment(char *text)
{
    for (char *at = text; at != NULL; at = strchr(at, '\n')) {
        at += *at == '\n';
        if (at[0] == '#' &&
            (at[1] == '}' || strncmp(at, "#    ", 5) == 0 || strncmp(at, "#backend", 8) == 0 ||
             strncmp(at, "#listener", 9) == 0 || strncmp(at, "#milter", 7) == 0)) {
            at[0] = ' ';
        }
    }
}

START_TEST(test_example)
{
    static const char path[] = "conf/postern.conf";
    char *text = read_file(path);
    struct conf_error error = {""};
    struct conf *c = conf_parse(path, (const uint8_t *)text, strlen(text), &error);

    ck_assert_msg(c != NULL, "%s", error.text);
    ck_assert_str_eq(c->certificates[0].chain.text, "conf/p256.pem");
    ck_assert_uint_eq(c->num_listeners, 1);
    ck_assert_uint_eq(c->milter.line, 0);
    conf_free(c);

    uncomment(text);
    c = conf_parse(path, (const uint8_t *)text, strlen(text), &error);
    ck_assert_msg(c != NULL, "%s", error.text);
    ck_assert_uint_eq(c->num_listeners, 3);
    ck_assert_int_eq(c->listeners[1].tls, CONF_TLS_ENCRYPT);
    ck_assert_int_eq(c->listeners[2].tls, CONF_TLS_IMPLICIT);
    ck_assert_str_eq(c->listeners[2].profile->name, "modern");
    ck_assert_uint_ne(c->milter.line, 0);
    ck_assert_str_eq(c->milter.policy.text, "conf/policy");
    conf_free(c);
    free(text);
}
END_TEST

struct manual {
    const char *text;
    unsigned options;
};

/* Each option has one entry, under its section's heading, that names its type and its default. */
static void check_row(void *arg, const char *section, const char *option, const char *type,
                      const char *fallback)
{
    struct manual *manual = arg;
    bool quoted = strcmp(type, "number") != 0 && strcmp(type, "boolean") != 0;
    char heading[64];
    char entry[128];
    char value[128];
    const char *start;
    const char *end;
    const char *at;
    const char *said;

    snprintf(heading, sizeof heading, "\n.Ss %s\n", section[0] == '\0' ? "Top level" : section);
    snprintf(entry, sizeof entry, "\n.It Ic %s No = Ar %s\n", option, type);
    if (fallback == NULL) {
        snprintf(value, sizeof value, "\nMandatory.\n");
    } else if (strncmp(type, "list", 4) == 0 && fallback[0] == '\0') {
        snprintf(value, sizeof value, "\nDefault: empty.\n");
    } else {
        snprintf(value, sizeof value, quoted ? "\nDefault: \"%s\".\n" : "\nDefault: %s.\n",
                 fallback);
    }
    start = strstr(manual->text, heading);
    ck_assert_msg(start != NULL, "no heading for %s", section);
    end = strstr(start + 1, "\n.S");
    at = strstr(start, entry);
    ck_assert_msg(at != NULL && at < end, "no entry for %s of %s (%s)", option, section, type);
    end = strstr(at, "\n.El");
    said = strstr(at + 1, "\n.It");
    end = said != NULL && said < end ? said : end;
    said = strstr(at, value);
    ck_assert_msg(said != NULL && said < end, "the default of %s of %s is not \"%s\"", option,
                  section, value);
    manual->options++;
}

START_TEST(test_manual)
{
    char *text = read_file("man/postern.conf.5");
    struct manual manual = {.text = text};
    unsigned entries = 0;

    conf_each_option(check_row, &manual);
    for (const char *at = text; (at = strstr(at, "\n.It Ic ")) != NULL; at++) {
        entries++;
    }
    ck_assert_uint_gt(manual.options, 30);
    ck_assert_uint_eq(entries, manual.options);
    free(text);
}
END_TEST

Suite *conf_manual_suite(void);

Suite *conf_manual_suite(void)
{
    Suite *suite = suite_create("conf_manual");
    TCase *files = tcase_create("files");

    tcase_add_test(files, test_example);
    tcase_add_test(files, test_manual);
    suite_add_tcase(suite, files);
    return suite;
}
