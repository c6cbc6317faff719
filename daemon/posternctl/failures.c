/* posternctl failures: what clients offered whose handshake failed, as posternd has kept it. */
#include "daemon/common/ctlclient.h"
#include "daemon/common/setup.h"
#include "daemon/posternctl/command.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* The columns of the list; the last one is as wide as it is. */
enum { ID, TIME, COUNT, CLIENT, REASON, JA4, SNI, NUM_COLUMNS };

static const char *const heads[NUM_COLUMNS] = {"ID",     "LAST", "COUNT", "CLIENT",
                                               "REASON", "JA4",  "SNI"};

struct row {
    char number[NUM_COLUMNS][24];   /* room for what is not a string in the answer */
    const char *cells[NUM_COLUMNS]; /* into `number`, or borrowed from the answer */
};

static const char *string_of(const json_t *entry, const char *key)
{
    const char *text = json_string_value(json_object_get(entry, key));

    return text == NULL ? "-" : text;
}

static void put_number(struct row *row, int column, json_int_t number)
{
    snprintf(row->number[column], sizeof row->number[column], "%lld", (long long)number);
    row->cells[column] = row->number[column];
}

static void put_time(struct row *row, json_int_t when)
{
    time_t seconds = (time_t)when;
    struct tm tm;

    if (localtime_r(&seconds, &tm) == NULL ||
        strftime(row->number[TIME], sizeof row->number[TIME], "%Y-%m-%d %H:%M:%S", &tm) == 0) {
        put_number(row, TIME, when);
    }
    row->cells[TIME] = row->number[TIME];
}

static void fill(struct row *row, const json_t *entry)
{
    const json_t *clients = json_object_get(entry, "clients");
    const char *latest = json_string_value(json_array_get(clients, 0));

    put_number(row, ID, json_integer_value(json_object_get(entry, "id")));
    put_time(row, json_integer_value(json_object_get(entry, "last")));
    put_number(row, COUNT, json_integer_value(json_object_get(entry, "count")));
    row->cells[CLIENT] = latest == NULL ? "-" : latest;
    row->cells[REASON] = string_of(entry, "reason");
    row->cells[JA4] = string_of(entry, "ja4");
    row->cells[SNI] = string_of(entry, "sni");
}

static void print_row(const char *const cells[NUM_COLUMNS], const size_t widths[NUM_COLUMNS])
{
    for (int i = 0; i < NUM_COLUMNS - 1; i++) {
        printf(i == ID || i == COUNT ? "%*s  " : "%-*s  ", (int)widths[i], cells[i]);
    }
    puts(cells[NUM_COLUMNS - 1]);
}

static void widen(size_t widths[NUM_COLUMNS], const char *const cells[NUM_COLUMNS])
{
    for (int i = 0; i < NUM_COLUMNS; i++) {
        size_t len = strlen(cells[i]);

        widths[i] = len > widths[i] ? len : widths[i];
    }
}

/* 0, or -1 without memory. */
static int print_list(const json_t *list)
{
    size_t num = json_array_size(list);
    struct row *rows = calloc(num + 1, sizeof *rows);
    size_t widths[NUM_COLUMNS] = {0};

    if (rows == NULL) {
        return -1;
    }
    widen(widths, heads);
    for (size_t i = 0; i < num; i++) {
        fill(&rows[i], json_array_get(list, i));
        widen(widths, rows[i].cells);
    }
    print_row(heads, widths);
    for (size_t i = 0; i < num; i++) {
        print_row(rows[i].cells, widths);
    }
    free(rows);
    return 0;
}

static int print_json(const json_t *answer)
{
    int status = json_dumpf(answer, stdout, JSON_INDENT(2));

    putchar('\n');
    return status;
}

int command_failures(const struct invocation *invocation)
{
    struct conf_error error;
    struct conf *conf;
    json_t *answer = NULL;
    enum ctl_status status;
    int printed = 0;

    conf = setup_read_conf(invocation->file, &error);
    if (conf == NULL) {
        return command_fail(error.text);
    }
    status = ctlclient_ask(conf, json_pack("{s:s}", "request", "failures"), &answer, &error);
    conf_free(conf);
    if (status != CTL_DONE) {
        (void)command_fail(error.text);
        return (int)status;
    }
    printed =
        invocation->json ? print_json(answer) : print_list(json_object_get(answer, "failures"));
    json_decref(answer);
    return printed == 0 ? EXIT_SUCCESS : command_fail("out of memory");
}
