/* The output of `posternctl check` as one document: the keys are described in posternctl(8). */
#include "daemon/posternctl/check/check.h"
#include "daemon/posternctl/choice.h"
#include "lib/base/hex.h"
#include "lib/tls/verdicttext.h"

#include <string.h>

/* A json_t that is returned here is a new value, or NULL if there is no memory, which report_put()
 * and report_add() notice. */

/* --- certificates, sets and listeners ------------------------------------------------------- */

struct names {
    struct report *r;
    json_t *array;
};

static void add_name(void *arg, const char *name)
{
    struct names *names = arg;

    report_add(names->r, names->array, json_string(name));
}

static json_t *certificate_json(struct report *r, const struct keystore_entry *entry,
                                const struct certreport *report)
{
    json_t *object = json_object();
    struct names names = {r, json_array()};

    certtext_names(entry->leaf, SIZE_MAX, add_name, &names);
    report_put(r, object, "name", report_text(entry->name));
    report_put(r, object, "type", json_string(report->type));
    report_put(r, object, "names", names.array);
    report_put(r, object, "not_before", json_string(report->not_before));
    report_put(r, object, "not_after", json_string(report->not_after));
    report_put(r, object, "days_left", json_integer(report->days_left));
    report_put(r, object, "key_fits", json_true());
    report_put(r, object, "chain", json_string(chain_word(report->chain)));
    report_put(r, object, "chain_text", json_string(report->chain_text));
    report_put(r, object, "ending",
               report->ending == 0 ? json_null() : json_string(report->ending_text));
    return object;
}

static json_t *set_json(struct report *r, const struct conf_set *set)
{
    json_t *object = json_object();
    json_t *names = json_array();
    json_t *certificates = json_array();

    for (size_t i = 0; i < set->names.num; i++) {
        report_add(r, names, report_text(set->names.items[i].text));
    }
    for (size_t i = 0; i < set->num_certificates; i++) {
        report_add(r, certificates, report_text(set->certificates[i]->name));
    }
    report_put(r, object, "name", report_text(set->name));
    report_put(r, object, "names", names);
    report_put(r, object, "certificates", certificates);
    report_put(r, object, "unmatched", json_string(conf_unmatched_word(set->unmatched)));
    return object;
}

static json_t *endpoint_json(const struct conf_endpoint *address)
{
    char text[ADDR_PATH_SIZE + 8];

    endpoint_text(&address->endpoint, text, sizeof text);
    return report_text(text);
}

static json_t *addresses_json(struct report *r, const struct conf_endpoint *addresses, size_t num)
{
    json_t *array = json_array();

    for (size_t i = 0; i < num; i++) {
        report_add(r, array, endpoint_json(&addresses[i]));
    }
    return array;
}

static json_t *backend_json(struct report *r, const struct conf_backend *backend)
{
    const struct conf_endpoint *tls = &backend->tls_address;
    json_t *object = json_object();

    report_put(r, object, "name", report_text(backend->name));
    report_put(r, object, "address", addresses_json(r, backend->addresses, backend->num_addresses));
    report_put(r, object, "tls_address", conf_is_set(tls) ? endpoint_json(tls) : json_null());
    report_put(r, object, "client_address",
               json_string(conf_client_address_word(backend->client_address)));
    report_put(r, object, "max_connections", json_integer(backend->max_connections));
    return object;
}

static json_t *networks_json(struct report *r, const struct conf_prefixes *networks)
{
    json_t *array = json_array();

    for (size_t i = 0; i < networks->num; i++) {
        char text[PREFIX_TEXT_SIZE];

        report_add(r, array, json_string(prefix_text(&networks->items[i], text)));
    }
    return array;
}

