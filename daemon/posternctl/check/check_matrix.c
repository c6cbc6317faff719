/*
 * The matrix for people: a row for each client, a column for each certificate set at each listener.
 * Equal columns of listeners with the same tls_profile are merged. A cell is the certificate that
 * is served, FAIL, or a dash for a client that no certificate could serve; below the table, the
 * last two are explained.
 */
#include "daemon/posternctl/check/check.h"

#include <string.h>

/* Columns of one table; more go into further tables. */
#define COLUMNS_MAX 8

struct column {
    const json_t *rows; /* borrowed from the document: a row for each client */
    size_t number;      /* from 1, over all tables */
    int width;
};

struct table {
    struct column columns[COLUMNS_MAX];
    size_t num;
    const json_t *clients; /* borrowed from the document */
    int client_width;
    FILE *out;
    size_t counts[NUM_MATRIX_RESULTS];
};

/* --- the table ------------------------------------------------------------------------------ */

/* Names the listeners of a column: all that have this tls_profile and this set. */
static void print_legend(const struct conf *conf, size_t listener, size_t set, size_t number,
                         FILE *out)
{
    const struct conf_listener *mine = &conf->listeners[listener];
    size_t num = 0;

    fprintf(out, "[%zu] listener ", number);
    for (size_t l = listener; l < conf->num_listeners; l++) {
        const struct conf_listener *other = &conf->listeners[l];

        for (size_t s = 0; s < other->num_sets; s++) {
            if (other->profile == mine->profile && other->sets[s] == mine->sets[set]) {
                fprintf(out, "%s\"%s\"", num++ > 0 ? ", " : "", other->name);
            }
        }
    }
    fprintf(out, " (tls_profile %s), certificate_set \"%s\"\n", mine->profile->name,
            mine->sets[set]->name);
}

static bool is_result(const json_t *row, enum matrix_result result)
{
    return strcmp(report_string(row, "result"), matrix_word(result)) == 0;
}

static const char *cell_of(const json_t *row)
{
    return is_result(row, MATRIX_FAIL) ? "FAIL" : report_string(row, "certificate");
}

/* A cell of column `i`, padded unless it is the last of its line. */
static void print_cell(const struct table *table, size_t i, const char *text)
{
    fprintf(table->out, "  %-*s", i + 1 < table->num ? table->columns[i].width : 0, text);
}

static void print_header(const struct table *table)
{
    fprintf(table->out, "\n%-*s", table->client_width, "");
    for (size_t i = 0; i < table->num; i++) {
        char number[24];

        snprintf(number, sizeof number, "[%zu]", table->columns[i].number);
        print_cell(table, i, number);
    }
    fputs("\n", table->out);
}

static void print_row(struct table *table, size_t client)
{
    fprintf(table->out, "%-*s", table->client_width,
            report_string(json_array_get(table->clients, client), "client"));
    for (size_t i = 0; i < table->num; i++) {
        const json_t *row = json_array_get(table->columns[i].rows, client);

        print_cell(table, i, cell_of(row));
        for (enum matrix_result result = MATRIX_OK; result < NUM_MATRIX_RESULTS; result++) {
            table->counts[result] += is_result(row, result);
        }
    }
    fputs("\n", table->out);
}

/* --- explanations --------------------------------------------------------------------------- */

static void print_verdict(const json_t *verdict, FILE *out)
{
    fprintf(out, "%s: %s\n", report_string(verdict, "reason"), report_string(verdict, "text"));
}

static void explain_fail(const struct column *column, const json_t *row, const json_t *client,
                         FILE *out)
{
    const json_t *verdicts = json_object_get(row, "verdicts");

    fprintf(out, "\nFAIL [%zu] %s\n", column->number, report_string(row, "client"));
    for (size_t i = 0; i < json_array_size(verdicts); i++) {
        const json_t *verdict = json_array_get(verdicts, i);

        fprintf(out, "    %s: ", report_string(verdict, "certificate"));
        print_verdict(verdict, out);
    }
    fputs("    would fit: ", out);
    report_print_list(json_object_get(row, "would_fit"), "", out);
    fprintf(out, "\n    source: %s (%s)\n", report_string(client, "source"),
            report_string(client, "basis"));
}

/* No certificate could serve the client, so the first one's verdict represents all. */
static void explain_excluded(const struct column *column, const json_t *row, const json_t *client,
                             FILE *out)
{
    fprintf(out, "-    [%zu] %s: ", column->number, report_string(client, "client"));
    print_verdict(json_array_get(json_object_get(row, "verdicts"), 0), out);
}

static void explain(const struct table *table, enum matrix_result result,
                    void (*print)(const struct column *column, const json_t *row,
                                  const json_t *client, FILE *out))
{
    for (size_t i = 0; i < table->num; i++) {
        const json_t *rows = table->columns[i].rows;

        for (size_t client = 0; client < json_array_size(rows); client++) {
            const json_t *row = json_array_get(rows, client);

            if (is_result(row, result)) {
                print(&table->columns[i], row, json_array_get(table->clients, client), table->out);
            }
        }
    }
}

/* --- all tables ----------------------------------------------------------------------------- */

/* Prints the table and empties it. */
static void print_table(struct table *table)
{
    if (table->num > 0) {
        print_header(table);
        for (size_t client = 0; client < json_array_size(table->clients); client++) {
            print_row(table, client);
        }
        explain(table, MATRIX_FAIL, explain_fail);
        fputs("\n", table->out);
        explain(table, MATRIX_EXCLUDED, explain_excluded);
        fputs("\n", table->out);
    }
    table->num = 0;
}

static int widest(const json_t *objects, const char *key, int width)
{
    for (size_t i = 0; i < json_array_size(objects); i++) {
        int len = (int)strlen(report_string(json_array_get(objects, i), key));

        width = len > width ? len : width;
    }
    return width;
}

/* Adds a column, of a certificate set at a listener and at those that would have an equal one. */
static void add_column(struct table *table, const struct conf *conf, size_t listener, size_t set,
                       struct column column)
{
    const json_t *verdicts = json_object_get(json_array_get(column.rows, 0), "verdicts");

    if (table->num == 0) {
        fputs("\n", table->out);
    }
    column.width = widest(verdicts, "certificate", (int)strlen("[1000]"));
    table->columns[table->num++] = column;
    print_legend(conf, listener, set, column.number, table->out);
    if (table->num == COLUMNS_MAX) {
        print_table(table);
    }
}

void check_print_matrix(const struct check *check, FILE *out)
{
    const struct conf *conf = check->snapshot->conf;
    const json_t *document = report_document(&check->report);
    const json_t *blocks = json_object_get(document, "matrix");
    struct table table = {.out = out, .clients = json_object_get(document, "clients")};
    size_t block = 0;
    size_t number = 0;

    table.client_width = widest(table.clients, "client", 0);
    for (size_t l = 0; l < conf->num_listeners; l++) {
        for (size_t s = 0; s < conf->listeners[l].num_sets; s++) {
            const json_t *rows = json_object_get(json_array_get(blocks, block++), "clients");

            if (!matrix_is_repeated(conf, l, s)) {
                add_column(&table, conf, l, s, (struct column){.rows = rows, .number = ++number});
            }
        }
    }
    print_table(&table);
    fprintf(out, "%zu served, %zu FAIL (a certificate of another kind would fit), ",
            table.counts[MATRIX_OK], table.counts[MATRIX_FAIL]);
    fprintf(out, "%zu excluded (by the tls_profile, or by what this OpenSSL lacks)\n",
            table.counts[MATRIX_EXCLUDED]);
}
