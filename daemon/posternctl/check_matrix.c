/*
 * The matrix for people: a row for each client, a column for each certificate set at each listener.
 * Columns that would be equal, of listeners with the same tls_profile, are one. A cell is the
 * certificate that is served, FAIL, or a dash for a client that no certificate could serve; below
 * the table, the last two are explained.
 */
#include "daemon/posternctl/check.h"
#include "lib/base/text.h"
#include "lib/tls/verdicttext.h"

#include <stdlib.h>
#include <string.h>

/* Columns of one table; more go into further tables. */
#define COLUMNS_MAX 8

struct column {
    struct matrix *matrix; /* owned */
    size_t number;         /* from 1, over all tables */
    int width;
};

struct table {
    struct column columns[COLUMNS_MAX];
    size_t num;
    int client_width;
    FILE *out;
    size_t counts[3]; /* by enum matrix_result */
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

static const char *cell_of(const struct matrix *matrix, const struct matrix_row *row)
{
    switch (row->result) {
    case MATRIX_OK:
        return matrix->set->certificates[row->chosen]->name;
    case MATRIX_FAIL:
        return "FAIL";
    case MATRIX_EXCLUDED:
        break;
    }
    return "-";
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
    fprintf(table->out, "%-*s", table->client_width, client_at(client)->name);
    for (size_t i = 0; i < table->num; i++) {
        struct matrix_row row = matrix_try(table->columns[i].matrix, client);

        print_cell(table, i, cell_of(table->columns[i].matrix, &row));
        table->counts[row.result]++;
    }
    fputs("\n", table->out);
}

/* --- explanations --------------------------------------------------------------------------- */

static void print_verdict(const struct matrix *matrix, const struct matrix_row *row, size_t i,
                          FILE *out)
{
    char buf[VERDICT_TEXT_SIZE];
    struct text text = text_in(buf, sizeof buf);

    verdict_text(&text, matrix->rules, matrix->certificates[i], &row->hello, &row->verdicts[i]);
    fprintf(out, "%s: %s\n", verdict_word(row->verdicts[i].reason), buf);
}

static void explain_fail(const struct column *column, const struct matrix_row *row, FILE *out)
{
    const struct conf_set *set = column->matrix->set;
    const char *between = "";

    fprintf(out, "\nFAIL [%zu] %s\n", column->number, row->client->name);
    for (size_t i = 0; i < set->num_certificates; i++) {
        fprintf(out, "    %s: ", set->certificates[i]->name);
        print_verdict(column->matrix, row, i, out);
    }
    fputs("    would fit: ", out);
    for (unsigned fit = 0; fit < NUM_FITS; fit++) {
        if ((row->would_fit & 1u << fit) != 0) {
            fprintf(out, "%s%s", between, fit_word((enum fit)fit));
            between = ", ";
        }
    }
    fprintf(out, "\n    source: %s (%s)\n", row->client->source,
            client_basis_word(row->client->basis));
}

/* No certificate could serve the client, so the first one's verdict speaks for all. */
static void explain_excluded(const struct column *column, const struct matrix_row *row, FILE *out)
{
    fprintf(out, "-    [%zu] %s: ", column->number, row->client->name);
    print_verdict(column->matrix, row, 0, out);
}

static void explain(struct table *table, enum matrix_result result,
                    void (*print)(const struct column *column, const struct matrix_row *row,
                                  FILE *out))
{
    for (size_t i = 0; i < table->num; i++) {
        for (size_t client = 0; client < clients_num(); client++) {
            struct matrix_row row = matrix_try(table->columns[i].matrix, client);

            if (row.result == result) {
                print(&table->columns[i], &row, table->out);
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
        for (size_t client = 0; client < clients_num(); client++) {
            print_row(table, client);
        }
        explain(table, MATRIX_FAIL, explain_fail);
        fputs("\n", table->out);
        explain(table, MATRIX_EXCLUDED, explain_excluded);
        fputs("\n", table->out);
    }
    for (size_t i = 0; i < table->num; i++) {
        matrix_free(table->columns[i].matrix);
    }
    table->num = 0;
}

static int width_of(const struct conf_set *set)
{
    size_t width = strlen("[1000]");

    for (size_t i = 0; i < set->num_certificates; i++) {
        size_t len = strlen(set->certificates[i]->name);

        width = len > width ? len : width;
    }
    return (int)width;
}

/* Adds a column; -1 if there is no memory. */
static int add_column(struct table *table, const struct snapshot *snapshot, size_t listener,
                      size_t set, size_t number)
{
    struct column *column = &table->columns[table->num];

    if (table->num == 0) {
        fputs("\n", table->out);
    }
    column->matrix = matrix_new(snapshot, listener, set);
    if (column->matrix == NULL) {
        return -1;
    }
    column->number = number;
    column->width = width_of(column->matrix->set);
    table->num++;
    print_legend(snapshot->conf, listener, set, number, table->out);
    return 0;
}

int check_print_matrix(struct check *check, FILE *out)
{
    const struct conf *conf = check->snapshot->conf;
    struct table table = {.out = out};
    size_t number = 0;
    int status = 0;

    for (size_t i = 0; i < clients_num(); i++) {
        int len = (int)strlen(client_at(i)->name);

        table.client_width = len > table.client_width ? len : table.client_width;
    }
    for (size_t l = 0; l < conf->num_listeners; l++) {
        for (size_t s = 0; s < conf->listeners[l].num_sets && status == 0; s++) {
            if (check_is_repeated(conf, l, s)) {
                continue;
            }
            status = add_column(&table, check->snapshot, l, s, ++number);
            if (table.num == COLUMNS_MAX) {
                print_table(&table);
            }
        }
    }
    print_table(&table);
    fprintf(out, "%zu served, %zu FAIL (a certificate of another kind would fit), ",
            table.counts[MATRIX_OK], table.counts[MATRIX_FAIL]);
    fprintf(out, "%zu excluded (by the tls_profile, or by what this OpenSSL lacks)\n",
            table.counts[MATRIX_EXCLUDED]);
    check->num_failing = table.counts[MATRIX_FAIL];
    return status;
}
