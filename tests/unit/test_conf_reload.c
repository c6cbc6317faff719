#include "tests/unit/conf_base.h"

#define SUITE(name) Suite *name##_suite(void);
#include "tests/unit/suites.h"
#undef SUITE

#define NUM(array) (sizeof(array) / sizeof((array)[0]))

enum { RUNNING = 3 };

/* A complete file, with `more` before everything else. */
static struct conf *with(const char *more)
{
    char text[sizeof base + 512];
    struct conf_error error;
    struct conf *conf;

    snprintf(text, sizeof text, "%s%s", more, base);
    conf = parse(text, &error);
    ck_assert_msg(conf != NULL, "%s", error.text);
    return conf;
}

static const struct {
    const char *before;
    const char *after;
    const char *complaint; /* NULL: it can be loaded */
} changes[] = {
    {"", "", NULL},
    {"",
     "log = \"stderr\"\nlog_facility = \"local0\"\nsyslog_name = \"x\"\nlog_sessions = \"all\"\n",
     NULL},
    {"", "limits { max_sessions = 5 max_handshakes = 1 idle_timeout = 9 }\n", NULL},
    {"", "tickets = false\n", NULL},
    {"", "listener \"new\" { address = \"127.0.0.1:1\" tls = \"none\" backend = \"smtpd\" }\n",
     NULL},
    {"", "milter { header = \"X-TLS\" }\n", NULL},
    {"", "user = \"postern\"\n", NULL},
    {"", "control = \"/run/postern/control.sock\"\n", NULL},
    {"", "workers = 0\n", NULL},
    {"", "workers = 3\n", NULL},
    {"workers = 3\n", "workers = 3\n", NULL},
    {"", "workers = 2\n", FILE_NAME ":1: workers: a changed value needs a restart"},
    {"", "\nworkers = 4\n", FILE_NAME ":2: workers: a changed value needs a restart"},
    {"workers = 3\n", "", FILE_NAME ": workers: a changed value needs a restart"},
    {"", "user = \"mail\"\n", FILE_NAME ":1: user: a changed value needs a restart"},
    {"user = \"mail\"\n", "", FILE_NAME ": user: a changed value needs a restart"},
    {"", "\ncontrol = \"\"\n", FILE_NAME ":2: control: a changed value needs a restart"},
    {"", "state_directory = \"x\"\n",
     FILE_NAME ":1: state_directory: a changed value needs a restart"},
    {"", "failures = \"off\"\n", FILE_NAME ":1: failures: a changed value needs a restart"},
    {"", "\n\nmilter {\nuser = \"mail\" }\n",
     FILE_NAME ":4: user: a changed value needs a restart"},
};

START_TEST(test_changes)
{
    struct conf *before = with(changes[_i].before);
    struct conf *after = with(changes[_i].after);
    struct conf_error error = {""};
    int result = conf_check_reload(before, after, RUNNING, &error);

    if (changes[_i].complaint == NULL) {
        ck_assert_msg(result == 0, "%s: %s", changes[_i].after, error.text);
    } else {
        ck_assert_int_eq(result, -1);
        ck_assert_str_eq(error.text, changes[_i].complaint);
    }
    conf_free(before);
    conf_free(after);
}
END_TEST

Suite *conf_reload_suite(void)
{
    Suite *suite = suite_create("conf_reload");
    TCase *tcase = tcase_create("conf_reload");

    tcase_add_loop_test(tcase, test_changes, 0, (int)NUM(changes));
    suite_add_tcase(suite, tcase);
    return suite;
}
