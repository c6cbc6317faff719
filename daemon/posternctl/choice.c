#include "daemon/posternctl/choice.h"

#include "lib/tls/names.h"
#include "lib/tls/verdicttext.h"

static json_t *name_or_null(const char *name)
{
    return name != NULL ? report_text(name) : json_null();
}

/* A number in OpenSSL's words, as verdict_text() has them. */
static json_t *words_of(void (*words)(struct text *out, uint16_t id), uint16_t id)
{
    char buf[VERDICT_TEXT_SIZE];
    struct text t = text_in(buf, sizeof buf);

    if (id == 0) {
        return json_null();
    }
    words(&t, id);
    return json_string(buf);
}

static json_t *fault_of(enum verdict_fault fault)
{
    return name_or_null(fault == FAULT_NONE ? NULL : fault_word(fault));
}

void choice_put(struct report *r, json_t *object, const struct verdict *chosen)
{
    static const struct verdict none = {.capped = false};
    const struct verdict *verdict = chosen != NULL ? chosen : &none;

    report_put(r, object, "version", words_of(version_text, verdict->version));
    report_put(r, object, "cipher", words_of(suite_text, verdict->suite));
    report_put(r, object, "group", name_or_null(group_name(verdict->group)));
    report_put(r, object, "signature", name_or_null(scheme_name(verdict->scheme)));
    report_put(r, object, "fault", fault_of(verdict->fault));
    report_put(r, object, "capped", json_boolean(verdict->capped));
}

void choice_add_verdict(struct report *r, json_t *array, const char *certificate,
                        const struct verdict *verdict, const char *text)
{
    json_t *object = json_object();

    report_put(r, object, "certificate", report_text(certificate));
    report_put(r, object, "usable", json_boolean(verdict->reason == VERDICT_USABLE));
    report_put(r, object, "reason", json_string(verdict_word(verdict->reason)));
    report_put(r, object, "text", report_text(text));
    report_put(r, object, "fault", fault_of(verdict->fault));
    report_add(r, array, object);
}

void choice_put_fits(struct report *r, json_t *object, unsigned would_fit)
{
    json_t *fits = json_array();

    for (unsigned fit = 0; fit < NUM_FITS; fit++) {
        if ((would_fit & 1u << fit) != 0) {
            report_add(r, fits, json_string(fit_word((enum fit)fit)));
        }
    }
    report_put(r, object, "would_fit", fits);
}
