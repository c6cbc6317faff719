#include "daemon/posternctl/check/check.h"

#include "daemon/posternctl/command.h"

#include <stdlib.h>
#include <string.h>

/* Warnings that are kept while a configuration is loaded; snapshot_load() passes them to a callback
 * without an argument. */
static struct {
    char **texts;
    size_t num;
    bool lost; /* no memory for one */
} kept;

static void keep_warning(const char *text)
{
    char **more = realloc(kept.texts, (kept.num + 1) * sizeof *more);

    if (more != NULL) {
        kept.texts = more;
        more[kept.num] = strdup(text);
        if (more[kept.num] != NULL) {
            kept.num++;
            return;
        }
    }
    kept.lost = true;
}

/* Examines the certificates; -1 if there is no memory. */
static int inspect(struct check *check)
{
    const struct snapshot_worker *worker = &check->snapshot->workers[0];

    check->reports = calloc(worker->keys.num + 1, sizeof *check->reports);
    if (check->reports == NULL) {
        return -1;
    }
    for (size_t i = 0; i < worker->keys.num; i++) {
        if (certreport_make(&check->reports[i], worker->keys.entries[i], worker->libctx) != 0) {
            return -1;
        }
        check->num_ending += check->reports[i].ending != 0;
    }
    return 0;
}

/* 0, or -1 if there is no memory. */
static int print(const struct check *check, bool json)
{
    if (json || report_document(&check->report) == NULL) {
        return report_print_json(report_document(&check->report), stdout);
    }
    check_print_text(check, stdout);
    return 0;
}

/* The exit code. */
static int run(struct snapshot *snapshot, bool json)
{
    struct check check = {.snapshot = snapshot, .warnings = kept.texts, .num_warnings = kept.num};
    int status = kept.lost ? -1 : inspect(&check);

    if (status == 0) {
        check_describe(&check);
        status = print(&check, json);
    }
    free(check.reports);
    report_end(&check.report);
    postfix_comparisons_free(&check.comparisons);
    postconf_free(&check.postfix);
    if (status != 0) {
        return command_fail("out of memory");
    }
    return check.num_failing + check.num_ending + check.num_wrong > 0 ? EXIT_FINDING : EXIT_SUCCESS;
}

int command_check(const struct invocation *invocation)
{
    struct libctxs libctxs = {0};
    struct conf_error error;
    struct snapshot *snapshot;
    int status;

    if (tls_library_init() != 0) {
        return command_fail("TLS cannot be set up");
    }
    snapshot = snapshot_load(invocation->file, &libctxs, NULL, keep_warning, &error);
    status = snapshot == NULL ? command_fail(error.text) : run(snapshot, invocation->json);
    if (snapshot != NULL) {
        snapshot_unref(snapshot);
    }
    libctxs_close(&libctxs);
    for (size_t i = 0; i < kept.num; i++) {
        free(kept.texts[i]);
    }
    free(kept.texts);
    return status;
}
