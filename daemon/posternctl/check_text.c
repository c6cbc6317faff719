/* What `posternctl check` prints for people. */
#include "daemon/posternctl/check.h"
/* --- certificates and sets ------------------------------------------------------------------ */

struct joined {
    FILE *out;
    size_t num;
};

static void print_name(void *arg, const char *name)
{
    struct joined *joined = arg;

    fprintf(joined->out, "%s%s", joined->num++ > 0 ? ", " : "", name);
}

static void print_days(const struct certreport *report, FILE *out)
{
    if (report->days_left < 0) {
        fprintf(out, "EXPIRED %d days ago", -report->days_left);
    } else {
        fprintf(out, "%d days left", report->days_left);
    }
}

static void print_certificate(const struct certreport *report, const struct keystore_entry *entry,
                              FILE *out)
{
    struct joined names = {.out = out};

    fprintf(out, "certificate \"%s\": %s\n    names    ", entry->name, report->type);
    certreport_names(entry, print_name, &names);
    fprintf(out, "%s\n", names.num == 0 ? "none in subjectAltName" : "");
    if (report->not_yet_valid) {
        fprintf(out, "    begins   %s: NOT VALID YET\n", report->not_before);
    }
    fprintf(out, "    expires  %s, ", report->not_after);
    print_days(report, out);
    fputs("\n    key      fits\n", out);
    fprintf(out, "    chain    %s: %s\n", chain_word(report->chain), report->chain_text);
    if (report->ending > 1) {
        fprintf(out, "             %s\n", report->ending_text);
    }
}

static void print_texts(const struct conf_texts *texts, FILE *out)
{
    for (size_t i = 0; i < texts->num; i++) {
        fprintf(out, "%s%s", i > 0 ? ", " : "", texts->items[i].text);
    }
}

static void print_set(const struct conf_set *set, FILE *out)
{
    fprintf(out, "certificate_set \"%s\": ", set->name);
    for (size_t i = 0; i < set->num_certificates; i++) {
        fprintf(out, "%s%s", i > 0 ? ", " : "", set->certificates[i]->name);
    }
    fputs("; names ", out);
    print_texts(&set->names, out);
    fprintf(out, "%s; unmatched %s\n", set->names.num == 0 ? "none" : "",
            check_unmatched_word(set));
}

static void print_listener(const struct conf_listener *listener, FILE *out)
{
    fprintf(out, "listener \"%s\": tls %s, tls_profile %s, certificate_sets ", listener->name,
            conf_tls_word(listener->tls), listener->profile->name);
    for (size_t i = 0; i < listener->num_sets; i++) {
        fprintf(out, "%s%s", i > 0 ? ", " : "", listener->sets[i]->name);
    }
    fputs("\n", out);
}

/* --- everything ----------------------------------------------------------------------------- */

int check_print_text(struct check *check, FILE *out)
{
    const struct conf *conf = check->snapshot->conf;
    const struct keystore *keys = &check->snapshot->workers[0].keys;

    for (size_t i = 0; i < keys->num; i++) {
        print_certificate(&check->reports[i], &keys->entries[i], out);
    }
    fputs("\n", out);
    for (size_t i = 0; i < conf->num_sets; i++) {
        print_set(&conf->sets[i], out);
    }
    for (size_t i = 0; i < conf->num_listeners; i++) {
        print_listener(&conf->listeners[i], out);
    }
    if (check->num_warnings > 0) {
        fputs("\n", out);
    }
    for (size_t i = 0; i < check->num_warnings; i++) {
        fprintf(out, "warning: %s\n", check->warnings[i]);
    }
    if (check_print_matrix(check, out) != 0) {
        return -1;
    }
    for (size_t i = 0; i < keys->num; i++) {
        if (check->reports[i].ending != 0) {
            fprintf(out, "certificate \"%s\": %s\n", keys->entries[i].name,
                    check->reports[i].ending_text);
        }
    }
    return 0;
}
