#include "daemon/posternctl/report.h"

#include "lib/admin/asjson.h"
#include "lib/base/table.h"

#include <stdarg.h>
#include <string.h>
#include <time.h>

/* Room for a cell that is not a text of the document; bytes of a text that had to be escaped. */
enum { CELL_SIZE = 24, ESCAPED_MAX = 1023 };

/* Words of the results: in a document, and for people. */
static const struct {
    const char *word;
    const char *shown;
} results[] = {
    [FINDING_OK] = {"ok", "ok"},
    [FINDING_FAULT] = {"fault", "FAULT"},
    [FINDING_FAIL] = {"fail", "FAIL"},
    [FINDING_WARNING] = {"warning", "warning"},
    [FINDING_NOT_CHECKED] = {"not-checked", "not checked"},
};
TABLE_HAS_EACH(results, NUM_FINDING_RESULTS);

/* --- making a document ---------------------------------------------------------------------- */

void report_begin(struct report *r)
{
    *r = (struct report){.document = json_object()};
}

void report_end(struct report *r)
{
    json_decref(r->document);
    *r = (struct report){.document = NULL};
}

/* jansson takes a NULL for an object, array or value, and says that it could not be put. */
void report_put(struct report *r, json_t *object, const char *key, json_t *value)
{
    if (json_object_set_new(object, key, value) != 0) {
        r->bad = true;
    }
}

void report_add(struct report *r, json_t *array, json_t *value)
{
    if (json_array_append_new(array, value) != 0) {
        r->bad = true;
    }
}

json_t *report_text(const char *s)
{
    return asjson_text(s, ESCAPED_MAX);
}

void report_finding(struct report *r, json_t *array, const struct finding *finding)
{
    json_t *object = json_object();

    if (finding->name != NULL) {
        report_put(r, object, "name", json_string(finding->name));
    }
    report_put(r, object, "subject", report_text(finding->subject));
    report_put(r, object, "result", json_string(results[finding->result].word));
    report_put(r, object, "text", report_text(finding->text));
    if (finding->cure != NULL) {
        report_put(r, object, "cure",
                   finding->cure[0] == '\0' ? json_null() : report_text(finding->cure));
    }
    report_add(r, array, object);
    r->num[finding->result]++;
}

const json_t *report_document(const struct report *r)
{
    return r->bad ? NULL : r->document;
}

/* --- printing it ---------------------------------------------------------------------------- */

int report_print_json(const json_t *document, FILE *out)
{
    if (json_dumpf(document, out, JSON_INDENT(2) | JSON_ENSURE_ASCII) != 0 && !ferror(out)) {
        return -1;
    }
    fputs("\n", out);
    return 0;
}

const char *report_string(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text == NULL ? "-" : text;
}

long long report_number(const json_t *object, const char *key)
{
    return json_integer_value(json_object_get(object, key));
}

void report_print_list(const json_t *array, const char *if_empty, FILE *out)
{
    for (size_t i = 0; i < json_array_size(array); i++) {
        fprintf(out, "%s%s", i > 0 ? ", " : "", json_string_value(json_array_get(array, i)));
    }
    fputs(json_array_size(array) == 0 ? if_empty : "", out);
}

void report_print_value(FILE *out, const char *label, const char *format, ...)
{
    va_list args;

    fprintf(out, "    %-20s", label);
    va_start(args, format);
    vfprintf(out, format, args);
    va_end(args);
    fputs("\n", out);
}

/* --- tables --------------------------------------------------------------------------------- */

/* The text of a cell: of the document, or in `buf`. */
static const char *cell_of(const json_t *row, const struct report_column *column,
                           char buf[CELL_SIZE])
{
    const json_t *value = json_object_get(row, column->key);
    time_t seconds = (time_t)json_integer_value(value);
    struct tm tm;

    if (column->kind == REPORT_FIRST) {
        value = json_array_get(value, 0);
    }
    if (json_is_string(value)) {
        return json_string_value(value);
    }
    if (!json_is_integer(value)) {
        return "-";
    }
    if (column->kind != REPORT_TIME || localtime_r(&seconds, &tm) == NULL ||
        strftime(buf, CELL_SIZE, "%Y-%m-%d %H:%M:%S", &tm) == 0) {
        snprintf(buf, CELL_SIZE, "%lld", (long long)json_integer_value(value));
    }
    return buf;
}

/* The cell of a row, or for NULL the head of its column. */
static const char *cell_or_head(const json_t *row, const struct report_column *column,
                                char buf[CELL_SIZE])
{
    return row == NULL ? column->head : cell_of(row, column, buf);
}

static void print_row(const json_t *row, const struct report_column *columns, size_t num,
                      const int *widths, FILE *out)
{
    char buf[CELL_SIZE];

    for (size_t c = 0; c + 1 < num; c++) {
        fprintf(out, columns[c].kind == REPORT_NUMBER ? "%*s  " : "%-*s  ", widths[c],
                cell_or_head(row, &columns[c], buf));
    }
    fprintf(out, "%s\n", cell_or_head(row, &columns[num - 1], buf));
}

void report_print_table(const json_t *rows, const struct report_column *columns, size_t num,
                        FILE *out)
{
    int widths[REPORT_COLUMNS_MAX];
    char buf[CELL_SIZE];

    for (size_t c = 0; c < num; c++) {
        widths[c] = (int)strlen(columns[c].head);
        for (size_t i = 0; i < json_array_size(rows); i++) {
            int width = (int)strlen(cell_of(json_array_get(rows, i), &columns[c], buf));

            widths[c] = width > widths[c] ? width : widths[c];
        }
    }
    print_row(NULL, columns, num, widths, out);
    for (size_t i = 0; i < json_array_size(rows); i++) {
        print_row(json_array_get(rows, i), columns, num, widths, out);
    }
}

/* --- findings ------------------------------------------------------------------------------- */

/* How people are shown the result of a finding. */
static const char *shown_result(const json_t *finding)
{
    const char *word = report_string(finding, "result");

    for (size_t i = 0; i < NUM_FINDING_RESULTS; i++) {
        if (strcmp(results[i].word, word) == 0) {
            return results[i].shown;
        }
    }
    return word;
}

void report_print_finding(const json_t *finding, FILE *out)
{
    fprintf(out, "%s: %s: %s\n", shown_result(finding), report_string(finding, "subject"),
            report_string(finding, "text"));
}

void report_print_below(const json_t *finding, const json_t *before, const char *cure, FILE *out)
{
    const char *subject = report_string(finding, "subject");

    if (before == NULL || strcmp(report_string(before, "subject"), subject) != 0) {
        fprintf(out, "%s\n", subject);
    }
    fprintf(out, "    %-11s  %s\n", shown_result(finding), report_string(finding, "text"));
    if (json_is_string(json_object_get(finding, "cure"))) {
        fprintf(out, "                 %s: %s\n", cure, report_string(finding, "cure"));
    }
}
