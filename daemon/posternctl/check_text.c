/* What `posternctl check` prints for people. */
#include "daemon/common/tls_profile.h"
#include "daemon/posternctl/check.h"

/* The group of the default list that not every OpenSSL has. */
#define HYBRID "X25519MLKEM768"

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

static void print_addresses(const struct conf_endpoint *addresses, size_t num, FILE *out)
{
    for (size_t i = 0; i < num; i++) {
        char text[ADDR_PATH_SIZE + 8];

        endpoint_text(&addresses[i].endpoint, text, sizeof text);
        fprintf(out, "%s%s", i > 0 ? ", " : "", text);
    }
}

static void print_backend(const struct conf_backend *backend, FILE *out)
{
    fprintf(out, "backend \"%s\": ", backend->name);
    print_addresses(backend->addresses, backend->num_addresses, out);
    if (conf_is_set(&backend->tls_address)) {
        fputs("; tls_address ", out);
        print_addresses(&backend->tls_address, 1, out);
    }
    fprintf(out, "; client_address %s, max_connections %u\n", check_client_address_word(backend),
            backend->max_connections);
}

/* Nothing for an empty list. */
static void print_networks(const char *option, const struct conf_prefixes *networks, FILE *out)
{
    if (networks->num > 0) {
        fprintf(out, "; %s ", option);
    }
    for (size_t i = 0; i < networks->num; i++) {
        char text[PREFIX_TEXT_SIZE];

        fprintf(out, "%s%s", i > 0 ? ", " : "", prefix_text(&networks->items[i], text));
    }
}

static void print_listener(const struct conf_listener *listener, FILE *out)
{
    fprintf(out, "listener \"%s\": ", listener->name);
    print_addresses(listener->addresses, listener->num_addresses, out);
    if (listener->num_trial_addresses > 0) {
        fputs("; trial_address ", out);
        print_addresses(listener->trial_addresses, listener->num_trial_addresses, out);
    }
    fprintf(out, "; tls %s", conf_tls_word(listener->tls));
    if (listener->tls != CONF_TLS_NONE) {
        fprintf(out, ", tls_profile %s, certificate_sets ", listener->profile->name);
        for (size_t i = 0; i < listener->num_sets; i++) {
            fprintf(out, "%s%s", i > 0 ? ", " : "", listener->sets[i]->name);
        }
    }
    fprintf(out, "; backend %s", listener->backend->name);
    if (listener->auth_before_tls) {
        fputs("; auth_before_tls", out);
    }
    if (listener->client_certificate != CONF_CLIENT_CERTIFICATE_NONE) {
        fprintf(out, "; client_certificate %s, client_ca %s",
                check_client_certificate_word(listener),
                listener->client_ca.text[0] == '\0' ? "none" : listener->client_ca.text);
    }
    print_networks("starttls_except", &listener->starttls_except, out);
    print_networks("accept_proxy_from", &listener->accept_proxy_from, out);
    fputs("\n", out);
}

static void print_finding(const struct check_finding *finding, FILE *out)
{
    static const char *const words[] = {
        [CHECK_FAIL] = "FAIL", [CHECK_WARNING] = "warning", [CHECK_NOT_CHECKED] = "not checked"};

    fprintf(out, "%s: %s: %s\n", words[finding->result], finding->subject, finding->text);
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
    for (size_t i = 0; i < conf->num_backends; i++) {
        print_backend(&conf->backends[i], out);
    }
    for (size_t i = 0; i < conf->num_listeners; i++) {
        print_listener(&conf->listeners[i], out);
    }
    if (check->num_warnings + check->num_findings > 0) {
        fputs("\n", out);
    }
    for (size_t i = 0; i < check->num_warnings; i++) {
        fprintf(out, "warning: %s\n", check->warnings[i]);
    }
    for (size_t i = 0; i < check->num_findings; i++) {
        print_finding(&check->findings[i], out);
    }
    if (check->comparisons.num > 0) {
        fputs("\n", out);
        postfix_print_comparisons(&check->comparisons, "", out);
    }
    if (check_print_matrix(check, out) != 0) {
        return -1;
    }
    if (!tls_profile_has_group(check->snapshot->workers[0].libctx, HYBRID)) {
        fprintf(out,
                "this machine's OpenSSL, %s, has no " HYBRID ", which came with 3.5: clients that "
                "offer it get the next group\n",
                OpenSSL_version(OPENSSL_VERSION_STRING));
    }
    for (size_t i = 0; i < keys->num; i++) {
        if (check->reports[i].ending != 0) {
            fprintf(out, "certificate \"%s\": %s\n", keys->entries[i].name,
                    check->reports[i].ending_text);
        }
    }
    return 0;
}
