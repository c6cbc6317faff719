/* What `posternctl --json explain` prints: the keys are described in posternctl(8). */
#include "daemon/posternctl/explain.h"
#include "daemon/posternctl/jsontext.h"
#include "lib/tls/names.h"
#include "lib/tls/verdicttext.h"

/* One `bad` for the whole document: jansson passes a NULL on from an argument to the result. */
struct builder {
    const struct explain *e;
    bool bad;
};

static void put(struct builder *b, json_t *object, const char *key, json_t *value)
{
    if (json_object_set_new(object, key, value) != 0) {
        b->bad = true;
    }
}

static json_t *name_or_null(const char *name)
{
    return name != NULL ? json_string(name) : json_null();
}

/* A number in OpenSSL's words, as verdict_text() has them. */
static json_t *words_of(void (*words)(struct text *out, uint16_t id), uint16_t id)
{
    char buf[128];
    struct text t = text_in(buf, sizeof buf);

    if (id == 0) {
        return json_null();
    }
    words(&t, id);
    return json_string(buf);
}

static json_t *verdicts_json(struct builder *b)
{
    json_t *array = json_array();

    for (size_t i = 0; i < b->e->server.num; i++) {
        const struct verdict *verdict = &b->e->verdicts[i];
        json_t *object = json_object();
        char text[EXPLAIN_TEXT_SIZE];

        explain_verdict(b->e, i, text);
        put(b, object, "certificate", json_text(b->e->server.entries[i]->name));
        put(b, object, "usable", json_boolean(verdict->reason == VERDICT_USABLE));
        put(b, object, "reason", json_string(verdict_word(verdict->reason)));
        put(b, object, "text", json_string(text));
        put(b, object, "fault", json_fault(verdict->fault));
        if (json_array_append_new(array, object) != 0) {
            b->bad = true;
        }
    }
    return array;
}

static json_t *would_fit_json(struct builder *b)
{
    json_t *array = json_array();

    for (unsigned fit = 0; fit < NUM_FITS; fit++) {
        if ((b->e->would_fit & 1u << fit) != 0 &&
            json_array_append_new(array, json_string(fit_word((enum fit)fit))) != 0) {
            b->bad = true;
        }
    }
    return array;
}

/* The document has no place for it: it goes to standard error. */
static void warn_of_disagreements(const struct explain *e)
{
    for (size_t i = 0; i < e->server.num; i++) {
        if (!explain_agrees(e, i)) {
            fprintf(stderr,
                    "posternctl: OpenSSL does something else with \"%s\": this is a bug of "
                    "postern; please report this hello\n",
                    e->server.entries[i]->name);
        }
    }
}

/* What is said to a client that names protocols: "smtp", "refused", or null for nothing. */
static json_t *alpn_json(const struct explain *e)
{
    switch (alpn_judge(explain_alpn_rule(e), e->client.hello.alpn)) {
    case ALPN_SELECT:
        return json_string(ALPN_SMTP);
    case ALPN_REFUSE:
        return json_string("refused");
    case ALPN_SILENT:
        break;
    }
    return json_null();
}

int explain_print_json(const struct explain *e, FILE *out)
{
    struct builder b = {.e = e};
    json_t *document = json_object();
    struct verdict chosen = {0};
    int status = -1;

    if (e->chosen >= 0) {
        chosen = e->verdicts[e->chosen];
    }
    put(&b, document, "version", words_of(version_text, chosen.version));
    put(&b, document, "chosen",
        e->chosen >= 0 ? json_text(e->server.entries[e->chosen]->name) : json_null());
    put(&b, document, "cipher", words_of(suite_text, chosen.suite));
    put(&b, document, "group", name_or_null(group_name(chosen.group)));
    put(&b, document, "signature", name_or_null(scheme_name(chosen.scheme)));
    put(&b, document, "fault", json_fault(chosen.fault));
    put(&b, document, "capped", json_boolean(chosen.capped));
    put(&b, document, "verdicts", verdicts_json(&b));
    put(&b, document, "would_fit", would_fit_json(&b));
    if (e->client.malformed == NULL && e->client.hello.has_alpn) {
        put(&b, document, "alpn", alpn_json(e));
    }
    warn_of_disagreements(e);
    if (!b.bad && json_dumpf(document, out, JSON_INDENT(2)) == 0 && fputs("\n", out) >= 0) {
        status = 0;
    }
    json_decref(document);
    return status;
}
