/* What `posternctl --json explain` prints: the keys are described in posternctl(8). */
#include "daemon/posternctl/choice.h"
#include "daemon/posternctl/explain/explain.h"

/* The document has no place for this: it is written to standard error. */
static void warn_of_disagreements(const struct explain *e)
{
    for (size_t i = 0; i < e->server.num; i++) {
        if (!explain_agrees(e, i)) {
            fprintf(stderr,
                    "posternctl: OpenSSL does something else with \"%s\": this is a bug in "
                    "postern; please report this hello\n",
                    e->server.entries[i]->name);
        }
    }
}

/* The answer to a client that names protocols: "smtp", "refused", or null for nothing. */
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

/* The name of the chosen certificate, or null. */
static json_t *chosen_json(const struct explain *e)
{
    return e->chosen >= 0 ? report_text(e->server.entries[e->chosen]->name) : json_null();
}

static json_t *verdicts_json(struct report *r, const struct explain *e)
{
    json_t *array = json_array();

    for (size_t i = 0; i < e->server.num; i++) {
        char text[EXPLAIN_TEXT_SIZE];

        explain_verdict(e, i, text);
        choice_add_verdict(r, array, e->server.entries[i]->name, &e->verdicts[i], text);
    }
    return array;
}

int explain_print_json(const struct explain *e, FILE *out)
{
    struct report r;
    int status;

    report_begin(&r);
    report_put(&r, r.document, "chosen", chosen_json(e));
    choice_put(&r, r.document, e->chosen >= 0 ? &e->verdicts[e->chosen] : NULL);
    report_put(&r, r.document, "verdicts", verdicts_json(&r, e));
    choice_put_fits(&r, r.document, e->would_fit);
    if (e->client.malformed == NULL && e->client.hello.has_alpn) {
        report_put(&r, r.document, "alpn", alpn_json(e));
    }
    warn_of_disagreements(e);
    status = report_print_json(report_document(&r), out);
    report_end(&r);
    return status;
}
