/* What `posternctl check` prints for people. */
#include "daemon/posternctl/check/check.h"
#include "daemon/posternctl/served.h"
#include "daemon/tls/tls_profile.h"

#include <string.h>

/* The group of the default list that not every OpenSSL has. */
#define HYBRID "X25519MLKEM768"

/* --- certificates and sets ------------------------------------------------------------------ */

static void print_days(const struct certreport *report, FILE *out)
{
    if (report->days_left < 0) {
        fprintf(out, "EXPIRED %d days ago", -report->days_left);
    } else {
        fprintf(out, "%d days left", report->days_left);
    }
}

/* "TEXT item, item", with `if_empty` for the items if there are none. */
static void print_items(const char *text, const json_t *object, const char *key,
                        const char *if_empty, FILE *out)
{
    fputs(text, out);
    report_print_list(json_object_get(object, key), if_empty, out);
}

/* The same, but nothing for an empty list. */
static void print_any(const char *text, const json_t *object, const char *key, FILE *out)
{
    if (json_array_size(json_object_get(object, key)) > 0) {
        print_items(text, object, key, "", out);
    }
}

static void print_certificate(const json_t *certificate, const struct certreport *report, FILE *out)
{
    fprintf(out, "certificate \"%s\": %s\n", report_string(certificate, "name"),
            report_string(certificate, "type"));
    print_items("    names    ", certificate, "names", "none in subjectAltName", out);
    if (report->not_yet_valid) {
        fprintf(out, "\n    begins   %s: NOT VALID YET", report_string(certificate, "not_before"));
    }
    fprintf(out, "\n    expires  %s, ", report_string(certificate, "not_after"));
    print_days(report, out);
    fprintf(out, "\n    key      fits\n    chain    %s: %s\n", report_string(certificate, "chain"),
            report_string(certificate, "chain_text"));
    if (report->ending > 1) {
        fprintf(out, "             %s\n", report_string(certificate, "ending"));
    }
}

static void print_set(const json_t *set, FILE *out)
{
    fprintf(out, "certificate_set \"%s\"", report_string(set, "name"));
    print_items(": ", set, "certificates", "", out);
    print_items("; names ", set, "names", "none", out);
    fprintf(out, "; unmatched %s\n", report_string(set, "unmatched"));
}

static void print_backend(const json_t *backend, FILE *out)
{
    fprintf(out, "backend \"%s\"", report_string(backend, "name"));
    print_items(": ", backend, "address", "", out);
    if (json_is_string(json_object_get(backend, "tls_address"))) {
        fprintf(out, "; tls_address %s", report_string(backend, "tls_address"));
    }
    fprintf(out, "; client_address %s, max_connections %lld\n",
            report_string(backend, "client_address"), report_number(backend, "max_connections"));
}

static void print_listener(const json_t *listener, FILE *out)
{
    const char *asked = report_string(listener, "client_certificate");

    fprintf(out, "listener \"%s\"", report_string(listener, "name"));
    print_items(": ", listener, "address", "", out);
    print_any("; trial_address ", listener, "trial_address", out);
    fprintf(out, "; tls %s", report_string(listener, "tls"));
    if (strcmp(report_string(listener, "tls"), "none") != 0) {
        fprintf(out, ", tls_profile %s", report_string(listener, "tls_profile"));
        print_items(", certificate_sets ", listener, "certificate_sets", "", out);
    }
    fprintf(out, "; backend %s", report_string(listener, "backend"));
    if (json_is_true(json_object_get(listener, "auth_before_tls"))) {
        fputs("; auth_before_tls", out);
    }
    if (strcmp(asked, "none") != 0) {
        const char *ca = json_string_value(json_object_get(listener, "client_ca"));

        fprintf(out, "; client_certificate %s, client_ca %s", asked, ca == NULL ? "none" : ca);
    }
    print_any("; starttls_except ", listener, "starttls_except", out);
    print_any("; accept_proxy_from ", listener, "accept_proxy_from", out);
    fputs("\n", out);
}

/* Prints each object of an array of the document. */
static void print_each(const json_t *document, const char *key,
                       void (*print)(const json_t *object, FILE *out), FILE *out)
{
    const json_t *array = json_object_get(document, key);

    for (size_t i = 0; i < json_array_size(array); i++) {
        print(json_array_get(array, i), out);
    }
}

static void print_warning(const json_t *text, FILE *out)
{
    fprintf(out, "warning: %s\n", json_string_value(text));
}

static void print_ending(const json_t *certificate, FILE *out)
{
    if (json_is_string(json_object_get(certificate, "ending"))) {
        fprintf(out, "certificate \"%s\": %s\n", report_string(certificate, "name"),
                report_string(certificate, "ending"));
    }
}

/* --- everything ----------------------------------------------------------------------------- */

void check_print_text(const struct check *check, FILE *out)
{
    const json_t *document = report_document(&check->report);
    const json_t *certificates = json_object_get(document, "certificates");
    const json_t *not_in_force = json_object_get(document, "not_in_force");

    for (size_t i = 0; i < json_array_size(certificates); i++) {
        print_certificate(json_array_get(certificates, i), &check->reports[i], out);
    }
    fputs("\n", out);
    print_each(document, "sets", print_set, out);
    print_each(document, "backends", print_backend, out);
    print_each(document, "listeners", print_listener, out);
    if (check->num_warnings + json_array_size(check->findings) + json_array_size(not_in_force) >
        0) {
        fputs("\n", out);
    }
    print_each(document, "warnings", print_warning, out);
    served_print(not_in_force, out);
    print_each(document, "postfix", report_print_finding, out);
    if (check->comparisons.num > 0) {
        fputs("\n", out);
        postfix_print_comparisons(&check->comparisons, "", out);
    }
    check_print_matrix(check, out);
    if (!tls_profile_has_group(check->snapshot->workers[0].libctx, HYBRID)) {
        fprintf(out,
                "this machine's OpenSSL, %s, has no " HYBRID ", which came with 3.5: clients that "
                "offer it get the next group\n",
                OpenSSL_version(OPENSSL_VERSION_STRING));
    }
    print_each(document, "certificates", print_ending, out);
}
