/* posternctl status: what posternd serves, since when, and what is not in force. */
#include "daemon/common/readconf.h"
#include "daemon/posternctl/command.h"
#include "daemon/posternctl/served.h"
#include "lib/admin/inforce.h"
#include "lib/admin/span.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Room for a time and how long ago that was. */
enum { WHEN_SIZE = 80 };

/* Where the keys of tickets come from: the words of JSON, and for people. */
static const struct {
    const char *word;
    const char *shown;
} tickets[] = {
    {"own", "keys of its own, which it renews"},
    {"files", "keys of the files in ticket_keys"},
    {"off", "off"},
};

/* "2026-11-30 01:22:10 (3 days)". */
static const char *when(const json_t *object, const char *key, char out[WHEN_SIZE])
{
    time_t at = (time_t)report_number(object, key);
    struct text text = text_in(out, WHEN_SIZE);
    char date[24] = "?";
    struct tm tm;

    if (localtime_r(&at, &tm) != NULL) {
        strftime(date, sizeof date, "%Y-%m-%d %H:%M:%S", &tm);
    }
    text_addf(&text, "%s (", date);
    span_text(&text, (long long)(time(NULL) - at));
    text_add(&text, ")");
    return out;
}

static const char *tickets_shown(const char *word)
{
    for (size_t i = 0; i < sizeof tickets / sizeof tickets[0]; i++) {
        if (strcmp(tickets[i].word, word) == 0) {
            return tickets[i].shown;
        }
    }
    return word;
}

static void print_reload(const json_t *reload)
{
    const json_t *failed = json_object_get(reload, "failed");
    const char *text = report_string(failed, "text");
    char line[INFORCE_TEXT_SIZE];
    struct text shown = text_in(line, sizeof line);
    char at[WHEN_SIZE];

    if (json_is_true(json_object_get(reload, "running"))) {
        report_print_value(stdout, "reload", "running now");
    }
    if (json_is_object(failed)) {
        inforce_line(&shown, bytes_of(text, strlen(text)), sizeof line);
        report_print_value(stdout, "last reload", "FAILED %s: %s", when(failed, "time", at), line);
    }
}

static void print_sessions(const json_t *sessions)
{
    report_print_value(stdout, "sessions", "%lld, of which %lld are in relay and %lld wait",
                       report_number(sessions, "total"), report_number(sessions, "in_relay"),
                       report_number(sessions, "waiting"));
}

static void print_head(const json_t *served)
{
    const json_t *snapshot = json_object_get(served, "snapshot");
    char at[WHEN_SIZE];

    printf("posternd %s, process %lld\n", report_string(served, "version"),
           report_number(served, "pid"));
    report_print_value(stdout, "running since", "%s", when(served, "started", at));
    report_print_value(stdout, "configuration", "%s", report_string(snapshot, "file"));
    report_print_value(stdout, "in force since", "%s, number %lld", when(snapshot, "since", at),
                       report_number(snapshot, "number"));
    print_reload(json_object_get(served, "reload"));
    report_print_value(stdout, "tickets", "%s", tickets_shown(report_string(served, "tickets")));
    print_sessions(json_object_get(served, "sessions"));
}

static void print_listener(const json_t *listener)
{
    printf("listener \"%s\": ", report_string(listener, "name"));
    report_print_list(json_object_get(listener, "address"), "none", stdout);
    puts("");
}

static void print_backend(const json_t *backend)
{
    long long max = report_number(backend, "max");

    printf("backend \"%s\": %lld connections", report_string(backend, "name"),
           report_number(backend, "taken"));
    if (max > 0) {
        printf(" of %lld", max);
    }
    puts("");
}

static void print_certificate(const json_t *certificate)
{
    char buf[64];
    struct text text = text_in(buf, sizeof buf);

    span_expiry_text(&text, report_number(certificate, "days_left"));
    printf("certificate \"%s\": %s, until %.10s: %s\n", report_string(certificate, "name"),
           report_string(certificate, "type"), report_string(certificate, "not_after"), buf);
}

static void print_each(const json_t *array, void (*print)(const json_t *object))
{
    for (size_t i = 0; i < json_array_size(array); i++) {
        print(json_array_get(array, i));
    }
}

static void print_text(const json_t *served)
{
    const json_t *findings = json_object_get(served, "not_in_force");

    print_head(served);
    puts("");
    print_each(json_object_get(served, "listeners"), print_listener);
    print_each(json_object_get(served, "backends"), print_backend);
    print_each(json_object_get(served, "certificates"), print_certificate);
    puts("");
    if (json_array_size(findings) == 0) {
        puts("in force: everything, as the files have it now");
    }
    served_print(findings, stdout);
}

/* What is not in force. `conf` is NULL if it has a `mistake`. */
static json_t *compare(struct report *r, const char *file, const struct conf *conf,
                       const char *mistake)
{
    json_t *findings = json_array();

    served_compare(r, findings, file, conf, r->document);
    if (conf != NULL) {
        served_look_for_failed(r, findings, conf);
    } else {
        char buf[sizeof(struct conf_error) + 64];
        struct text text = text_in(buf, sizeof buf);

        text_addf(&text, "a reload would be refused: %s", mistake);
        report_finding(
            r, findings,
            &(struct finding){
                .result = FINDING_WARNING, .subject = "configuration", .text = buf, .cure = ""});
    }
    return findings;
}

/* Adds to what posternd says what is not in force, and prints it. The exit code. */
static int show(const struct invocation *invocation, json_t *served)
{
    struct report r = {.document = served};
    struct conf_error mistake;
    struct conf *conf = readconf(invocation->file, &mistake);
    int status = EXIT_SUCCESS;

    report_put(&r, served, "not_in_force", compare(&r, invocation->file, conf, mistake.text));
    conf_free(conf);
    if (!invocation->json && report_document(&r) != NULL) {
        print_text(served);
    } else if (report_print_json(report_document(&r), stdout) != 0) {
        status = command_fail("out of memory");
    }
    report_end(&r);
    return status;
}

int command_status(const struct invocation *invocation)
{
    struct conf_control control;
    struct conf_error error;
    json_t *served = NULL;
    int result = command_find_socket(invocation, &control);
    enum ask_status status;

    if (result != 0) {
        return result;
    }
    status = served_ask(control.path, &served, &error);
    return status == ASK_DONE ? show(invocation, served)
                              : command_not_answered(invocation, &control, status, &error);
}