static json_t *listener_json(struct report *r, const struct conf_listener *listener)
{
    const char *client_ca = listener->client_ca.text;
    json_t *object = json_object();
    json_t *sets = json_array();

    for (size_t i = 0; i < listener->num_sets; i++) {
        report_add(r, sets, report_text(listener->sets[i]->name));
    }
    report_put(r, object, "name", report_text(listener->name));
    report_put(r, object, "address",
               addresses_json(r, listener->addresses, listener->num_addresses));
    report_put(r, object, "trial_address",
               addresses_json(r, listener->trial_addresses, listener->num_trial_addresses));
    report_put(r, object, "tls", json_string(conf_tls_word(listener->tls)));
    report_put(r, object, "tls_profile", report_text(listener->profile->name));
    report_put(r, object, "certificate_sets", sets);
    report_put(r, object, "backend", report_text(listener->backend->name));
    report_put(r, object, "auth_before_tls", json_boolean(listener->auth_before_tls));
    report_put(r, object, "starttls_except", networks_json(r, &listener->starttls_except));
    report_put(r, object, "client_certificate",
               json_string(conf_client_certificate_word(listener->client_certificate)));
    report_put(r, object, "client_ca", client_ca[0] == '\0' ? json_null() : report_text(client_ca));
    report_put(r, object, "accept_proxy_from", networks_json(r, &listener->accept_proxy_from));
    return object;
}

/* --- the matrix ----------------------------------------------------------------------------- */

static void add_verdict(struct report *r, json_t *array, const struct matrix *matrix,
                        const struct matrix_row *row, size_t i)
{
    char buf[VERDICT_TEXT_SIZE];
    struct text text = text_in(buf, sizeof buf);

    verdict_text(&text, matrix->rules, matrix->certificates[i], &row->hello, &row->verdicts[i]);
    choice_add_verdict(r, array, matrix->set->certificates[i]->name, &row->verdicts[i], buf);
}

static json_t *row_json(struct report *r, const struct matrix *matrix, const struct matrix_row *row)
{
    bool is_served = row->chosen >= 0;
    json_t *object = json_object();
    json_t *verdicts = json_array();

    for (size_t i = 0; i < matrix->set->num_certificates; i++) {
        add_verdict(r, verdicts, matrix, row, i);
    }
    report_put(r, object, "client", json_string(row->client->name));
    report_put(r, object, "result", json_string(matrix_word(row->result)));
    report_put(r, object, "certificate",
               is_served ? report_text(matrix->set->certificates[row->chosen]->name) : json_null());
    choice_put(r, object, is_served ? &row->verdicts[row->chosen] : NULL);
    report_put(r, object, "verdicts", verdicts);
    choice_put_fits(r, object, row->would_fit);
    return object;
}

static json_t *rows_json(struct check *check, size_t listener, size_t set)
{
    const struct conf_listener *conf_listener = &check->snapshot->conf->listeners[listener];
    bool repeated = matrix_is_repeated(check->snapshot->conf, listener, set);
    struct matrix *matrix = matrix_new(check->snapshot, listener, set);
    struct report *r = &check->report;
    json_t *object = json_object();
    json_t *rows = json_array();

    if (matrix == NULL) {
        r->bad = true;
    }
    for (size_t i = 0; matrix != NULL && i < clients_num(); i++) {
        struct matrix_row row = matrix_try(matrix, i);

        report_add(r, rows, row_json(r, matrix, &row));
        check->num_failing += row.result == MATRIX_FAIL && !repeated;
    }
    matrix_free(matrix);
    report_put(r, object, "listener", report_text(conf_listener->name));
    report_put(r, object, "certificate_set", report_text(conf_listener->sets[set]->name));
    report_put(r, object, "clients", rows);
    return object;
}

/* --- the document --------------------------------------------------------------------------- */

