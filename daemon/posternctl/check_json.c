/* What `posternctl --json check` prints: the keys are described in posternctl(8). */
#include "daemon/posternctl/check.h"
#include "daemon/posternctl/jsontext.h"
#include "lib/base/text.h"
#include "lib/tls/names.h"
#include "lib/tls/verdicttext.h"

#include <string.h>

/* Every function here returns a new value, or NULL if there is no memory; jansson passes a NULL on
 * from an argument to the result, and json_object_set_new() and json_array_append_new() report it.
 * One `bad` for the whole document keeps the building readable. */
struct builder {
    struct check *check;
    bool bad;
};

static void put(struct builder *b, json_t *object, const char *key, json_t *value)
{
    if (json_object_set_new(object, key, value) != 0) {
        b->bad = true;
    }
}

static void add(struct builder *b, json_t *array, json_t *value)
{
    if (json_array_append_new(array, value) != 0) {
        b->bad = true;
    }
}

/* --- certificates, sets and listeners ------------------------------------------------------- */

struct names {
    struct builder *b;
    json_t *array;
};

static void add_name(void *arg, const char *name)
{
    struct names *names = arg;

    add(names->b, names->array, json_string(name));
}

static json_t *certificate_json(struct builder *b, size_t i)
{
    const struct keystore_entry *entry = &b->check->snapshot->workers[0].keys.entries[i];
    const struct certreport *report = &b->check->reports[i];
    json_t *object = json_object();
    struct names names = {b, json_array()};

    certreport_names(entry, add_name, &names);
    put(b, object, "name", json_text(entry->name));
    put(b, object, "type", json_string(report->type));
    put(b, object, "names", names.array);
    put(b, object, "not_before", json_string(report->not_before));
    put(b, object, "not_after", json_string(report->not_after));
    put(b, object, "days_left", json_integer(report->days_left));
    put(b, object, "key_fits", json_true());
    put(b, object, "chain", json_string(chain_word(report->chain)));
    put(b, object, "chain_text", json_string(report->chain_text));
    put(b, object, "ending", report->ending == 0 ? json_null() : json_string(report->ending_text));
    return object;
}

static json_t *set_json(struct builder *b, const struct conf_set *set)
{
    json_t *object = json_object();
    json_t *names = json_array();
    json_t *certificates = json_array();

    for (size_t i = 0; i < set->names.num; i++) {
        add(b, names, json_text(set->names.items[i].text));
    }
    for (size_t i = 0; i < set->num_certificates; i++) {
        add(b, certificates, json_text(set->certificates[i]->name));
    }
    put(b, object, "name", json_text(set->name));
    put(b, object, "names", names);
    put(b, object, "certificates", certificates);
    put(b, object, "unmatched", json_string(check_unmatched_word(set)));
    return object;
}

static json_t *endpoint_json(const struct conf_endpoint *address)
{
    char text[ADDR_PATH_SIZE + 8];

    endpoint_text(&address->endpoint, text, sizeof text);
    return json_text(text);
}

static json_t *addresses_json(struct builder *b, const struct conf_endpoint *addresses, size_t num)
{
    json_t *array = json_array();

    for (size_t i = 0; i < num; i++) {
        add(b, array, endpoint_json(&addresses[i]));
    }
    return array;
}

static json_t *backend_json(struct builder *b, const struct conf_backend *backend)
{
    const struct conf_endpoint *tls = &backend->tls_address;
    json_t *object = json_object();

    put(b, object, "name", json_text(backend->name));
    put(b, object, "address", addresses_json(b, backend->addresses, backend->num_addresses));
    put(b, object, "tls_address", conf_is_set(tls) ? endpoint_json(tls) : json_null());
    put(b, object, "client_address", json_string(check_client_address_word(backend)));
    put(b, object, "max_connections", json_integer(backend->max_connections));
    return object;
}

static json_t *networks_json(struct builder *b, const struct conf_prefixes *networks)
{
    json_t *array = json_array();

    for (size_t i = 0; i < networks->num; i++) {
        char text[PREFIX_TEXT_SIZE];

        add(b, array, json_string(prefix_text(&networks->items[i], text)));
    }
    return array;
}

