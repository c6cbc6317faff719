/* The comparison with today's Postfix as JSON. */
#include "daemon/posternctl/check.h"
#include "daemon/posternctl/jsontext.h"

static json_t *finding_json(const struct postfix_compared *c, const struct compare_finding *f)
{
    return json_pack("{s:o, s:o, s:o, s:o, s:s, s:o, s:o, s:o}", "listener",
                     json_text(c->listener->name), "service", json_text(c->today), "behind",
                     json_text(c->behind), "parameter", json_text(f->parameter), "verdict",
                     compare_verdict_word(f->verdict), "today", json_text(f->today), "now",
                     json_text(f->now), "text", json_text(f->text));
}

json_t *check_comparison_json(const struct check *check)
{
    json_t *array = json_array();

    for (size_t i = 0; array != NULL && i < check->comparisons.num; i++) {
        const struct postfix_compared *c = &check->comparisons.items[i];

        for (size_t f = 0; f < c->result.num; f++) {
            if (json_array_append_new(array, finding_json(c, &c->result.findings[f])) != 0) {
                json_decref(array);
                return NULL;
            }
        }
    }
    return array;
}

json_t *check_compared_json(const struct check *check)
{
    json_t *array = json_array();

    for (size_t i = 0; array != NULL && i < check->comparisons.num; i++) {
        const struct postfix_compared *c = &check->comparisons.items[i];
        json_t *object = json_pack("{s:o, s:o, s:o, s:i}", "listener", json_text(c->listener->name),
                                   "service", json_text(c->today), "behind", json_text(c->behind),
                                   "same", (int)c->result.num_by_verdict[COMPARE_SAME]);

        if (json_array_append_new(array, object) != 0) {
            json_decref(array);
            return NULL;
        }
    }
    return array;
}
