/* The comparison with today's Postfix as JSON. */
#include "daemon/posternctl/check/check.h"

static json_t *finding_json(const struct postfix_compared *c, const struct compare_finding *f)
{
    return json_pack("{s:o, s:o, s:o, s:o, s:s, s:o, s:o, s:o}", "listener",
                     report_text(c->listener->name), "service", report_text(c->today), "behind",
                     report_text(c->behind), "parameter", report_text(f->parameter), "verdict",
                     compare_verdict_word(f->verdict), "today", report_text(f->today), "now",
                     report_text(f->now), "text", report_text(f->text));
}

static json_t *compared_json(const struct postfix_compared *c)
{
    return json_pack("{s:o, s:o, s:o, s:i}", "listener", report_text(c->listener->name), "service",
                     report_text(c->today), "behind", report_text(c->behind), "same",
                     (int)c->result.num_by_verdict[COMPARE_SAME]);
}

void check_put_comparisons(struct check *check)
{
    struct report *r = &check->report;
    json_t *compared = json_array();
    json_t *findings = json_array();

    for (size_t i = 0; i < check->comparisons.num; i++) {
        const struct postfix_compared *c = check->comparisons.items[i];

        report_add(r, compared, compared_json(c));
        for (size_t f = 0; f < c->result.num; f++) {
            report_add(r, findings, finding_json(c, &c->result.findings[f]));
        }
    }
    report_put(r, r->document, "compared", compared);
    report_put(r, r->document, "comparison", findings);
}