static json_t *listener_json(struct builder *b, const struct conf_listener *listener)
{
    const char *client_ca = listener->client_ca.text;
    json_t *object = json_object();
    json_t *sets = json_array();

    for (size_t i = 0; i < listener->num_sets; i++) {
        add(b, sets, json_text(listener->sets[i]->name));
    }
    put(b, object, "name", json_text(listener->name));
    put(b, object, "address", addresses_json(b, listener->addresses, listener->num_addresses));
    put(b, object, "trial_address",
        addresses_json(b, listener->trial_addresses, listener->num_trial_addresses));
    put(b, object, "tls", json_string(conf_tls_word(listener->tls)));
    put(b, object, "tls_profile", json_text(listener->profile->name));
    put(b, object, "certificate_sets", sets);
    put(b, object, "backend", json_text(listener->backend->name));
    put(b, object, "auth_before_tls", json_boolean(listener->auth_before_tls));
    put(b, object, "starttls_except", networks_json(b, &listener->starttls_except));
    put(b, object, "client_certificate", json_string(check_client_certificate_word(listener)));
    put(b, object, "client_ca", client_ca[0] == '\0' ? json_null() : json_text(client_ca));
    put(b, object, "accept_proxy_from", networks_json(b, &listener->accept_proxy_from));
    return object;
}

static json_t *finding_json(struct builder *b, const struct check_finding *finding)
{
    json_t *object = json_object();

    put(b, object, "subject", json_text(finding->subject));
    put(b, object, "result", json_string(check_result_word(finding->result)));
    put(b, object, "text", json_text(finding->text));
    return object;
}

/* --- the matrix ----------------------------------------------------------------------------- */

static json_t *verdict_json(struct builder *b, const struct matrix *matrix,
                            const struct matrix_row *row, size_t i)
{
    const struct verdict *verdict = &row->verdicts[i];
    json_t *object = json_object();
    char buf[VERDICT_TEXT_SIZE];
    struct text text = text_in(buf, sizeof buf);

    verdict_text(&text, matrix->rules, matrix->certificates[i], &row->hello, verdict);
    put(b, object, "certificate", json_text(matrix->set->certificates[i]->name));
    put(b, object, "usable", json_boolean(verdict->reason == VERDICT_USABLE));
    put(b, object, "reason", json_string(verdict_word(verdict->reason)));
    put(b, object, "text", json_string(buf));
    put(b, object, "fault", json_fault(verdict->fault));
    return object;
}

static json_t *name_or_null(const char *name)
{
    return name != NULL ? json_text(name) : json_null();
}

/* What is negotiated: OpenSSL's names for version and cipher, IANA's for group and scheme. */
static void put_choice(struct builder *b, json_t *object, const struct matrix *matrix,
                       const struct matrix_row *row)
{
    const struct verdict *verdict = row->chosen < 0 ? NULL : &row->verdicts[row->chosen];
    char buf[VERDICT_TEXT_SIZE];
    struct text text = text_in(buf, sizeof buf);

    put(b, object, "certificate",
        name_or_null(verdict == NULL ? NULL : matrix->set->certificates[row->chosen]->name));
    if (verdict != NULL) {
        version_text(&text, verdict->version);
    }
    put(b, object, "version", name_or_null(verdict == NULL ? NULL : buf));
    text = text_in(buf, sizeof buf);
    if (verdict != NULL) {
        suite_text(&text, verdict->suite);
    }
    put(b, object, "cipher", name_or_null(verdict == NULL ? NULL : buf));
    put(b, object, "group", name_or_null(verdict == NULL ? NULL : group_name(verdict->group)));
    put(b, object, "signature",
        name_or_null(verdict == NULL ? NULL : scheme_name(verdict->scheme)));
    put(b, object, "fault", json_fault(verdict == NULL ? FAULT_NONE : verdict->fault));
    put(b, object, "capped", json_boolean(verdict != NULL && verdict->capped));
}

static json_t *row_json(struct builder *b, const struct matrix *matrix,
                        const struct matrix_row *row)
{
    json_t *object = json_object();
    json_t *verdicts = json_array();
    json_t *fits = json_array();

    for (size_t i = 0; i < matrix->set->num_certificates; i++) {
        add(b, verdicts, verdict_json(b, matrix, row, i));
    }
    for (unsigned fit = 0; fit < NUM_FITS; fit++) {
        if ((row->would_fit & 1u << fit) != 0) {
            add(b, fits, json_string(fit_word((enum fit)fit)));
        }
    }
    put(b, object, "client", json_string(row->client->name));
    put(b, object, "result", json_string(matrix_word(row->result)));
    put_choice(b, object, matrix, row);
    put(b, object, "verdicts", verdicts);
    put(b, object, "would_fit", fits);
    return object;
}

static json_t *rows_json(struct builder *b, size_t listener, size_t set)
{
    const struct conf_listener *conf_listener = &b->check->snapshot->conf->listeners[listener];
    bool repeated = check_is_repeated(b->check->snapshot->conf, listener, set);
    struct matrix *matrix = matrix_new(b->check->snapshot, listener, set);
    json_t *object = json_object();
    json_t *rows = json_array();

    if (matrix == NULL) {
        b->bad = true;
    }
    for (size_t i = 0; matrix != NULL && i < clients_num(); i++) {
        struct matrix_row row = matrix_try(matrix, i);

        add(b, rows, row_json(b, matrix, &row));
        b->check->num_failing += row.result == MATRIX_FAIL && !repeated;
    }
    matrix_free(matrix);
    put(b, object, "listener", json_text(conf_listener->name));
    put(b, object, "certificate_set", json_text(conf_listener->sets[set]->name));
    put(b, object, "clients", rows);
    return object;
}