/* The hello in hex, as sent in one record: explain --hello accepts it. */
static json_t *hello_json(const struct client *client, const char *sni)
{
    enum { HEADER_MAX = 5 };
    uint8_t bytes[HEADER_MAX + HELLO_SIZE_MAX];
    char hex[2 * sizeof bytes + 1];
    struct text t = text_in(hex, sizeof hex);
    size_t header = client->sslv2 ? 2 : 5;
    size_t len = client_hello(client, sni, bytes + header, HELLO_SIZE_MAX);

    if (client->sslv2) {
        bytes[0] = (uint8_t)(0x80 | len >> 8);
    } else {
        memcpy(bytes, (const uint8_t[]){22, 3, 1, (uint8_t)(len >> 8)}, 4);
    }
    bytes[header - 1] = (uint8_t)len;
    hex_add(&t, bytes_of(bytes, header + len));
    return json_string(hex);
}

static json_t *clients_json(struct report *r, const char *sni)
{
    json_t *array = json_array();

    for (size_t i = 0; i < clients_num(); i++) {
        const struct client *client = client_at(i);
        json_t *object = json_object();

        report_put(r, object, "client", json_string(client->name));
        report_put(r, object, "basis", json_string(client_basis_word(client->basis)));
        report_put(r, object, "source", json_string(client->source));
        report_put(r, object, "hello", hello_json(client, sni));
        report_add(r, array, object);
    }
    return array;
}

static json_t *matrix_json(struct check *check)
{
    const struct conf *conf = check->snapshot->conf;
    json_t *array = json_array();

    for (size_t l = 0; l < conf->num_listeners; l++) {
        for (size_t s = 0; s < conf->listeners[l].num_sets; s++) {
            report_add(&check->report, array, rows_json(check, l, s));
        }
    }
    return array;
}

/* The parts of the configuration. */
static void put_parts(struct report *r, const struct check *check)
{
    const struct conf *conf = check->snapshot->conf;
    json_t *certificates = json_array();
    json_t *sets = json_array();
    json_t *backends = json_array();
    json_t *listeners = json_array();

    for (size_t i = 0; i < conf->num_certificates; i++) {
        report_add(
            r, certificates,
            certificate_json(r, check->snapshot->workers[0].keys.entries[i], &check->reports[i]));
    }
    for (size_t i = 0; i < conf->num_sets; i++) {
        report_add(r, sets, set_json(r, &conf->sets[i]));
    }
    for (size_t i = 0; i < conf->num_backends; i++) {
        report_add(r, backends, backend_json(r, &conf->backends[i]));
    }
    for (size_t i = 0; i < conf->num_listeners; i++) {
        report_add(r, listeners, listener_json(r, &conf->listeners[i]));
    }
    report_put(r, r->document, "certificates", certificates);
    report_put(r, r->document, "sets", sets);
    report_put(r, r->document, "backends", backends);
    report_put(r, r->document, "listeners", listeners);
}

/* What was found about them. */
static void put_findings(struct report *r, struct check *check)
{
    json_t *warnings = json_array();

    for (size_t i = 0; i < check->num_warnings; i++) {
        report_add(r, warnings, report_text(check->warnings[i]));
    }
    report_put(r, r->document, "warnings", warnings);
    report_put(r, r->document, "not_in_force", check_served(check));
    check->findings = json_array();
    report_put(r, r->document, "postfix", check->findings);
    if (check_postfix(check) != 0) {
        r->bad = true;
    }
    check_put_comparisons(check);
    check->num_wrong = r->num[FINDING_FAIL] + postfix_count(&check->comparisons, COMPARE_FAIL);
}

void check_describe(struct check *check)
{
    struct report *r = &check->report;

    report_begin(r);
    put_parts(r, check);
    put_findings(r, check);
    report_put(r, r->document, "matrix", matrix_json(check));
    report_put(r, r->document, "clients", clients_json(r, check->snapshot->conf->hostname.text));
    report_put(r, r->document, "failing", json_integer((json_int_t)check->num_failing));
    report_put(r, r->document, "ending", json_integer((json_int_t)check->num_ending));
    report_put(r, r->document, "wrong", json_integer((json_int_t)check->num_wrong));
}
