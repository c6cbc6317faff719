/*
 * report: the output of a command, described once, and printed as JSON or as text.
 *
 * A command makes one JSON document, or gets it from posternd; posternctl(8) describes its keys.
 * --json prints it as it is. For people, its parts are printed as the rows of a table, as labels
 * and values, or as findings.
 */
#ifndef POSTERN_DAEMON_POSTERNCTL_REPORT_H
#define POSTERN_DAEMON_POSTERNCTL_REPORT_H

#include "lib/base/bytes.h"

#include <jansson.h>
#include <stdio.h>

/* --- making a document ---------------------------------------------------------------------- */

/* What was checked is good, is wrong, or could not be checked. */
enum finding_result {
    FINDING_OK,
    FINDING_FAULT, /* selftest's word for something wrong */
    FINDING_FAIL,  /* check's */
    FINDING_WARNING,
    FINDING_NOT_CHECKED,
    NUM_FINDING_RESULTS
};

/* All texts are borrowed. A name or a cure that is NULL has no key in the document. */
struct finding {
    enum finding_result result;
    const char *name;    /* what was checked, a word */
    const char *subject; /* what the text is about */
    const char *text;
    const char *cure; /* what to write or to run; "": none is known, or needed */
};

/* A document under construction. The functions below do not report a lack of memory: the whole
 * document is then bad. */
struct report {
    json_t *document;                /* owned; an object */
    bool bad;                        /* there was no memory for a part */
    size_t num[NUM_FINDING_RESULTS]; /* findings */
};

/* An empty document. report_end() frees it. */
void report_begin(struct report *r);
void report_end(struct report *r);

/* Put a value (stolen; NULL counts as no memory) into an object or at the end of an array. */
void report_put(struct report *r, json_t *object, const char *key, json_t *value);
void report_add(struct report *r, json_t *array, json_t *value);

/* Adds a finding to an array, and counts it. */
void report_finding(struct report *r, json_t *array, const struct finding *finding);

/* A JSON string; bytes that are not UTF-8 are escaped as in the log. NULL if there is no memory. */
json_t *report_text(const char *s);

/* The document, borrowed; NULL if it is bad. */
const json_t *report_document(const struct report *r);

/* --- printing it ---------------------------------------------------------------------------- */

/* Prints a document. 0, or -1 if there is no memory, or no document (NULL). A failed write shows
 * when the caller flushes. */
MUST_USE int report_print_json(const json_t *document, FILE *out);

/* A text or a number of an object; "-" or 0 if there is none. Borrowed. */
const char *report_string(const json_t *object, const char *key);
long long report_number(const json_t *object, const char *key);

/* Prints the texts of an array with a comma between two, or `if_empty`. */
void report_print_list(const json_t *array, const char *if_empty, FILE *out);

/* Prints a line of a label and a value, indented. */
void report_print_value(FILE *out, const char *label, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* How a column of a table shows the value of its key. */
enum report_kind {
    REPORT_TEXT,
    REPORT_NUMBER, /* to the right */
    REPORT_TIME,   /* seconds since 1970, as local time */
    REPORT_FIRST,  /* the first text of an array */
};

struct report_column {
    const char *head;
    const char *key;
    enum report_kind kind;
};

enum { REPORT_COLUMNS_MAX = 16 };

/* Prints an array of objects as a table with heads, a row for each; the last of its columns (at
 * most REPORT_COLUMNS_MAX) has no fixed width. */
void report_print_table(const json_t *rows, const struct report_column *columns, size_t num,
                        FILE *out);

/* Prints a finding as a line: result, subject, text. */
void report_print_finding(const json_t *finding, FILE *out);

/* Prints a finding below its subject, which is not repeated after a finding (`before`, or NULL)
 * with the same one; and its cure, with a text of ours before it: "cure: ...". */
void report_print_below(const json_t *finding, const json_t *before, const char *cure, FILE *out);

#endif