/* --- the document --------------------------------------------------------------------------- */

/* The hello in hex, as it comes over the wire in one record: explain --hello takes it. */
static json_t *hello_json(struct builder *b, const struct client *client)
{
    static const char digits[] = "0123456789abcdef";
    enum { HEADER_MAX = 5 };
    uint8_t bytes[HEADER_MAX + HELLO_SIZE_MAX];
    char hex[2 * sizeof bytes];
    size_t header = client->sslv2 ? 2 : 5;
    size_t len = client_hello(client, b->check->snapshot->conf->hostname.text, bytes + header,
                              HELLO_SIZE_MAX);

    if (client->sslv2) {
        bytes[0] = (uint8_t)(0x80 | len >> 8);
    } else {
        memcpy(bytes, (const uint8_t[]){22, 3, 1, (uint8_t)(len >> 8)}, 4);
    }
    bytes[header - 1] = (uint8_t)len;
    for (size_t i = 0; i < header + len; i++) {
        hex[2 * i] = digits[bytes[i] >> 4];
        hex[2 * i + 1] = digits[bytes[i] & 15];
    }
    return json_stringn(hex, 2 * (header + len));
}

static json_t *clients_json(struct builder *b)
{
    json_t *array = json_array();

    for (size_t i = 0; i < clients_num(); i++) {
        const struct client *client = client_at(i);
        json_t *object = json_object();

        put(b, object, "client", json_string(client->name));
        put(b, object, "basis", json_string(client_basis_word(client->basis)));
        put(b, object, "source", json_string(client->source));
        put(b, object, "hello", hello_json(b, client));
        add(b, array, object);
    }
    return array;
}

static json_t *matrix_json(struct builder *b)
{
    const struct conf *conf = b->check->snapshot->conf;
    json_t *array = json_array();

    for (size_t l = 0; l < conf->num_listeners; l++) {
        for (size_t s = 0; s < conf->listeners[l].num_sets; s++) {
            add(b, array, rows_json(b, l, s));
        }
    }
    return array;
}

/* The parts of the configuration, and what was found about them. */
static void put_parts(struct builder *b, json_t *root)
{
    const struct check *check = b->check;
    const struct conf *conf = check->snapshot->conf;
    json_t *certificates = json_array();
    json_t *sets = json_array();
    json_t *backends = json_array();
    json_t *listeners = json_array();
    json_t *warnings = json_array();
    json_t *postfix = json_array();

    for (size_t i = 0; i < conf->num_certificates; i++) {
        add(b, certificates, certificate_json(b, i));
    }
    for (size_t i = 0; i < conf->num_sets; i++) {
        add(b, sets, set_json(b, &conf->sets[i]));
    }
    for (size_t i = 0; i < conf->num_backends; i++) {
        add(b, backends, backend_json(b, &conf->backends[i]));
    }
    for (size_t i = 0; i < conf->num_listeners; i++) {
        add(b, listeners, listener_json(b, &conf->listeners[i]));
    }
    for (size_t i = 0; i < check->num_warnings; i++) {
        add(b, warnings, json_text(check->warnings[i]));
    }
    for (size_t i = 0; i < check->num_findings; i++) {
        add(b, postfix, finding_json(b, &check->findings[i]));
    }
    put(b, root, "certificates", certificates);
    put(b, root, "sets", sets);
    put(b, root, "backends", backends);
    put(b, root, "listeners", listeners);
    put(b, root, "warnings", warnings);
    put(b, root, "postfix", postfix);
    put(b, root, "compared", check_compared_json(check));
    put(b, root, "comparison", check_comparison_json(check));
}

static json_t *document(struct builder *b)
{
    json_t *root = json_object();

    put_parts(b, root);
    put(b, root, "matrix", matrix_json(b));
    put(b, root, "clients", clients_json(b));
    put(b, root, "failing", json_integer((json_int_t)b->check->num_failing));
    put(b, root, "ending", json_integer((json_int_t)b->check->num_ending));
    put(b, root, "wrong", json_integer((json_int_t)b->check->num_wrong));
    return root;
}

int check_print_json(struct check *check, FILE *out)
{
    struct builder b = {.check = check};
    json_t *root = document(&b);
    int status = -1;

    /* A failing write shows when the caller flushes. */
    if (!b.bad && root != NULL) {
        status = 0;
        json_dumpf(root, out, JSON_INDENT(1) | JSON_ENSURE_ASCII);
        fputs("\n", out);
    }
    json_decref(root);
    return status;
}
